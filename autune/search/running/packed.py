"""A data set in one file of arrays: exact, without pickle, for the ranks of a trial."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autune.dataset import Dataset
from autune.formats.files import write_bytes
from autune.structures import FloatArray, Structure

_PER_ATOM = {"positions": True, "forces": True, "cell": False, "stress": False}
"""Arrays of three columns: whether a row belongs to an atom."""

_WORDS = ("group", "name", "side")


def write_packed(path: Path, dataset: Dataset) -> None:
    """Write structures and split.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    structures = dataset.structures
    arrays: dict[str, np.ndarray] = {
        "n_atoms": np.array([s.n_atoms for s in structures]),
        "numbers": np.concatenate([s.numbers for s in structures]),
        "has_energy": np.array([s.energy is not None for s in structures]),
        "energy": np.array([s.energy or 0.0 for s in structures]),
        "charge": np.array([s.charge for s in structures]),
        "weight": np.array([s.weight for s in structures]),
        "train": dataset.train,
        "test": dataset.test,
        "holdout": dataset.holdout,
        "words": np.array(
            json.dumps(
                {"source": dataset.source}
                | {name: [getattr(s, name) for s in structures] for name in _WORDS}
            )
        ),
    }
    for name in _PER_ATOM:
        values = [getattr(s, name) for s in structures]
        arrays[f"has_{name}"] = np.array([value is not None for value in values])
        arrays[name] = np.concatenate([np.empty((0, 3)), *(v for v in values if v is not None)])
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(path, stream.getvalue())


def read_packed(path: Path) -> Dataset:
    """Read what `write_packed` has written."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    words = json.loads(str(arrays["words"]))
    n_atoms = arrays["n_atoms"].tolist()
    numbers = np.split(arrays["numbers"], np.cumsum(n_atoms)[:-1])
    columns = {name: _rows(arrays, name, n_atoms) for name in _PER_ATOM}
    structures = []
    for i, has_energy in enumerate(arrays["has_energy"].tolist()):
        positions = columns["positions"][i]
        assert positions is not None
        structures.append(
            Structure(
                numbers=numbers[i],
                positions=positions,
                cell=columns["cell"][i],
                energy=float(arrays["energy"][i]) if has_energy else None,
                forces=columns["forces"][i],
                stress=columns["stress"][i],
                charge=float(arrays["charge"][i]),
                weight=float(arrays["weight"][i]),
                **{name: words[name][i] for name in _WORDS},
            )
        )
    split = (arrays["train"], arrays["test"], words["source"], arrays["holdout"])
    return Dataset(tuple(structures), *split)


def _rows(
    arrays: dict[str, np.ndarray], name: str, n_atoms: Sequence[int]
) -> list[FloatArray | None]:
    """Cut an array into those of the structures that have it."""
    found: list[FloatArray | None] = []
    begin = 0
    for there, n in zip(arrays[f"has_{name}"].tolist(), n_atoms, strict=True):
        end = begin + (n if _PER_ATOM[name] else 3) * there
        found.append(arrays[name][begin:end] if there else None)
        begin = end
    return found
