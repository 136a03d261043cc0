"""The update of an extended Kalman filter, in place and on one triangle of the covariance.

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
====== ===================================================== ===========

Singraber, Morawietz, Behler, Dellago, J. Chem. Theory Comput. 15, 3075 (2019), Eqs. (10)-(17);
Shah, Palmieri, Datum, Neural Netw. 5, 779 (1992):

    X = P H,  A = H^T X + r I,  dw = X A^-1 xi,  P <- (P - X A^-1 X^T) / forget + q I

With A = L L^T and Z = X L^-T the update of P is the symmetric product Z Z^T, and no inverse is
needed.  P is read once (symv, symm) and written once (syr, syrk).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

FloatArray = NDArray[np.float64]


def initial_covariance(n: int, epsilon: float) -> FloatArray:
    """Return P(0) = I/epsilon, shape (n, n), in Fortran order."""
    P = np.zeros((n, n), order="F")
    np.fill_diagonal(P, 1.0 / epsilon)
    return P


def update(
    P: FloatArray, H: FloatArray, xi: FloatArray, r: float, q: float, forget: float = 1.0
) -> FloatArray:
    """Update P in place; return the change of the weights.

    Parameters
    ----------
    P
        Covariance, shape (n, n), Fortran order, lower triangle.
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
    if m == 1:
        h = H[:, 0]
        x = blas.dsymv(1.0, P, h, lower=1)
        a = float(h @ x) + r
        if not (np.isfinite(a) and a > 0.0):
            raise FloatingPointError(f"innovation variance is {a:g}")
        dw = x * (xi[0] / a)
        blas.dsyr(-1.0 / a, x, lower=1, a=P, overwrite_a=1)
    else:
        X = blas.dsymm(1.0, P, H, side=0, lower=1)
        A = blas.dgemm(1.0, H, X, trans_a=1)
        A.flat[:: m + 1] += r
        L, info = lapack.dpotrf(A, lower=1, clean=1)
        if info != 0 or not np.isfinite(L[-1, -1]):
            raise FloatingPointError("innovation covariance is not positive definite")
        Z = blas.dtrsm(1.0, L, X, side=1, lower=1, trans_a=1, overwrite_b=1)
        y = blas.dtrsv(L, xi, lower=1)
        dw = Z @ y
        blas.dsyrk(-1.0, Z, beta=1.0, c=P, lower=1, overwrite_c=1)
    if forget != 1.0:
        P /= forget
    P.ravel(order="K")[:: len(P) + 1] += q
    return dw
