"""Whether two quantities rise together, however they are scaled."""

from __future__ import annotations

import math

import numpy as np

from autune.structures import FloatArray


def rank_correlation(x: FloatArray, y: FloatArray) -> float:
    """Return Spearman's correlation (Am. J. Psychol. 15, 72 (1904)), that of the ranks.

    Parameters
    ----------
    x, y
        Shape (n,).

    Returns
    -------
    float
        From -1 to 1; NaN if one of them does not vary.
    """
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if norm > 0.0 else math.nan


def _ranks(values: FloatArray) -> FloatArray:
    """Return the rank of each value; equal ones share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(count) - 0.5 * (count - 1))[place]
    return ranks
