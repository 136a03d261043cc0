"""Methods of selection on pools of which the answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autune.potential.pool import correlate
from autune.potential.selection import select_functions

METHODS: list[Any] = ["cur", "correlation", "farthest_point"]


def independent(n: int, seed: int = 0) -> np.ndarray:
    """Uncorrelated columns of different means and widths, shape (200, n)."""
    generator = np.random.default_rng(seed)
    columns = generator.normal(size=(200, n))
    columns -= columns.mean(axis=0)
    return np.linalg.qr(columns)[0] * generator.uniform(1.0, 100.0, n) + 10.0


def choose(G: np.ndarray, method: Any, number: int | None, bound: float = 0.98) -> list[int]:
    return select_functions(correlate(G), method, number, bound)


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_left_out(method: Any) -> None:
    G = independent(4)
    pool = np.column_stack([G, 3.0 * G + 5.0, -G])
    assert {place % 4 for place in choose(pool, method, 4)} == {0, 1, 2, 3}
    assert len(choose(pool, method, 12)) == 4


def test_linear_combinations_are_left_out_by_cur() -> None:
    G = independent(5)
    mixed = G @ np.random.default_rng(1).normal(size=(5, 20))
    pool = np.column_stack([mixed, G])
    chosen = choose(pool, "cur", 25)
    assert len(chosen) == 5
    kept = correlate(pool)[np.ix_(chosen, chosen)]
    assert np.linalg.matrix_rank(kept) == 5


def test_cur_begins_with_what_most_others_resemble() -> None:
    G = independent(4)
    # Four noisy copies of the first, one of the others each: the first direction is the leading.
    pool = np.column_stack([G[:, 1:], *(G[:, 0] + 0.1 * w * G[:, 3] for w in (-2, -1, 0, 1, 2))])
    (first,) = choose(pool, "cur", 1)
    assert first == 5
    assert set(choose(pool, "cur", 3)) - {5} <= {0, 1, 2, 3, 4, 6, 7}


def test_correlation_keeps_no_two_above_the_bound() -> None:
    generator = np.random.default_rng(3)
    pool = independent(4) @ generator.normal(size=(4, 30))
    for bound in (0.5, 0.9, 0.98):
        chosen = choose(pool, "correlation", None, bound)
        r = np.abs(correlate(pool)[np.ix_(chosen, chosen)])
        np.fill_diagonal(r, 0.0)
        assert r.max() <= bound
        assert len(chosen) > 1
    assert len(choose(pool, "correlation", 7, 1.0)) == 7
    assert len(choose(pool, "correlation", 30, 1.0)) == 30


def test_farthest_points_go_by_distance() -> None:
    G = independent(3)
    pool = np.column_stack([G[:, 0], G[:, 0] + 0.01 * G[:, 1], G[:, 1], G[:, 0] + G[:, 1]])
    chosen = choose(pool, "farthest_point", 2)
    r = correlate(pool)
    assert abs(r[chosen[0], chosen[1]]) < 0.8
    assert len(choose(pool, "farthest_point", 4)) == 4


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [1, 2, 7, 19])
def test_number_is_respected_and_larger_sets_begin_alike(method: Any, number: int) -> None:
    pool = np.random.default_rng(5).normal(size=(100, 20))
    chosen = choose(pool, method, number, 1.0)
    assert len(chosen) == number
    assert chosen == sorted(set(chosen)) == choose(pool, method, number, 1.0)
    if method != "correlation":
        assert set(chosen) < set(choose(pool, method, number + 1, 1.0))


@pytest.mark.parametrize("method", METHODS)
def test_rows_in_another_order_scale_and_shift_change_nothing(method: Any) -> None:
    generator = np.random.default_rng(7)
    pool = generator.normal(size=(100, 5)) @ generator.normal(size=(5, 20))
    pool += 0.1 * generator.normal(size=pool.shape)
    other = pool[generator.permutation(100)] * generator.uniform(-9.0, 9.0, 20) + 4.0
    assert choose(pool, method, 8) == choose(other, method, 8)
