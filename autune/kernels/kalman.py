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

Decoupled, P has diagonal blocks only, one for each layer, while A stays common to all (Puskorius,
Feldkamp, IEEE Trans. Neural Netw. 5, 279 (1994)); one for each neuron: `autune.kernels.neurons`.

Why it is fast: the memory traffic over P bounds an update with few observations.  The products
Z Z^T of successive updates are therefore collected and subtracted together (syrk, bound by
arithmetic).  Until then P = f (P_old - Z Z^T) + d I, with the product f of the 1/forget since, the
noise d since, and columns of Z divided by the root of f, so that P H costs little more.  P is read
once an update (symv) and written once in `WAITING` observations.  What is left is small: products
with one column go through NumPy, which takes gemv where gemm would pack matrices first (8 in place
of 22 microseconds).  symm pays only beyond a dozen columns.  A symv of our own (four or eight
columns at a time) was as fast as that of OpenBLAS, and packed storage (spmv) half as slow again.
P in single precision halves the traffic; all that is small stays in double precision.

Ranks share P: its lower triangle is cut into strips of columns, and every rank holds, multiplies
and updates its own.  The products with H are added over the ranks (n m numbers); what follows is
small and done by all.  Memory and work over P fall with the number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

FloatArray = NDArray[np.float64]
AnyFloatArray = NDArray[np.floating]

WAITING = 32
"""Columns of Z that are collected before P is written."""

SYMM_PAYS = 12
"""Columns from which one symm is faster than a symv for each."""

LARGEST_FACTOR = 1e6
"""Beyond it P itself is multiplied, long before numbers overflow."""


Sum = Callable[[FloatArray], object]
"""Adds an array over all ranks, in place."""

Block = tuple[int, int]
"""Weights begin:end whose errors are correlated."""


@dataclass
class Strip:
    """Columns begin:end of the lower triangle of a block.

    Parameters
    ----------
    begin, end, stop
        Columns, and the end of the block.
    square
        P[begin:end, begin:end], lower triangle, Fortran order.
    below
        P[end:stop, begin:end], Fortran order.
    """

    begin: int
    end: int
    stop: int
    square: AnyFloatArray
    below: AnyFloatArray

    @classmethod
    def zero(cls, begin: int, end: int, stop: int, dtype: type[np.floating]) -> Strip:
        """Return a strip of zeros."""
        width = end - begin
        square = np.zeros((width, width), dtype, order="F")
        return cls(begin, end, stop, square, np.zeros((stop - end, width), dtype, order="F"))


def share_columns(blocks: Sequence[Block], size: int) -> list[list[tuple[int, int, int]]]:
    """Cut blocks into strips and give every rank about the same part of their triangles.

    One rank has one strip per block.  R ranks cut each into 2 R strips and take the longest first,
    each to the rank that has least: a long one and a short one pair up.

    Returns
    -------
    shares
        begin, end, stop of the strips of each rank.
    """
    cuts = 2 * size if size > 1 else 1
    strips = [
        (begin, min(begin + width, stop), stop)
        for first, stop in blocks
        for width in [math.ceil((stop - first) / cuts)]
        for begin in range(first, stop, width)
    ]
    shares: list[list[tuple[int, int, int]]] = [[] for _ in range(size)]
    areas = [0] * size
    for begin, end, stop in sorted(strips, key=lambda strip: strip[0] - strip[2]):
        rank = areas.index(min(areas))
        shares[rank].append((begin, end, stop))
        areas[rank] += (end - begin) * (stop - begin)
    return shares


def solve(H: FloatArray, X: FloatArray, xi: FloatArray, r: float) -> tuple[FloatArray, FloatArray]:
    """Return Z and the change of the weights from H and X = P H, which is overwritten.

    Raises
    ------
    FloatingPointError
        If A = H^T X + r I is not positive definite or not finite.
    """
    m = H.shape[1]
    A = H.T @ X
    A.flat[:: m + 1] += r
    L, info = lapack.dpotrf(A, lower=1, clean=1)
    if info != 0 or not np.isfinite(L[-1, -1]):
        raise FloatingPointError("the covariance is not positive definite any more")
    Z = X / L if m == 1 else blas.dtrsm(1.0, L, X, side=1, lower=1, trans_a=1, overwrite_b=1)
    dw: FloatArray = blas.dgemv(1.0, Z, blas.dtrsv(L, xi, lower=1))
    return Z, dw


