"""Energies, forces and virial of a structure, atom by atom, without storing derivatives.

Potentials with the same symmetry functions and networks, that differ in their weights and in what
they know of the training set (members), share the symmetry functions and their derivatives.

Notation
--------
======= ============================================================ ======================
symbol  meaning                                                      shape, unit
======= ============================================================ ======================
E_i     network output of atom i, in internal units                  (n_atoms,)
F_k     - sum_i dE_i/dr_k, internal energy unit / Angstrom           (n_atoms, 3)
W       sum over all i and neighbours j of (dE_i/dr_j) (r_j - r_i)   (3, 3)
x_i     largest distance of a G_ik from its known range, in widths   (n_atoms,)
        of the range, 0 inside
G_ik    symmetry function k of atom i                                (n_atoms, n_max)
======= ============================================================ ======================

All but G have the members as their first axis.

W is the derivative of the energy with respect to a homogeneous strain; W / volume is the stress,
positive under tension.

Going back from dE/dG to the moments of `autune.kernels.moments`, so that no dG is needed, was
tried: a seventh less time in this kernel, a twelfth less of a whole prediction, twice the code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autune.kernels.jit import njit
from autune.kernels.network import Networks, gradients
from autune.kernels.symmetry import atom_symmetry_functions
from autune.kernels.symmetry_table import SymmetryTable, make_scratch

EXTRAPOLATION_MARGIN = 1000 * 2.220446049250313e-16
"""A symmetry function this far outside its known range extrapolates (as in n2p2)."""


class InputScaling(NamedTuple):
    """From symmetry functions to network inputs, each array (n_members, n_elements, n_max)."""

    shift: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    width: np.ndarray


@njit
def predict_structure(
    table: SymmetryTable,
    scaling: InputScaling,
    net: Networks,
    w: np.ndarray,
    elements: np.ndarray,
    first: np.ndarray,
    neighbour: np.ndarray,
    vectors: np.ndarray,
    distances: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predict one structure.

    Parameters
    ----------
    table, net
        What the members have in common.
    scaling, w
        What they have not; w has shape (n_members, n_weights).
    elements
        Element of each atom, shape (n_atoms,).
    first, neighbour, vectors, distances
        Neighbour list, as in `structure.structure_symmetry_functions`.

    Returns
    -------
    E, F, W
        As in the table above.
    extrapolations
        Symmetry functions of each atom outside their known range, (n_members, n_atoms).
    x, G
        As in the table above; G is 0 beyond the functions of the atom's element.
    """
    n_members = len(w)
    n_atoms = len(elements)
    n_max = scaling.shift.shape[2]
    E = np.empty((n_members, n_atoms))
    F = np.zeros((n_members, n_atoms, 3))
    W = np.zeros((n_members, 3, 3))
    extrapolations = np.zeros((n_members, n_atoms), np.int64)
    x = np.zeros((n_members, n_atoms))
    all_G = np.zeros((n_atoms, n_max))
    n = int(np.int64(1))
    for i in range(n_atoms):
        n = max(n, first[i + 1] - first[i])
    scratch = make_scratch(table, n)
    dE_dG = np.zeros(n_max)
    dG = np.empty((n, 3, n_max))
    neighbour_elements = np.empty(n, np.int64)
    for i in range(n_atoms):
        e = elements[i]
        start, stop = first[i], first[i + 1]
        G = all_G[i]
        for image in range(start, stop):
            neighbour_elements[image - start] = elements[neighbour[image]]
        atom_symmetry_functions(
            table,
            e,
            neighbour_elements[: stop - start],
            vectors[start:stop],
            distances[start:stop],
            scratch,
            G,
            dG,
        )
        n_inputs = net.sizes[e, 0]
        X = np.empty((1, n_inputs))
        for m in range(n_members):
            n_outside, furthest = 0, 0.0
            for k in range(n_inputs):
                X[0, k] = (G[k] - scaling.shift[m, e, k]) * scaling.slope[m, e, k]
                X[0, k] += scaling.offset[m, e, k]
                outside = max(scaling.minimum[m, e, k] - G[k], G[k] - scaling.maximum[m, e, k])
                if outside > EXTRAPOLATION_MARGIN:
                    n_outside += 1
                    furthest = max(furthest, outside / scaling.width[m, e, k])
            extrapolations[m, i], x[m, i] = n_outside, furthest
            we = w[m, net.first_weight[e] : net.first_weight[e + 1]]
            value, slope = gradients(X, we, net.sizes[e], net.codes, net.normalize_nodes)
            E[m, i] = value[0]
            for k in range(n_inputs):
                dE_dG[k] = slope[0, k] * scaling.slope[m, e, k]
            # dG is 0 beyond the element's functions.
            dE_dr = np.dot(dG[: stop - start].reshape((3 * (stop - start), n_max)), dE_dG)
            for image in range(start, stop):
                for c in range(3):
                    derivative = dE_dr[3 * (image - start) + c]
                    F[m, neighbour[image], c] -= derivative
                    F[m, i, c] += derivative
                    for d in range(3):
                        W[m, c, d] += derivative * vectors[image, d]
    return E, F, W, extrapolations, x, all_G
