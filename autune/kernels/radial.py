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
from autune.kernels.exponential import LN_2, LOG2_E, exp_near_zero
from autune.kernels.jit import njit, njit_inner

Floats = NDArray[np.float64]

_LOWEST = -700.0


@njit_inner
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
    m: int,
    R: Floats,
    dR: Floats,
) -> None:
    """Fill R[m, j] and dR[m, j]/dr for start <= j < stop.

    exp(x) = 2^k exp(y), and 2^k is a float put together from bits.  The relative error is 2e-15
    down to exp(-40) and 3e-14 at exp(-700), below which the result stays at that.

    Parameters
    ----------
    eta, r_shift
        Of radial factor m, in 1/Angstrom^2 and Angstrom.
    start, stop
        Range of neighbours.
    r, fc, dfc
        Distances in Angstrom, cutoff function and its derivative.
    m, R, dR
        Where to put the result.
    """
    for j in range(np.uint64(start), np.uint64(stop)):
        d = r[j] - r_shift
        x = max(-eta * d * d, _LOWEST)
        k = math.floor(x * LOG2_E + 0.5)
        power = np.int64((np.int64(np.int32(k)) + 1023) << 52).view(np.float64)
        gaussian = power * exp_near_zero(x - k * LN_2)
        R[m, j] = gaussian * fc[j]
        dR[m, j] = gaussian * (dfc[j] - 2.0 * eta * d * fc[j])
