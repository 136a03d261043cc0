"""Benchmarks are programs beside each other, not a package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import as `python benchmarks/speed.py` does; leave neither modules nor thread settings."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for variable in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        monkeypatch.setenv(f"{variable}_NUM_THREADS", "1")
    yield
    for path in BENCHMARKS.glob("*.py"):
        sys.modules.pop(path.stem, None)
