"""Neighbours within the cutoff radius: the door to matscipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matscipy.neighbours import neighbour_list as matscipy_neighbour_list

from autune.errors import DataError
from autune.structures import FloatArray, IntArray, Structure

COINCIDENCE = 1e-6
"""Two atoms closer than this (Angstrom) are a mistake in the data."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """All neighbours of all atoms; each periodic image counts as one.

    Parameters
    ----------
    first
        The neighbours of atom i are first[i]:first[i + 1], shape (n_atoms + 1,).
    index
        Atom of which the neighbour is an image, shape (n_neighbours,).
    vectors
        From the atom to the neighbour in Angstrom, shape (n_neighbours, 3).
    distances
        In Angstrom, shape (n_neighbours,).
    """

    first: IntArray
    index: IntArray
    vectors: FloatArray
    distances: FloatArray


def neighbour_list(structure: Structure, r_cutoff: float) -> Neighbours:
    """Find all neighbours closer than a radius.

    Cells may be smaller than the radius; an atom is then a neighbour of itself.

    Parameters
    ----------
    structure
        Periodic in all directions, or a cluster.
    r_cutoff
        Radius in Angstrom; neighbours have distances below it.

    Returns
    -------
    Neighbours
        Ordered by atom, then by atomic number of the neighbour.

    Raises
    ------
    DataError
        If two atoms are at the same place.
    """
    positions, cell, periodic = structure.positions, structure.cell, True
    if cell is None:
        # A box around the cluster, so that matscipy can sort its atoms into bins.
        positions = positions - positions.min(axis=0)
        cell, periodic = np.diag(positions.max(axis=0) + 1.0), False
    i, j, vectors, distances = matscipy_neighbour_list(
        "ijDd", cutoff=r_cutoff, positions=positions, cell=cell, pbc=[periodic] * 3
    )
    inside = distances < r_cutoff
    if not inside.all():
        i, j, vectors, distances = i[inside], j[inside], vectors[inside], distances[inside]
    if len(distances) and distances.min() < COINCIDENCE:
        closest = distances.argmin()
        raise DataError(
            f"{structure.label}: atoms {i[closest]} and {j[closest]} are "
            f"{distances[closest]:.1e} Angstrom apart; remove one of them"
        )
    numbers = structure.numbers
    if (numbers != numbers[0]).any():
        order = np.lexsort((numbers[j], i))
        i, j, vectors, distances = i[order], j[order], vectors[order], distances[order]
    first = np.zeros(structure.n_atoms + 1, dtype=np.int64)
    np.cumsum(np.bincount(i, minlength=structure.n_atoms), out=first[1:])
    return Neighbours(
        first, j.astype(np.int64), np.ascontiguousarray(vectors), np.ascontiguousarray(distances)
    )
