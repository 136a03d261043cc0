"""The Kalman filter equals its formula, however updates are collected."""

from __future__ import annotations

import numpy as np
import pytest

from autune.kernels.kalman import SYMM_PAYS, WAITING, Covariance


def textbook(
    P: np.ndarray, H: np.ndarray, xi: np.ndarray, r: float, q: float, forget: float
) -> tuple[np.ndarray, np.ndarray]:
    """dw and P after an update, with an explicit inverse."""
    K = P @ H @ np.linalg.inv(H.T @ P @ H + r * np.eye(H.shape[1]))
    return K @ xi, (P - K @ H.T @ P) / forget + q * np.eye(len(P))


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
    covariance = Covariance.from_matrix(np.tril(expected))
    for k, m in enumerate(columns):
        H = np.asfortranarray(generator.normal(size=(n, m)))
        xi = generator.normal(size=m)
        r = 0.3 + 0.1 * k
        dw, expected = textbook(expected, H, xi, r, q, forget)
        np.testing.assert_allclose(covariance.update(H, xi, r, q, forget), dw, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.tril(covariance.matrix), np.tril(expected), rtol=0, atol=1e-8)


@pytest.mark.parametrize("m", [1, 3])
def test_broken_covariance_is_refused(m: int) -> None:
    covariance = Covariance.from_matrix(-np.eye(4))
    with pytest.raises(FloatingPointError, match="not positive definite"):
        covariance.update(np.asfortranarray(np.eye(4)[:, :m]), np.ones(m), 0.1, 0.0)
