"""Folders of DeePMD-kit: a system with its frames in arrays of NumPy.

``type.raw`` (a number per atom), ``type_map.raw`` (the element of each number), and in ``set.*``
``coord.npy``, ``box.npy`` (not with a file ``nopbc``), ``energy.npy``, ``force.npy``,
``virial.npy``; in eV and Angstrom.  The virial is minus the derivative of the energy with respect
to strain.  In the form for mixed types ``real_atom_types.npy`` says the types of every frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from autune.errors import DataError, FormatError, short
from autune.formats.files import is_file, open_text
from autune.structures import FloatArray, IntArray, Structure

TYPES = "type.raw"


def read_deepmd(system: Path) -> Iterator[Structure]:
    """Read all frames of a system.

    Parameters
    ----------
    system
        Folder with type.raw.

    Yields
    ------
    Structure
        Without a name, set by set in alphabetical order.

    Raises
    ------
    FormatError
        If a file is missing, or its numbers do not fit the others.
    """
    types = np.array(_integers(system / TYPES), dtype=np.int64)
    elements = _elements(system / "type_map.raw")
    sets = sorted(path for path in system.glob("set.*") if path.is_dir())
    if not sets:
        raise FormatError(system, None, "expected folders set.* with frames, found none")
    for folder in sets:
        yield from _frames(folder, types, elements, (system / "nopbc").exists())


def _frames(
    folder: Path, types: IntArray, elements: IntArray, is_cluster: bool
) -> Iterator[Structure]:
    n_atoms = len(types)
    positions = _array(folder / "coord.npy", 3 * n_atoms)
    n = len(positions)
    cells = None if is_cluster else _array(folder / "box.npy", 9, n)
    energies, forces, virials = (
        _array(folder / f"{name}.npy", width, n) if is_file(folder / f"{name}.npy") else None
        for name, width in (("energy", 1), ("force", 3 * n_atoms), ("virial", 9))
    )
    mixed = folder / "real_atom_types.npy"
    of_frames = _array(mixed, n_atoms, n).astype(np.int64) if is_file(mixed) else None
    for k in range(n):
        kinds = types if of_frames is None else of_frames[k]
        real = kinds >= 0  # a frame with fewer atoms is filled up with -1
        if kinds.max(initial=-1) >= len(elements):
            source = folder.parent / TYPES if of_frames is None else mixed
            message = f"has type {kinds.max()}, type_map.raw names {len(elements)} from 0"
            raise FormatError(source, None, message)
        cell = None if cells is None else cells[k].reshape(3, 3)
        try:
            yield Structure(
                numbers=elements[kinds[real]],
                positions=positions[k].reshape(-1, 3)[real],
                cell=cell,
                energy=None if energies is None else float(energies[k, 0]),
                forces=None if forces is None else forces[k].reshape(-1, 3)[real],
                stress=(
                    None
                    if virials is None or cell is None
                    else -virials[k].reshape(3, 3) / abs(np.linalg.det(cell))
                ),
            )
        except DataError as error:
            text = str(error).removeprefix("structure: ")
            raise FormatError(folder, None, f"frame {k}: {text}") from None


def _integers(path: Path) -> list[int]:
    with open_text(path) as stream:
        words = stream.read().split()
    for word in words:
        if not word.isascii() or not word.isdecimal():
            raise FormatError(
                path, None, f"expected a type (0, 1, ...) per atom, found {short(word)}"
            )
    if not words:
        raise FormatError(path, None, "expected a type per atom, found an empty file")
    return [int(word) for word in words]


def _elements(path: Path) -> IntArray:
    if not is_file(path):
        raise FormatError(path, None, "is missing; add it with the element of each type, from 0")
    with open_text(path) as stream:
        words = stream.read().split()
    for word in words:
        if atomic_numbers.get(word, 0) == 0:
            raise FormatError(path, None, f"expected chemical symbols, found {short(word)}")
    return np.array([atomic_numbers[word] for word in words], dtype=np.int64)


def _array(path: Path, width: int, n_frames: int | None = None) -> FloatArray:
    """Read numbers of every frame, shape (n_frames, width)."""
    if not is_file(path):
        raise FormatError(path, None, "is missing; add it")
    try:
        values = np.load(path, allow_pickle=False)
        array: FloatArray = np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError, OSError, EOFError, MemoryError, SyntaxError) as error:
        raise FormatError(path, None, f"is no array of numbers: {error}") from None
    if array.size == 0 or array.size % width or (n_frames and array.size != n_frames * width):
        wanted = f"{n_frames or 'some'} frames with {width} numbers each"
        raise FormatError(path, None, f"expected {wanted}, found an array of shape {array.shape}")
    return array.reshape(-1, width)
