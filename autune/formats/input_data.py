"""n2p2's ``input.data``: structures with energies and forces.

A block per structure, from ``begin`` to ``end``::

    begin set=train
    comment group=fcc name=fcc-00
    lattice 4.08 0.0 0.0
    lattice 0.0 4.08 0.0
    lattice 0.0 0.0 4.08
    atom 0.0 0.0 0.0 Au 0.0 0.0 0.01 0.0 0.0
    energy -3.1
    charge 0.0
    end

``atom x y z element charge unused fx fy fz``; no lattice means a cluster; ``set`` is optional and
fixes the split.  The format has no place for group, name and weight: they are written into the
comment as ``key=value`` words (percent-encoded) and found there again; any other comment is the
structure's name.  Stress and charges of single atoms are not kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import quote, unquote

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from autune.errors import DataError, FormatError, short
from autune.formats.files import open_text, write_text
from autune.structures import Side, Structure

KEYWORDS = ("comment", "lattice", "atom", "energy", "charge", "end")
COMMENT_KEYS = {"group", "name", "weight"}


def read_input_data(
    path: str | Path, length_unit: float = 1.0, energy_unit: float = 1.0
) -> Iterator[Structure]:
    """Read the structures of an ``input.data`` one by one.

    A structure that the file does not name is called after the file and its place in it, from 0:
    ``input:7``.

    Parameters
    ----------
    path
        The file.
    length_unit
        Angstrom in one length unit of the file.
    energy_unit
        eV in one energy unit of the file.

    Yields
    ------
    Structure
        In eV, Angstrom and eV/Angstrom.

    Raises
    ------
    FormatError
        With the first line that is wrong.
    """
    path = Path(path)
    with open_text(path) as stream:
        for index, block in enumerate(_blocks(path, stream)):
            block.setdefault("name", f"{path.stem}:{index}")
            yield _structure(path, block, length_unit, energy_unit)


def write_input_data(path: str | Path, structures: Iterable[Structure]) -> None:
    """Write structures as ``input.data`` in eV and Angstrom, with all digits.

    Raises
    ------
    DataError
        If a structure lacks energy or forces: the format has no sign for 'unknown'.
    ConfigError
        If the file cannot be written.
    """
    write_text(path, "".join(_block_text(structure) for structure in structures))


def _blocks(path: Path, stream: TextIO) -> Iterator[dict[str, Any]]:
    """Collect the words of every block, already as numbers, and check each line."""
    block: dict[str, Any] | None = None
    n = 0
    for n, line in enumerate(stream, start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        keyword, arguments = words[0], words[1:]
        if block is None:
            if keyword != "begin":
                raise FormatError(path, n, f"expected begin, found {short(keyword)}")
            block = {"line": n, "side": _side(path, n, arguments), "atoms": [], "lattice": []}
        elif keyword == "end":
            yield block
            block = None
        else:
            _add_line(path, n, block, keyword, arguments)
    if block is not None:
        message = f"the block that begins in line {block['line']} has no end; the file is cut off"
        raise FormatError(path, n, message)


def _side(path: Path, n: int, arguments: list[str]) -> Side | None:
    if not arguments:
        return None
    if arguments in (["set=train"], ["set=test"]):
        return cast(Side, arguments[0].removeprefix("set="))
    found = " ".join(arguments)
    raise FormatError(path, n, f"expected set=train, set=test or nothing, found {short(found)}")


def _add_line(path: Path, n: int, block: dict[str, Any], keyword: str, words: list[str]) -> None:
    match keyword:
        case "comment":
            block.update(_from_comment(path, n, " ".join(words)))
        case "lattice":
            block["lattice"].append(_numbers(path, n, words, 3, "lattice x y z"))
        case "atom":
            block["atoms"].append(_atom(path, n, words))
        case "energy" | "charge":
            if keyword in block:
                raise FormatError(path, n, f"{keyword} is given twice in one block; remove one")
            block[keyword] = _numbers(path, n, words, 1, f"{keyword} and one number")[0]
        case _:
            allowed = ", ".join(KEYWORDS)
            raise FormatError(path, n, f"expected one of {allowed}; found {short(keyword)}")


def _atom(path: Path, n: int, words: list[str]) -> tuple[int, list[float]]:
    layout = "atom x y z element charge unused fx fy fz"
    if len(words) != 9:
        raise FormatError(path, n, f"expected {layout} (10 words), found {len(words) + 1} words")
    symbol = words.pop(3)
    if atomic_numbers.get(symbol, 0) == 0:
        raise FormatError(path, n, f"expected a chemical symbol, found {short(symbol)}")
    return atomic_numbers[symbol], _numbers(path, n, words, 8, layout)


def _numbers(path: Path, n: int, words: list[str], count: int, layout: str) -> list[float]:
    if len(words) != count:
        raise FormatError(path, n, f"expected {layout}, found {len(words)} numbers")
    values = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            raise FormatError(
                path, n, f"expected a number in {layout}, found {short(word)}"
            ) from None
        if not math.isfinite(value):
            message = f"expected finite numbers, found {word[:40]}; remove the structure"
            raise FormatError(path, n, message)
        values.append(value)
    return values


def _from_comment(path: Path, n: int, text: str) -> dict[str, Any]:
    """Find group, name and weight in a comment; any other text is the name."""
    pairs = [word.partition("=") for word in text.split()]
    if not pairs:
        return {}
    if not all(sign and key in COMMENT_KEYS for key, sign, _ in pairs):
        return {"name": text}
    found: dict[str, Any] = {key: unquote(value) for key, _, value in pairs}
    if "weight" in found:
        found["weight"] = _numbers(path, n, [found["weight"]], 1, "weight and one number")[0]
    return found


def _structure(
    path: Path, block: dict[str, Any], length_unit: float, energy_unit: float
) -> Structure:
    line = block["line"]
    if not block["atoms"]:
        raise FormatError(path, line, "expected atoms in the block, found none; remove it")
    if len(block["lattice"]) not in (0, 3):
        found = len(block["lattice"])
        raise FormatError(
            path, line, f"expected 3 lattice lines, or none (a cluster); found {found}"
        )
    values = np.array([numbers for _, numbers in block["atoms"]])
    cell = np.array(block["lattice"]) * length_unit if block["lattice"] else None
    energy = block.get("energy")
    try:
        return Structure(
            numbers=np.array([number for number, _ in block["atoms"]]),
            positions=values[:, :3] * length_unit,
            cell=cell,
            energy=None if energy is None else energy * energy_unit,
            forces=values[:, 5:] * (energy_unit / length_unit),
            charge=block.get("charge", 0.0),
            group=block.get("group", ""),
            name=block["name"],
            side=block["side"],
            weight=block.get("weight", 1.0),
        )
    except DataError as error:
        raise FormatError(path, line, str(error)) from None


def _block_text(structure: Structure) -> str:
    if structure.energy is None or structure.forces is None:
        what = "energy" if structure.energy is None else "forces"
        raise DataError(
            f"{structure.label}: has no {what}, which input.data cannot say; remove the structure "
            "or write extended XYZ"
        )
    lines = [f"begin set={structure.side}" if structure.side else "begin"]
    comment = _comment(structure)
    if comment:
        lines.append(f"comment {comment}")
    if structure.cell is not None:
        lines += [f"lattice {_digits(row)}" for row in structure.cell.tolist()]
    lines += [
        f"atom {_digits(position)} {chemical_symbols[number]} 0.0 0.0 {_digits(force)}"
        for number, position, force in zip(
            structure.numbers.tolist(),
            structure.positions.tolist(),
            structure.forces.tolist(),
            strict=True,
        )
    ]
    lines += [f"energy {float(structure.energy)!r}", f"charge {float(structure.charge)!r}", "end"]
    return "\n".join(lines) + "\n"


def _comment(structure: Structure) -> str:
    words = []
    if structure.group:
        words.append(f"group={quote(structure.group, safe='')}")
    if structure.name:
        words.append(f"name={quote(structure.name, safe='')}")
    if structure.weight != 1.0:
        words.append(f"weight={float(structure.weight)!r}")
    return " ".join(words)


def _digits(row: list[float]) -> str:
    return " ".join(repr(value) for value in row)