class Covariance:
    """Error covariance P, of which some products are yet to be subtracted; at first I/epsilon.

    Parameters
    ----------
    n
        Number of weights.
    epsilon
        P(0) = I/epsilon.
    blocks
        Weights whose errors are correlated; None: all with all.
    single
        Whether P is kept in single precision.
    rank, size
        Which of how many ranks this is.
    add
        Adds over the ranks.
    """

    def __init__(
        self,
        n: int,
        epsilon: float,
        blocks: Sequence[Block] | None = None,
        single: bool = False,
        rank: int = 0,
        size: int = 1,
        add: Sum | None = None,
    ) -> None:
        self._n = n
        self._dtype: type[np.floating] = np.float32 if single else np.float64
        self._add = add if size > 1 else None
        self._blocks = blocks or [(0, n)]
        shares = share_columns(self._blocks, size)
        self._strips = [Strip.zero(*place, self._dtype) for place in shares[rank]]
        for strip in self._strips:
            np.fill_diagonal(strip.square, 1.0 / epsilon)
        self._forget_products()

    def _forget_products(self) -> None:
        self._Z = np.empty((self._n, WAITING), order="F")
        self._waiting = 0
        self._noise = 0.0
        self._factor = 1.0

    @property
    def packed(self) -> AnyFloatArray:
        """P with everything subtracted, shape (n_packed,), the same for any number of ranks.

        The columns of the lower triangles of the blocks, one after the other.
        """
        self.settle()
        P = np.zeros(self.n_packed, self._dtype)
        for part, column in self._columns(P):
            part[:] = column
        if self._add:
            self._add(P)
        return P

    @packed.setter
    def packed(self, P: AnyFloatArray) -> None:
        self._forget_products()
        for part, column in self._columns(P):
            column[:] = part

    @property
    def n_packed(self) -> int:
        """Numbers of a packed P."""
        return sum((stop - begin) * (stop - begin + 1) // 2 for begin, stop in self._blocks)

    def _columns(self, P: AnyFloatArray) -> Iterator[tuple[AnyFloatArray, AnyFloatArray]]:
        """Put the columns of this rank's strips beside their places in a packed P."""
        first = 0
        for begin, stop in self._blocks:
            for s in self._strips:
                if s.stop != stop:
                    continue
                before = s.begin - begin
                place = first + before * (stop - begin) - before * (before - 1) // 2
                for k in range(s.end - s.begin):
                    middle = place + s.end - s.begin - k
                    yield P[place:middle], s.square[k:, k]
                    place = middle + len(s.below)
                    yield P[middle:place], s.below[:, k]
            first += (stop - begin) * (stop - begin + 1) // 2

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
        Z, dw = solve(H, self._multiply(H), xi, r)
        self._subtract(Z)
        self._factor /= forget
        self._noise = self._noise / forget + q
        return dw

    def _multiply(self, H: FloatArray) -> FloatArray:
        """Return P H, shape (n, m), Fortran order."""
        X = np.zeros(H.shape, order="F")
        rows = X.T  # contiguous, as BLAS returns products with the transposes
        h: AnyFloatArray = H.astype(self._dtype, order="F", copy=False)
        for strip in self._strips:
            inside, under = slice(strip.begin, strip.end), slice(strip.end, strip.stop)
            rows[:, inside] += _multiply_symmetric(strip.square, h[inside]).T
            if len(strip.below):
                rows[:, inside] += h[under].T @ strip.below
                rows[:, under] += h[inside].T @ strip.below.T
        if self._add:
            self._add(X)
        if self._waiting:
            for begin, end in self._blocks:
                Z = self._Z[begin:end, : self._waiting]
                rows[:, begin:end] -= (H[begin:end].T @ Z) @ Z.T
        if self._factor != 1.0:
            X *= self._factor
        if self._noise:
            X += self._noise * H
        return X

    def _subtract(self, Z: FloatArray) -> None:
        """Subtract Z Z^T from P, now or later."""
        m = Z.shape[1]
        if self._factor > LARGEST_FACTOR:
            self.settle()
        if self._waiting + m > WAITING:
            self._subtract_now(self._Z[:, : self._waiting])
            self._waiting = 0
        if m >= WAITING:
            self._subtract_now(Z / math.sqrt(self._factor) if self._factor != 1.0 else Z)
            return
        columns = self._Z[:, self._waiting : self._waiting + m]
        np.divide(Z, math.sqrt(self._factor), out=columns)
        self._waiting += m

    def _subtract_now(self, Z: FloatArray) -> None:
        single = self._dtype is np.float32
        syrk, gemm = (blas.ssyrk, blas.sgemm) if single else (blas.dsyrk, blas.dgemm)
        Z = np.asfortranarray(Z, dtype=self._dtype)
        for strip in self._strips:
            inside, under = Z[strip.begin : strip.end], Z[strip.end : strip.stop]
            syrk(-1.0, inside, beta=1.0, c=strip.square, lower=1, overwrite_c=1)
            if len(strip.below):
                gemm(-1.0, under, inside, 1.0, strip.below, trans_b=1, overwrite_c=1)

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


def _multiply_symmetric(P: AnyFloatArray, H: AnyFloatArray) -> AnyFloatArray:
    """Return P H from the lower triangle of P, in the precision of P."""
    m = H.shape[1]
    single = P.dtype == np.float32
    symm, symv = (blas.ssymm, blas.ssymv) if single else (blas.dsymm, blas.dsymv)
    if m >= SYMM_PAYS:
        product: AnyFloatArray = symm(1.0, P, H, side=0, lower=1)
        return product
    return np.array([symv(1.0, P, H[:, k], lower=1) for k in range(m)]).T
