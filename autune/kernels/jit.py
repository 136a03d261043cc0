"""The one place where kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

# Sums may be reordered (SIMD) and multiply-adds fused; NaN and infinity keep their meaning,
# because a diverged training is recognised by them.
_FASTMATH = {"reassoc", "contract", "nsz"}


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel: cached on disk, one thread, no Python objects."""
    compiled: Callable[P, R] = numba.njit(cache=True, fastmath=_FASTMATH, error_model="numpy")(
        function
    )
    return compiled
