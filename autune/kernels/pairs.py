r"""Angular functions as sums over pairs of neighbours: kinds 3, 13, and 9 with any zeta.

Notation: see `autune.kernels.symmetry`.  One row of the pair matrices (one j, all its k) is in
memory at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autune.kernels.jit import njit_inner

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit_inner
def fill_angular(
    u: Floats, j: int, start: int, stop: int, lambda_: float, zeta: float, P: Floats
) -> None:
    """Fill P[0] = P_jk and P[1] = P'_jk for one j and start <= k < stop."""
    first, last = np.uint64(start), np.uint64(stop)
    ux, uy, uz = u[0, j], u[1, j], u[2, j]
    for k in range(first, last):
        # Opposite neighbours may give a little less than 0.
        P[0, k] = max(0.0, 1.0 + lambda_ * (ux * u[0, k] + uy * u[1, k] + uz * u[2, k]))
    scale = zeta * lambda_ * 2.0 ** (1.0 - zeta)
    power = int(zeta)
    if power == zeta:
        for k in range(first, last):
            P[1, k] = scale if P[0, k] > 0.0 else 0.0
        for _ in range(power - 1):
            for k in range(first, last):
                P[1, k] *= P[0, k]
    else:
        for k in range(first, last):
            P[1, k] = scale * P[0, k] ** (zeta - 1.0) if P[0, k] > 0.0 else 0.0
    scale = 1.0 / (zeta * lambda_)
    for k in range(first, last):
        P[0, k] *= P[1, k] * scale
    if start <= j < stop:
        P[0, j] = 0.0
        P[1, j] = 0.0


@njit_inner
def multiply_charges(charge: Floats, start: Integers, j: int, P: Floats) -> None:
    """Multiply P_jk and P'_jk of one j and all k with Z_j Z_k."""
    Z_j = 0.0
    for e in range(len(charge)):
        if start[e] <= j < start[e + 1]:
            Z_j = charge[e]
    for e in range(len(charge)):
        Z = Z_j * charge[e]
        for k in range(np.uint64(start[e]), np.uint64(start[e + 1])):
            P[0, k] *= Z
            P[1, k] *= Z


@njit_inner
def fill_pair_distances(
    u: Floats, r: Floats, j: int, start: int, stop: int, r_pair: Floats
) -> None:
    """Fill r_jk for one j and start <= k < stop."""
    first, last = np.uint64(start), np.uint64(stop)
    x, y, z = r[j] * u[0, j], r[j] * u[1, j], r[j] * u[2, j]
    for k in range(first, last):
        dx, dy, dz = x - r[k] * u[0, k], y - r[k] * u[1, k], z - r[k] * u[2, k]
        r_pair[k] = math.sqrt(dx * dx + dy * dy + dz * dz)
    if start <= j < stop:
        # P_jj = 0 takes this term out; it only must not divide by 0.
        r_pair[j] = 1.0


@njit_inner
def add_wide(
    j: int,
    start: int,
    stop: int,
    u: Floats,
    r: Floats,
    m: int,
    R: Floats,
    dR: Floats,
    P: Floats,
    column: int,
    G: Floats,
    dG: Floats,
) -> None:
    """Add the terms of one j and start <= k < stop to a function of kind 9."""
    A = bx = by = bz = 0.0
    for k in range(np.uint64(start), np.uint64(stop)):
        A += P[0, k] * R[m, k]
        b = P[1, k] * R[m, k]
        bx += b * u[0, k]
        by += b * u[1, k]
        bz += b * u[2, k]
    G[column] += 0.5 * R[m, j] * A
    q = R[m, j] / r[j]
    s = dR[m, j] * A - q * (u[0, j] * bx + u[1, j] * by + u[2, j] * bz)
    dG[j, 0, column] += s * u[0, j] + q * bx
    dG[j, 1, column] += s * u[1, j] + q * by
    dG[j, 2, column] += s * u[2, j] + q * bz


@njit_inner
def add_narrow(
    j: int,
    start: int,
    stop: int,
    u: Floats,
    r: Floats,
    m: int,
    R: Floats,
    dR: Floats,
    P: Floats,
    r_pair: Floats,
    T: Floats,
    dT: Floats,
    column: int,
    G: Floats,
    dG: Floats,
) -> None:
    """Add the terms of one j and start <= k < stop to a function of kind 3 or 13."""
    A = bx = by = bz = c_j = cx = cy = cz = 0.0
    for k in range(np.uint64(start), np.uint64(stop)):
        A += P[0, k] * T[0, k] * R[m, k]
        b = P[1, k] * T[0, k] * R[m, k]
        bx += b * u[0, k]
        by += b * u[1, k]
        bz += b * u[2, k]
        c = P[0, k] * dT[0, k] * R[m, k] / r_pair[k]
        c_j += c
        c *= r[k]
        cx += c * u[0, k]
        cy += c * u[1, k]
        cz += c * u[2, k]
    R_j = R[m, j]
    G[column] += 0.5 * R_j * A
    q = R_j / r[j]
    s = dR[m, j] * A - q * (u[0, j] * bx + u[1, j] * by + u[2, j] * bz) + R_j * c_j * r[j]
    dG[j, 0, column] += s * u[0, j] + q * bx - R_j * cx
    dG[j, 1, column] += s * u[1, j] + q * by - R_j * cy
    dG[j, 2, column] += s * u[2, j] + q * bz - R_j * cz
