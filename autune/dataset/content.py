"""The data set: structures read from anywhere, and which of them train and test."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from autune.errors import ConfigError, DataError, FormatError
from autune.formats.atoms import Energy, read_atoms_file, write_atoms_file
from autune.formats.extxyz import write_extxyz
from autune.formats.files import is_file
from autune.formats.input_data import read_input_data, write_input_data
from autune.settings import DatasetSettings
from autune.structures import IntArray, Structure
from autune.units import GivenUnits, UnitSystem, unit_system

BUILTIN = {"builtin:gold": "gold.extxyz"}
SUFFIXES = (".extxyz", ".xyz", ".data", ".db", ".json", ".traj")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Structures with their split.

    Parameters
    ----------
    structures
        All structures, in eV, Angstrom, eV/Angstrom.
    train
        Indices of the training structures, ascending, shape (n_train,).
    test
        Indices of the test structures, ascending, shape (n_test,).
    source
        Where the structures come from.
    holdout
        Indices of the structures that neither train nor test, but measure the winner of a search,
        ascending, shape (n_holdout,).
    """

    structures: tuple[Structure, ...]
    train: IntArray
    test: IntArray
    source: str
    holdout: IntArray = field(default_factory=lambda: np.arange(0, dtype=np.int64))

    @classmethod
    def from_structures(cls, structures: Iterable[Structure], source: str = "") -> Dataset:
        """Make a data set that is not split yet: every structure trains.

        Raises
        ------
        DataError
            If there are no structures.
        """
        collected = tuple(structures)
        if not collected:
            raise DataError(f"{source or 'the data set'}: has no structures; add some")
        n = len(collected)
        return cls(collected, np.arange(n, dtype=np.int64), np.arange(0, dtype=np.int64), source)

    @classmethod
    def read(
        cls, path: str | Path, units: GivenUnits = "ev-angstrom", energy: Energy = "free"
    ) -> Dataset:
        """Read a file or folder of structures, not split yet.

        Parameters
        ----------
        path
            ``builtin:gold``, an ``input.data`` of n2p2 or RuNNer (known by its name or its first
            word) or the folder in which it lies, or whatever ASE reads, CP2K's output and
            trajectories, and DeePMD's folders; a folder is read with all its files.
        units
            Units of an ``input.data``; other formats carry their own.
        energy
            Which energy of files with two: the free energy, whose derivatives the forces are, or
            e0, extrapolated to no smearing.

        Raises
        ------
        FormatError
            With file and line, if something cannot be read.
        ConfigError
            If there is no such built-in data set, or units are given to a file that has its own.
        """
        source = str(path)
        if source.startswith("builtin:"):
            _refuse_units(source, units)
            return cls._read_builtin(source)
        path = _expanded(path)
        if is_file(path / "input.data"):
            path = path / "input.data"
        if is_file(path) and _is_input_data(path):
            return cls.from_structures(read_input_data(path, *unit_system(units)), source)
        _refuse_units(path, units)
        return cls.from_structures(read_atoms_file(path, energy), source)

    @classmethod
    def _read_builtin(cls, name: str) -> Dataset:
        if name not in BUILTIN:
            raise ConfigError(
                "dataset.path", f"there is no {name}; built in are {', '.join(BUILTIN)}"
            )
        file = resources.files("autune.datasets").joinpath(BUILTIN[name])
        with resources.as_file(file) as path:
            return cls.from_structures(read_atoms_file(path), name)

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of all elements, by atomic number."""
        numbers = np.unique(np.concatenate([s.numbers for s in self.structures]))
        return tuple(chemical_symbols[number] for number in numbers)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all groups, in alphabetical order."""
        return tuple(sorted({s.group for s in self.structures}))

    @property
    def train_structures(self) -> tuple[Structure, ...]:
        """The structures to train with."""
        return tuple(self.structures[i] for i in self.train)

    @property
    def test_structures(self) -> tuple[Structure, ...]:
        """The structures to test with."""
        return tuple(self.structures[i] for i in self.test)

    @property
    def holdout_structures(self) -> tuple[Structure, ...]:
        """The structures that no trial sees."""
        return tuple(self.structures[i] for i in self.holdout)

    def without_holdout(self) -> Dataset:
        """Return the data set as trials get it: the structures of the holdout are not in it."""
        if len(self.holdout) == 0:
            return self
        kept = np.setdiff1d(np.arange(len(self.structures)), self.holdout)
        structures = tuple(self.structures[i] for i in kept)
        train, test = (np.searchsorted(kept, indices) for indices in (self.train, self.test))
        return Dataset(structures, train, test, self.source)

    @cached_property
    def fingerprint(self) -> str:
        """Hash (sha256) of all that decides a training: arrays, energies, groups, split.

        Names and the place of the file do not count, nor does a holdout without structures.
        """
        digest = hashlib.sha256()
        for s in self.structures:
            energy = None if s.energy is None else float(s.energy)
            scalars = (energy, float(s.charge), float(s.weight), s.group)
            digest.update(repr((s.n_atoms, scalars)).encode())
            for array in (s.numbers, s.positions, s.cell, s.forces, s.stress):
                digest.update(b"-" if array is None else b"+" + array.tobytes())
        sides = [self.train, self.test, *([self.holdout] if len(self.holdout) else [])]
        for indices in sides:
            digest.update(repr(indices.tolist()).encode())
        return digest.hexdigest()


def read_dataset(settings: DatasetSettings) -> Dataset:
    """Read the structures that settings name, not split yet; see `Dataset.read`."""
    return Dataset.read(settings.path, settings.units, settings.energy)


def write_dataset(path: str | Path, structures: Sequence[Structure]) -> None:
    """Write structures in the format that the suffix names, in eV and Angstrom.

    ``.extxyz`` and ``.xyz`` (extended XYZ), ``.data`` (n2p2's input.data), ``.db`` and ``.json``
    (ASE database), ``.traj`` (ASE trajectory).  A file that is there is replaced.

    Raises
    ------
    ConfigError
        If the suffix is not known or the file cannot be written.
    DataError
        If the format cannot hold a structure.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".extxyz", ".xyz"):
        write_extxyz(path, structures)
    elif suffix == ".data":
        write_input_data(path, structures)
    elif suffix in SUFFIXES:
        write_atoms_file(path, structures, suffix.removeprefix("."))
    else:
        message = f"{path} has no suffix of a format that can be written; use one of "
        raise ConfigError("", message + ", ".join(SUFFIXES))


def _refuse_units(path: str | Path, units: GivenUnits) -> None:
    """Refuse other units than those of autune for a file that carries its own."""
    if unit_system(units) != UnitSystem(1.0, 1.0):
        message = f"{units} is only for input.data files; {path} carries its own units: remove "
        raise ConfigError("dataset.units", message + "dataset.units, or --data-units")


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # nobody has this name
        return Path(path)


def _is_input_data(path: Path) -> bool:
    if path.name == "input.data":
        return True
    try:
        with path.open("rb") as stream:
            lines = (line.split() for line in stream if not line.startswith(b"#"))
            first = next((words[0] for words in lines if words), b"")
            return first.removeprefix(BOM_UTF8) == b"begin"
    except OSError as error:
        raise FormatError(path, None, f"cannot be read: {error.strerror}") from None
