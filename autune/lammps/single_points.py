"""Energies, forces and virials of structures by LAMMPS."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autune.lammps.frame import Frame, data_file
from autune.lammps.program import Lammps
from autune.structures import FloatArray, Structure

_BAR_ANGSTROM3 = 1.6021765e6
"""Bar in one eV/Angstrom^3, as LAMMPS has it in units metal (nktv2p)."""

_COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Of LAMMPS' pressure: xx, yy, zz, xy, xz, yz."""


@dataclass(frozen=True)
class Interaction:
    """How LAMMPS is told of a potential, in units metal.

    Attributes
    ----------
    types
        Element of each atom type, NULL for one without this potential.
    commands
        pair_style and pair_coeff, one a line.
    files
        Files and folders by the name that the commands have for them.
    """

    types: tuple[str, ...]
    commands: str
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SinglePoint:
    """What LAMMPS says about a structure, in the axes of the structure.

    Attributes
    ----------
    energy
        In eV.
    forces
        In eV/Angstrom, shape (n_atoms, 3).
    virial
        Derivative of the energy with respect to strain in eV, shape (3, 3).
    """

    energy: float
    forces: FloatArray
    virial: FloatArray


def run_single_points(
    lammps: Lammps, structures: Sequence[Structure], interactions: Sequence[Interaction]
) -> list[SinglePoint | str]:
    """Calculate structures by LAMMPS, one process for as many as it does without an error.

    Parameters
    ----------
    lammps
        Which runs.
    structures
        Periodic, or clusters.
    interactions
        One for each structure.

    Returns
    -------
    list
        For each structure its result, or what LAMMPS said when it stopped.
    """
    results: list[SinglePoint | str] = []
    while len(results) < len(structures):
        done = len(results)
        results += _run(lammps, structures[done:], interactions[done:])
    return results


def _run(
    lammps: Lammps, structures: Sequence[Structure], interactions: Sequence[Interaction]
) -> list[SinglePoint | str]:
    frames = [Frame.of(structure) for structure in structures]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = []
        for i, (structure, frame, interaction) in enumerate(
            zip(structures, frames, interactions, strict=True)
        ):
            for linked, target in interaction.files.items():
                if not (folder / linked).exists():
                    (folder / linked).symlink_to(target.absolute())
            text = data_file(structure, frame, interaction.types)
            (folder / f"structure.{i}").write_text(text)
            commands.append(_commands(i, frame, interaction))
        script = folder / "in.structures"
        script.write_text("".join(commands))
        try:
            ended = lammps.run(script)
        except OSError as error:
            return [str(error)] * len(structures)
        results: list[SinglePoint | str] = []
        for i, (structure, frame) in enumerate(zip(structures, frames, strict=True)):
            point = _read(folder, i, structure, frame)
            if point is None:
                return [*results, _reason(ended.stdout + ended.stderr, ended.returncode)]
            results.append(point)
        return results


def _commands(i: int, frame: Frame, interaction: Interaction) -> str:
    """Write the commands for one structure; what was before is forgotten by LAMMPS."""
    boundary = "p p p" if frame.periodic else "f f f"
    numbers = "pe vol c_p[1] c_p[2] c_p[3] c_p[4] c_p[5] c_p[6]"
    printed = " ".join(f"$({word}:%.17g)" for word in numbers.split())
    return f"""\
clear
units metal
atom_style atomic
boundary {boundary}
box tilt large
read_data structure.{i}
{interaction.commands}
neighbor 0.3 bin
neigh_modify one 20000 page 400000
compute p all pressure NULL virial
thermo_style custom step {numbers}
run 0 post no
write_dump all custom forces.{i} id fx fy fz modify sort id format float %.17g
print "{printed}" file numbers.{i}
"""


def _read(folder: Path, i: int, structure: Structure, frame: Frame) -> SinglePoint | None:
    """Read what LAMMPS wrote of a structure; None if it did not come to it."""
    try:
        numbers = [float(word) for word in (folder / f"numbers.{i}").read_text().split()]
        lines = (folder / f"forces.{i}").read_text().splitlines()[9:]
        rows = np.array([[float(word) for word in line.split()] for line in lines])
    except (OSError, ValueError):
        return None
    if len(numbers) != 8 or rows.shape != (structure.n_atoms, 4):
        return None
    energy, volume, *pressure = numbers
    virial = np.zeros((3, 3))
    for (a, b), value in zip(_COMPONENTS, pressure, strict=True):
        # Pressure is -stress.
        virial[a, b] = virial[b, a] = -value * volume / _BAR_ANGSTROM3
    return SinglePoint(energy, frame.vectors_back(rows[:, 1:]), frame.tensor_back(virial))


def _reason(output: str, code: int) -> str:
    """Find in what LAMMPS printed why it stopped."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    if errors:
        return errors[0]
    return f"exit {code}: {lines[-1] if lines else 'nothing was printed'}"
