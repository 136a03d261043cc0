"""How far predictions are from DFT, per group of structures.

The errors are those of n2p2: of energies per atom, every structure counted once, and of force
components, every component counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase.data import chemical_symbols

from autune.errors import DataError
from autune.structures import FloatArray, Structure

ALL = "all"
"""Group that holds every structure."""


class EnergyAndForces(Protocol):
    """What is compared of a prediction."""

    @property
    def energy(self) -> float:
        """Total energy in eV."""

    @property
    def forces(self) -> FloatArray:
        """Forces in eV/Angstrom, shape (n_atoms, 3)."""


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Reference and predicted values of a group, side by side.

    Parameters
    ----------
    group
        Name of the group, or `ALL`.
    n_structures, n_atoms
        What the group holds, also without energies or forces.
    energy_reference, energy_predicted
        Energies per atom in eV/atom, shape (n_energies,).
    energy_names
        Label of the structure of each energy.
    force_reference, force_predicted
        Forces in eV/Angstrom, shape (n_force_atoms, 3).
    force_names
        Label of the structure of each force, shape (n_force_atoms,).
    """

    group: str
    n_structures: int
    n_atoms: int
    energy_reference: FloatArray
    energy_predicted: FloatArray
    energy_names: tuple[str, ...]
    force_reference: FloatArray
    force_predicted: FloatArray
    force_names: tuple[str, ...]


@dataclass(frozen=True)
class GroupAccuracy:
    """Errors of a group; NaN where it has no energies or no forces.

    Parameters
    ----------
    group
        Name of the group, or `ALL`.
    n_structures, n_atoms, n_energies, n_forces
        Structures, atoms, energies, and force components compared.
    energy_rmse, energy_mae
        Root mean square and mean absolute error of energies per atom, eV/atom.
    force_rmse, force_mae
        The same of force components, eV/Angstrom.
    energy_largest, energy_largest_in
        Largest absolute error of an energy per atom, eV/atom, and its structure.
    force_largest, force_largest_in
        Largest absolute error of a force component, eV/Angstrom, and its structure.
    """

    group: str
    n_structures: int
    n_atoms: int
    n_energies: int
    n_forces: int
    energy_rmse: float
    energy_mae: float
    energy_largest: float
    energy_largest_in: str
    force_rmse: float
    force_mae: float
    force_largest: float
    force_largest_in: str


def measure(
    structures: Sequence[Structure], predictions: Sequence[EnergyAndForces]
) -> list[GroupAccuracy]:
    """Measure the errors of every group, in order of first appearance, and of all structures.

    Raises
    ------
    DataError
        As `compare`.
    """
    return [accuracy_of(comparison) for comparison in compare(structures, predictions)]


def compare(
    structures: Sequence[Structure], predictions: Sequence[EnergyAndForces]
) -> list[GroupComparison]:
    """Put reference and predictions side by side, per group and for all structures (last).

    Structures without a group form the group ``(none)``; if no structure has a group, only `ALL`
    is returned.

    Raises
    ------
    DataError
        If there is no structure, or one has neither an energy nor forces to compare with.
    """
    if not structures:
        raise DataError("no structures to compare with; name a file that holds some")
    for number, structure in enumerate(structures, start=1):
        if structure.energy is None and structure.forces is None:
            raise DataError(
                f"{structure.label} (number {number}) has neither energy nor forces to compare "
                "with; remove it, or add what DFT gave"
            )
    pairs = list(zip(structures, predictions, strict=True))
    groups = list(dict.fromkeys(structure.group for structure in structures))
    parts = []
    if groups != [""]:
        parts = [
            _compare(group or "(none)", [pair for pair in pairs if pair[0].group == group])
            for group in groups
        ]
    return [*parts, _compare(ALL, pairs)]


def compare_elements(
    structures: Sequence[Structure], predictions: Sequence[EnergyAndForces]
) -> list[GroupComparison]:
    """Put the forces on the atoms of every element side by side, by atomic number.

    The groups are called ``atoms of Ag``; there are none where all atoms are of one element.
    """
    known = np.unique(np.concatenate([s.numbers for s in structures])).tolist()
    pairs = list(zip(structures, predictions, strict=True))
    return [_compare_element(number, pairs) for number in known] if len(known) > 1 else []


def accuracy_of(comparison: GroupComparison) -> GroupAccuracy:
    """Measure the errors of one group."""
    dE = np.abs(comparison.energy_predicted - comparison.energy_reference)
    dF = np.abs(comparison.force_predicted - comparison.force_reference)
    return GroupAccuracy(
        group=comparison.group,
        n_structures=comparison.n_structures,
        n_atoms=comparison.n_atoms,
        n_energies=dE.size,
        n_forces=dF.size,
        energy_rmse=_rmse(dE),
        energy_mae=_mean(dE),
        energy_largest=_largest(dE),
        energy_largest_in=comparison.energy_names[int(dE.argmax())] if dE.size else "",
        force_rmse=_rmse(dF),
        force_mae=_mean(dF),
        force_largest=_largest(dF),
        force_largest_in=comparison.force_names[int(dF.argmax()) // 3] if dF.size else "",
    )


def _compare(group: str, pairs: Sequence[tuple[Structure, EnergyAndForces]]) -> GroupComparison:
    with_energy = [(s, p) for s, p in pairs if s.energy is not None]
    with_forces = [(s, p) for s, p in pairs if s.forces is not None]
    empty = [np.empty((0, 3))]
    return GroupComparison(
        group=group,
        n_structures=len(pairs),
        n_atoms=sum(s.n_atoms for s, _ in pairs),
        energy_reference=np.array([(s.energy or 0.0) / s.n_atoms for s, _ in with_energy]),
        energy_predicted=np.array([p.energy / s.n_atoms for s, p in with_energy]),
        energy_names=tuple(s.name for s, _ in with_energy),
        force_reference=np.concatenate(
            empty + [s.forces for s, _ in with_forces if s.forces is not None]
        ),
        force_predicted=np.concatenate(empty + [p.forces for _, p in with_forces]),
        force_names=tuple(s.name for s, _ in with_forces for _ in range(s.n_atoms)),
    )


def _compare_element(
    number: int, pairs: Sequence[tuple[Structure, EnergyAndForces]]
) -> GroupComparison:
    having = [(s, p, s.numbers == number) for s, p in pairs if number in s.numbers]
    reference = [s.forces[own] for s, _, own in having if s.forces is not None]
    predicted = [p.forces[own] for s, p, own in having if s.forces is not None]
    names = [s.name for s, _, own in having if s.forces is not None for _ in range(own.sum())]
    return GroupComparison(
        group=f"atoms of {chemical_symbols[number]}",
        n_structures=len(having),
        n_atoms=sum(int(own.sum()) for _, _, own in having),
        energy_reference=np.empty(0),
        energy_predicted=np.empty(0),
        energy_names=(),
        force_reference=np.concatenate([np.empty((0, 3)), *reference]),
        force_predicted=np.concatenate([np.empty((0, 3)), *predicted]),
        force_names=tuple(names),
    )


def _rmse(errors: FloatArray) -> float:
    return float(np.sqrt(np.mean(errors**2))) if errors.size else float("nan")


def _mean(errors: FloatArray) -> float:
    return float(np.mean(errors)) if errors.size else float("nan")


def _largest(errors: FloatArray) -> float:
    return float(np.max(errors)) if errors.size else float("nan")
