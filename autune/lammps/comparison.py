"""A potential in LAMMPS against the same potential in autune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autune.lammps.frame import NULL
from autune.lammps.program import Lammps
from autune.lammps.single_points import Interaction, SinglePoint, run_single_points
from autune.potential.lammps_inputs import CUTOFF_MARGIN, pair_factors
from autune.potential.model import Potential, Prediction
from autune.structures import Structure

ENERGY_TOLERANCE = 1e-6
"""Largest difference in eV per atom, relative above 1 eV per atom."""

FORCE_TOLERANCE = 1e-6
"""Largest difference of a component in eV/Angstrom, relative to the largest force above 1."""

VIRIAL_TOLERANCE = 1e-6
"""Largest difference of a component in eV per atom, relative to the largest one above 1."""

_NO_LIMIT = 1_000_000_000
"""Extrapolation warnings at which LAMMPS stops: what is compared may be far outside."""


@dataclass(frozen=True)
class Row:
    """How LAMMPS and autune differ for a structure.

    Attributes
    ----------
    structure
        Its name.
    atoms
        Number of atoms.
    types
        Elements of LAMMPS' atom types.
    energy
        Difference in eV per atom; NaN, as the next two, where LAMMPS has no result.
    force
        Largest difference of a component in eV/Angstrom.
    virial
        Largest difference of a component in eV per atom.
    agrees
        Whether all three are within the tolerances.
    reason
        Why LAMMPS stopped, if it did.
    """

    structure: str
    atoms: int
    types: str
    energy: float
    force: float
    virial: float
    agrees: bool
    reason: str = ""


def check_potential(
    lammps: Lammps, folder: Path, potential: Potential, structures: Sequence[Structure]
) -> list[Row]:
    """Run a potential in LAMMPS and compare with its predictions by autune.

    Element and atom type are paired in the order of the elements for one structure, in the
    reverse order for the next; where there is one element, every second structure has another
    atom type first, which has no atoms and which another pair style takes (NULL).

    Parameters
    ----------
    lammps
        With ML-HDNNP.
    folder
        Of the potential's files.
    potential
        What autune read from it.
    structures
        Periodic, or clusters.
    """
    elements = potential.elements
    orders = (elements, elements[::-1] if len(elements) > 1 else (NULL, *elements))
    interactions = [
        pair_commands(folder, potential, orders[number % 2]) for number in range(len(structures))
    ]
    found = run_single_points(lammps, structures, interactions)
    return [
        compare(structure, potential.predict(structure), point, interaction.types)
        for structure, point, interaction in zip(structures, found, interactions, strict=True)
    ]


def pair_commands(folder: Path, potential: Potential, types: Sequence[str]) -> Interaction:
    """Say to LAMMPS, units metal, which potential lies in a folder.

    Parameters
    ----------
    folder
        Of the potential's files.
    potential
        What autune read from it: units and cutoff radius.
    types
        Elements of the atom types, `NULL` for those without the potential.
    """
    cutoff = f"{potential.r_cutoff + CUTOFF_MARGIN:.6g}"
    hdnnp = (
        f'hdnnp {cutoff} dir "potential/" showew no showewsum 0 resetew no maxew {_NO_LIMIT} '
        f"{pair_factors(potential.architecture.units)}"
    ).rstrip()
    if NULL in types:
        others = "\n".join(
            f"pair_coeff {min(i, j)} {max(i, j)} zero"
            for i, element in enumerate(types, start=1)
            for j in range(1, len(types) + 1)
            if element == NULL and (types[j - 1] != NULL or j >= i)
        )
        commands = (
            f"pair_style hybrid {hdnnp} zero {cutoff}\n"
            f"pair_coeff * * hdnnp {' '.join(types)}\n{others}"
        )
    else:
        commands = f"pair_style {hdnnp}\npair_coeff * * {' '.join(types)}"
    return Interaction(tuple(types), commands, {"potential": folder})


def compare(
    structure: Structure, predicted: Prediction, found: SinglePoint | str, types: Sequence[str]
) -> Row:
    """Compare what LAMMPS and autune say about a structure."""
    n = structure.n_atoms
    name, words = structure.name or "structure", " ".join(types)
    if isinstance(found, str):
        return Row(name, n, words, np.nan, np.nan, np.nan, False, found)
    energy = abs(found.energy - predicted.energy) / n
    force = float(np.abs(found.forces - predicted.forces).max())
    virial = float(np.abs(found.virial - predicted.virial).max()) / n
    sizes = (
        abs(predicted.energy) / n,
        float(np.abs(predicted.forces).max()),
        float(np.abs(predicted.virial).max()) / n,
    )
    tolerances = (ENERGY_TOLERANCE, FORCE_TOLERANCE, VIRIAL_TOLERANCE)
    agrees = all(
        difference <= tolerance * max(1.0, size)
        for difference, tolerance, size in zip(
            (energy, force, virial), tolerances, sizes, strict=True
        )
    )
    return Row(name, n, words, energy, force, virial, agrees)
