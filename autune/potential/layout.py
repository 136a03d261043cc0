"""A potential as the flat arrays that kernels take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autune.architecture import ACTIVATIONS, Architecture
from autune.formats.tables import Scaling
from autune.kernels.network import Networks
from autune.kernels.prediction import EXTRAPOLATION_MARGIN
from autune.potential.descriptors import scaling_factors
from autune.structures import FloatArray


def build_networks(architecture: Architecture) -> Networks:
    """Lay out the networks of all elements in one vector of weights."""
    n_weights = [architecture.n_weights(element) for element in architecture.elements]
    return Networks(
        sizes=np.array([architecture.layer_sizes(e) for e in architecture.elements]),
        codes=np.array([ACTIVATIONS.index(a) for a in architecture.activations]),
        first_weight=np.concatenate([[0], np.cumsum(n_weights)]),
        normalize_nodes=architecture.normalize_nodes,
    )


def join_weights(weights: Mapping[str, FloatArray], architecture: Architecture) -> FloatArray:
    """Return the weights of all elements, one after the other, shape (n_weights,)."""
    return np.concatenate([weights[element] for element in architecture.elements])


def split_weights(weights: FloatArray, architecture: Architecture) -> dict[str, FloatArray]:
    """Return the weights per element."""
    first = build_networks(architecture).first_weight
    return {
        element: weights[first[e] : first[e + 1]].copy()
        for e, element in enumerate(architecture.elements)
    }


def padded_factors(
    scaling: Mapping[str, Scaling], architecture: Architecture
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return shift, factor and offset of the scaling, each (n_elements, n_max).

    Inputs are (G - shift) factor + offset; 0 where an element has no function.
    """
    n_max = max(len(functions) for functions in architecture.symmetry_functions.values())
    shift, slope, offset = np.zeros((3, len(architecture.elements), n_max))
    for e, (center, factor, start) in enumerate(scaling_factors(scaling, architecture).values()):
        n = len(center)
        shift[e, :n], slope[e, :n], offset[e, :n] = center, factor, start
    return shift, slope, offset


def padded_range(
    scaling: Mapping[str, Scaling], architecture: Architecture
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return smallest and largest known value and width of every function, (n_elements, n_max).

    The width is `known_width`, 1 where an element has no function.
    """
    n_max = max(len(functions) for functions in architecture.symmetry_functions.values())
    low, high = np.zeros((2, len(architecture.elements), n_max))
    width = np.ones_like(low)
    for e, element in enumerate(architecture.elements):
        s = scaling[element]
        n = len(s.minimum)
        low[e, :n], high[e, :n], width[e, :n] = s.minimum, s.maximum, known_width(s)
    return low, high, width


def known_width(scaling: Scaling) -> FloatArray:
    """Return maximum - minimum of every function over the training set, shape (n_functions,).

    At least `EXTRAPOLATION_MARGIN`: a function that is constant in the training set has no width
    to measure distances by, and they would be infinite.
    """
    return np.maximum(scaling.maximum - scaling.minimum, EXTRAPOLATION_MARGIN)
