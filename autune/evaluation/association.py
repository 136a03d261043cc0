"""Whether a parameter has any effect on a metric: tests by ranks.

Errors are skewed and scatter more where they are large, so that what is asked of all levels at
once is asked of ranks: of the scores of each seed (Friedman, J. Am. Stat. Assoc. 32, 675 (1937))
where the levels share the seeds, of all scores (Kruskal and Wallis, J. Am. Stat. Assoc. 47, 583
(1952)) where they do not.  Whether a metric rises or falls with a number is asked of Spearman's
rank correlation: its mean over the seeds, which is Page's test (J. Am. Stat. Assoc. 58, 216
(1963)), or that of all scores.

Of levels that share the seeds these probabilities are drawn, so that none is below 1 in 10 000 (1
in 2000 of many levels and seeds) before it is corrected: the smallest ones are upper limits.  They
hold for levels that may be exchanged within a seed: what a seed does beyond a common shift must
not be alike at neighbouring values of a number.  One level that scatters four times as much as all
others makes 5 false findings in 100 into 8.

Two levels are compared by the paired t-test, as `autune.evaluation.confidence` does: the ranks of
five seeds cannot tell two levels apart.

Notation
--------
k    number of levels
n    number of seeds, or of trials
R_j  sum over the seeds of the rank of level j
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri, stdtr

from autune.evaluation.confidence import estimate, rank_settings
from autune.evaluation.rank_sums import (
    complete_part,
    drawn_rank_sums,
    ranks_in_seeds,
    ranks_of,
    share_above,
)
from autune.structures import FloatArray

_FEWEST_TRIALS = 10
"""Of which a correlation is told: the t-distribution is too narrow for fewer."""


@dataclass(frozen=True)
class Association:
    """What two tests say of a parameter and a metric; NaN where they cannot be done.

    Parameters
    ----------
    test
        Name of the first.
    n_levels, n
        Levels, and seeds (or trials) of each (of all), that it compares.
    p
        Probability of so large differences between levels that are equal.
    correlation, low, high
        Spearman's, with its interval; of three or more levels of a number.
    trend_p
        Probability of so large a correlation without a trend.
    """

    test: str
    n_levels: int
    n: int
    p: float
    correlation: float = math.nan
    low: float = math.nan
    high: float = math.nan
    trend_p: float = math.nan


def compare_in_pairs(
    scores: FloatArray, places: FloatArray | None, confidence: float = 0.95
) -> Association:
    """Test levels that share their seeds.

    Parameters
    ----------
    scores
        Shape (k, n), NaN where a training failed: seeds that lack a level are left out, or the
        levels that fail most (`complete_part`).
    places
        Value of each level, shape (k,); None for choices.
    confidence
        Of the correlation's interval, by Student's t over the seeds.
    """
    levels, seeds = complete_part(scores)
    scores = scores[np.ix_(levels, seeds)]
    k, n = scores.shape
    if k < 2 or n < 2:
        return Association("Friedman test", k, n, math.nan)
    if k == 2:
        difference = rank_settings(scores, confidence)[1].difference
        return Association("paired t-test", k, n, difference.p if difference else math.nan)
    ranks = ranks_in_seeds(scores)
    drawn = drawn_rank_sums(k, n)
    middle = 0.5 * n * (k + 1)
    spread = ((ranks.sum(axis=1) - middle) ** 2).sum()
    p = share_above(((drawn - middle) ** 2).sum(axis=1), spread)
    if places is None:
        return Association("Friedman test", k, n, p)
    x = _standardized(ranks_of(places[levels]))
    correlations = np.array([x @ _standardized(column) for column in ranks.T])
    found = estimate(correlations, confidence)
    # x @ R_j is the sum of the correlations but for a factor, which equal ranks make smaller.
    factor = math.sqrt(k * (k * k - 1) / 12.0)
    trend_p = share_above(np.abs(drawn @ x), abs(float(correlations.sum())) * factor)
    low, high = max(-1.0, found.low), min(1.0, found.high)
    return Association("Friedman test", k, n, p, found.mean, low, high, trend_p)


def compare_apart(
    scores: FloatArray,
    levels: NDArray[np.intp],
    places: FloatArray | None,
    confidence: float = 0.95,
) -> Association:
    """Test levels of which each has its own trials.

    Parameters
    ----------
    scores
        Of the trials, shape (n,); those that are NaN do not count.
    levels
        Level of each trial, shape (n,).
    places
        Value of the parameter in each trial, shape (n,); None for choices.
    confidence
        Of the correlation's interval, by Fisher's transformation with the variance of Bonett and
        Wright, Psychometrika 65, 23 (2000).
    """
    finite = np.isfinite(scores)
    scores, levels = scores[finite], levels[finite]
    n, present = len(scores), np.unique(levels)
    k = len(present)
    if k < 2 or n <= k:  # one trial each says nothing of the scatter
        p = math.nan
    else:
        ranks = ranks_of(scores)
        variance = float(ranks.var(ddof=1))
        between = sum(
            (levels == level).sum() * (ranks[levels == level].mean() - 0.5 * (n + 1)) ** 2
            for level in present
        )
        p = float(chdtrc(k - 1, between / variance)) if variance > 0.0 else 1.0
    if places is None or k < 3 or n < _FEWEST_TRIALS:
        return Association("Kruskal-Wallis test", k, n, p)
    r = float(_standardized(ranks_of(places[finite])) @ _standardized(ranks_of(scores)))
    inside = min(abs(r), 1.0 - 1e-12)
    t = inside * math.sqrt((n - 2) / (1.0 - inside * inside))
    half = float(ndtri(0.5 + 0.5 * confidence)) * math.sqrt((1.0 + 0.5 * r * r) / (n - 3))
    z = math.atanh(math.copysign(inside, r))
    trend_p = 2.0 * float(stdtr(n - 2, -t))
    return Association(
        "Kruskal-Wallis test", k, n, p, r, math.tanh(z - half), math.tanh(z + half), trend_p
    )


def _standardized(ranks: FloatArray) -> FloatArray:
    """Return ranks less their mean, of length 1; zeros where all are equal."""
    centred: FloatArray = ranks - ranks.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0.0 else centred
