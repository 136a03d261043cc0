"""Compilation: every kernel once, and never code that is older than its source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TRAINING = """
import importlib, pkgutil
from ase.build import bulk
import autune.kernels
from autune.trial import train

potential = train({
    "name": "small", "dataset": {"path": "builtin:gold"},
    "potential": {
        "elements": ["Au"], "cutoff_radius": 4.0, "hidden_layers": [3],
        "symmetry_functions": {
            "basis": None, "radial": {"eta": [0.1]},
            "angular": {"functions": [[0.01, 1, 2], [0.01, 1, 2.5]]},
        },
    },
    "training": {"epochs": 1, "updates_per_epoch": 20},
}).potential
potential.predict(bulk("Au"))
for module in pkgutil.iter_modules(autune.kernels.__path__, "autune.kernels."):
    for name, kernel in vars(importlib.import_module(module.name)).items():
        signatures = getattr(kernel, "signatures", [])
        if len(signatures) > 1:
            print(name, len(signatures))
"""


def test_every_kernel_is_compiled_for_one_set_of_types() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


TANH = """
import numpy as np
from autune.kernels import jit
from autune.kernels.network import fill_tanh
y = np.linspace(-3.0, 3.0, 7)
fill_tanh(0, 7, y, np.empty(7), np.empty(7))
assert jit.compiled_code()
assert abs(y - np.tanh(np.linspace(-3.0, 3.0, 7))).max() < 1e-15
stats = fill_tanh.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_processes_that_start_together_leave_one_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TANH]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    together = [start() for _ in range(2)]
    for process in together:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.split() in (["0", "1"], ["1", "0"])
    said, _ = start().communicate(timeout=120)
    assert said.split() == ["1", "0"]
    # Code older than any kernel is forgotten, wherever it is kept.
    for index in tmp_path.rglob("*.nbi"):
        os.utime(index, (1000, 1000))
    said, _ = start().communicate(timeout=120)
    assert said.split() == ["0", "1"]
