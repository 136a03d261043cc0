"""Ranks of scores within each seed, and how their sums are distributed for equal levels.

The distributions are drawn: their limits for many seeds are far off for five.

Notation
--------
k    number of levels
n    number of seeds
R_j  sum over the seeds of the rank of level j, 1 for the lowest score of a seed
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autune.structures import FloatArray

_FEWEST_DRAWS, _MOST_DRAWS, _MOST_RANKS = 1999, 9999, 3_000_000
"""As many draws as are fast, and show a probability of 0.0005 at least."""


def complete_part(scores: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the levels and seeds whose scores are all there.

    Seeds that lack a level are left out, and before that the levels that fail most, one number of
    failures after the other, where that leaves more: the largest (k - 1) (n - 1), the degrees of
    freedom of the scatter.  A level of which half of the seeds fail does not cost all others half
    of theirs.
    """
    there = np.isfinite(scores)
    levels = np.flatnonzero(there.any(axis=1))
    most, kept = 0, (np.arange(0), np.arange(0))
    while len(levels):
        seeds = np.flatnonzero(there[levels].all(axis=0))
        freedom = (len(levels) - 1) * (len(seeds) - 1)
        if freedom > most:
            most, kept = freedom, (levels, seeds)
        n_there = there[levels].sum(axis=1)
        levels = levels[n_there > n_there.min()]
    return kept


def ranks_of(values: FloatArray) -> FloatArray:
    """Return ranks from 1, of equal values the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = counts.cumsum() - 0.5 * (counts - 1.0)
    return ranks[which]


def ranks_in_seeds(scores: FloatArray) -> FloatArray:
    """Return the rank of each level in each seed, shape (k, n), as `scores`."""
    return np.column_stack([ranks_of(column) for column in scores.T])


@lru_cache(maxsize=16)
def drawn_rank_sums(k: int, n: int) -> FloatArray:
    """Draw the rank sums R_j of k equal levels, shape (draws, k)."""
    generator = np.random.default_rng(0)
    n_draws = min(_MOST_DRAWS, max(_FEWEST_DRAWS, _MOST_RANKS // (k * n)))
    ranks = np.tile(np.arange(1.0, k + 1.0), (n_draws, 1))
    sums = np.zeros((n_draws, k))
    for _ in range(n):
        sums += generator.permuted(ranks, axis=1)
    return sums


def share_above(drawn: FloatArray, found: float) -> float:
    """Return the share of draws that are no smaller, the one found counted among them."""
    return float(1 + (drawn >= found * (1.0 - 1e-9)).sum()) / (1 + len(drawn))
