r"""Radial factors: Gaussian times cutoff function, for one neighbour each.

Notation: see `autune.kernels.symmetry`.

The exponential is written out because the loop over neighbours then becomes vector instructions;
calls of the mathematical library do not (11 against 4 microseconds for 1400 arguments).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autune.kernels.cutoffs import cutoff
from autune.kernels.jit import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_LOG2_E = 1.0 / math.log(2.0)
_LN_2 = math.log(2.0)
_LOWEST = -700.0


@njit
def fill_cutoffs(
    kind: int,
    r_cutoff: float,
    inner_cutoff: float,
    start: int,
    stop: int,
    r: Floats,
    fc: Floats,
    dfc: Floats,
) -> None:
    """Fill fc and dfc/dr for start <= j < stop."""
    for j in range(start, stop):
        fc[j], dfc[j] = cutoff(kind, r[j], r_cutoff, inner_cutoff)


@njit
def fill_radial(
    eta: float,
    r_shift: float,
    start: int,
    stop: int,
    r: Floats,
    fc: Floats,
    dfc: Floats,
    bits: Integers,
    m: int,
    R: Floats,
    dR: Floats,
) -> None:
    """Fill R[m, j] and dR[m, j]/dr for start <= j < stop.

    exp(x) = 2^k exp(y) with k = round(x / ln 2), |y| <= ln(2) / 2: the Taylor series of exp(y) up
    to y^13 leaves less than 5e-18, and 2^k is a float put together from bits.  The relative error
    is 2e-15 down to exp(-40) and 3e-14 at exp(-700), below which the result stays at that.

    Parameters
    ----------
    eta, r_shift
        Of radial factor m, in 1/Angstrom^2 and Angstrom.
    start, stop
        Range of neighbours.
    r, fc, dfc
        Distances in Angstrom, cutoff function and its derivative.
    bits
        Scratch of at least stop integers.
    m, R, dR
        Where to put the result.
    """
    first, last = np.uint64(start), np.uint64(stop)
    powers = bits.view(np.float64)
    for j in range(first, last):
        x = r[j] - r_shift
        x = max(-eta * x * x, _LOWEST)
        k = math.floor(x * _LOG2_E + 0.5)
        y = x - k * _LN_2
        p = 1.0 / 6227020800.0
        p = p * y + 1.0 / 479001600.0
        p = p * y + 1.0 / 39916800.0
        p = p * y + 1.0 / 3628800.0
        p = p * y + 1.0 / 362880.0
        p = p * y + 1.0 / 40320.0
        p = p * y + 1.0 / 5040.0
        p = p * y + 1.0 / 720.0
        p = p * y + 1.0 / 120.0
        p = p * y + 1.0 / 24.0
        p = p * y + 1.0 / 6.0
        p = p * y + 0.5
        p = p * y + 1.0
        R[m, j] = p * y + 1.0
        bits[j] = (np.int64(np.int32(k)) + 1023) << 52
    for j in range(first, last):
        R[m, j] *= powers[j]
    for j in range(first, last):
        dR[m, j] = R[m, j] * (dfc[j] - 2.0 * eta * (r[j] - r_shift) * fc[j])
    for j in range(first, last):
        R[m, j] *= fc[j]
