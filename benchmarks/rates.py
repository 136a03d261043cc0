"""Rates at which one core reads and copies memory, by how much memory it goes through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from machine import Spread, time_calls
from scipy.linalg import blas

MEGABYTE = 1e6
WORKING_SETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 128.0, 256.0)
"""MB; from the second cache of a core to the memory."""

SMALL = 4.0
"""MB; no more than the part of the last cache that a core can have."""

SEEN = 1.25
"""A cache this much faster than the memory is seen."""


@dataclass(frozen=True)
class Rates:
    """Rates by working set; of several runs the highest is what the machine can do.

    Parameters
    ----------
    working_sets
        Bytes, ascending.
    read
        Bytes read by a dot product of an array with itself, GB/s.
    copy
        Bytes read and bytes written by a copy, whose two arrays are the working set, GB/s.
    """

    working_sets: tuple[float, ...]
    read: tuple[Spread, ...]
    copy: tuple[Spread, ...]

    def at_most(self, working_set: float) -> float:
        """Return the higher of both rates (GB/s), between working sets by their logarithms."""
        best = [max(r.maximum, c.maximum) for r, c in zip(self.read, self.copy, strict=True)]
        x = np.log(self.working_sets)
        return math.exp(float(np.interp(math.log(working_set), x, np.log(best))))

    @property
    def edge(self) -> float | None:
        """Working set (bytes) at which reading has fallen half of the way to the memory's rate.

        Half of the way is the geometric mean of the rates at `SMALL` and at the largest working
        set; None where the two do not differ by `SEEN`.
        """
        rate = np.array([spread.maximum for spread in self.read])
        sizes = np.array(self.working_sets)
        begin = int(np.searchsorted(sizes, SMALL * MEGABYTE))
        if begin >= len(sizes) - 1 or rate[begin] < SEEN * rate[-1]:
            return None
        half = math.sqrt(rate[begin] * rate[-1])
        last = int(np.flatnonzero(rate >= half)[-1])
        share = math.log(rate[last] / half) / math.log(rate[last] / rate[last + 1])
        return float(sizes[last] * (sizes[last + 1] / sizes[last]) ** share)


def measure_rates(runs: int, largest: float = WORKING_SETS[-1]) -> Rates:
    """Read and copy working sets up to the largest (MB)."""
    sizes = [MEGABYTE * size for size in WORKING_SETS if size <= largest]
    read, copy = [], []
    for size in sizes:
        values = np.ones(int(size) // 8)
        source, target = np.split(values[: len(values) // 2 * 2], 2)
        seconds = time_calls(partial(blas.ddot, values, values), runs)
        read.append(Spread.of([1e-9 * values.nbytes / s for s in seconds.runs]))
        seconds = time_calls(partial(np.copyto, target, source), runs)
        copy.append(Spread.of([2e-9 * source.nbytes / s for s in seconds.runs]))
    return Rates(tuple(sizes), tuple(read), tuple(copy))
