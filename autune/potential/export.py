"""Potentials for n2p2 and LAMMPS: written, read back and compared before anyone trusts them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from autune.errors import ConfigError, ExportMismatch
from autune.formats.files import is_file, make_folder, write_text
from autune.potential.committee import Committee
from autune.potential.lammps_inputs import FOLDER, lammps_input, property_inputs
from autune.potential.member_folders import member_folders, replacing_committee
from autune.potential.model import Potential
from autune.structures import Structure
from autune.units import GivenUnits, UnitSystem, convert, unit_system

INPUT = "in.lammps"
"""The LAMMPS input beside every exported potential, by which it is told from a trained one."""

TOLERANCE = 1e-10
"""Largest allowed difference of energies (eV) and forces (eV/Angstrom), relative above 1."""


def export_potential(
    potential: Potential,
    directory: str | Path,
    structures: Sequence[Structure] = (),
    units: GivenUnits = "ev-angstrom",
) -> None:
    """Write a potential: input.nn, scaling.data, weights.*.data, in.lammps.

    Its folder lammps gets inputs for lattice constant, elastic constants and surface energies.

    Parameters
    ----------
    potential
        In any units.
    directory
        Made when it is missing.
    structures
        On which the written potential must predict what the original does; by default distorted
        crystals of its elements.
    units
        Of the files; those that the potential has already keep all their digits.

    Raises
    ------
    ExportMismatch
        If energies or forces differ by more than 1e-10, or n2p2 would run another potential.
    ConfigError
        If the folder cannot be written, or holds a potential of other elements or one that no
        export wrote.
    """
    directory = Path(directory)
    _refuse_what_no_export_wrote(directory)
    own = {f"weights.{atomic_numbers[element]:03d}.data" for element in potential.elements}
    foreign = sorted({path.name for path in directory.glob("weights.*.data")} - own)
    if foreign:
        raise ConfigError(
            "",
            f"{directory} holds a potential of other elements ({foreign[0]}); name another folder",
        )
    converted = convert_potential(potential, unit_system(units))
    compared = structures or distorted_crystals(potential.elements)
    # First where nobody looks: a refused potential leaves no file.
    with tempfile.TemporaryDirectory() as trial:
        converted.save(trial)
        compare_potentials(potential, Potential.load(trial), compared)
    system = converted.architecture.units
    # Before the potential, so that an export that is interrupted is known as one.
    make_folder(directory / FOLDER)
    write_text(directory / INPUT, lammps_input(converted, system))
    for name, text in property_inputs(converted, system).items():
        write_text(directory / FOLDER / name, text)
    converted.save(directory)
    compare_potentials(potential, Potential.load(directory), compared)


def export_committee(
    potentials: Sequence[Potential],
    directory: str | Path,
    structures: Sequence[Structure] = (),
    units: GivenUnits = "ev-angstrom",
) -> None:
    """Write a committee: a folder seed-0, seed-1, ... for each potential.

    Each is written and compared as by `export_potential`.  A committee that is there already is
    replaced, whole or not at all.

    Parameters
    ----------
    potentials
        Two or more of the same elements, in any units.
    directory
        Made when it is missing.
    structures, units
        As in `export_potential`.

    Raises
    ------
    DataError
        If there are fewer than two potentials, or they know different elements.
    ExportMismatch
        With the member that cannot be exported.
    ConfigError
        If the folder cannot be written, or holds something else than a committee.
    """
    members = Committee(tuple(potentials)).members
    for folder in member_folders(directory):
        _refuse_what_no_export_wrote(folder)
    with replacing_committee(directory) as fresh:
        for number, member in enumerate(members):
            try:
                export_potential(member, fresh / f"seed-{number}", structures, units)
            except ExportMismatch as error:
                raise ExportMismatch(f"member {number} of the committee: {error}") from None


def _refuse_what_no_export_wrote(directory: Path) -> None:
    if is_file(directory / "input.nn") and not is_file(directory / INPUT):
        raise ConfigError(
            "",
            f"{directory} holds a potential that no export wrote (it has no {INPUT}), of a "
            "training or of n2p2; name another folder",
        )


def convert_potential(potential: Potential, units: UnitSystem) -> Potential:
    """Return the same potential with files in other units.

    Lengths and energies are converted; the networks keep their numbers, because n2p2's internal
    units (conv_energy, conv_length) take the conversion of energies and forces (N2P2 6).  The way
    back gives the same digits (`autune.units.convert`).
    """
    a = potential.architecture
    if a.units == units:
        return potential

    def energy(value: float) -> float:
        return convert(value, a.energy_unit, units.energy)

    converted = replace(
        a,
        symmetry_functions={
            element: tuple(f.in_lengths_of(a.length_unit, units.length) for f in functions)
            for element, functions in a.symmetry_functions.items()
        },
        atom_energies={e: energy(value) for e, value in a.atom_energies.items()},
        mean_energy=energy(a.mean_energy),
        conv_energy=convert(a.conv_energy, 1.0 / a.energy_unit, 1.0 / units.energy),
        conv_length=convert(a.conv_length, 1.0 / a.length_unit, 1.0 / units.length),
        length_unit=units.length,
        energy_unit=units.energy,
    )
    return Potential(converted, potential.scaling, potential.weights, potential.keywords)


def compare_potentials(
    original: Potential, copy: Potential, structures: Sequence[Structure]
) -> None:
    """Refuse a copy that does not predict what the original does.

    Raises
    ------
    ExportMismatch
        With the structure and the difference.
    """
    for structure in structures:
        expected, found = original.predict(structure), copy.predict(structure)
        dE = abs(found.energy - expected.energy) / max(1.0, abs(expected.energy))
        dF = np.abs(found.forces - expected.forces).max() / max(1.0, np.abs(expected.forces).max())
        if not (dE <= TOLERANCE and dF <= TOLERANCE):
            raise ExportMismatch(
                f"the written potential differs from the original for {structure.label}: energy "
                f"by {dE:.1e}, forces by {dF:.1e} (allowed: {TOLERANCE:.0e}); do not use it"
            )


def distorted_crystals(elements: Sequence[str]) -> list[Structure]:
    """Make small crystals of the elements, compressed and stretched, atoms off their sites."""
    numbers = np.array([atomic_numbers[element] for element in elements])
    edge = 2.0 * np.sqrt(2.0) * covalent_radii[numbers].max()
    sites = edge * np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    generator = np.random.default_rng(1)
    structures = []
    for strain in (-0.05, 0.0, 0.05, 0.15):
        factor = 1.0 + strain
        for number in numbers:
            kinds = np.append(generator.choice(numbers, 3), number)
            positions = factor * sites + generator.normal(0.0, 0.05, (4, 3))
            structures.append(
                Structure(kinds, positions, factor * edge * np.eye(3), name=f"strain {strain:g}")
            )
    return structures
