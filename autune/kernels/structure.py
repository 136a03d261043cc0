"""Symmetry functions of all atoms of a structure, derivatives merged over periodic images.

Images of one atom move together, so dG_i/dr_k is the sum over the images of k; and since G_i
depends on differences of positions only, dG_i/dr_i is minus the sum over all other atoms.

A strain e_cd moves every image by e_cd r_d along c.  Images of one atom move differently then, so

    dG_i/de_cd = sum over images j of (dG_i/dr_jc) (r_j - r_i)_d

is added up before images merge (virial in periodic cells: Thompson, Plimpton, Mattson, J. Chem.
Phys. 131, 154107 (2009)).  It is symmetric in c and d, as G_i does not change when everything is
turned; the six of Voigt's order are kept.

A pair is an atom k that moves and an atom i that feels it.  The pairs of one k lie together,
ordered by the element of i, because that is what the derivatives of a force need; they are
written to their place at once, because a second copy would double the memory of a training.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autune.kernels.jit import njit, njit_inner
from autune.kernels.symmetry import atom_symmetry_functions
from autune.kernels.symmetry_table import SymmetryTable, make_scratch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Directions c, d of the six components of strain, stress and virial."""


class Pairs(NamedTuple):
    """The distinct pairs of atoms behind a list of periodic images.

    Parameters
    ----------
    first
        Ranges of the pairs per atom k that moves, shape (n_atoms + 1,).
    center
        Atom i that feels it, by element, then by number, k itself among them, shape (n_pairs,).
    of_image, of_atom
        Pair (i, k) of each image of the list of i, shape (n_images,); pair (i, i) of each atom,
        shape (n_atoms,).
    """

    first: Integers
    center: Integers
    of_image: Integers
    of_atom: Integers


@njit
def merge_images(first: Integers, neighbour: Integers, by_element: Integers) -> Pairs:
    """List the pairs.

    Parameters
    ----------
    first
        Ranges of the images per atom, shape (n_atoms + 1,).
    neighbour
        Atom of which each image is one, shape (n_images,).
    by_element
        Atoms in order of element, shape (n_atoms,).
    """
    n_atoms = len(by_element)
    pair_first = np.zeros(n_atoms + 1, np.int64)
    seen_by = np.full(n_atoms, -1, np.int64)
    for i in range(n_atoms):
        seen_by[i] = i
        pair_first[i + 1] += 1
        for image in range(first[i], first[i + 1]):
            k = neighbour[image]
            if seen_by[k] != i:
                seen_by[k] = i
                pair_first[k + 1] += 1
    for k in range(n_atoms):
        pair_first[k + 1] += pair_first[k]
    center = np.empty(pair_first[n_atoms], np.int64)
    of_image = np.empty(len(neighbour), np.int64)
    of_atom = np.empty(n_atoms, np.int64)
    place = pair_first[:n_atoms].copy()
    for i in by_element:
        center[place[i]] = i
        place[i] += 1
        of_atom[i] = place[i] - 1
        for image in range(first[i], first[i + 1]):
            k = neighbour[image]
            if place[k] == pair_first[k] or center[place[k] - 1] != i:
                center[place[k]] = i
                place[k] += 1
            of_image[image] = place[k] - 1
    return Pairs(pair_first, center, of_image, of_atom)


@njit_inner
def add_up_strain(dG: Floats, vectors: Floats, total: Floats) -> None:
    """Fill the derivatives of one atom's functions with respect to strain, shape (6, n_max)."""
    total[:] = 0.0
    for image in range(len(vectors)):
        for v in range(6):
            c, d = VOIGT[v]
            length = vectors[image, d]
            for f in range(total.shape[1]):
                total[v, f] += dG[image, c, f] * length


@njit
def structure_symmetry_functions(
    table: SymmetryTable,
    elements: Integers,
    first: Integers,
    neighbour: Integers,
    vectors: Floats,
    distances: Floats,
    pairs: Pairs,
    G: Floats,
    dG_dr: Floats,
    dG_dstrain: Floats,
) -> None:
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
    pairs
        Of the same list, from `merge_images`.
    G
        Filled: values, shape (n_atoms, n_max), 0 beyond an element's functions.
    dG_dr
        Zeros, to which dG_i/dr_k in 1/Angstrom of the pairs is added, shape (n_pairs, 3, n_max).
    dG_dstrain
        Filled: dG_i/de in the order of `VOIGT`, shape (n_atoms, 6, n_max); left alone where it has
        no rows.
    """
    n_atoms, n_max = G.shape
    n = int(np.int64(1))
    for i in range(n_atoms):
        n = max(n, first[i + 1] - first[i])
    scratch = make_scratch(table, n)
    dG = np.empty((n, 3, n_max))
    of_strain = np.empty((6, n_max))
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
        if len(dG_dstrain) > 0:
            add_up_strain(dG, vectors[start:stop], of_strain)
            dG_dstrain[i] = of_strain
        itself = pairs.of_atom[i]
        for image in range(start, stop):
            pair = pairs.of_image[image]
            # Moving atom i moves its own images along: nothing changes.
            if pair == itself:
                continue
            for c in range(3):
                for f in range(n_max):
                    dG_dr[pair, c, f] += dG[image - start, c, f]
                    dG_dr[itself, c, f] -= dG[image - start, c, f]


@njit
def values_of_atoms(
    table: SymmetryTable,
    elements: Integers,
    first: Integers,
    neighbour: Integers,
    vectors: Floats,
    distances: Floats,
    atoms: Integers,
    G: Floats,
) -> None:
    """Symmetry functions of some atoms of a structure; no derivative is kept.

    Parameters
    ----------
    table, elements, first, neighbour, vectors, distances
        As in `structure_symmetry_functions`.
    atoms
        Which atoms, shape (m,).
    G
        Filled: values, shape (m, n_max), 0 beyond an element's functions.
    """
    n = int(np.int64(1))
    for i in atoms:
        n = max(n, first[i + 1] - first[i])
    scratch = make_scratch(table, n)
    dG = np.empty((n, 3, G.shape[1]))
    neighbour_elements = np.empty(n, np.int64)
    for m in range(len(atoms)):
        i = atoms[m]
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
            G[m],
            dG,
        )
