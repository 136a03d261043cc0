"""The door to ASE: structures from every file that ASE reads, and ASE's atoms.

Of files with two energies (VASP, GPAW with smearing) the free energy is read, whose derivatives
the forces are, or by choice the energy extrapolated to no smearing.  Forces are the calculated
ones, also on atoms that a relaxation held.
A crystal that is periodic in one or two directions (a slab, a wire) becomes periodic in all
three, with 50 Angstrom and more between it and its images in the others, more than any cutoff.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cell import Cell
from ase.db import connect
from ase.io import iread, write
from ase.io.formats import filetype

from autune.errors import DataError, FormatError
from autune.formats.cp2k import cp2k_kind, read_cp2k_output, read_cp2k_trajectory
from autune.formats.deepmd import TYPES, read_deepmd
from autune.formats.extxyz import check_extxyz
from autune.formats.files import is_file, is_folder, replacing
from autune.formats.memory import limited_memory
from autune.structures import LARGEST_LENGTH, FloatArray, Side, Structure

Energy = Literal["free", "e0"]

EMPTY_SPACE = 50.0
"""Angstrom between images in a direction that is not periodic."""

FOLDER_FORMATS = {
    "abinit-out", "aims-output", "castep-castep", "cp2k-output", "cp2k-positions", "db", "deepmd",
    "espresso-out", "extxyz", "gpaw-out", "nwchem-out", "traj", "vasp-out", "vasp-xml", "xyz",
}  # fmt: skip
"""Formats with energies that are looked for in a folder (ASE's names, and ours)."""

OWN_READERS: dict[str, Callable[[Path], Iterator[Structure]]] = {
    "cp2k-output": read_cp2k_output,
    "cp2k-positions": read_cp2k_trajectory,
    "deepmd": lambda path: read_deepmd(path.parent),
}
"""Readers of what ASE does not read."""

REFUSED_FORMATS = {
    "cp2k-other": "of a run of many steps; give its trajectory of positions, NAME-pos-1.xyz",
    "castep-cell": "an input of CASTEP; give its output",
    "cube": "a density on a grid, without energies; give the output of the calculation",
    "nwchem-in": "an input of NWChem; give its output",
    "runnerdata": "an input.data that does not begin with begin; mend it or give another suffix",
    "vasp-xdatcar": "a trajectory without energies; give vasprun.xml or OUTCAR",
}
"""Formats that hold nothing to learn from, and whose readers in ASE start a program or never end.

Of runnerdata ASE knows the name only, `autune.formats.input_data` its first word.
"""

GROUP_KEYS = ("config_type", "group")
WEIGHT_KEYS = ("weight", "energy_weight")
SIDE_KEYS = ("split", "set")
CHARGE_KEYS = ("charge", "total_charge")


def read_atoms_file(path: str | Path, energy: Energy = "free") -> list[Structure]:
    """Read all structures of a file, or of all files in a folder and its subfolders.

    A structure without a name is called after its file and its place in it, from 0.  In a folder
    the files with energies are read in alphabetical order (of ``OUTCAR`` and ``vasprun.xml`` only
    the latter), and the word train or test in the name of a file fixes the side of its structures.

    Parameters
    ----------
    path
        File or folder.
    energy
        Which energy of files with two: the free energy, or e0, extrapolated to no smearing.

    Returns
    -------
    list
        Structures in eV, Angstrom, eV/Angstrom.

    Raises
    ------
    FormatError
        If something cannot be read, or a folder holds nothing to read.

    Warns
    -----
    UserWarning
        If some structures have both energies, others one that may be either.
    """
    path = Path(path)
    known: Counter[str] = Counter()
    if is_folder(path):
        found = [
            structure
            for file in structure_files(path)
            for structure in _read_in_folder(path, file, energy, known)
        ]
    else:
        found = list(_read(path, path.stem, energy, known))
    if known["both"] and known["one"]:
        warnings.warn(
            f"{path}: {known['both']} structures have a free energy and another one, of which the "
            f"{energy} is taken (dataset.energy), {known['one']} have one energy that does not say "
            "which it is; see that they are the same",
            UserWarning,
            stacklevel=2,
        )
    return found


def _energies(atoms: Atoms) -> dict[Energy, float]:
    """Return the energies that atoms have: free, and e0 where it is another one."""
    results = atoms.calc.results if atoms.calc is not None else {}
    parts = getattr(atoms.calc, "energy_contributions", None) or {}  # of GPAW
    free = results.get("free_energy", parts.get("free energy"))
    plain = results.get("energy")
    found: dict[Energy, float] = {}
    if free is not None:
        found["free"] = float(free)
    if plain is not None:
        found["e0"] = float(plain)
    return found


def from_atoms(atoms: Atoms, energy: Energy = "free") -> Structure:
    """Convert ASE's atoms.

    The group is ``info["config_type"]`` or ``info["group"]``; ``name``, ``weight`` (or
    ``energy_weight``), ``split`` (or ``set``) and ``charge`` are taken from ``info`` as well.

    Raises
    ------
    DataError
        If the atoms are no valid structure.
    """
    info: dict[str, Any] = {}
    for inner in (atoms.info.get("data"), atoms.info.get("key_value_pairs"), atoms.info):
        info |= inner if isinstance(inner, dict) else {}
    results = atoms.calc.results if atoms.calc is not None else {}
    energies = _energies(atoms)
    cell = _periodic_cell(atoms)
    return Structure(
        numbers=atoms.numbers,
        positions=atoms.positions,
        cell=cell,
        energy=energies.get(energy, next(iter(energies.values()), None)),
        forces=results.get("forces"),
        stress=_stress_in(cell, atoms, _full_stress(results.get("stress"))),
        charge=float(_first(info, CHARGE_KEYS, 0.0)),
        group=_text(_first(info, GROUP_KEYS, "")),
        name=_text(info.get("name", "")),
        side=_side(_text(_first(info, SIDE_KEYS, ""))),
        weight=float(_first(info, WEIGHT_KEYS, 1.0)),
    )


def to_atoms(structure: Structure) -> Atoms:
    """Convert to ASE's atoms, with energy, forces and stress in a `SinglePointCalculator`."""
    s = structure
    texts = {"config_type": s.group, "name": s.name, "split": s.side}
    info: dict[str, Any] = {key: text for key, text in texts.items() if text}
    if s.weight != 1.0:
        info["weight"] = s.weight
    if s.charge != 0.0:
        info["charge"] = s.charge
    periodic = s.cell is not None
    atoms = Atoms(s.numbers, s.positions, cell=s.cell, pbc=periodic, info=info)
    results: dict[str, Any] = {}
    if s.energy is not None:
        results |= {"energy": s.energy, "free_energy": s.energy}
    if s.forces is not None:
        results["forces"] = s.forces
    if s.stress is not None:
        results["stress"] = s.stress.ravel()[[0, 4, 8, 5, 2, 1]]
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def write_atoms_file(path: str | Path, structures: Iterable[Structure], kind: str) -> None:
    """Write structures as an ASE trajectory (``traj``) or database (``db``, ``json``).

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    with replacing(path) as temporary:
        images = [to_atoms(structure) for structure in structures]
        if kind == "traj":
            write(temporary, images, format="traj")
            return
        temporary.unlink()
        with connect(temporary, type=kind, use_lock_file=False) as database:
            for atoms in images:
                database.write(atoms, data=dict(atoms.info))


def structure_files(folder: Path) -> list[Path]:
    """List the files of a folder that are read: those in `FOLDER_FORMATS`, none hidden.

    Raises
    ------
    FormatError
        If there is none.
    """
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and _format_of(file) in FOLDER_FORMATS:
            found.append(file)
    complete = {file.parent for file in found if _format_of(file) == "vasp-xml"}
    found = [f for f in found if f.parent not in complete or _format_of(f) != "vasp-out"]
    if not found:
        known = ", ".join(sorted(FOLDER_FORMATS))
        raise FormatError(folder, None, f"expected files with structures ({known}), found none")
    return found


def _format_of(file: Path) -> str:
    if file.name == TYPES:
        return "deepmd"
    if (of_cp2k := cp2k_kind(file)) is not None:
        return f"cp2k-{of_cp2k}"
    try:
        return str(filetype(str(file.absolute())))  # ASE takes some relative names for addresses
    except Exception:  # noqa: BLE001 - of damaged archives, for example
        return ""


def _read_in_folder(
    folder: Path, file: Path, energy: Energy, known: Counter[str]
) -> Iterator[Structure]:
    words = re.split(r"[^a-z]+", file.stem.lower())
    sides: list[Side] = ["train", "test"]
    side = next((side for side in sides if side in words), None)
    inside = file.relative_to(folder)
    stem = str(inside.parent if file.name == TYPES else inside.with_suffix(""))
    for structure in _read(file, folder.name if stem == "." else stem, energy, known):
        yield structure if structure.side else replace(structure, side=side)


def _read(path: Path, stem: str, energy: Energy, known: Counter[str]) -> Iterator[Structure]:
    if not is_file(path):
        raise FormatError(path, None, "cannot be read: no such file or folder")
    if path.stat().st_size == 0:
        raise FormatError(path, None, "expected structures, found an empty file")
    kind = _format_of(path)
    if kind in ("", "unknown"):
        raise FormatError(path, None, "is in no format that ASE knows; write extended XYZ")
    if kind in REFUSED_FORMATS:
        raise FormatError(path, None, f"is {REFUSED_FORMATS[kind]} (read as {kind})")
    if kind in OWN_READERS:
        for place, structure in enumerate(OWN_READERS[kind](path)):
            yield replace(structure, name=f"{stem}:{place}")
        return
    lines: list[int] = []
    if kind in ("extxyz", "xyz"):
        kind = "extxyz"
        lines = check_extxyz(path)
    index = -1
    for index, atoms in enumerate(_images(path, kind, lines)):
        try:
            structure = from_atoms(atoms, energy)
            energies = _energies(atoms)
        except (DataError, ValueError, TypeError, OverflowError) as error:
            raise _not_read(path, kind, index, lines, error) from None
        if len(energies) == 2 and energies["free"] != energies["e0"]:
            known["both"] += 1
        elif len(energies) == 1:
            known["one"] += 1
        yield structure if structure.name else replace(structure, name=f"{stem}:{index}")
    if index < 0:
        raise FormatError(path, None, f"expected structures, found none (read as {kind})")


def _images(path: Path, kind: str, lines: list[int]) -> Iterator[Atoms]:
    n_read = 0
    images = _ase_images(path, kind)
    while True:
        try:
            with warnings.catch_warnings(), limited_memory(path):
                warnings.simplefilter("ignore")  # of numbers that are refused below
                atoms = next(images, None)
        except Exception as error:  # noqa: BLE001 - readers raise whatever bad files make them raise
            raise _not_read(path, kind, n_read, lines, error) from None
        if atoms is None:
            return
        yield atoms
        n_read += 1


def _ase_images(path: Path, kind: str) -> Iterator[Atoms]:
    path = path.absolute()
    if kind not in ("db", "json"):
        yield from iread(str(path), index=":", format=kind, do_not_split_by_at_sign=True)
        return
    if kind == "db":
        _check_database(path)
    for row in connect(str(path), type=kind, use_lock_file=False).select():
        yield row.toatoms(add_additional_information=True)


def _check_database(path: Path) -> None:
    """Refuse databases that are not ASE's: it would make its tables in them."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not {"systems", "information"} <= tables:
        raise DataError("the database is none of ASE; remove the file or write extended XYZ")


def _not_read(path: Path, kind: str, index: int, lines: list[int], error: Exception) -> FormatError:
    line = lines[index] if index < len(lines) else None
    if isinstance(error, DataError):  # says already what is wrong and what to do
        text = str(error).removeprefix("structure: ")
        named = text.startswith("structure '")
        return FormatError(path, line, text if named else f"structure {index}: {text}")
    reason = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        reason = "it claims more numbers than the memory holds"
    message = f"structure {index} cannot be read as {kind}: {reason}; mend or remove it"
    return FormatError(path, line, message)


def _periodic_cell(atoms: Atoms) -> FloatArray | None:
    """Cell of atoms that are periodic everywhere, somewhere, or nowhere (None)."""
    if not atoms.pbc.any():
        return None
    cell: FloatArray = np.array(atoms.cell)
    reasonable = (np.abs(np.vstack([cell, atoms.positions])) <= LARGEST_LENGTH).all()
    if atoms.pbc.all() or not reasonable:  # what is not, `Structure` refuses
        return cell
    if not cell[atoms.pbc].any(axis=1).all():
        raise DataError("a periodic direction has no lattice vector; add it or set its pbc to F")
    cell[~atoms.pbc] = 0.0
    normals = np.array(Cell(cell).complete())  # of length 1
    for direction in np.flatnonzero(~atoms.pbc):
        heights = atoms.positions @ normals[direction]
        cell[direction] = normals[direction] * (np.ptp(heights) + EMPTY_SPACE)
    return cell


def _stress_in(
    cell: FloatArray | None, atoms: Atoms, stress: FloatArray | None
) -> FloatArray | None:
    """Return the stress over the volume of the structure's cell.

    Stress times volume is what DFT calculated, whatever empty space it divided by.  Where atoms
    have no volume nobody knows by which.
    """
    if stress is None or cell is None or atoms.pbc.all():
        return stress
    if atoms.cell.rank < 3:
        return None
    with np.errstate(all="ignore"):  # cells without end are refused later, with their name
        share: float = atoms.get_volume() / abs(float(np.linalg.det(cell)))
        return stress * share


def _full_stress(stress: Any) -> FloatArray | None:
    if stress is None:
        return None
    values: FloatArray = np.asarray(stress, dtype=np.float64)
    if values.shape == (6,):  # Voigt: xx, yy, zz, yz, xz, xy
        values = values[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
    return values.reshape(-1, 3)


def _first(info: Mapping[str, Any], keys: tuple[str, ...], default: Any) -> Any:
    return next((info[key] for key in keys if key in info), default)


def _text(value: Any) -> str:
    """Undo ASE's guess that a text of numbers is an array."""
    if isinstance(value, np.ndarray):
        return " ".join(str(item) for item in value.ravel().tolist())
    return str(value)


def _side(text: str) -> Side | None:
    if text.lower() in ("train", "training"):
        return "train"
    if text.lower() in ("test", "testing"):
        return "test"
    return None
