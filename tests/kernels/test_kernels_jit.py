"""Kernels are compiled once per machine, also by processes that start at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np
from autune.kernels.network import fill_tanh
y = np.linspace(-3.0, 3.0, 7)
fill_tanh(0, 7, y, np.empty(7), np.empty(7))
assert abs(y - np.tanh(np.linspace(-3.0, 3.0, 7))).max() < 1e-15
stats = fill_tanh.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def start(cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_together_leave_one_cache(tmp_path: Path) -> None:
    together = [start(tmp_path) for _ in range(2)]
    for process in together:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.split() in (["0", "1"], ["1", "0"])
    later = start(tmp_path)
    said, _ = later.communicate(timeout=120)
    assert said.split() == ["1", "0"]
