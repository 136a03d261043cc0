"""Which symmetry functions of a pool are kept.

All methods look at the correlation matrix r of the functions alone, over atoms of the training set:
it has everything about functions that are shifted and scaled to mean 0 and variance 1.

cur
    The function with the largest leverage score, its squared component in the leading right
    singular vector of the matrix of standardised functions; then the same with all others made
    orthogonal to it (G. Imbalzano et al., J. Chem. Phys. 148, 241730 (2018), on CUR).  r holds the
    inner products of the functions: singular vectors are its eigenvectors, and orthogonal means
    r_jk - r_ji r_ik / r_ii.
farthest_point
    The function with the largest distance to the nearest of those that are kept (the same paper,
    on farthest point sampling).  Of standardised functions the distance is sqrt(2 - 2 r_jk); here
    it is sqrt(2 - 2 |r_jk|), because a function and its negative say the same.  The first is the
    one most correlated with all, where the paper takes any.
correlation
    Of the two functions with the largest |r_jk| the one that is more correlated with all others
    goes, until enough have gone.

Scores are compared to nine digits, and the first in order wins: the last bits, which differ between
machines, decide nothing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import eigh

from autune.structures import FloatArray

Method = Literal["cur", "correlation", "farthest_point"]

_DIGITS = 9
NOTHING_NEW = 1e-9
"""Share of a function's variance; what is left of less is rounding."""


def select_functions(
    correlation: FloatArray, method: Method, number: int | None, max_correlation: float
) -> list[int]:
    """Choose functions.

    Parameters
    ----------
    correlation
        Pearson's coefficients, shape (n_functions, n_functions); no function is constant.
    method
        By which they are chosen.
    number
        How many at most; None: as many as max_correlation leaves.
    max_correlation
        Of `correlation`: no two that are kept have a larger |r|.

    Returns
    -------
    list of int
        Places of the functions that are kept, ascending.  With cur none is a linear combination of
        others, with farthest_point none is a copy: there may be fewer than number.
    """
    most = len(correlation) if number is None else min(number, len(correlation))
    if method == "cur":
        return sorted(_cur(correlation, most))
    if method == "farthest_point":
        return sorted(_farthest_points(correlation, most))
    return _least_correlated(correlation, most, max_correlation)


def _cur(correlation: FloatArray, most: int) -> list[int]:
    left = correlation.copy()
    last = len(left) - 1
    chosen: list[int] = []
    while len(chosen) < most:
        is_new = np.diag(left) > NOTHING_NEW
        if not is_new.any():
            break
        leading = eigh(left, subset_by_index=[last, last])[1][:, 0]
        best = _first_largest(np.where(is_new, leading**2, -1.0))
        chosen.append(best)
        left -= np.outer(left[:, best], left[best]) / left[best, best]
        left[best] = left[:, best] = 0.0
    return chosen


def _farthest_points(correlation: FloatArray, most: int) -> list[int]:
    distance2 = 2.0 - 2.0 * np.abs(correlation)
    chosen = [_first_largest((correlation**2).sum(axis=1))]
    while len(chosen) < most:
        nearest2 = distance2[chosen].min(axis=0)
        farthest = _first_largest(nearest2)
        if nearest2[farthest] <= NOTHING_NEW:
            break
        chosen.append(farthest)
    return chosen


def _least_correlated(correlation: FloatArray, most: int, max_correlation: float) -> list[int]:
    r = np.abs(correlation)
    np.fill_diagonal(r, 0.0)
    kept = list(range(len(r)))
    while len(kept) > 1:
        among = r[np.ix_(kept, kept)]
        one, other = divmod(_first_largest(among.ravel()), len(kept))
        if len(kept) <= most and among[one, other] <= max_correlation:
            break
        total = np.round(among.sum(axis=1), _DIGITS)
        del kept[one if total[one] > total[other] else other]
    return kept


def _first_largest(scores: FloatArray) -> int:
    return int(np.argmax(np.round(scores, _DIGITS)))
