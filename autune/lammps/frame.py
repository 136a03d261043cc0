"""Structures as LAMMPS takes them: triangular cells, types, data files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from autune.structures import FloatArray, Structure

NULL = "NULL"
"""What stands for the element of a type that a potential does not know."""

_MARGIN = 1.0
"""Angstrom between a cluster and the sides of its box."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A structure in the coordinates of LAMMPS.

    Attributes
    ----------
    origin
        Lower corner of the box in Angstrom, shape (3,).
    cell
        Lattice vectors as rows in Angstrom, lower triangular with a positive diagonal; of a
        cluster, the edges of its box.
    positions
        Inside of the box, in Angstrom, shape (n_atoms, 3).
    rotation
        Takes vectors to this frame, ``v @ rotation``.
    periodic
        False for a cluster.
    """

    origin: FloatArray
    cell: FloatArray
    positions: FloatArray
    rotation: FloatArray
    periodic: bool

    @classmethod
    def of(cls, structure: Structure) -> Frame:
        """Turn a structure: its first lattice vector along x, its second in the plane of x and y.

        A left-handed cell gets its third vector turned round, and vectors as long as half of
        another are added until the cell is least inclined: both spans the same lattice.
        """
        if structure.cell is None:
            low = structure.positions.min(axis=0) - _MARGIN
            edges = structure.positions.max(axis=0) + _MARGIN - low
            return cls(low, np.diag(edges), structure.positions, np.eye(3), False)
        cell = structure.cell.copy()
        if np.linalg.det(cell) < 0.0:
            cell[2] *= -1.0
        rotation, upper = np.linalg.qr(cell.T)
        signs = np.sign(np.diag(upper))
        rotation, lower = rotation * signs, (upper.T * signs)
        lower[np.triu_indices(3, 1)] = 0.0
        for row, other in ((1, 0), (2, 1), (2, 0)):
            lower[row] -= np.round(lower[row, other] / lower[other, other]) * lower[other]
        inside = structure.positions @ rotation @ np.linalg.inv(lower)
        inside -= np.floor(inside)
        inside[inside >= 1.0] = 0.0  # what rounding has put on the far side
        return cls(np.zeros(3), lower, inside @ lower, rotation, True)

    def vectors_back(self, vectors: FloatArray) -> FloatArray:
        """Turn vectors, shape (n, 3), back to the axes of the structure."""
        return vectors @ self.rotation.T

    def tensor_back(self, tensor: FloatArray) -> FloatArray:
        """Turn a tensor, shape (3, 3), back to the axes of the structure."""
        return self.rotation @ tensor @ self.rotation.T


def data_file(structure: Structure, frame: Frame, types: Sequence[str]) -> str:
    """Write a data file of LAMMPS, ``atom_style atomic``, with all digits.

    Parameters
    ----------
    structure
        Whose atoms it holds.
    frame
        Of this structure.
    types
        Element of each type of LAMMPS, `NULL` for one that no atom has.
    """
    low, cell = frame.origin, frame.cell
    high = low + np.diag(cell)
    bounds = "\n".join(
        f"{low[i]:.17g} {high[i]:.17g} {axis}lo {axis}hi" for i, axis in enumerate("xyz")
    )
    tilts = " ".join(f"{cell[i, j]:.17g}" for i, j in ((1, 0), (2, 0), (2, 1)))
    masses = "\n".join(
        f"{i} {1.0 if element == NULL else atomic_masses[atomic_numbers[element]]:.6g}"
        for i, element in enumerate(types, start=1)
    )
    type_of = {atomic_numbers[e]: i for i, e in enumerate(types, start=1) if e != NULL}
    atoms = "\n".join(
        f"{i} {type_of[number]} {x:.17g} {y:.17g} {z:.17g}"
        for i, (number, (x, y, z)) in enumerate(
            zip(structure.numbers, frame.positions, strict=True), start=1
        )
    )
    tilted = f"{tilts} xy xz yz\n" if frame.periodic else ""
    return (
        f"{structure.label}\n\n{structure.n_atoms} atoms\n{len(types)} atom types\n"
        f"{bounds}\n{tilted}\nMasses\n\n{masses}\n\nAtoms # atomic\n\n{atoms}\n"
    )
