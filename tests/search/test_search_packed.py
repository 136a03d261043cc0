"""A data set in one file is the same data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autune.dataset import Dataset
from autune.search.running.packed import read_packed, write_packed
from autune.structures import Structure


def cut(dataset: Dataset, n: int) -> Dataset:
    split = {"train": np.arange(0, n - 2), "test": np.array([n - 2]), "holdout": np.array([n - 1])}
    return replace(dataset, structures=dataset.structures[:n], **split)


def awkward() -> Dataset:
    """Structures that lack now this, now that."""
    generator = np.random.default_rng(1)
    full = Structure(
        numbers=np.array([79, 29]),
        positions=generator.normal(size=(2, 3)) / 3.0,
        cell=np.eye(3) * np.pi,
        energy=-0.1,
        forces=generator.normal(size=(2, 3)),
        stress=generator.normal(size=(3, 3)),
        charge=1.0 / 3.0,
        group="Gruppe \N{LATIN SMALL LETTER U WITH DIAERESIS}, 1",
        name="a b",
        side="test",
        weight=0.7,
    )
    cluster = Structure(np.array([79]), np.array([[0.1, 0.2, 0.3]]))
    no_forces = replace(full, forces=None, energy=None, side=None)
    three = Structure(np.array([1, 2, 3]), np.arange(9.0).reshape(3, 3), forces=np.ones((3, 3)))
    structures = [full, cluster, no_forces, three, cluster]
    return cut(Dataset.from_structures(structures, "a source"), 5)


@pytest.mark.parametrize("make", [awkward, lambda: cut(Dataset.read("builtin:gold"), 20)])
def test_nothing_changes(make, tmp_path: Path) -> None:
    dataset = make()
    write_packed(tmp_path / "packed.npz", dataset)
    again = read_packed(tmp_path / "packed.npz")
    assert again.fingerprint == dataset.fingerprint
    assert again.source == dataset.source
    for name in ("train", "test", "holdout"):
        np.testing.assert_array_equal(getattr(again, name), getattr(dataset, name))
    for one, other in zip(again.structures, dataset.structures, strict=True):
        for name, value in vars(other).items():
            found = getattr(one, name)
            assert type(found) is type(value)
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(found, value)
            else:
                assert found == value
