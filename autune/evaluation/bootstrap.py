"""Intervals from bootstrap samples of whole structures.

Errors of one structure belong together: 96 force components of a cell are not 96 independent
numbers, and intervals that took them for such would be too narrow.  So structures are drawn with
replacement, each with all of its errors (Efron, Tibshirani, An Introduction to the Bootstrap,
Chapman and Hall (1993), section 8 on more complicated data, section 13.3 on percentiles).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autune.structures import FloatArray, IntArray

N_SAMPLES = 1000
PERCENTILES = (2.5, 97.5)


def intervals_of_root_mean_squares(
    squares: Sequence[FloatArray], structures: Sequence[IntArray]
) -> tuple[list[float], list[float]]:
    """Return low and high end of the 95 % interval of each root mean square.

    Parameters
    ----------
    squares
        Of each set its squared values, shape (n_values,).
    structures
        Number of the structure of each value, shape (n_values,).

    Returns
    -------
    low, high
        Of each set; NaN of one that is from a single structure.  Always the same for the same
        values; of less than about ten structures the interval is too narrow.
    """
    names, place = np.unique(np.concatenate(structures), return_inverse=True)
    n = len(names)
    ends = np.cumsum([len(numbers) for numbers in structures])[:-1]
    places = np.split(place, ends)
    sums = np.stack([np.bincount(p, s, n) for p, s in zip(places, squares, strict=True)], axis=1)
    counts = np.stack([np.bincount(p, minlength=n) for p in places], axis=1).astype(np.float64)
    generator = np.random.default_rng(0)
    samples = np.empty((N_SAMPLES, len(squares)))
    for sample in samples:
        drawn = np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
        # A set of few structures may have none in a sample.
        with np.errstate(invalid="ignore"):
            sample[:] = np.sqrt((drawn @ sums) / (drawn @ counts))
    found = np.full((2, len(squares)), np.nan)
    several = (counts > 0).sum(axis=0) > 1
    found[:, several] = np.nanpercentile(samples[:, several], PERCENTILES, axis=0)
    return found[0].tolist(), found[1].tolist()
