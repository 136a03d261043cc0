"""What CP2K writes: its output, and the trajectories of molecular dynamics and optimisations.

ASE has no reader for either.

* The output (``.out``, ``.log``) of single calculations with ``&FORCE_EVAL &PRINT &FORCES``: cell,
  coordinates, energy, forces and, where it is printed, stress; versions 6 to 2025.  The energy
  includes the electronic entropy with smearing: it is the free energy.
* ``NAME-pos-1.xyz`` beside ``NAME-frc-1.xyz`` (``&MOTION &PRINT &FORCES``): positions in Angstrom,
  energies in Hartree, forces in Hartree/Bohr.  The cell is that of every step in ``NAME-1.cell``
  (``&MOTION &PRINT &CELL``), else the one of ``NAME-1.restart``, which CP2K writes by itself.

Kinds such as ``Fe1`` are their element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase.data import atomic_numbers

from autune.errors import DataError, FormatError, short
from autune.formats.files import is_file, open_text
from autune.structures import FloatArray, Structure
from autune.units import BOHR, EV_PER_ANGSTROM3_IN_GPA, HARTREE

Kind = Literal["output", "positions", "other"]

NUMBER = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"
STEP = re.compile(rf"\s*i\s*=\s*(\d+).*?\bE\s*=\s*({NUMBER})")
"""Comment of a frame: number of the step, energy in Hartree."""

TRAJECTORY = re.compile(r"(?P<name>.+)-(?P<what>pos|frc|vel)-(?P<run>\d+)\.xyz")
ENERGY = re.compile(rf"\s*ENERGY\| Total FORCE_EVAL.*?({NUMBER})\s*$")
FORCE = re.compile(
    rf"\s*(?:FORCES\|\s+(\d+)|(\d+)\s+\d+\s+\w+)\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})"
)
CELL = re.compile(
    rf"\s*CELL\| Vector ([abc]) \[angstrom\w*\]:?\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})"
)
ATOM = re.compile(rf"\s*\d+\s+\d+\s+\w+\s+(\d+)\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})")
STRESS = re.compile(rf"\s*(?:STRESS\|\s+)?[xyzXYZ]\s+({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*$")
IN_GPA = {"GPa": 1.0, "bar": 1e-4, "kbar": 0.1, "atm": 1.01325e-4, "Mbar": 100.0}

RUN_TYPE = ["GLOBAL|", "Run", "type"]

N_HEAD = 200
"""Lines by which an output is known."""


def cp2k_kind(path: Path) -> Kind | None:
    """Tell what a file of CP2K is; None of other files.

    ``other``: forces, velocities and outputs of many steps, which belong to a file of positions.
    """
    match = TRAJECTORY.fullmatch(path.name)
    try:
        with path.open("rb") as stream:
            head = [stream.readline(400).decode("utf-8", "replace") for _ in range(N_HEAD)]
    except OSError:
        return None
    if match and STEP.match(head[1]):
        return "positions" if match["what"] == "pos" else "other"
    if not any(line.lstrip().startswith("CP2K| version string") for line in head):
        return None
    kinds = [line.split()[-1] for line in head if line.split()[:3] == RUN_TYPE]
    return "other" if kinds and kinds[-1] not in ("ENERGY_FORCE", "ENERGY") else "output"


def read_cp2k_trajectory(path: Path) -> Iterator[Structure]:
    """Read positions, and forces and cells from the files beside them.

    Raises
    ------
    FormatError
        If a file is missing or does not fit the others.
    """
    match = TRAJECTORY.fullmatch(path.name)
    if match is None:
        raise FormatError(path, None, "expected a name as NAME-pos-1.xyz; rename it as CP2K did")
    name, run = match["name"], match["run"]
    of_forces = path.with_name(f"{name}-frc-{run}.xyz")
    if not is_file(of_forces):
        message = "is missing: without it there are no forces; print them (MOTION, PRINT, FORCES)"
        raise FormatError(of_forces, None, message)
    forces = {step: (n, rows) for n, step, _, _, rows in _frames(of_forces)}
    cells = _cells(path, name, run)
    for line, step, energy, symbols, rows in _frames(path):
        if step not in forces:
            continue  # printed at other steps
        if len(forces[step][1]) != len(rows):
            message = f"expected {len(rows)} atoms in step {step}, found {len(forces[step][1])}"
            raise FormatError(of_forces, forces[step][0], message)
        if isinstance(cells, dict) and step not in cells:
            raise FormatError(path, line, f"the cell of step {step} is not in {name}-{run}.cell")
        yield _structure(
            path, line,
            numbers=symbols, positions=rows,
            cell=cells[step] if isinstance(cells, dict) else cells,
            energy=energy * HARTREE, forces=forces[step][1] * (HARTREE / BOHR),
        )  # fmt: skip


def read_cp2k_output(path: Path) -> Iterator[Structure]:
    """Read every calculation of an output that prints its coordinates and forces.

    Raises
    ------
    FormatError
        If coordinates, energy or forces are missing.
    """
    cell: dict[str, list[float]] = {}
    block: dict[str, Any] = {}
    begun, is_cluster = 0, False
    with open_text(path) as stream:
        lines = list(stream)
    n = 0
    while n < len(lines):
        line = lines[n]
        n += 1
        if match := CELL.match(line):
            cell[match[1]] = [_number(x) for x in match.groups()[1:]]
        elif "ATOMIC COORDINATES IN" in line.upper() and "MODULE" in line:
            if "energy" in block:
                yield _finished(path, begun, block)
            if "angstrom" not in line.lower():
                raise FormatError(path, n, "expected coordinates in Angstrom")
            n, found = _table(lines, n, ATOM)
            numbers = [int(groups[0]) for groups in found]
            block = {"numbers": numbers, "positions": _rows([g[1:] for g in found])}
            periodic = len(cell) == 3 and not is_cluster
            block["cell"] = np.array([cell[k] for k in "abc"]) if periodic else None
            begun = n
        elif line.split()[:3] == ["CELL|", "Periodicity", "NONE"]:
            is_cluster = True
        elif "SCF run NOT converged" in line:
            raise FormatError(path, n, "the SCF run did not converge; remove the file")
        elif match := ENERGY.match(line):
            if "energy" in block:
                raise FormatError(path, n, "found a second energy for the same coordinates")
            block["energy"] = _number(match[1]) * HARTREE
        elif "ATOMIC FORCES in [a.u.]" in line or "FORCES| Atomic forces [hartree/bohr]" in line:
            n, found = _table(lines, n, FORCE)
            block["forces"] = _rows([g[2:] for g in found]) * (HARTREE / BOHR)
        elif match := re.match(
            r"\s*(?:STRESS\| Analytical stress tensor|STRESS TENSOR) \[(\w+)\]", line
        ):
            n, found = _table(lines, n, STRESS)
            unit = IN_GPA.get(match[1])
            if len(found) == 3 and unit is not None:  # CP2K's is positive under pressure
                block["stress"] = -_rows(found) * (unit / EV_PER_ANGSTROM3_IN_GPA)
    yield _finished(path, begun, block)


def _finished(path: Path, line: int, block: dict[str, Any]) -> Structure:
    for field, words in (
        ("positions", "coordinates (SUBSYS, PRINT, ATOMIC_COORDINATES)"),
        ("energy", "energy: the calculation did not end"),
        ("forces", "forces (FORCE_EVAL, PRINT, FORCES)"),
    ):
        if field not in block:
            raise FormatError(path, line or None, f"has no {words}; print them, or remove the file")
    return _structure(path, line, **block)


def _structure(path: Path, line: int, **fields: Any) -> Structure:
    try:
        return Structure(**fields)
    except DataError as error:
        raise FormatError(path, line, str(error).removeprefix("structure: ")) from None


def _frames(path: Path) -> Iterator[tuple[int, int, float, list[int], FloatArray]]:
    """Read line, step, energy (Hartree), atomic numbers and rows of every frame."""
    n = 0
    with open_text(path) as stream:
        while (line := stream.readline()).strip():
            n += 1
            begun = n
            if not line.strip().isdecimal():
                raise FormatError(
                    path, n, f"expected a number of atoms, found {short(line.strip())}"
                )
            comment = STEP.match(stream.readline())
            n += 1
            if comment is None:
                raise FormatError(path, n, "expected i = step, time = ..., E = energy")
            numbers, rows = [], []
            for _ in range(int(line)):
                n += 1
                words = stream.readline().split()
                if len(words) != 4:
                    raise FormatError(
                        path, n, f"expected symbol, x, y, z; found {len(words)} words"
                    )
                numbers.append(_atomic_number(path, n, words[0]))
                rows.append([_checked(path, n, word) for word in words[1:]])
            yield begun, int(comment[1]), _number(comment[2]), numbers, np.array(rows)


def _cells(path: Path, name: str, run: str) -> dict[int, FloatArray] | FloatArray | None:
    """Return the cell of every step, or the one of all; None without periodicity."""
    of_steps = path.with_name(f"{name}-{run}.cell")
    if is_file(of_steps):
        cells = {}
        with open_text(of_steps) as stream:
            for n, line in enumerate(stream, start=1):
                words = line.split()
                if words and not line.lstrip().startswith("#"):
                    if len(words) < 11:
                        message = f"expected step, time and 9 numbers, found {len(words)} words"
                        raise FormatError(of_steps, n, message)
                    values = [_checked(of_steps, n, word) for word in words[2:11]]
                    cells[int(_checked(of_steps, n, words[0]))] = np.reshape(values, (3, 3))
        return cells
    restart = path.with_name(f"{name}-{run}.restart")
    if is_file(restart):
        return _cell_of_restart(restart)
    message = (
        f"has neither {of_steps.name} nor {restart.name} beside it, which say the cell; add one"
    )
    raise FormatError(path, None, message)


def _cell_of_restart(path: Path) -> FloatArray | None:
    """Read the section CELL of a restart file."""
    vectors: dict[str, list[float]] = {}
    inside = False
    with open_text(path) as stream:
        for n, line in enumerate(stream, start=1):
            words = line.split()
            if words[:1] == ["&CELL"]:
                inside = True
            elif inside and words[:1] == ["&END"]:
                break
            elif inside and words[:2] == ["PERIODIC", "NONE"]:
                return None
            elif inside and len(words) == 4 and words[0] in ("A", "B", "C"):
                vectors[words[0]] = [_checked(path, n, word) for word in words[1:]]
    if len(vectors) != 3:
        raise FormatError(path, None, "expected A, B, C in Angstrom in &CELL; add them")
    return np.array([vectors[key] for key in "ABC"])


def _table(lines: list[str], n: int, row: re.Pattern[str]) -> tuple[int, list[tuple[Any, ...]]]:
    """Return the rows that match, after a header of at most five lines, and where they end."""
    found: list[tuple[Any, ...]] = []
    skipped = 0
    while n < len(lines) and skipped < 5:
        match = row.match(lines[n])
        if match:
            found.append(match.groups())
        elif found:
            break
        else:
            skipped += 1
        n += 1
    return n, found


def _rows(found: list[Any]) -> FloatArray:
    return np.array([[_number(word) for word in row] for row in found])


def _number(word: str) -> float:
    return float(word.replace("D", "E").replace("d", "e"))


def _checked(path: Path, n: int, word: str) -> float:
    try:
        return _number(word)
    except ValueError:
        raise FormatError(path, n, f"expected a number, found {short(word)}") from None


def _atomic_number(path: Path, n: int, kind: str) -> int:
    """Return the element of a kind, also of Fe1 or O_a."""
    letters = re.match(r"[A-Za-z]{1,2}", kind)
    for symbol in (letters[0], letters[0][0]) if letters else ():
        if symbol.capitalize() in atomic_numbers and symbol.upper() != "X":
            return int(atomic_numbers[symbol.capitalize()])
    raise FormatError(path, n, f"expected a chemical symbol, found {short(kind)}")
