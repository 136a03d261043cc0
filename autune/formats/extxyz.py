"""Extended XYZ: checked line by line before ASE reads it, and written with all digits.

ASE stops silently at a blank line, ignores surplus columns and writes positions with eight
decimals only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path
from typing import TextIO

import numpy as np
from ase.data import chemical_symbols

from autune.errors import FormatError
from autune.formats.files import open_text, write_text
from autune.structures import FloatArray, Structure

COUNT = re.compile("[0-9]{1,9}")
NOT_FINITE = {"nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "-infinity"}


def check_extxyz(path: str | Path) -> list[int]:
    """Check that every frame is complete and every number finite.

    Returns
    -------
    list
        Number of the first line of every frame.

    Raises
    ------
    FormatError
        With the first line that is wrong.
    """
    path = Path(path)
    starts: list[int] = []
    n = 0
    with open_text(path) as stream:
        while line := stream.readline():
            n += 1
            if not line.strip():
                if stream.read().strip():
                    message = "expected a number of atoms, found a blank line; remove it"
                    raise FormatError(path, n, message)
                break
            if line.lstrip().startswith("VEC") and starts:
                continue
            starts.append(n)
            n = _check_frame(path, n, line, stream)
    if not starts:
        raise FormatError(path, None, "expected structures, found an empty file")
    return starts


def write_extxyz(
    path: str | Path,
    structures: Iterable[Structure],
    extras: Iterable[Mapping[str, float | FloatArray]] | None = None,
) -> None:
    """Write structures as extended XYZ in eV and Angstrom, with all digits.

    Group, name, weight, side and charge become ``config_type``, ``name``, ``weight``, ``split``
    and ``charge``.

    Parameters
    ----------
    path
        A file that is there is replaced.
    structures
        What to write.
    extras
        Of each structure more numbers by their names: those of the whole are written beside the
        energy, those of every atom, shape (n_atoms, n_columns), as columns.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    pairs = zip(structures, repeat({}) if extras is None else extras, strict=extras is not None)
    write_text(path, "".join(_frame_text(structure, extra) for structure, extra in pairs))


def _check_frame(path: Path, n: int, first: str, stream: TextIO) -> int:
    if not COUNT.fullmatch(first.strip()):
        raise FormatError(path, n, f"expected a number of atoms, found {first.strip()[:40]!r}")
    n_atoms = int(first)
    comment = stream.readline()
    n += 1
    properties = re.search(r"""Properties=["']?([^\s"']+)""", comment)
    columns = properties.group(1).split(":")[2::3] if properties else []
    if not all(map(COUNT.fullmatch, columns)):
        raise FormatError(path, n, "expected Properties=name:type:columns:..., found no numbers")
    n_columns = sum(map(int, columns))
    if properties is not None and n_columns < 4:
        message = f"expected Properties with symbol, x, y, z at least, found {n_columns} columns"
        raise FormatError(path, n, message)
    for _ in range(n_atoms):
        n += 1
        words = stream.readline().split()
        if properties is None and len(words) < 4:
            raise FormatError(path, n, f"expected symbol, x, y, z; found {len(words)} words")
        if properties is not None and len(words) != n_columns:
            message = f"expected {n_columns} columns as in Properties, found {len(words)}"
            raise FormatError(path, n, message)
        for word in words:
            if word.lower() in NOT_FINITE:
                message = f"expected finite numbers, found {word}; remove the structure"
                raise FormatError(path, n, message)
    return n


def _frame_text(structure: Structure, extra: Mapping[str, float | FloatArray]) -> str:
    s = structure
    arrays = {"pos": s.positions} if s.forces is None else {"pos": s.positions, "forces": s.forces}
    arrays |= {name: value for name, value in extra.items() if isinstance(value, np.ndarray)}
    numbers = {name: x for name, x in extra.items() if not isinstance(x, np.ndarray)}
    properties = ":".join(["species:S:1", *(f"{n}:R:{a.shape[1]}" for n, a in arrays.items())])
    columns = [[chemical_symbols[number]] for number in s.numbers.tolist()]
    for array in arrays.values():
        for column, row in zip(columns, array.tolist(), strict=True):
            column.extend(repr(value) for value in row)
    comment = _comment(s, properties, numbers)
    return "\n".join([str(s.n_atoms), comment, *map(" ".join, columns)]) + "\n"


def _comment(structure: Structure, properties: str, extra: Mapping[str, float]) -> str:
    s = structure
    words = []
    if s.cell is not None:
        words.append(f'Lattice="{_row(s.cell.ravel().tolist())}"')
    words.append(f"Properties={properties}")
    if s.energy is not None:
        words.append(f"energy={float(s.energy)!r}")
    words += [f"{name}={float(x)!r}" for name, x in extra.items()]
    if s.stress is not None:
        words.append(f'stress="{_row(s.stress.T.ravel().tolist())}"')
    texts = {"config_type": s.group, "name": s.name, "split": s.side or ""}
    words += [f"{key}={_quote(text)}" for key, text in texts.items() if text]
    numbers = {"weight": (s.weight, 1.0), "charge": (s.charge, 0.0)}
    words += [f"{key}={float(x)!r}" for key, (x, usual) in numbers.items() if x != usual]
    words.append('pbc="F F F"' if s.cell is None else 'pbc="T T T"')
    return " ".join(words)


def _row(values: list[float]) -> str:
    return " ".join(repr(value) for value in values)


def _quote(text: str) -> str:
    """Quote a text so that ASE reads it back; line ends become blanks."""
    text = " ".join(text.splitlines())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
