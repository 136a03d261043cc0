"""Extended XYZ: checked line by line before ASE reads it, and written with all digits.

ASE stops silently at a blank line, ignores surplus columns and writes positions with eight
decimals only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from ase.data import chemical_symbols

from autune.errors import FormatError
from autune.formats.files import open_text, write_text
from autune.structures import Structure

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


def write_extxyz(path: str | Path, structures: Iterable[Structure]) -> None:
    """Write structures as extended XYZ in eV and Angstrom, with all digits.

    Group, name, weight, side and charge become ``config_type``, ``name``, ``weight``, ``split``
    and ``charge``.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    write_text(path, "".join(_frame_text(structure) for structure in structures))


def _check_frame(path: Path, n: int, first: str, stream: TextIO) -> int:
    if not first.strip().isdigit():
        raise FormatError(path, n, f"expected a number of atoms, found {first.strip()[:40]!r}")
    n_atoms = int(first)
    comment = stream.readline()
    n += 1
    properties = re.search(r"""Properties=["']?([^\s"']+)""", comment)
    columns = properties.group(1).split(":")[2::3] if properties else []
    if not all(count.isdigit() for count in columns):
        raise FormatError(path, n, "expected Properties=name:type:columns:..., found no numbers")
    n_columns = sum(map(int, columns))
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


def _frame_text(structure: Structure) -> str:
    s = structure
    properties = "species:S:1:pos:R:3"
    columns = [[chemical_symbols[number]] for number in s.numbers.tolist()]
    arrays = [s.positions] if s.forces is None else [s.positions, s.forces]
    if s.forces is not None:
        properties += ":forces:R:3"
    for array in arrays:
        for column, row in zip(columns, array.tolist(), strict=True):
            column.extend(repr(value) for value in row)
    lines = [str(s.n_atoms), _comment(s, properties), *map(" ".join, columns)]
    return "\n".join(lines) + "\n"


def _comment(structure: Structure, properties: str) -> str:
    s = structure
    words = []
    if s.cell is not None:
        words.append(f'Lattice="{_row(s.cell.ravel().tolist())}"')
    words.append(f"Properties={properties}")
    if s.energy is not None:
        words.append(f"energy={float(s.energy)!r}")
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
