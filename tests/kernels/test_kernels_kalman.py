"""The Kalman filter equals its formula, however updates are collected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from autune.kernels.kalman import SYMM_PAYS, WAITING, Block, Covariance
from autune.kernels.neurons import NeuronCovariance


def textbook(
    P: np.ndarray, H: np.ndarray, xi: np.ndarray, r: float, q: float, forget: float
) -> tuple[np.ndarray, np.ndarray]:
    """dw and P after an update, with an explicit inverse."""
    K = P @ H @ np.linalg.inv(H.T @ P @ H + r * np.eye(H.shape[1]))
    return K @ xi, (P - K @ H.T @ P) / forget + q * np.eye(len(P))


def pack(P: np.ndarray, blocks: Sequence[Block] = ()) -> np.ndarray:
    """Columns of the lower triangles of blocks."""
    return np.concatenate(
        [P[b:e, b:e].T[np.triu_indices(e - b)] for b, e in blocks or [(0, len(P))]]
    )


@pytest.mark.parametrize("forget", [1.0, 0.97])
@pytest.mark.parametrize(
    "columns",
    [
        [1] * 5,
        [1] * (2 * WAITING + 3),
        [2, 7, 1],
        [SYMM_PAYS] * 4,
        [WAITING - 1, 2, WAITING + 5, 1],
    ],
    ids=lambda columns: f"{len(columns)}x{columns[0]}",
)
def test_updates_equal_their_formula(columns: list[int], forget: float) -> None:
    generator = np.random.default_rng(1)
    n, q = 40, 0.01
    root = generator.normal(size=(n, n))
    expected = root @ root.T
    covariance = Covariance(n, 1.0)
    covariance.packed = pack(expected)
    for k, m in enumerate(columns):
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        r = 0.3 + 0.1 * k
        dw, expected = textbook(expected, H, xi, r, q, forget)
        np.testing.assert_allclose(covariance.update(H, xi, r, q, forget), dw, rtol=0, atol=1e-9)
    np.testing.assert_allclose(covariance.packed, pack(expected), rtol=0, atol=1e-8)


@pytest.mark.parametrize("m", [2, WAITING + 8])
def test_updates_that_forget_much_equal_their_formula(m: int) -> None:
    generator = np.random.default_rng(1)
    n = 6
    expected = np.eye(n)
    covariance = Covariance(n, 1.0)
    for _ in range(60):  # the product of 1/forget passes LARGEST_FACTOR twice
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        dw, expected = textbook(expected, H, xi, 0.3, 0.01, 0.5)
        np.testing.assert_allclose(covariance.update(H, xi, 0.3, 0.01, 0.5), dw, rtol=0, atol=1e-8)
    np.testing.assert_allclose(covariance.packed, pack(expected), rtol=0, atol=1e-8)


@pytest.mark.parametrize("m", [1, 3])
def test_broken_covariance_is_refused(m: int) -> None:
    covariance = Covariance(4, 1.0)
    covariance.packed = pack(-np.eye(4))
    with pytest.raises(FloatingPointError, match="not positive definite"):
        covariance.update(np.asfortranarray(np.eye(4)[:, :m]), np.ones(m), 0.1, 0.0)


def test_decoupled_blocks_keep_their_own_part_of_the_formula() -> None:
    generator = np.random.default_rng(1)
    n, r = 30, 0.4
    blocks = [(0, 13), (13, 25), (25, 30)]
    inside = np.zeros((n, n), dtype=bool)
    for begin, end in blocks:
        inside[begin:end, begin:end] = True
    root = generator.normal(size=(n, n))
    expected = np.where(inside, root @ root.T, 0.0)
    covariance = Covariance(n, 1.0, blocks)
    covariance.packed = pack(expected, blocks)
    for m in (1, 1, SYMM_PAYS, 2):
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        dw, whole = textbook(expected, H, xi, r, 0.01, 0.98)
        expected = np.where(inside, whole, 0.0)
        np.testing.assert_allclose(covariance.update(H, xi, r, 0.01, 0.98), dw, rtol=0, atol=1e-10)
    np.testing.assert_allclose(covariance.packed, pack(expected, blocks), rtol=0, atol=1e-10)


@pytest.mark.parametrize("m", [1, SYMM_PAYS])
def test_single_precision_differs_in_the_seventh_digit(m: int) -> None:
    generator = np.random.default_rng(1)
    n = 30
    double, single = Covariance(n, 0.5), Covariance(n, 0.5, single=True)
    for _ in range(40):
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        wanted = double.update(H, xi, 0.1, 1e-3)
        np.testing.assert_allclose(single.update(H, xi, 0.1, 1e-3), wanted, rtol=0, atol=3e-4)
    assert single.packed.dtype == np.float32
    np.testing.assert_allclose(single.packed, double.packed, rtol=0, atol=1e-5)


def test_neurons_keep_their_own_part_of_the_formula() -> None:
    generator = np.random.default_rng(1)
    layers = [(3, 5), (5, 2), (2, 1)]
    owner = np.concatenate(
        [
            np.tile(10 * place + np.arange(n_out), n_in + 1)
            for place, (n_in, n_out) in enumerate(layers)
        ]
    )
    n, r, epsilon = len(owner), 0.4, 0.2
    inside = owner[:, None] == owner
    expected = np.eye(n) / epsilon
    covariance = NeuronCovariance(layers, epsilon)
    for m in (1, 1, 7, 2):
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        dw, whole = textbook(expected, H, xi, r, 0.01, 0.98)
        expected = np.where(inside, whole, 0.0)
        np.testing.assert_allclose(covariance.update(H, xi, r, 0.01, 0.98), dw, rtol=0, atol=1e-12)


@pytest.mark.parametrize("blocks", [(), [(0, 20), (20, 33), (33, 34)]], ids=["whole", "blocks"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_ranks_pack_the_same_numbers_together(size: int, blocks: Sequence[Block]) -> None:
    root = np.random.default_rng(1).normal(size=(34, 34))
    wanted = pack(root @ root.T, blocks)
    parts = []
    for rank in range(size):
        # Each gives its own columns, and zeros to be added up.
        covariance = Covariance(34, 1.0, blocks, rank=rank, size=size, add=lambda array: array)
        covariance.packed = wanted
        parts.append(covariance.packed)
    np.testing.assert_array_equal(sum(parts), wanted)
    assert covariance.n_packed == len(wanted)
    if size == 1:
        H = np.asfortranarray(root[:, :2])
        other = Covariance(34, 1.0, blocks)
        other.packed = parts[0]
        dw = covariance.update(H, np.ones(2), 0.3, 0.0)
        np.testing.assert_array_equal(other.update(H, np.ones(2), 0.3, 0.0), dw)
