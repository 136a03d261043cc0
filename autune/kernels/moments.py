r"""Wide angular functions of small integer zeta as polynomials: cost linear in the neighbours.

With integer zeta the angular term is a polynomial in the direction u_j = (x, y, z):

    2^(1-zeta) (1 + lambda u_j.u_k)^zeta = sum_a K_a u_j^a u_k^a,   u^a = x^a1 y^a2 z^a3,
    K_a = 2^(1-zeta) lambda^|a| zeta! / ((zeta - |a|)! a1! a2! a3!)      (multinomial theorem)

so the sum over pairs becomes a sum over the moments M of one neighbour each,

    A_j = sum_k P_jk R_k = sum_a (K_a M_a) u_j^a - P_jj R_j,      M_a = sum_k R_k u_k^a,

and B_j = sum_k P'_jk R_k u_k is the gradient of the same polynomial.  (The term k = j of B_j is
parallel to u_j, and only the part of B_j across u_j is used.)  The moments depend on the radial
factor alone: functions that differ in lambda and zeta share them.  For 53 neighbours and zeta
2, 3, 4 there are 10, 20, 35 monomials in place of 53 partners, and none of them takes a cosine.
The error of rounding is that of the largest term: a function that is 0 may come out as 1e-17.

Notation: see `autune.kernels.symmetry`; further
U      monomials u_j^a, by degree, shape (N_MONOMIALS, n)
M      moments of one radial factor and one element of neighbours, shape (N_MONOMIALS,)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autune.kernels.jit import njit, njit_inner

Floats = NDArray[np.float64]

ZETA_MAX = 4
"""Beyond it there are more monomials than neighbours, and summing over pairs is faster."""

EXPONENTS = np.array(
    [
        (degree - b - c, b, c)
        for degree in range(ZETA_MAX + 1)
        for c in range(degree + 1)
        for b in range(degree - c + 1)
    ]
)
N_MONOMIALS = len(EXPONENTS)


def _place(exponents: NDArray[np.int64]) -> int:
    found = np.flatnonzero(np.all(exponents == EXPONENTS, axis=1))
    return int(found[0]) if len(found) else 0


_UNIT = np.eye(3, dtype=np.int64)
# u^a = u^PARENT[a] u_AXIS[a]
AXIS = np.array([int(np.argmax(a)) for a in EXPONENTS])
PARENT = np.array([_place(a - _UNIT[axis]) for a, axis in zip(EXPONENTS, AXIS, strict=True)])
# d(u^RAISED[b, c])/du_c = FACTOR[b, c] u^b
RAISED = np.array([[_place(b + _UNIT[c]) for c in range(3)] for b in EXPONENTS])
FACTOR = (EXPONENTS + 1).astype(np.float64)


@njit
def count_monomials(zeta: int) -> int:
    """Monomials up to degree zeta, rounded up to what the loops take at once."""
    return max(10, (zeta + 1) * (zeta + 2) * (zeta + 3) // 6)


def coefficients(lambda_: float, zeta: int) -> Floats:
    """K_a of the multinomial theorem, shape (N_MONOMIALS,), 0 beyond degree zeta."""
    K = np.zeros(N_MONOMIALS)
    for place, a in enumerate(EXPONENTS.tolist()):
        degree = sum(a)
        if degree <= zeta:
            ways = math.factorial(zeta) // math.factorial(zeta - degree)
            for exponent in a:
                ways //= math.factorial(exponent)
            K[place] = 2.0 ** (1 - zeta) * lambda_**degree * ways
    return K


@njit_inner
def fill_monomials(u: Floats, n: int, n_monomials: int, U: Floats) -> None:
    """Fill U for n neighbours."""
    for j in range(n):
        U[0, j] = 1.0
    for a in range(1, n_monomials):
        parent, axis = PARENT[a], AXIS[a]
        for j in range(n):
            U[a, j] = U[parent, j] * u[axis, j]


@njit_inner
def fill_moments(
    U: Floats, R: Floats, m: int, e: int, start: int, stop: int, n_monomials: int, M: Floats
) -> None:
    """Fill M[m, e] of radial factor m over the neighbours start <= k < stop, of element e."""
    first, last = np.uint64(start), np.uint64(stop)
    for a in range(0, n_monomials, 5):
        m0 = m1 = m2 = m3 = m4 = 0.0
        for k in range(first, last):
            m0 += U[a, k] * R[m, k]
            m1 += U[a + 1, k] * R[m, k]
            m2 += U[a + 2, k] * R[m, k]
            m3 += U[a + 3, k] * R[m, k]
            m4 += U[a + 4, k] * R[m, k]
        M[m, e, a] = m0
        M[m, e, a + 1] = m1
        M[m, e, a + 2] = m2
        M[m, e, a + 3] = m3
        M[m, e, a + 4] = m4


@njit_inner
def fill_polynomial(
    U: Floats,
    K: Floats,
    f: int,
    M: Floats,
    m: int,
    e: int,
    zeta: int,
    start: int,
    stop: int,
    S: Floats,
) -> None:
    """Fill S[0] = A_j + P_jj R_j and S[1:4] = B_j for start <= j < stop.

    Function f has the coefficients K[f], the radial factor m and partners of element e.
    """
    first, last = np.uint64(start), np.uint64(stop)
    for c in range(4):
        for j in range(first, last):
            S[c, j] = 0.0
    n_gradient = count_monomials(zeta - 1)
    for b in range(0, n_gradient, 2):
        c = b + 1
        xb, yb, zb = RAISED[b, 0], RAISED[b, 1], RAISED[b, 2]
        xc, yc, zc = RAISED[c, 0], RAISED[c, 1], RAISED[c, 2]
        a0 = K[f, b] * M[m, e, b]
        x0 = FACTOR[b, 0] * K[f, xb] * M[m, e, xb]
        y0 = FACTOR[b, 1] * K[f, yb] * M[m, e, yb]
        z0 = FACTOR[b, 2] * K[f, zb] * M[m, e, zb]
        a1 = K[f, c] * M[m, e, c]
        x1 = FACTOR[c, 0] * K[f, xc] * M[m, e, xc]
        y1 = FACTOR[c, 1] * K[f, yc] * M[m, e, yc]
        z1 = FACTOR[c, 2] * K[f, zc] * M[m, e, zc]
        for j in range(first, last):
            S[0, j] += a0 * U[b, j] + a1 * U[c, j]
            S[1, j] += x0 * U[b, j] + x1 * U[c, j]
            S[2, j] += y0 * U[b, j] + y1 * U[c, j]
            S[3, j] += z0 * U[b, j] + z1 * U[c, j]
    for a in range(n_gradient, count_monomials(zeta), 5):
        a0, a1 = K[f, a] * M[m, e, a], K[f, a + 1] * M[m, e, a + 1]
        a2, a3 = K[f, a + 2] * M[m, e, a + 2], K[f, a + 3] * M[m, e, a + 3]
        a4 = K[f, a + 4] * M[m, e, a + 4]
        for j in range(first, last):
            S[0, j] += (
                a0 * U[a, j]
                + a1 * U[a + 1, j]
                + a2 * U[a + 2, j]
                + a3 * U[a + 3, j]
                + a4 * U[a + 4, j]
            )
