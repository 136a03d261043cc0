"""Networks: every derivative equals a finite difference."""

from __future__ import annotations

import numpy as np
import pytest

from autune.architecture import ACTIVATIONS
from autune.kernels.network import (
    activation,
    gradients,
    outputs,
    weight_gradient,
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
    np.testing.assert_allclose(value, outputs(X, 0, w, *arguments), rtol=1e-13)
    above, below = outputs(X + STEP * V, 0, w, *arguments), outputs(X - STEP * V, 0, w, *arguments)
    directional = (V * dE_dG).sum()
    assert (above - below).sum() / (2 * STEP) == pytest.approx(directional, rel=1e-6, abs=1e-8)
    assert outputs(np.vstack([X, V]), 3, w, *arguments).sum() == pytest.approx(
        directional, rel=1e-12
    )


@pytest.mark.parametrize("normalize_nodes", [False, True])
@pytest.mark.parametrize("code", range(len(ACTIVATIONS)), ids=ACTIVATIONS)
def test_weight_gradients_are_finite_differences(code: int, normalize_nodes: bool) -> None:
    X, V, w, codes = make_case(code)
    arguments = (SIZES, codes, normalize_nodes)
    XV = np.vstack([X, V])
    dE_dw, dS_dw = np.empty((2, N_WEIGHTS))
    E = weight_gradient(X, 0, w, *arguments, dE_dw)
    S = weight_gradient(XV, 3, w, *arguments, dS_dw)
    assert pytest.approx(E, rel=1e-12) == outputs(X, 0, w, *arguments).sum()
    assert pytest.approx(S, rel=1e-12) == outputs(XV, 3, w, *arguments).sum()
    for k in range(N_WEIGHTS):
        step = np.zeros(N_WEIGHTS)
        step[k] = STEP
        dE = outputs(X, 0, w + step, *arguments).sum() - outputs(X, 0, w - step, *arguments).sum()
        dS = outputs(XV, 3, w + step, *arguments).sum()
        dS -= outputs(XV, 3, w - step, *arguments).sum()
        assert dE / (2 * STEP) == pytest.approx(dE_dw[k], rel=1e-6, abs=1e-7)
        assert dS / (2 * STEP) == pytest.approx(dS_dw[k], rel=1e-6, abs=1e-7)
