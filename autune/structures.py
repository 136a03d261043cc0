"""The structure: what one DFT calculation says about some atoms, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autune.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Side = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms, their cell, and what DFT calculated for them.

    Parameters
    ----------
    numbers
        Atomic numbers, shape (n_atoms,).
    positions
        Cartesian positions in Angstrom, shape (n_atoms, 3).
    cell
        Lattice vectors as rows in Angstrom, shape (3, 3): periodic in all three directions.
        None for a cluster.
    energy
        Total energy in eV.
    forces
        Forces in eV/Angstrom, shape (n_atoms, 3).
    stress
        Stress tensor in eV/Angstrom^3, shape (3, 3), positive under tension (ASE's sign).
    charge
        Total charge in elementary charges; carried along, not used.
    group
        Kind of structure, for example ``surface_100``; errors are listed per group.
    name
        What the user calls this structure.
    side
        ``train`` or ``test`` where the file fixes the split, else None.
    weight
        Weight of this structure's errors in training.

    Raises
    ------
    DataError
        If lengths disagree or a number is not finite.
    """

    numbers: IntArray
    positions: FloatArray
    cell: FloatArray | None = None
    energy: float | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    charge: float = 0.0
    group: str = ""
    name: str = ""
    side: Side | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Bring arrays into one type and refuse what cannot be a structure."""
        set_ = object.__setattr__
        set_(self, "numbers", np.ascontiguousarray(self.numbers, dtype=np.int64))
        n = len(self.numbers)
        shapes = {"positions": (n, 3), "cell": (3, 3), "forces": (n, 3), "stress": (3, 3)}
        for field, shape in shapes.items():
            value = getattr(self, field)
            if value is None:
                continue
            array = np.ascontiguousarray(value, dtype=np.float64)
            if array.shape != shape:
                raise DataError(
                    f"{self.label}: {field} must have shape {shape} for {n} atoms, "
                    f"found {array.shape}"
                )
            if not np.isfinite(array).all():
                raise DataError(f"{self.label}: {field} contain NaN or infinity; remove it")
            set_(self, field, array)
        if n == 0:
            raise DataError(f"{self.label}: has no atoms; remove it")
        if self.energy is not None and not np.isfinite(self.energy):
            raise DataError(f"{self.label}: energy is {self.energy}; remove the structure")
        if self.cell is not None and abs(np.linalg.det(self.cell)) < 1e-6:
            raise DataError(f"{self.label}: the lattice vectors do not span a volume")

    @property
    def label(self) -> str:
        """Name for messages."""
        return f"structure {self.name!r}" if self.name else "structure"

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Volume of the cell in Angstrom^3."""
        if self.cell is None:
            raise DataError(f"{self.label}: a cluster has no volume")
        return float(abs(np.linalg.det(self.cell)))
