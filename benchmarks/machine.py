"""The machine a benchmark runs on: what it is, how busy it is, and what one core can do at most."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import blas
from threadpoolctl import threadpool_info

LARGE_COPY = 256 * 2**20
"""Bytes; more than any cache."""

LARGE_PRODUCT = 1600
"""Rows and columns of the matrices of the large product."""

LEAST_SECONDS = 0.02
"""A timing lasts at least so long, as many calls as that takes."""


@dataclass(frozen=True)
class Spread:
    """Several runs of the same.

    Parameters
    ----------
    median, minimum, maximum
        Of the runs.
    runs
        Every value.
    """

    median: float
    minimum: float
    maximum: float
    runs: tuple[float, ...]

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Summarise runs."""
        return cls(statistics.median(values), min(values), max(values), tuple(values))


def time_calls(function: Callable[[], object], runs: int, scale: float = 1.0) -> Spread:
    """Return seconds of a call times `scale`; two calls before the runs are not counted."""
    function()
    start = time.perf_counter()
    function()
    calls = max(1, round(LEAST_SECONDS / max(time.perf_counter() - start, 1e-9)))
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        seconds.append((time.perf_counter() - start) / calls * scale)
    return Spread.of(seconds)


@dataclass(frozen=True)
class Limits:
    """What one core does at most.

    Parameters
    ----------
    copy
        Bytes read and written by a large copy, GB/s.
    dgemm
        Large product of matrices, GFLOP/s.
    """

    copy: Spread
    dgemm: Spread

    @property
    def text(self) -> str:
        """One line."""
        return (
            f"large copy {self.copy.median:.1f} GB/s ({self.copy.minimum:.1f} to "
            f"{self.copy.maximum:.1f}), dgemm {self.dgemm.median:.1f} GFLOP/s "
            f"({self.dgemm.minimum:.1f} to {self.dgemm.maximum:.1f})"
        )


def measure_limits(runs: int, quick: bool) -> Limits:
    """Measure a large copy (bytes read and bytes written both count) and a large dgemm."""
    source = np.ones(LARGE_COPY // 8 // (64 if quick else 1))
    target = np.empty_like(source)
    copy = time_calls(lambda: np.copyto(target, source), runs)
    n = LARGE_PRODUCT // (8 if quick else 1)
    A = np.asfortranarray(np.random.default_rng(1).normal(size=(n, n)))
    product = time_calls(lambda: blas.dgemm(1.0, A, A), runs)
    return Limits(
        Spread.of([2e-9 * source.nbytes / seconds for seconds in copy.runs]),
        Spread.of([2e-9 * n**3 / seconds for seconds in product.runs]),
    )


def describe_machine() -> dict[str, Any]:
    """Return CPU, versions, date and load average."""
    packages = ("autune", "numpy", "numba", "scipy", "ase", "matscipy")
    libraries = [
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')}, "
        f"{pool['num_threads']} thread)"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "blas": sorted(set(libraries)),
    }


def machine_text(machine: dict[str, Any]) -> str:
    """Return two lines about a machine."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    load = " ".join(f"{value:.2f}" for value in machine["load_average"])
    return (
        f"{machine['cpu']}, {machine['cores']} cores, load average {load}, {machine['date']}\n"
        f"Python {machine['python']}, {versions}, {', '.join(machine['blas'])}"
    )


def limits_record(limits: Limits) -> dict[str, Any]:
    """Return limits for JSON."""
    return {"copy_GB_per_s": asdict(limits.copy), "dgemm_GFLOP_per_s": asdict(limits.dgemm)}


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
