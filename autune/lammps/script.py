"""What an input of LAMMPS says of a potential, against the potential itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_masses, atomic_numbers

from autune.errors import ConfigError, FormatError
from autune.formats.files import open_text
from autune.lammps.frame import NULL
from autune.potential.model import Potential
from autune.units import BOHR, HARTREE

_UNITS = {"metal": (1.0, 1.0), "real": (1.0, 0.04336410390059322), "electron": (BOHR, HARTREE)}
"""Angstrom and eV in LAMMPS' units of length and energy (real: kcal/mol)."""

_KEYWORDS = ("dir", "showew", "showewsum", "maxew", "resetew", "cflength", "cfenergy")
_FACTOR_TOLERANCE = 1e-6
_MASS_TOLERANCE = 0.1
_LARGEST_FILE = 1_000_000
"""Characters."""


@dataclass(frozen=True)
class Told:
    """What LAMMPS is told of a potential.

    Attributes
    ----------
    cutoff
        In LAMMPS' unit of length.
    options
        Keywords of pair_style hdnnp and their words.
    elements
        Of the atom types; none where the script does not say.
    masses
        Of the atom types that the script gives a mass.
    units
        LAMMPS' name for its units.
    """

    cutoff: float
    options: dict[str, str]
    elements: tuple[str, ...]
    masses: dict[int, float]
    units: str


def check_script(path: Path, potential: Potential) -> None:
    """Refuse an input of LAMMPS that would run a potential as another one.

    Compared are the cutoff, the factors of units (cflength, cfenergy), the elements of the atom
    types, and their masses, which tell elements in the wrong order.  What the script computes
    (variables) is not looked at.

    Parameters
    ----------
    path
        Input script with ``pair_style hdnnp``.
    potential
        That it should run.

    Raises
    ------
    FormatError
        If the file has no such pair style, or it cannot be read.
    ConfigError
        With what LAMMPS is told, and what it should be.
    """
    told = read_script(path)
    if told.units not in _UNITS:
        raise ConfigError(
            "", f"{path}: units {told.units} cannot be those of a potential; use units metal"
        )
    length, energy = _UNITS[told.units]
    a = potential.architecture
    _check_factor(path, told, "cflength", length / a.length_unit)
    _check_factor(path, told, "cfenergy", energy / a.energy_unit)
    if told.cutoff * length < potential.r_cutoff * (1.0 - 1e-9):
        needed = potential.r_cutoff / length
        raise ConfigError(
            "",
            f"{path}: LAMMPS is told a cutoff of {told.cutoff:g}, that of the potential is "
            f"{needed:.6g} (units {told.units}); write pair_style hdnnp {needed + 0.01:.6g}",
        )
    _check_elements(path, told, potential.elements)


def _check_factor(path: Path, told: Told, name: str, expected: float) -> None:
    given = _number(path, told.options.get(name, "1.0"), name)
    if abs(given / expected - 1.0) > _FACTOR_TOLERANCE:
        found = f"is {given:g}" if name in told.options else "is not given, which is 1"
        raise ConfigError(
            "",
            f"{path}: {name} {found}; from units {told.units} to those of the potential it is "
            f"{expected:.11g}: write that, or name the potential's units (--units)",
        )


def _check_elements(path: Path, told: Told, known: tuple[str, ...]) -> None:
    for number, element in enumerate(told.elements, start=1):
        if element == NULL:
            continue
        if element not in known:
            raise ConfigError(
                "",
                f"{path}: pair_coeff gives atom type {number} the element {element}, the potential "
                f"knows {', '.join(known)}; give it one of them, or NULL",
            )
        expected = atomic_masses[atomic_numbers[element]]
        mass = told.masses.get(number, expected)
        if abs(mass / expected - 1.0) > _MASS_TOLERANCE:
            raise ConfigError(
                "",
                f"{path}: atom type {number} is {element} in pair_coeff, but has a mass of "
                f"{mass:g}, not {expected:.6g}; put the elements in the order of the types",
            )


def read_script(path: Path) -> Told:
    """Read what an input of LAMMPS says of a neural network potential; errors of `check_script`."""
    told: Told | None = None
    elements: tuple[str, ...] = ()
    masses: dict[int, float] = {}
    units = "lj"  # as LAMMPS has it where nothing is said
    for line, words in _commands(path):
        name, *arguments = words
        if name == "units" and arguments:
            units = arguments[0]
        elif name == "mass" and len(arguments) == 2 and arguments[0].isdecimal():
            masses[int(arguments[0])] = _number(path, arguments[1], "mass", line)
        elif name == "pair_style" and "hdnnp" in arguments:
            after = arguments[arguments.index("hdnnp") + 1 :]
            if not after:
                raise FormatError(path, line, "expected a cutoff after hdnnp; give it")
            options = {}
            rest = after[1:]
            while len(rest) >= 2 and rest[0] in _KEYWORDS:
                options[rest[0]] = rest[1]
                rest = rest[2:]
            told = Told(_number(path, after[0], "cutoff", line), options, (), {}, "")
        elif name == "pair_coeff" and arguments[:2] == ["*", "*"]:
            rest = arguments[2:]
            if rest[:1] == ["hdnnp"]:
                rest = rest[1:]
            if told is not None and all(word == NULL or word in atomic_numbers for word in rest):
                elements = tuple(rest)
    if told is None:
        raise FormatError(
            path,
            None,
            "expected an input of LAMMPS with pair_style hdnnp, found none; name another",
        )
    return Told(told.cutoff, told.options, elements, masses, units)


def _commands(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Split a script into the words of its commands, with their line; & continues a line."""
    with open_text(path) as stream:
        text = stream.read(_LARGEST_FILE + 1)
    if len(text) > _LARGEST_FILE:
        raise FormatError(path, None, "is larger than 1 MB; expected an input of LAMMPS")
    begun = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = begun + raw
        if re.search(r"&\s*$", line):
            begun = line.rstrip().removesuffix("&") + " "
            continue
        begun = ""
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # quotes that are open; what prints texts is of no interest
            continue
        if words:
            yield number, words


def _number(path: Path, word: str, what: str, line: int | None = None) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise FormatError(
            path, line, f"expected a positive number as {what}, found {word}; write the number"
        )
    return value
