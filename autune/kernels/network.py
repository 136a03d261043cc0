"""Atomic neural networks: values, input gradients, weight gradients, directional derivatives.

All rows of a matrix are atoms of one element; a row enters the network, a number leaves it.

Notation
--------
======== ======================================================= ==================
symbol   meaning                                                 shape
======== ======================================================= ==================
X        network inputs (scaled symmetry functions)              (m, n_inputs)
V        tangents, one per row: derivative of the row of X       (m, n_inputs)
w        weights and biases of one network, in n2p2's order      (n_weights,)
sizes    neurons per layer, from inputs to output                (n_layers + 1,)
codes    activation per layer, as in `activation`                (n_layers,)
y, z     outputs and arguments of a layer, y = f(z)              (m, n_layer)
y_dot    derivative of y along V                                 (m, n_layer)
y_bar    derivative of the result with respect to y              (m, n_layer)
======== ======================================================= ==================

The vector w holds, layer by layer, the matrix W (n_in, n_out) row by row and then the biases
(n_out,).  A layer computes z = c (y W + b) with c = 1, or 1/n_in where nodes are normalised.

The derivative of a force component with respect to the weights needs the mixed second
derivatives of the energy.  Contracted with dG/dr they are the weight gradient of one directional
derivative sum_i v_i . dE_i/dG_i: a tangent pass forward, one reverse pass through both
(Pearlmutter, Neural Comput. 6, 147 (1994)), with rows of y above rows of y_dot in one matrix.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from autune.kernels.exponential import LN_2, LOG2_E, exp_near_zero
from autune.kernels.jit import njit

TANH = 1
"""Code of the activation that is vectorised, as all networks have it."""


class Networks(NamedTuple):
    """Shapes of the networks of all elements, whose weights lie one after the other.

    Parameters
    ----------
    sizes
        Neurons per layer of each element's network, shape (n_elements, n_layers + 1).
    codes
        Activation of each layer, shape (n_layers,).
    first_weight
        Ranges of the weights of each element, shape (n_elements + 1,).
    normalize_nodes
        Whether arguments are divided by the number of inputs.
    """

    sizes: np.ndarray
    codes: np.ndarray
    first_weight: np.ndarray
    normalize_nodes: bool


@njit
def activation(code: int, x: float) -> tuple[float, float, float]:
    """Return f(x), f'(x), f''(x); the code is the place in `architecture.ACTIVATIONS`."""
    if code == TANH:
        t = math.tanh(x)
        return t, 1.0 - t * t, -2.0 * t * (1.0 - t * t)
    if code == 0:  # identity
        return x, 1.0, 0.0
    if code == 2:  # logistic
        return _logistic(x)
    if code == 3:  # softplus
        if x > 35.0:
            return x, 1.0, 0.0
        if x < -35.0:
            return 0.0, 0.0, 0.0
        s, ds, _ = _logistic(x)
        return math.log(1.0 + math.exp(x)), s, ds
    if code == 4:  # rectified linear
        return (x, 1.0, 0.0) if x > 0.0 else (0.0, 0.0, 0.0)
    if code == 5:  # Gaussian
        f = math.exp(-0.5 * x * x)
        return f, -x * f, (x * x - 1.0) * f
    if code == 6:  # cosine
        return math.cos(x), -math.sin(x), -math.cos(x)
    if code == 7:  # reverse logistic
        s, ds, d2s = _logistic(x)
        return 1.0 - s, -ds, -d2s
    if code == 8:  # exponential
        f = math.exp(-x)
        return f, -f, f
    return x * x, 2.0 * x, 2.0  # harmonic


@njit
def fill_tanh(start: int, stop: int, y: np.ndarray, df: np.ndarray, d2f: np.ndarray) -> None:
    """Replace y by tanh(y) and fill its derivatives for start <= i < stop.

    tanh(x) = 1 - 2 / (exp(2x) + 1) for x > 0, off by 3e-16 at most; 1 - 1e-17 beyond 20.  The
    power of two is a product of two, because vectors convert integers of 32 bits only.
    """
    for i in range(np.uint64(start), np.uint64(stop)):
        x = min(2.0 * abs(y[i]), 40.0)
        k = np.floor(x * LOG2_E + 0.5)
        whole = np.int32(k)
        half = np.int32(whole >> 1)
        power = np.float64(np.int32(1 << half)) * np.float64(np.int32(1 << (whole - half)))
        t = 1.0 - 2.0 / (power * exp_near_zero(x - k * LN_2) + 1.0)
        slope = 1.0 - t * t
        y[i] = math.copysign(t, y[i])
        df[i] = slope
        d2f[i] = -2.0 * y[i] * slope


@njit
def _logistic(x: float) -> tuple[float, float, float]:
    if x > 35.0:
        return 1.0, 0.0, 0.0
    if x < -35.0:
        return 0.0, 0.0, 0.0
    s = 1.0 / (1.0 + math.exp(-x))
    return s, s * (1.0 - s), s * (1.0 - s) * (1.0 - 2.0 * s)


@njit
def _fan_in(n_in: int, normalize_nodes: bool) -> float:
    return 1.0 / n_in if normalize_nodes else 1.0


@njit
def outputs(
    rows: np.ndarray,
    n_tangents: int,
    w: np.ndarray,
    sizes: np.ndarray,
    codes: np.ndarray,
    normalize_nodes: bool,
) -> np.ndarray:
    """Return the networks' values, or their derivatives along tangents, shape (m,).

    Parameters
    ----------
    rows
        Inputs X, and where derivatives are wanted tangents V below them.
    n_tangents
        0 for values; m, the number of inputs, for derivatives v . dE/dG.
    """
    y, _, _ = _forward(rows, n_tangents, w, sizes, codes, normalize_nodes)
    return y[len(y) - rows.shape[0] + n_tangents :].copy()


