"""The structure: what one DFT calculation says about some atoms, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autune.errors import DataError, printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Side = Literal["train", "test"]

N_ELEMENTS = 118
LARGEST_LENGTH = 1e5
"""Largest coordinate in Angstrom; beyond, it is a mistake or another unit."""

LARGEST_VOLUME = 1e9
"""Largest volume of a cell, or of the box around a cluster, in Angstrom^3."""

SMALLEST_SPACING = 0.1
"""Smallest distance of lattice planes in Angstrom."""

SMALLEST_VOLUME_PER_ATOM = 0.1
"""In Angstrom^3; hydrogen under the pressure of Jupiter's core has ten times as much."""

LARGEST_VALUE = 1e12
"""Largest energy, force, stress, weight and charge, in their units."""


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
        What the user calls this structure.  In both, control characters become escapes.
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
        for field in ("group", "name"):
            set_(self, field, printable(getattr(self, field)))
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
                    f"found {array.shape}; mend or remove it"
                )
            if not np.isfinite(array).all():
                raise DataError(f"{self.label}: NaN or infinity in {field}; mend or remove it")
            set_(self, field, array)
        if n == 0:
            raise DataError(f"{self.label}: has no atoms; remove it")
        if self.numbers.min() < 1 or self.numbers.max() > N_ELEMENTS:
            wrong = self.numbers[(self.numbers < 1) | (self.numbers > N_ELEMENTS)][0]
            raise DataError(
                f"{self.label}: atomic numbers are 1 to {N_ELEMENTS}, found {wrong}; remove it"
            )
        self._check_values()
        self._check_lengths()

    def _check_values(self) -> None:
        """Refuse energies, forces, weights and charges that nothing can be learnt from."""
        for field in ("energy", "weight", "charge", "forces", "stress"):
            value = getattr(self, field)
            if value is None:
                continue
            largest = np.abs(value).max() if isinstance(value, np.ndarray) else abs(value)
            if not largest <= LARGEST_VALUE:  # NaN is not, either
                found = f"{field} reach {largest:g}"
                if not isinstance(value, np.ndarray):
                    found = f"{field} is {value:g}"
                raise DataError(
                    f"{self.label}: {found}, finite numbers of size {LARGEST_VALUE:g} at most are "
                    "expected; mend or remove it"
                )
        if self.weight < 0.0:
            raise DataError(f"{self.label}: the weight must not be negative, found {self.weight:g}")

    def _check_lengths(self) -> None:
        """Refuse what is no arrangement of atoms: searches for neighbours would not end."""
        positions, cell = self.positions, self.cell
        largest = float(np.abs(positions if cell is None else np.vstack([positions, cell])).max())
        if largest > LARGEST_LENGTH:
            raise DataError(
                f"{self.label}: positions and cells reach {LARGEST_LENGTH:g} Angstrom at most, "
                f"found {largest:g}; mend it or remove the structure"
            )
        if cell is None:
            volume = float(np.prod(np.ptp(positions, axis=0) + 1.0))
        else:
            volume = self.volume
            if volume < 1e-6:
                raise DataError(
                    f"{self.label}: the lattice vectors do not span a volume; mend them"
                )
            spacing = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
            if spacing.min() < SMALLEST_SPACING:
                raise DataError(
                    f"{self.label}: lattice planes must be {SMALLEST_SPACING:g} Angstrom apart or "
                    f"more, found {spacing.min():.2g}; mend the lattice vectors, or choose less "
                    "inclined ones"
                )
            if volume < SMALLEST_VOLUME_PER_ATOM * self.n_atoms:
                raise DataError(
                    f"{self.label}: {self.n_atoms} atoms in {volume:.2g} Angstrom^3 are too many; "
                    "mend the lattice vectors or their unit"
                )
        if volume > LARGEST_VOLUME:
            raise DataError(
                f"{self.label}: the cell, or the box around a cluster, may have "
                f"{LARGEST_VOLUME:g} Angstrom^3, found {volume:.2g}; cut off empty space"
            )

    @property
    def label(self) -> str:
        """Name for messages."""
        return f"structure {self.name!r}" if self.name else "structure"

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.numbers)

    @property
    def virial(self) -> FloatArray | None:
        """Derivative of the energy with respect to strain: stress times volume.

        In the order xx, yy, zz, yz, xz, xy, in eV, shape (6,); None without a stress, and for
        clusters.
        """
        if self.stress is None or self.cell is None:
            return None
        symmetric = 0.5 * (self.stress + self.stress.T)
        virial: FloatArray = symmetric[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] * self.volume
        return virial

    @property
    def volume(self) -> float:
        """Volume of the cell in Angstrom^3."""
        if self.cell is None:
            raise DataError(f"{self.label}: a cluster has no volume")
        return float(abs(np.linalg.det(self.cell)))
