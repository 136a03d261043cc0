from __future__ import annotations

import math

import numpy as np
import pytest

from autune.architecture import CUTOFF_TYPES
from autune.kernels.cutoffs import cutoff

R_CUTOFF = 6.0
KINDS = range(len(CUTOFF_TYPES))
SMOOTH = [kind for kind in KINDS if CUTOFF_TYPES[kind] != "hard"]

# Value at x = 1/2, worked out by hand.
HALFWAY = {
    "hard": 1.0,
    "cos": 0.5,
    "tanhu": math.tanh(0.5) ** 3,
    "tanh": (math.tanh(0.5) / math.tanh(1.0)) ** 3,
    "exp": math.exp(-1.0 / 3.0),
    "poly1": 0.5,
    "poly2": 0.5,
    "poly3": 0.5,
    "poly4": 0.5,
}


@pytest.mark.parametrize("kind", KINDS)
def test_value_halfway(kind: int) -> None:
    f, _ = cutoff(kind, 0.5 * R_CUTOFF, R_CUTOFF, 0.0)
    assert f == pytest.approx(HALFWAY[CUTOFF_TYPES[kind]], rel=1e-14)


@pytest.mark.parametrize("inner_cutoff", [0.0, 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_derivative_is_the_slope_of_the_value(kind: int, inner_cutoff: float) -> None:
    step = 1e-5
    for r in np.linspace(0.1, R_CUTOFF - 0.01, 50):
        above, _ = cutoff(kind, r + step, R_CUTOFF, inner_cutoff)
        below, _ = cutoff(kind, r - step, R_CUTOFF, inner_cutoff)
        _, df_dr = cutoff(kind, r, R_CUTOFF, inner_cutoff)
        assert df_dr == pytest.approx((above - below) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_at_and_beyond_the_cutoff_radius(kind: int) -> None:
    for r in (R_CUTOFF, 1.5 * R_CUTOFF):
        assert cutoff(kind, r, R_CUTOFF, 0.2) == (0.0, 0.0)


@pytest.mark.parametrize("inner_cutoff", [0.0, 0.5])
@pytest.mark.parametrize("kind", SMOOTH)
def test_value_and_slope_vanish_towards_the_cutoff_radius(kind: int, inner_cutoff: float) -> None:
    for gap in (1e-6, 1e-12, 1e-15):
        f, df_dr = cutoff(kind, R_CUTOFF * (1.0 - gap), R_CUTOFF, inner_cutoff)
        assert abs(f) < 1e-10
        assert abs(df_dr) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_inner_radius(kind: int) -> None:
    f, df_dr = cutoff(kind, 0.29 * R_CUTOFF, R_CUTOFF, 0.3)
    if CUTOFF_TYPES[kind] in ("tanhu", "tanh"):  # as in n2p2, they have none
        assert (f, df_dr) == cutoff(kind, 0.29 * R_CUTOFF, R_CUTOFF, 0.0)
        assert f < 1.0
    else:
        assert (f, abs(df_dr)) == (1.0, 0.0)
