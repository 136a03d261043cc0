"""Initial weights, as n2p2 draws them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from autune.architecture import Architecture
from autune.settings import InitializationSettings
from autune.structures import FloatArray


def initial_weights(
    architecture: Architecture,
    element: str,
    settings: InitializationSettings,
    generator: np.random.Generator,
) -> FloatArray:
    """Draw the weights of one element's network.

    All weights and biases are uniform in [weights_min, weights_max).  Then

    * ``glorot``: weights that feed a tanh layer times sqrt(6/(n_in + n_out)) (Glorot and Bengio,
      AISTATS 2010, Eq. (16)), biases 0; other layers are left as they are;
    * ``nguyen_widrow`` (Nguyen and Widrow, IJCNN 1990, 3, 21): in hidden layers the weight vector
      of each neuron has the norm beta = 0.7 n_out^(1/n_in), 2 beta for tanh, and its bias is
      multiplied by the same; the first output weight is halved (as in n2p2).

    Returns
    -------
    weights
        Shape (n_weights,), in n2p2's order.
    """
    sizes = architecture.layer_sizes(element)
    parts = []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        W = generator.uniform(settings.weights_min, settings.weights_max, (n_in, n_out))
        b = generator.uniform(settings.weights_min, settings.weights_max, n_out)
        is_tanh = architecture.activations[layer] == "tanh"
        is_output = layer == len(sizes) - 2
        if settings.method == "glorot":
            b[:] = 0.0
            if is_tanh:
                W *= np.sqrt(6.0 / (n_in + n_out))
        elif settings.method == "nguyen_widrow":
            if is_output:
                W[0, 0] *= 0.5
            else:
                beta = 0.7 * n_out ** (1.0 / n_in) * (2.0 if is_tanh else 1.0)
                W *= beta / np.linalg.norm(W, axis=0)
                b *= beta
        parts += [W.ravel(), b]
    return np.concatenate(parts)
