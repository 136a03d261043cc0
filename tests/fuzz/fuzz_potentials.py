"""Files of potentials, of reference values, and of trainings that go on."""

from __future__ import annotations

import json
import random
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from fuzz_mutations import mutate_bytes, mutate_file, mutate_tree
from fuzz_structures import N2P2, ROOT, check_folder

from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.potential.model import Potential
from autune.properties import read_reference
from autune.settings import Settings
from autune.structures import Structure
from autune.training.loop import train_potential
from autune.training.prepare import prepare


def use_potential(path: Path, _: Path) -> None:
    """Load a potential and predict a crystal and a molecule."""
    potential = Potential.load(path)
    numbers = Atoms(potential.elements).numbers
    for cell in (4.0 * np.eye(3), None):
        n = len(numbers)
        positions = np.linspace(0.0, 2.5, 3 * n + 3).reshape(n + 1, 3)
        structure = Structure(np.append(numbers, numbers[0]), positions, cell)
        prediction = potential.predict(structure)
        assert np.isfinite(prediction.energy)
        assert np.isfinite(prediction.forces).all()


def make_potential(rng: random.Random, folder: Path) -> Path:
    """Change one file of a potential of n2p2."""
    source = rng.choice(potentials())
    for name, data in source.items():
        (folder / name).write_bytes(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        name = rng.choice(("input.nn", "input.nn", *source))
        if rng.random() < 0.03:
            (folder / name).unlink(missing_ok=True)
        elif rng.random() < 0.03:
            (folder / name).write_bytes(b"")
        else:
            (folder / name).write_bytes(mutate_file(rng, source[name]))
    return folder


@cache
def potentials() -> tuple[dict[str, bytes], ...]:
    """Files of some potentials."""
    folders = [N2P2 / "sf" / "aucu_alltypes", *sorted((N2P2 / "net").iterdir())]
    use_potential(folders[1], folders[1])  # kernels are compiled outside of the time limit
    return tuple(
        {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if path.name == "input.nn" or path.suffix == ".data"
        }
        for folder in folders
    )


def make_reference(rng: random.Random, folder: Path) -> Path:
    """Change the table of reference values of gold."""
    text = (ROOT / "autune" / "datasets" / "gold_reference.json").read_text()
    if rng.random() < 0.5:
        data = mutate_file(rng, text.encode())
    else:
        tree = mutate_tree(rng, json.loads(text))
        data = json.dumps(tree, default=str, skipkeys=True).encode()
    path = folder / "reference.json"
    path.write_bytes(data)
    return path


def use_reference(path: Path, _: Path) -> None:
    """Read a table of reference values."""
    read_reference(path)


def make_checkpoint(rng: random.Random, folder: Path) -> Path:
    """Change bytes of the state of a training."""
    path = folder / "checkpoint.npz"
    path.write_bytes(mutate_bytes(rng, checkpoint()))
    return path


TRAINING: dict[str, Any] = {
    "name": "small",
    "dataset": {"path": "builtin:gold", "leave_out_groups": ["surface_100", "surface_111", "bcc"]},
    "potential": {
        "elements": ["Au"],
        "cutoff_radius": 4.0,
        "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
        "hidden_layers": [3],
    },
    "training": {"epochs": 3, "updates_per_epoch": 5},
}


@cache
def gold() -> Dataset:
    """The built-in data set, read once."""
    return Dataset.read("builtin:gold")


@cache
def prepared() -> tuple[Settings, Any, Any]:
    """Settings and data of a training of some milliseconds, and what judges it."""
    settings = Settings.from_mapping(TRAINING)
    dataset = split_dataset(gold(), settings.dataset)
    return settings, prepare(settings, dataset), partial(score, settings=settings.evaluation.score)


@cache
def checkpoint() -> bytes:
    """State of that training after its first epochs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.npz"
        train_potential(*prepared(), report=lambda epoch: epoch.number < 1, checkpoint=path)
        return path.read_bytes()


def use_checkpoint(path: Path, output: Path) -> None:
    """Go on with a training."""
    copy = output / path.name
    copy.write_bytes(path.read_bytes())
    trained = train_potential(*prepared(), checkpoint=copy)
    assert trained.finished
    check_folder(output)
