"""Networks: every derivative equals a finite difference; the Kalman update equals its formula."""

from __future__ import annotations

import numpy as np
import pytest

from autune.architecture import ACTIVATIONS
from autune.kernels import kalman
from autune.kernels.network import (
    activation,
    directional_jacobian,
    directional_value,
    energies,
    energy_jacobian,
    gradients,
)

SIZES = np.array([5, 4, 3, 1])
N_WEIGHTS = int(((SIZES[:-1] + 1) * SIZES[1:]).sum())
STEP = 1e-5


def make_case(code: int, rows: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(code)
    X, V = generator.normal(size=(2, rows, SIZES[0]))
    w = generator.normal(size=N_WEIGHTS) * 0.5
    return X, V, w, np.array([code, code, ACTIVATIONS.index("identity")])


@pytest.mark.parametrize("code", range(len(ACTIVATIONS)), ids=ACTIVATIONS)
def test_activation_derivatives(code: int) -> None:
    for x in (-40.0, -1.3, 0.4, 2.0, 40.0):
        if abs(x) > 35 and ACTIVATIONS[code] in ("exponential", "harmonic"):
            continue
        _, first, second = activation(code, x)
        below, above = activation(code, x - STEP), activation(code, x + STEP)
        assert (above[0] - below[0]) / (2 * STEP) == pytest.approx(first, abs=1e-8)
        assert (above[1] - below[1]) / (2 * STEP) == pytest.approx(second, abs=1e-8)


@pytest.mark.parametrize("normalize_nodes", [False, True])
@pytest.mark.parametrize("code", range(len(ACTIVATIONS)), ids=ACTIVATIONS)
def test_gradients_are_finite_differences(code: int, normalize_nodes: bool) -> None:
    X, V, w, codes = make_case(code)
    arguments = (SIZES, codes, normalize_nodes)
    value, dE_dG = gradients(X, w, *arguments)
    np.testing.assert_allclose(value, energies(X, w, *arguments), rtol=1e-13)
    above, below = energies(X + STEP * V, w, *arguments), energies(X - STEP * V, w, *arguments)
    directional = (V * dE_dG).sum()
    assert (above - below).sum() / (2 * STEP) == pytest.approx(directional, rel=1e-6, abs=1e-8)
    assert directional_value(np.vstack([X, V]), w, *arguments) == pytest.approx(
        directional, rel=1e-12
    )


@pytest.mark.parametrize("normalize_nodes", [False, True])
@pytest.mark.parametrize("code", range(len(ACTIVATIONS)), ids=ACTIVATIONS)
def test_weight_gradients_are_finite_differences(code: int, normalize_nodes: bool) -> None:
    X, V, w, codes = make_case(code)
    arguments = (SIZES, codes, normalize_nodes)
    XV = np.vstack([X, V])
    dE_dw, dS_dw = np.empty((2, N_WEIGHTS))
    energy_jacobian(X, w, *arguments, dE_dw)
    directional_jacobian(XV, w, *arguments, dS_dw)
    for k in range(N_WEIGHTS):
        step = np.zeros(N_WEIGHTS)
        step[k] = STEP
        dE = energies(X, w + step, *arguments).sum() - energies(X, w - step, *arguments).sum()
        dS = directional_value(XV, w + step, *arguments)
        dS -= directional_value(XV, w - step, *arguments)
        assert dE / (2 * STEP) == pytest.approx(dE_dw[k], rel=1e-6, abs=1e-7)
        assert dS / (2 * STEP) == pytest.approx(dS_dw[k], rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("m", [1, 2, 7])
@pytest.mark.parametrize("forget", [1.0, 0.97])
def test_kalman_update_equals_its_formula(m: int, forget: float) -> None:
    generator = np.random.default_rng(m)
    n, r, q = 9, 0.3, 0.01
    root = generator.normal(size=(n, n))
    full = root @ root.T
    P = np.asfortranarray(np.tril(full))
    H = np.asfortranarray(generator.normal(size=(n, m)))
    xi = generator.normal(size=m)
    dw = kalman.update(P, H, xi, r, q, forget)
    K = full @ H @ np.linalg.inv(H.T @ full @ H + r * np.eye(m))
    expected = (full - K @ H.T @ full) / forget + q * np.eye(n)
    np.testing.assert_allclose(dw, K @ xi, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.tril(P), np.tril(expected), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("m", [1, 3])
def test_kalman_refuses_a_broken_covariance(m: int) -> None:
    P = np.asfortranarray(-np.eye(4))
    with pytest.raises(FloatingPointError):
        kalman.update(P, np.asfortranarray(np.eye(4)[:, :m]), np.ones(m), 0.1, 0.0)
