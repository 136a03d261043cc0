"""Which of many levels can be told from the best one.

With 6 levels there are 15 pairs, with 25 there are 300.  Corrected for so many, the t-test of five
seeds sees only differences of 7 to 14 times their standard error; ranks use what all levels show
of the scatter.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from autune.evaluation.confidence import Standing, rank_settings
from autune.evaluation.rank_sums import (
    complete_part,
    drawn_rank_sums,
    ranks_in_seeds,
    share_above,
)
from autune.structures import FloatArray

_MANY_LEVELS = 6
"""From which their ranks are used; of fewer, five seeds have too few different orders."""
_NOT_FOLLOWED = 0.2
"""Above, it does not matter how much larger p is."""


def rank_levels(scores: FloatArray, confidence: float = 0.95) -> tuple[Standing, ...]:
    """Rank levels as `rank_settings` does, and tell six or more from the best by their ranks.

    Parameters
    ----------
    scores
        Shape (k, n), lower is better, NaN where a training failed.
    confidence
        Of the intervals, and 1 - probability that equal levels are told apart.
    """
    standings = rank_settings(scores, confidence)
    best = standings[0]
    if len(standings) < _MANY_LEVELS:
        return standings
    p_values = separate_by_ranks(scores, best.setting)
    ranked = [best]
    for standing in standings[1:]:
        p = float(p_values[standing.setting])
        if standing.difference is None or math.isnan(p):
            ranked.append(standing)
            continue
        told = p < 1.0 - confidence
        ranked.append(
            replace(
                standing,
                difference=replace(standing.difference, p=p, distinguishable=told),
                same_as_best=not told and standing.failures == best.failures,
            )
        )
    return tuple(ranked)


def separate_by_ranks(scores: FloatArray, best: int) -> FloatArray:
    """Compare every level with the best one by the ranks of all.

    The difference of two rank sums over the scatter of the ranks of all levels (Conover, Practical
    Nonparametric Statistics, 3rd ed. (1999), section 5.8), so that five seeds are enough for many
    levels.  Step by step, as in Campbell and Skillings, J. Am. Stat. Assoc. 80, 998 (1985): the
    level with the largest rank sum is compared first, among all levels, by the distribution of the
    largest difference between equal ones; then it is left out and all others are ranked again.
    With levels far apart among those ranked, the scatter would be too small for the others.

    Parameters
    ----------
    scores
        Shape (k, n), as in `compare_in_pairs`.
    best
        Level with which the others are compared.

    Returns
    -------
    FloatArray
        p-value of each level, none smaller than those before, shape (k,): that of the last step
        is given to all that are left once it is above 0.2.  NaN of the best one and of those left
        out; 1 of a level whose mean is above that of the best, but whose ranks are below.
    """
    p_values = np.full(len(scores), np.nan)
    kept, seeds = complete_part(scores)
    levels = [int(level) for level in kept]
    if best not in levels or len(seeds) < 2:
        return p_values
    p = 0.0
    while len(levels) > 1:
        part = scores[np.ix_(np.array(levels), seeds)]
        here = levels.index(best)
        if len(levels) == 2:
            difference = rank_settings(part)[1].difference
            sums, step = part.mean(axis=1), difference.p if difference else math.nan
            last = 1 - here
        else:
            ranks = ranks_in_seeds(part)
            sums = ranks.sum(axis=1)
            last = int(np.argmax(sums + 0.1 * (np.arange(len(levels)) != here)))
            scatter = len(seeds) * (ranks**2).sum() - sums @ sums
            found = _over_scatter(np.array([sums[last] - sums[here]]), np.array([scatter]))
            step = share_above(_drawn_largest_differences(*part.shape), float(found[0]))
        if last == here:
            p = 1.0
            break
        p = max(p, step)
        agree = (sums[last] - sums[here]) * (part[last].mean() - part[here].mean()) >= 0.0
        p_values[levels[last]] = p if agree else 1.0
        del levels[last]
        if p > _NOT_FOLLOWED:
            break
    rest = [level for level in levels if level != best]
    p_values[rest] = p
    return p_values


@lru_cache(maxsize=128)
def _drawn_largest_differences(k: int, n: int) -> FloatArray:
    """Draw the largest difference between rank sums of k equal levels, over their scatter."""
    sums = drawn_rank_sums(k, n)
    scatter = n * n * k * (k + 1) * (2 * k + 1) / 6.0 - (sums**2).sum(axis=1)
    return _over_scatter(np.ptp(sums, axis=1), scatter)


def _over_scatter(differences: FloatArray, scatter: FloatArray) -> FloatArray:
    """Divide by the root of the scatter; infinite where all seeds agree on the ranks."""
    none = scatter < 1e-9
    return np.where(none, np.inf, differences / np.sqrt(np.where(none, 1.0, scatter)))
