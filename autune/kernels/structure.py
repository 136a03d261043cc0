"""Symmetry functions of all atoms of a structure, derivatives merged over periodic images.

Images of one atom move together, so dG_i/dr_k is the sum over the images of k; and since G_i
depends on differences of positions only, dG_i/dr_i is minus the sum over all other atoms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autune.kernels.jit import njit
from autune.kernels.symmetry import SymmetryTable, atom_symmetry_functions, make_scratch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit
def merge_images(first: Integers, neighbour: Integers) -> tuple[Integers, Integers, Integers]:
    """List the distinct pairs of atoms behind a list of periodic images.

    Parameters
    ----------
    first
        Ranges of the images per atom, shape (n_atoms + 1,).
    neighbour
        Atom of which each image is one, shape (n_images,).

    Returns
    -------
    pair_first, pair_neighbour, pair_of_image
        Ranges of the pairs per atom, shape (n_atoms + 1,); second atom of each pair, ascending
        per atom, the atom itself always among them; pair of each image.
    """
    n_atoms = len(first) - 1
    pair_first = np.zeros(n_atoms + 1, np.int64)
    pair_neighbour = np.empty(len(neighbour) + n_atoms, np.int64)
    pair_of_image = np.empty(len(neighbour), np.int64)
    pair_of_atom = np.empty(n_atoms, np.int64)
    n_pairs = 0
    for i in range(n_atoms):
        for k in range(n_atoms):
            pair_of_atom[k] = -1
        pair_of_atom[i] = 0
        for image in range(first[i], first[i + 1]):
            pair_of_atom[neighbour[image]] = 0
        # Not by sorting the images, which takes seconds to compile.
        for k in range(n_atoms):
            if pair_of_atom[k] == 0:
                pair_neighbour[n_pairs] = k
                pair_of_atom[k] = n_pairs
                n_pairs += 1
        for image in range(first[i], first[i + 1]):
            pair_of_image[image] = pair_of_atom[neighbour[image]]
        pair_first[i + 1] = n_pairs
    return pair_first, pair_neighbour[:n_pairs].copy(), pair_of_image


@njit
def structure_symmetry_functions(
    table: SymmetryTable,
    elements: Integers,
    first: Integers,
    neighbour: Integers,
    vectors: Floats,
    distances: Floats,
    n_max: int,
) -> tuple[Floats, Floats, Integers, Integers]:
    """Symmetry functions of all atoms, derivatives merged over periodic images.

    Parameters
    ----------
    table
        Symmetry functions of all elements.
    elements
        Element of each atom, shape (n_atoms,).
    first, neighbour, vectors, distances
        Neighbour list: ranges per atom, shape (n_atoms + 1,); atom, vector and distance
        (Angstrom) of each image; the images of an atom ordered by element.
    n_max
        Width of the result, not less than any number of functions.

    Returns
    -------
    G
        Values, shape (n_atoms, n_max), 0 beyond an element's functions.
    dG_dr
        dG_i/dr_k in 1/Angstrom, shape (n_pairs, 3, n_max), summed over the images of k.
    pair_first, pair_neighbour
        The pairs, as in `merge_images`.
    """
    n_atoms = len(elements)
    pair_first, pair_neighbour, pair_of_image = merge_images(first, neighbour)
    G = np.zeros((n_atoms, n_max))
    dG_dr = np.zeros((len(pair_neighbour), 3, n_max))
    n = int(np.int64(1))
    for i in range(n_atoms):
        n = max(n, first[i + 1] - first[i])
    scratch = make_scratch(table, n)
    dG = np.empty((n, 3, n_max))
    neighbour_elements = np.empty(n, np.int64)
    for i in range(n_atoms):
        start, stop = first[i], first[i + 1]
        for image in range(start, stop):
            neighbour_elements[image - start] = elements[neighbour[image]]
        atom_symmetry_functions(
            table,
            elements[i],
            neighbour_elements[: stop - start],
            vectors[start:stop],
            distances[start:stop],
            scratch,
            G[i],
            dG,
        )
        itself = pair_first[i]
        while pair_neighbour[itself] != i:
            itself += 1
        for image in range(start, stop):
            pair = pair_of_image[image]
            # Moving atom i moves its own images along: nothing changes.
            if pair == itself:
                continue
            for c in range(3):
                for f in range(n_max):
                    dG_dr[pair, c, f] += dG[image - start, c, f]
                    dG_dr[itself, c, f] -= dG[image - start, c, f]
    return G, dG_dr, pair_first, pair_neighbour
