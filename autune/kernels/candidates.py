"""Errors and weight derivatives of energies, forces and virials of a set of structures.

Notation
--------
============== ======================================================= ======================
symbol         meaning                                                 shape
============== ======================================================= ======================
S, A, B        structures, their atoms, pairs (atom, atom that feels)
G              scaled symmetry functions of every atom                 (n_A, n_max)
element        element of every atom                                   (n_A,)
first_atom     atoms of structure s: first_atom[s] .. first_atom[s+1]  (n_S + 1,)
first_pair     pairs in which atom a is moved                          (n_A + 1,)
center         atom that feels the move, sorted by element             (n_B,)
dG_dr          derivative of G[center] with respect to r_a, 1/Angstrom (n_B, 3, n_max)
length         training lengths in one Angstrom
stressed       structures whose stress is known                        (n_T,)
dG_dstrain     derivative of G with respect to the strains xx, yy, zz, (n_A, 6, n_max)
               yz, xz, xy
W              derivative of the energy with respect to strain:        (6 n_T,)
               stress times volume
w              weights of all elements, one after the other            (n_weights,)
first_weight   weights of element e                                    (n_elements + 1,)
sizes          neurons per layer of each element's network             (n_elements, n_layers+1)
codes          activation of each layer                                (n_layers,)
============== ======================================================= ======================

A force component is F_ac = - sum_pairs dE_i/dG_i . dG_i/dr_ac; its number is 3 a + c with the
atom a counted through the whole set.  Energies of structures are sums of atomic energies.
A component of the virial is W_tv = sum_i dE_i/dG_i . dG_i/de_v over all atoms of structure
stressed[t]; its number is 6 t + v.  It is an energy of the whole structure, as those of kind
ENERGY, and in the same unit.

Sums are collected in a variable and written to their array at the end.  Added up in the array,
they have two orders: the compiled loop looks at run time whether its arrays may overlap, takes four
terms at once if not, one after the other if so, and errs where one array lies shortly behind the
other.  The last bit of an energy then depends on where memory happened to be free, and a training
that goes on in another process has other errors than one without a break.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autune.kernels.jit import njit
from autune.kernels.network import Networks, gradients, outputs, weight_gradient

ENERGY, FORCE, STRESS = 0, 1, 2
"""Kinds of candidates."""


class Observables(NamedTuple):
    """Everything about a set of structures that training looks at, in training units."""

    G: np.ndarray
    element: np.ndarray
    first_atom: np.ndarray
    first_pair: np.ndarray
    center: np.ndarray
    dG_dr: np.ndarray
    length: float
    energy: np.ndarray
    force: np.ndarray
    stressed: np.ndarray
    dG_dstrain: np.ndarray
    virial: np.ndarray


@njit
def _rows_of_element(data: Observables, begin: int, end: int, e: int, n_inputs: int) -> np.ndarray:
    """Copy the inputs of the atoms of one element of a structure, shape (m, n_inputs)."""
    m = 0
    for i in range(begin, end):
        if data.element[i] == e:
            m += 1
    X = np.empty((m, n_inputs))
    m = 0
    for i in range(begin, end):
        if data.element[i] == e:
            for k in range(n_inputs):
                X[m, k] = data.G[i, k]
            m += 1
    return X


@njit
def _stack(data: Observables, component: int, e: int, n_inputs: int) -> np.ndarray:
    """Stack inputs above tangents of the atoms of one element that feel a component."""
    a, c = component // 3, component % 3
    begin = data.first_pair[a]
    end = data.first_pair[a + 1]
    while begin < end and data.element[data.center[begin]] < e:
        begin += 1
    stop = begin
    while stop < end and data.element[data.center[stop]] == e:
        stop += 1
    m = stop - begin
    XV = np.empty((2 * m, n_inputs))
    for i in range(m):
        for k in range(n_inputs):
            XV[i, k] = data.G[data.center[begin + i], k]
            XV[m + i, k] = data.dG_dr[begin + i, c, k] / data.length
    return XV


@njit
def _stack_strained(data: Observables, component: int, e: int, n_inputs: int) -> np.ndarray:
    """Stack inputs above tangents of the atoms of one element of a strained structure."""
    s, v = data.stressed[component // 6], component % 6
    begin, end = data.first_atom[s], data.first_atom[s + 1]
    X = _rows_of_element(data, begin, end, e, n_inputs)
    m = len(X)
    XV = np.empty((2 * m, n_inputs))
    XV[:m] = X
    for i in range(begin, end):
        if data.element[i] == e:
            for k in range(n_inputs):
                XV[m, k] = data.dG_dstrain[i, v, k]
            m += 1
    return XV


@njit
def _rows(data: Observables, kind: int, candidate: int, e: int, n_inputs: int) -> np.ndarray:
    """Copy inputs of one element, and below them tangents where there are some."""
    if kind == FORCE:
        return _stack(data, candidate, e, n_inputs)
    if kind == STRESS:
        return _stack_strained(data, candidate, e, n_inputs)
    begin, end = data.first_atom[candidate], data.first_atom[candidate + 1]
    return _rows_of_element(data, begin, end, e, n_inputs)


@njit
def predict_candidates(
    data: Observables, net: Networks, w: np.ndarray, kind: int, chosen: np.ndarray
) -> np.ndarray:
    """Return energies of chosen structures, or chosen components of forces or virials."""
    result = np.zeros(len(chosen))
    sign = -1.0 if kind == FORCE else 1.0
    for s in range(len(chosen)):
        total = 0.0
        for e in range(len(net.sizes)):
            rows = _rows(data, kind, chosen[s], e, net.sizes[e, 0])
            if len(rows) > 0:
                n_tangents = 0 if kind == ENERGY else len(rows) // 2
                we = w[net.first_weight[e] : net.first_weight[e + 1]]
                for value in outputs(
                    rows, n_tangents, we, net.sizes[e], net.codes, net.normalize_nodes
                ):
                    total += sign * value
        result[s] = total
    return result


@njit
def observe_candidates(
    data: Observables,
    net: Networks,
    w: np.ndarray,
    kind: int,
    chosen: np.ndarray,
    jacobian: np.ndarray,
) -> np.ndarray:
    """Return what `predict_candidates` does; write the derivatives to w as rows of `jacobian`."""
    result = np.zeros(len(chosen))
    for s in range(len(chosen)):
        for k in range(len(w)):
            jacobian[s, k] = 0.0
    sign = -1.0 if kind == FORCE else 1.0
    for s in range(len(chosen)):
        for e in range(len(net.sizes)):
            rows = _rows(data, kind, chosen[s], e, net.sizes[e, 0])
            if len(rows) > 0:
                n_tangents = 0 if kind == ENERGY else len(rows) // 2
                i, j = net.first_weight[e], net.first_weight[e + 1]
                row = jacobian[s, i:j]
                result[s] += sign * weight_gradient(
                    rows, n_tangents, w[i:j], net.sizes[e], net.codes, net.normalize_nodes, row
                )
                for k in range(j - i):
                    row[k] *= sign
    return result


@njit
def predict_all(
    data: Observables, net: Networks, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies (n_S,), forces (3 n_A,) and virials (6 n_T,) of the whole set."""
    n_atoms = len(data.element)
    energy = np.zeros(len(data.first_atom) - 1)
    force = np.zeros(3 * n_atoms)
    dE_dG = np.zeros((n_atoms, data.G.shape[1]))
    atomic = np.zeros(n_atoms)
    for e in range(len(net.sizes)):
        n_inputs = net.sizes[e, 0]
        X = _rows_of_element(data, data.first_atom[0], n_atoms, e, n_inputs)
        if len(X) == 0:
            continue
        we = w[net.first_weight[e] : net.first_weight[e + 1]]
        value, slope = gradients(X, we, net.sizes[e], net.codes, net.normalize_nodes)
        m = 0
        for i in range(n_atoms):
            if data.element[i] == e:
                atomic[i] = value[m]
                for k in range(n_inputs):
                    dE_dG[i, k] = slope[m, k]
                m += 1
    for s in range(len(energy)):
        total = 0.0
        for i in range(data.first_atom[s], data.first_atom[s + 1]):
            total += atomic[i]
        energy[s] = total
    for a in range(n_atoms):
        for p in range(data.first_pair[a], data.first_pair[a + 1]):
            i = data.center[p]
            for c in range(3):
                total = 0.0
                for k in range(dE_dG.shape[1]):
                    total += dE_dG[i, k] * data.dG_dr[p, c, k]
                force[3 * a + c] -= total / data.length
    virial = np.zeros(6 * len(data.stressed))
    for t in range(len(data.stressed)):
        s = data.stressed[t]
        for v in range(6):
            whole = 0.0
            for i in range(data.first_atom[s], data.first_atom[s + 1]):
                total = 0.0
                for k in range(dE_dG.shape[1]):
                    total += dE_dG[i, k] * data.dG_dstrain[i, v, k]
                whole += total
            virial[6 * t + v] = whole
    return energy, force, virial
