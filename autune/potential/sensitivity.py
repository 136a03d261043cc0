"""How much the energy of an atom depends on each of its symmetry functions."""

from __future__ import annotations

import numpy as np

from autune.kernels.network import gradients
from autune.potential.layout import build_networks, padded_factors
from autune.potential.model import Potential
from autune.structures import FloatArray, IntArray


def sensitivities(potential: Potential, G: FloatArray, element: IntArray) -> dict[str, FloatArray]:
    """Return the sensitivity to every symmetry function, per element, in eV.

    The root of the mean over atoms of (dE_i/dG_i)^2, times the range of G in the training set: the
    slope with respect to a function that is scaled to a width of 1, however the potential scales
    (J. Behler, J. Phys.: Condens. Matter 26, 183001 (2014), on the sensitivity of the energy).

    Parameters
    ----------
    potential
        Trained.
    G
        Its symmetry functions of some atoms, not scaled, shape (n_atoms, n_max).
    element
        Place of each atom's element in the architecture, shape (n_atoms,).

    Returns
    -------
    dict
        NaN for an element without atoms.
    """
    a = potential.architecture
    net = build_networks(a)
    shift, slope, offset = padded_factors(potential.scaling, a)
    result = {}
    for e, symbol in enumerate(a.elements):
        n = len(a.symmetry_functions[symbol])
        of_element = G[element == e, :n]
        if len(of_element) == 0:
            result[symbol] = np.full(n, np.nan)
            continue
        X = np.ascontiguousarray((of_element - shift[e, :n]) * slope[e, :n] + offset[e, :n])
        weights = np.ascontiguousarray(potential.weights[symbol])
        _, dE_dX = gradients(X, weights, net.sizes[e], net.codes, net.normalize_nodes)
        dE_dG = np.sqrt(np.mean(dE_dX**2, axis=0)) * np.abs(slope[e, :n])
        scaling = potential.scaling[symbol]
        width = scaling.maximum - scaling.minimum
        result[symbol] = dE_dG * width * (a.energy_unit / a.conv_energy)
    return result
