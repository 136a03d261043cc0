"""Values of symmetry functions over atoms of a set, without derivatives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autune.architecture import Architecture
from autune.kernels.structure import values_of_atoms
from autune.potential.descriptors import element_indices
from autune.potential.neighbours import neighbour_list
from autune.potential.symmetry_tables import symmetry_tables
from autune.structures import FloatArray, IntArray, Structure


@dataclass(frozen=True, eq=False)
class AtomSample:
    """Atoms of some structures, the same whatever the order of the structures.

    Parameters
    ----------
    structure, atom
        Which structure, which of its atoms, shapes (n,).
    element
        Place of the element in the architecture, shape (n,).
    """

    structure: IntArray
    atom: IntArray
    element: IntArray


def sample_atoms(
    structures: Sequence[Structure], architecture: Architecture, most: int
) -> AtomSample:
    """Choose atoms of each element, spread evenly over the structures.

    Parameters
    ----------
    structures
        Of elements that the architecture knows.
    architecture
        Supplies the elements.
    most
        Atoms of each element at most.

    Returns
    -------
    AtomSample
        By element, then by structure in an order that its content alone decides.
    """
    order = sorted(range(len(structures)), key=lambda s: _content(structures[s]))
    elements = [element_indices(structures[s], architecture) for s in order]
    element = np.concatenate([np.empty(0, np.int64), *elements])
    structure = np.repeat(order, [len(e) for e in elements]).astype(np.int64)
    atom = np.concatenate([np.empty(0, np.int64), *(np.arange(len(e)) for e in elements)])
    chosen = [np.empty(0, np.int64)]
    for e in range(len(architecture.elements)):
        places = np.flatnonzero(element == e)
        n = min(most, len(places))
        chosen.append(places[np.arange(n) * len(places) // max(n, 1)])
    places = np.concatenate(chosen)
    return AtomSample(structure[places], atom[places], element[places])


def sample_values(
    structures: Sequence[Structure], architecture: Architecture, sample: AtomSample
) -> FloatArray:
    """Compute the symmetry functions of sampled atoms, not scaled, shape (n, n_max).

    Raises
    ------
    DataError
        If a structure has an unknown element or two atoms at the same place.
    """
    table = symmetry_tables(architecture)
    G = np.zeros((len(sample.atom), int(table.n_functions.max())))
    by_structure = np.argsort(sample.structure, kind="stable")
    for places in np.split(
        by_structure, np.flatnonzero(np.diff(sample.structure[by_structure])) + 1
    ):
        if not len(places):
            continue
        structure = structures[sample.structure[places[0]]]
        found = neighbour_list(structure, architecture.reach)
        values = np.zeros((len(places), G.shape[1]))
        values_of_atoms(
            table,
            element_indices(structure, architecture),
            found.first,
            found.index,
            found.vectors,
            found.distances,
            sample.atom[places],
            values,
        )
        G[places] = values
    return G


def correlate(G: FloatArray) -> FloatArray:
    """Return Pearson's coefficients of the columns, none of which is constant."""
    Z = G - G.mean(axis=0)
    Z /= np.abs(Z).max(axis=0)  # squares of the smallest would be 0
    Z /= np.sqrt(np.mean(Z**2, axis=0))
    r: FloatArray = Z.T @ Z / len(Z)
    np.fill_diagonal(r, 1.0)
    return np.clip(r, -1.0, 1.0)


def spread_of(G: FloatArray) -> FloatArray:
    """Return maximum - minimum of every column; 0 without rows."""
    return np.ptp(G, axis=0) if len(G) else np.zeros(G.shape[1])


def keep_functions(architecture: Architecture, kept: Mapping[str, Sequence[int]]) -> Architecture:
    """Return an architecture with some of its functions, by their places."""
    functions = {
        symbol: tuple(architecture.symmetry_functions[symbol][place] for place in kept[symbol])
        for symbol in architecture.elements
    }
    return replace(architecture, symmetry_functions=functions)


def _content(structure: Structure) -> bytes:
    digest = hashlib.sha256()
    for array in (structure.numbers, structure.positions, structure.cell):
        digest.update(b"-" if array is None else array.tobytes())
    return digest.digest()
