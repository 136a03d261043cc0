"""The extended Kalman filter's linear algebra, in place and on one triangle of the covariance.

Notation
--------
====== ===================================================== ===========
symbol meaning                                               shape
====== ===================================================== ===========
P      error covariance, lower triangle, Fortran order       (n, n)
H      derivatives of the observables to the weights         (n, m)
xi     errors of the observables, reference - prediction     (m,)
r      measurement noise: 1/eta (standard), lambda (fading)  scalar
q      process noise                                         scalar
Z      X L^-T with A = L L^T, X = P H                        (n, m)
====== ===================================================== ===========

Singraber, Morawietz, Behler, Dellago, J. Chem. Theory Comput. 15, 3075 (2019), Eqs. (10)-(17);
Shah, Palmieri, Datum, Neural Netw. 5, 779 (1992):

    X = P H,  A = H^T X + r I,  dw = X A^-1 xi,  P <- (P - X A^-1 X^T) / forget + q I

With A = L L^T the update of P is the symmetric product Z Z^T, and no inverse is needed.

Why it is fast: the memory traffic over P bounds an update with few observations.  The products
Z Z^T of successive updates are therefore collected and subtracted together (syrk, bound by
arithmetic).  Until then P = f (P_old - Z Z^T) + d I, with the product f of the 1/forget since, the
noise d since, and columns of Z divided by the root of f, so that P H costs little more.  P is read
once an update (symv) and written once in `WAITING` observations: for 1351 weights about 0.3 ms
an observation in place of 0.4 (loaded machine).  symm pays only beyond a dozen columns.

Ranks share P: its lower triangle is cut into strips of columns, and every rank holds, multiplies
and updates its own.  The products with H are added over the ranks (n m numbers); what follows is
small and done by all.  Memory and work over P fall with the number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

FloatArray = NDArray[np.float64]

WAITING = 32
"""Columns of Z that are collected before P is written."""

STRIP = 128
"""Columns of a strip when ranks share P."""

SYMM_PAYS = 12
"""Columns from which one symm is faster than a symv for each."""


Sum = Callable[[FloatArray], FloatArray]
"""Adds an array over all ranks."""


@dataclass
class Strip:
    """Columns begin:end of the lower triangle.

    Parameters
    ----------
    square
        P[begin:end, begin:end], lower triangle, Fortran order.
    below
        P[end:, begin:end], Fortran order.
    """

    begin: int
    end: int
    square: FloatArray
    below: FloatArray


def share_columns(n: int, size: int) -> list[list[tuple[int, int]]]:
    """Cut n columns into strips and give every rank about the same part of the triangle.

    One rank has one strip.  Several have strips of `STRIP` columns, the longest first, each to
    the rank that has least.
    """
    if size == 1:
        return [[(0, n)]]
    shares: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    areas = [0] * size
    for begin in range(0, n, STRIP):
        end = min(begin + STRIP, n)
        rank = areas.index(min(areas))
        shares[rank].append((begin, end))
        areas[rank] += (end - begin) * (n - begin)
    return shares


class Covariance:
    """Error covariance P, of which some products are yet to be subtracted.

    Parameters
    ----------
    n
        Number of weights.
    strips
        This rank's columns.
    add
        Adds over the ranks; None: there is one rank.
    """

    def __init__(self, n: int, strips: list[Strip], add: Sum | None = None) -> None:
        self._n = n
        self._strips = strips
        self._add = add
        self._Z = np.empty((n, WAITING), order="F")
        self._waiting = 0
        self._noise = 0.0
        self._factor = 1.0

    @classmethod
    def initial(
        cls, n: int, epsilon: float, rank: int = 0, size: int = 1, add: Sum | None = None
    ) -> Covariance:
        """Return P(0) = I/epsilon for n weights."""
        strips = []
        for begin, end in share_columns(n, size)[rank]:
            square = np.zeros((end - begin, end - begin), order="F")
            np.fill_diagonal(square, 1.0 / epsilon)
            strips.append(Strip(begin, end, square, np.zeros((n - end, end - begin), order="F")))
        return cls(n, strips, add if size > 1 else None)

    @classmethod
    def from_matrix(
        cls, P: FloatArray, rank: int = 0, size: int = 1, add: Sum | None = None
    ) -> Covariance:
        """Return the covariance with the lower triangle of P, shape (n, n)."""
        n = len(P)
        strips = [
            Strip(
                begin,
                end,
                np.array(P[begin:end, begin:end], order="F"),
                np.array(P[end:, begin:end], order="F"),
            )
            for begin, end in share_columns(n, size)[rank]
        ]
        return cls(n, strips, add if size > 1 else None)

    @property
    def matrix(self) -> FloatArray:
        """P with everything subtracted, lower triangle, shape (n, n)."""
        self.settle()
        P = np.zeros((self._n, self._n), order="F")
        for strip in self._strips:
            P[strip.begin : strip.end, strip.begin : strip.end] = strip.square
            P[strip.end :, strip.begin : strip.end] = strip.below
        return self._add(P) if self._add else P

    def update(
        self, H: FloatArray, xi: FloatArray, r: float, q: float, forget: float = 1.0
    ) -> FloatArray:
        """Digest observations.

        Parameters
        ----------
        H
            Derivatives, shape (n, m), Fortran order.
        xi
            Errors, shape (m,).
        r, q, forget
            Measurement noise, process noise, forgetting factor (1: none).

        Returns
        -------
        dw
            Change of the weights, shape (n,).

        Raises
        ------
        FloatingPointError
            If H^T P H + r I is not positive definite or not finite.
        """
        m = H.shape[1]
        X = self._multiply(H)
        A = blas.dgemm(1.0, H, X, trans_a=1)
        A.flat[:: m + 1] += r
        L, info = lapack.dpotrf(A, lower=1, clean=1)
        if info != 0 or not np.isfinite(L[-1, -1]):
            raise FloatingPointError("the covariance is not positive definite any more")
        Z = blas.dtrsm(1.0, L, X, side=1, lower=1, trans_a=1, overwrite_b=1)
        dw: FloatArray = Z @ blas.dtrsv(L, xi, lower=1)
        self._subtract(Z)
        self._factor /= forget
        self._noise = self._noise / forget + q
        return dw

    def _multiply(self, H: FloatArray) -> FloatArray:
        """Return P H, shape (n, m), Fortran order."""
        X = np.zeros(H.shape, order="F")
        for strip in self._strips:
            inside, under = slice(strip.begin, strip.end), slice(strip.end, None)
            X[inside] += _multiply_symmetric(strip.square, H[inside])
            if len(strip.below):
                X[inside] += strip.below.T @ H[under]
                X[under] += strip.below @ H[inside]
        if self._add:
            X = np.asfortranarray(self._add(X))
        if self._waiting:
            Z = self._Z[:, : self._waiting]
            X = blas.dgemm(-1.0, Z, blas.dgemm(1.0, Z, H, trans_a=1), 1.0, X, overwrite_c=1)
        if self._factor != 1.0:
            X *= self._factor
        if self._noise:
            X += self._noise * H
        return X

    def _subtract(self, Z: FloatArray) -> None:
        """Subtract Z Z^T from P, now or later."""
        m = Z.shape[1]
        if self._waiting + m > WAITING:
            self.settle()
        if m > WAITING:
            self._subtract_now(Z)
            return
        columns = self._Z[:, self._waiting : self._waiting + m]
        np.divide(Z, math.sqrt(self._factor), out=columns)
        self._waiting += m

    def _subtract_now(self, Z: FloatArray) -> None:
        for strip in self._strips:
            inside = Z[strip.begin : strip.end]
            blas.dsyrk(-1.0, inside, beta=1.0, c=strip.square, lower=1, overwrite_c=1)
            if len(strip.below):
                below, under = strip.below, Z[strip.end :]
                blas.dgemm(-1.0, under, inside, 1.0, below, trans_b=1, overwrite_c=1)

    def settle(self) -> None:
        """Bring P up to date, so that what follows depends on P alone."""
        if self._waiting:
            self._subtract_now(self._Z[:, : self._waiting])
            self._waiting = 0
        if self._factor != 1.0:
            for strip in self._strips:
                strip.square *= self._factor
                strip.below *= self._factor
            self._factor = 1.0
        if self._noise:
            for strip in self._strips:
                strip.square.ravel(order="K")[:: len(strip.square) + 1] += self._noise
            self._noise = 0.0


def _multiply_symmetric(P: FloatArray, H: FloatArray) -> FloatArray:
    """Return P H from the lower triangle of P."""
    m = H.shape[1]
    if m >= SYMM_PAYS:
        product: FloatArray = blas.dsymm(1.0, P, H, side=0, lower=1)
        return product
    columns = [blas.dsymv(1.0, P, H[:, k], lower=1) for k in range(m)]
    return np.array(columns).T