@njit
def gradients(
    X: np.ndarray, w: np.ndarray, sizes: np.ndarray, codes: np.ndarray, normalize_nodes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return values (m,) and their derivatives with respect to the inputs (m, n_inputs)."""
    m = X.shape[0]
    y, df, _ = _forward(X, int(np.int64(0)), w, sizes, codes, normalize_nodes)
    n_layers = len(codes)
    stop = len(y)
    value = y[stop - m :].copy()
    y_bar = np.ones((m, 1))
    end = len(w)
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        begin = end - (n_in + 1) * n_out
        W = w[begin : begin + n_in * n_out].reshape((n_in, n_out))
        d = df[stop - m * n_out : stop].reshape((m, n_out))
        c = _fan_in(n_in, normalize_nodes)
        z_bar = np.empty((m, n_out))
        for i in range(m):
            for j in range(n_out):
                z_bar[i, j] = c * y_bar[i, j] * d[i, j]
        y_bar = np.dot(z_bar, W.T)
        stop -= m * n_out
        end = begin
    return value, y_bar


@njit
def _forward(
    rows: np.ndarray,
    n_tangents: int,
    w: np.ndarray,
    sizes: np.ndarray,
    codes: np.ndarray,
    normalize_nodes: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Send inputs, and below them tangents, forward; keep every layer.

    Returns
    -------
    y
        Outputs of all layers, inputs first, flat: layer l is a (rows, sizes[l]) matrix.
    df
        f'(z) of the same places (upper rows only).
    d2f
        f''(z) z_dot of the same places (upper rows only).
    """
    n_rows = rows.shape[0]
    m = n_rows - n_tangents
    total = 0
    for size in sizes:
        total += n_rows * size
    y = np.empty(total)
    df = np.empty(total)
    d2f = np.empty(total)
    n_in = sizes[0]
    for i in range(n_rows):
        for k in range(n_in):
            y[i * n_in + k] = rows[i, k]
    place = 0
    start = 0
    for layer in range(len(codes)):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        W = w[start : start + n_in * n_out].reshape((n_in, n_out))
        b = w[start + n_in * n_out : start + (n_in + 1) * n_out]
        start += (n_in + 1) * n_out
        below = y[place : place + n_rows * n_in].reshape((n_rows, n_in))
        place += n_rows * n_in
        here = y[place : place + n_rows * n_out].reshape((n_rows, n_out))
        d1 = df[place : place + n_rows * n_out].reshape((n_rows, n_out))
        d2 = d2f[place : place + n_rows * n_out].reshape((n_rows, n_out))
        np.dot(below, W, here)
        c = _fan_in(n_in, normalize_nodes)
        for i in range(m):
            for j in range(n_out):
                here[i, j] = c * (here[i, j] + b[j])
        if codes[layer] == TANH:
            fill_tanh(place, place + m * n_out, y, df, d2f)
        else:
            for i in range(place, place + m * n_out):
                y[i], df[i], d2f[i] = activation(codes[layer], y[i])
        for i in range(n_tangents):
            for j in range(n_out):
                z_dot = c * here[m + i, j]
                here[m + i, j] = d1[i, j] * z_dot
                d2[i, j] *= z_dot
    return y, df, d2f


@njit
def weight_gradient(
    rows: np.ndarray,
    n_tangents: int,
    w: np.ndarray,
    sizes: np.ndarray,
    codes: np.ndarray,
    normalize_nodes: bool,
    gradient: np.ndarray,
) -> float:
    """Return the sum of `outputs`; write its derivative with respect to the weights.

    Parameters
    ----------
    rows, n_tangents
        As in `outputs`.
    gradient
        Result, shape (n_weights,).
    """
    n_rows = rows.shape[0]
    m = n_rows - n_tangents
    y, df, d2f = _forward(rows, n_tangents, w, sizes, codes, normalize_nodes)
    n_layers = len(codes)
    stop = len(y)
    value = 0.0
    y_bar = np.zeros((n_rows, 1))
    for i in range(n_rows - m, n_rows):
        value += y[stop - n_rows + i]
        y_bar[i, 0] = 1.0
    end = len(w)
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        begin = end - (n_in + 1) * n_out
        W = w[begin : begin + n_in * n_out].reshape((n_in, n_out))
        dW = gradient[begin : begin + n_in * n_out].reshape((n_in, n_out))
        db = gradient[begin + n_in * n_out : end]
        place = stop - n_rows * n_out
        d1 = df[place:stop].reshape((n_rows, n_out))
        d2 = d2f[place:stop].reshape((n_rows, n_out))
        below = y[place - n_rows * n_in : place].reshape((n_rows, n_in))
        c = _fan_in(n_in, normalize_nodes)
        z_bar = np.empty((n_rows, n_out))
        for j in range(n_out):
            db[j] = 0.0
        for i in range(m):
            for j in range(n_out):
                z_bar[i, j] = c * y_bar[i, j] * d1[i, j]
        for i in range(n_tangents):
            for j in range(n_out):
                z_bar[i, j] += c * y_bar[m + i, j] * d2[i, j]
                z_bar[m + i, j] = c * y_bar[m + i, j] * d1[i, j]
        for i in range(m):
            for j in range(n_out):
                db[j] += z_bar[i, j]
        np.dot(below.T, z_bar, dW)
        if layer > 0:
            y_bar = np.dot(z_bar, W.T)
        stop = place
        end = begin
    return value
