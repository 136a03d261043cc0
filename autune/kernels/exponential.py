r"""exp(x) in arithmetic that becomes vector instructions; the mathematical library does not.

exp(x) = 2^k exp(y) with k = round(x / ln 2), |y| <= ln(2) / 2.
"""

from __future__ import annotations

import math

from autune.kernels.jit import njit

LOG2_E = 1.0 / math.log(2.0)
LN_2 = math.log(2.0)


@njit
def exp_near_zero(y: float) -> float:
    """Return exp(y) for |y| <= ln(2) / 2: the Taylor series up to y^13 leaves less than 5e-18.

    Odd and even powers apart: two short chains of multiply-adds in place of a long one.
    """
    z = y * y
    odd = 1.0 / 6227020800.0
    odd = odd * z + 1.0 / 39916800.0
    odd = odd * z + 1.0 / 362880.0
    odd = odd * z + 1.0 / 5040.0
    odd = odd * z + 1.0 / 120.0
    odd = odd * z + 1.0 / 6.0
    odd = odd * z + 1.0
    even = 1.0 / 479001600.0
    even = even * z + 1.0 / 3628800.0
    even = even * z + 1.0 / 40320.0
    even = even * z + 1.0 / 720.0
    even = even * z + 1.0 / 24.0
    even = even * z + 0.5
    even = even * z + 1.0
    return odd * y + even
