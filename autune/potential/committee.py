"""Committees: several potentials of the same elements, their mean and how far they disagree.

The spread of a committee tells where its members were not taught what to say (Schran, Brezina,
Marsalek, J. Chem. Phys. 153, 104105 (2020)).  It is no error: members that were trained alike on
the same structures may be wrong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autune.architecture import Architecture
from autune.errors import DataError, FormatError
from autune.formats.atoms import from_atoms
from autune.potential.extrapolation import Extrapolation, furthest
from autune.potential.member_folders import member_folders, replacing_committee
from autune.potential.model import KernelArrays, Potential, Prediction, predict_alike, stack
from autune.structures import FloatArray, IntArray, Structure
from autune.units import GivenUnits

if TYPE_CHECKING:
    from ase import Atoms

    from autune.potential.calculator import CommitteeCalculator


@dataclass(frozen=True, eq=False)
class CommitteePrediction:
    """What a committee says about a structure: means over the members, and their spread.

    Spreads are standard deviations over the members (n - 1).

    Parameters
    ----------
    energy, energy_std
        Total energy in eV.
    forces, forces_std
        In eV/Angstrom, of each component, shape (n_atoms, 3).
    virial, virial_std
        Derivative of the energy with respect to strain in eV, shape (3, 3).
    stress
        virial / volume in eV/Angstrom^3, positive under tension; None for a cluster.
    atomic_energies, atomic_energies_std
        In eV, shape (n_atoms,). Members may share an energy out differently, so that these
        spread more than the energy.
    extrapolations
        Symmetry functions of each atom outside the range of the training set, shape (n_atoms,):
        the largest number of all members.
    excess
        How far the furthest of them is outside, over the width of its range, shape (n_atoms,):
        the largest of all members.
    members
        What each member says.
    """

    energy: float
    energy_std: float
    forces: FloatArray
    forces_std: FloatArray
    virial: FloatArray
    virial_std: FloatArray
    stress: FloatArray | None
    atomic_energies: FloatArray
    atomic_energies_std: FloatArray
    extrapolations: IntArray
    excess: FloatArray
    members: tuple[Prediction, ...]

    @property
    def atom_forces_std(self) -> FloatArray:
        """Spread of the force vector of each atom in eV/Angstrom, shape (n_atoms,).

        Root of the mean square distance from the mean vector (n - 1), which is the length of
        the vector of the components' spreads (Zhang, Lin, Wang, Car, E, Phys. Rev. Materials 3,
        023804 (2019)).
        """
        spread: FloatArray = np.linalg.norm(self.forces_std, axis=1)
        return spread

    def list_extrapolations(self) -> list[Extrapolation]:
        """List the symmetry functions outside the range of a member's training set.

        By atom, then by function: each once, as the member sees it that is furthest outside.
        """
        return furthest(member.list_extrapolations() for member in self.members)


@dataclass(frozen=True, eq=False)
class Committee:
    """Several potentials of the same elements.

    Parameters
    ----------
    members
        Two or more; symmetry functions and networks may differ.

    Raises
    ------
    DataError
        If there are fewer than two, or they know different elements.
    """

    members: tuple[Potential, ...]

    def __post_init__(self) -> None:
        """Refuse what has no spread."""
        object.__setattr__(self, "members", tuple(self.members))
        if len(self.members) < 2:
            raise DataError(
                f"a committee has two members or more, found {len(self.members)}; train more seeds"
            )
        for number, member in enumerate(self.members):
            if member.elements != self.elements:
                raise DataError(
                    "the members of a committee know the same elements; the first knows "
                    f"{', '.join(self.elements)}, number {number} {', '.join(member.elements)}"
                )

    def __len__(self) -> int:
        return len(self.members)

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols in order of atomic number."""
        return self.members[0].elements

    @property
    def r_cutoff(self) -> float:
        """Largest cutoff radius in Angstrom."""
        return max(member.r_cutoff for member in self.members)

    def predict(self, atoms: Structure | Atoms) -> CommitteePrediction:
        """Predict energy, forces and stress, and their spread.

        Members with the same symmetry functions and networks share neighbours and symmetry
        functions.

        Parameters
        ----------
        atoms
            A structure, or ASE's Atoms.

        Raises
        ------
        DataError
            If the structure has an element that the potentials do not know.
        """
        structure = atoms if isinstance(atoms, Structure) else from_atoms(atoms)
        predictions: dict[int, Prediction] = {}
        for places, arrays in self._groups:
            alike = [self.members[place] for place in places]
            predictions |= dict(zip(places, predict_alike(alike, arrays, structure), strict=True))
        members = tuple(predictions[place] for place in range(len(self)))
        energy, energy_std = _mean_and_std([np.array(p.energy) for p in members])
        forces, forces_std = _mean_and_std([p.forces for p in members])
        virial, virial_std = _mean_and_std([p.virial for p in members])
        atomic, atomic_std = _mean_and_std([p.atomic_energies for p in members])
        return CommitteePrediction(
            energy=float(energy),
            energy_std=float(energy_std),
            forces=forces,
            forces_std=forces_std,
            virial=virial,
            virial_std=virial_std,
            stress=None if structure.cell is None else virial / structure.volume,
            atomic_energies=atomic,
            atomic_energies_std=atomic_std,
            extrapolations=np.max([p.extrapolations for p in members], axis=0),
            excess=np.max([p.excess for p in members], axis=0),
            members=members,
        )

    def calculator(self) -> CommitteeCalculator:
        """Return an ASE calculator of the mean, with the spread among its results."""
        from autune.potential.calculator import CommitteeCalculator

        return CommitteeCalculator(self)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        units: GivenUnits | None = None,
    ) -> Committee:
        """Read a folder whose subfolders seed-0, seed-1, ... hold a potential each.

        Parameters
        ----------
        directory
            The folder of a committee, or of a training with several seeds.
        units
            As in `Potential.load`.

        Raises
        ------
        FormatError
            If there are fewer than two potentials, or a file is missing or wrong.
        DataError
            If the potentials know different elements.
        """
        folders = member_folders(directory)
        if len(folders) < 2:
            raise FormatError(
                directory,
                None,
                "expected a committee (folders seed-0, seed-1, ... with a potential each), found "
                f"{len(folders)} of them",
            )
        return cls(tuple(Potential.load(folder, units) for folder in folders))

    def save(self, directory: str | Path) -> None:
        """Write every member to its folder seed-0, seed-1, ...; all or none.

        Raises
        ------
        ConfigError
            If the folder cannot be written, or holds something else than a committee.
        """
        with replacing_committee(directory) as fresh:
            for number, member in enumerate(self.members):
                member.save(fresh / f"seed-{number}")

    @cached_property
    def _groups(self) -> list[tuple[list[int], KernelArrays]]:
        """Places of members that are alike, and what the kernel takes of them."""
        places: dict[tuple[object, ...], list[int]] = {}
        for place, member in enumerate(self.members):
            places.setdefault(_shared(member.architecture), []).append(place)
        return [(alike, stack([self.members[p] for p in alike])) for alike in places.values()]


def _shared(a: Architecture) -> tuple[object, ...]:
    """Return what potentials have in common when the kernel can predict them together."""
    return (
        tuple(a.symmetry_functions.items()),
        (a.cutoff_type, a.inner_cutoff, a.length_unit),
        (tuple(map(a.layer_sizes, a.elements)), a.activations, a.normalize_nodes),
    )


def _mean_and_std(values: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    stacked = np.stack(values)
    return stacked.mean(axis=0), stacked.std(axis=0, ddof=1)
