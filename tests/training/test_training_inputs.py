"""Inputs take little more memory than they have bytes, serve the next trial, and are shared out."""

from __future__ import annotations

import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

import autune.training.inputs
from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.formats.tables import Scaling
from autune.potential.basis import build_architecture
from autune.settings import Settings
from autune.structures import FloatArray, IntArray, Structure
from autune.training.inputs import Inputs, compute_inputs
from autune.training.loop import train_potential
from autune.training.parallel import Serial
from autune.training.prepare import Prepared, prepare


def make_dataset(count: int, repeat: int, seed: int = 1) -> Dataset:
    generator = np.random.default_rng(seed)
    structures = []
    for _ in range(count):
        atoms = bulk("Au", "fcc", a=4.1, cubic=True).repeat(repeat)
        atoms.numbers[generator.random(len(atoms)) < 0.3] = 29
        positions = atoms.positions + generator.normal(0.0, 0.1, atoms.positions.shape)
        forces = generator.normal(size=positions.shape)
        structures.append(
            Structure(atoms.numbers, positions, atoms.cell.array, energy=-1.0, forces=forces)
        )
    return Dataset.from_structures(structures)


def make_settings(potential: dict[str, Any] | None = None, **training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "inputs",
            "dataset": {"path": "none", "test_fraction": 0.2},
            "potential": {
                "elements": ["Au", "Cu"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, -1, 2]]},
                },
                **(potential or {}),
            },
            "training": training,
        }
    )


SETTINGS = make_settings()
DATASET = split_dataset(make_dataset(10, 1), SETTINGS.dataset)


def test_peak_memory_is_close_to_the_result() -> None:
    settings = make_settings({"symmetry_functions": {"basis": "gold_study"}})
    prepare(settings, DATASET)  # compiles
    dataset = split_dataset(make_dataset(10, 3), SETTINGS.dataset)
    tracemalloc.start()
    try:
        prepared = prepare(settings, dataset)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    result = sum(
        np.asarray(a).nbytes for part in (prepared.train, prepared.test) for a in part.data
    )
    assert result > 1e7
    assert peak < 1.1 * result


def same_inputs(one: Prepared, other: Prepared) -> bool:
    return all(
        a.data.dG_dr is b.data.dG_dr and a.data.G is b.data.G
        for a, b in ((one.train, other.train), (one.test, other.test))
    )


def test_trials_with_the_same_descriptors_share_them() -> None:
    first = prepare(SETTINGS, DATASET)
    other = make_settings(
        {"hidden_layers": [3], "atom_energies": {"Au": 2.0}},
        epochs=3,
        group_weights={"": 2.0},
        kalman={"per_element": True},
    )
    second = prepare(other, Dataset(DATASET.structures, DATASET.train, DATASET.test, "elsewhere"))
    assert same_inputs(first, second)
    assert second.architecture == build_architecture(other.potential)
    n_gold = np.array([(s.numbers == 79).sum() for s in DATASET.train_structures])
    np.testing.assert_allclose(second.train.data.energy, first.train.data.energy - 2.0 * n_gold)
    assert (second.structure_weights == 2.0 * first.structure_weights).all()
    assert second.shares is not None
    assert second.identity != first.identity


@pytest.mark.parametrize(
    "potential",
    [
        {"cutoff_radius": 4.6},
        {"cutoff_type": "cos"},
        {"scaling": "center"},
        {"scale_max": 2.0},
        {"minimum_spread": 1e-7},
    ],
)
def test_other_descriptors_are_computed(potential: dict[str, Any]) -> None:
    first = prepare(SETTINGS, DATASET)
    assert not same_inputs(first, prepare(make_settings(potential), DATASET))


def test_derivatives_in_single_precision_take_half_and_predict_the_same() -> None:
    single_settings = make_settings(derivatives="single")
    double, single = prepare(SETTINGS, DATASET), prepare(single_settings, DATASET)
    assert 2 * single.train.data.dG_dr.nbytes == double.train.data.dG_dr.nbytes
    np.testing.assert_array_equal(single.train.data.G, double.train.data.G)
    judge = partial(score, settings=SETTINGS.evaluation.score)
    short = {"epochs": 1, "updates_per_epoch": 10}
    one, other = (
        train_potential(make_settings(**short, derivatives=kept), inputs, judge).epochs
        for kept, inputs in (("double", double), ("single", single))
    )
    for before, after in zip(one, other, strict=True):
        assert after.test_force_rmse == pytest.approx(before.test_force_rmse, rel=1e-4)
        assert after.train_energy_rmse == pytest.approx(before.train_energy_rmse, rel=1e-4)


def test_other_structures_or_another_split_are_computed() -> None:
    first = prepare(SETTINGS, DATASET)
    other = split_dataset(make_dataset(10, 1, seed=2), SETTINGS.dataset)
    assert not same_inputs(first, prepare(SETTINGS, other))
    first = prepare(SETTINGS, DATASET)
    swapped = Dataset(DATASET.structures, DATASET.train[1:], DATASET.test, "")
    assert not same_inputs(first, prepare(SETTINGS, swapped))


def test_old_inputs_are_gone_before_new_ones_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    old = weakref.ref(prepare(SETTINGS, DATASET).train.data.dG_dr)
    assert old() is not None

    def compute(*arguments: Any) -> Inputs:
        assert old() is None
        return compute_inputs(*arguments)

    monkeypatch.setattr(autune.training.inputs, "compute_inputs", compute)
    prepare(make_settings({"cutoff_radius": 4.7}), DATASET)
    assert old() is None


def test_dropped_functions_are_named_every_time() -> None:
    functions = {"basis": None, "radial": {"eta": [0.05, 900.0]}, "angular": {"functions": []}}
    settings = make_settings({"symmetry_functions": functions})
    results = []
    for _ in range(2):
        with pytest.warns(UserWarning, match="4 symmetry functions have the same value"):
            results.append(prepare(settings, DATASET))
    assert same_inputs(*results)
    assert len(results[1].architecture.symmetry_functions["Au"]) == 2


class Threads:
    """Two ranks that are threads of one process."""

    size = 2
    barrier = threading.Barrier(2)
    columns: tuple[list[FloatArray], ...] = ([], [])

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def gather(self, columns: FloatArray, counts: IntArray) -> FloatArray:
        assert columns.shape[1] == counts[self.rank]
        self.columns[self.rank].append(columns.copy())
        self.barrier.wait(60.0)
        return np.hstack([columns[-1] for columns in self.columns])

    def add(self, array: FloatArray) -> FloatArray:
        raise NotImplementedError

    def agree(self, decision: bool) -> bool:
        raise NotImplementedError


def test_ranks_hold_their_own_structures_and_know_the_statistics_of_all() -> None:
    architecture = build_architecture(SETTINGS.potential)
    whole = compute_inputs(DATASET, architecture, 1e-8, False, Serial())
    with ThreadPoolExecutor(2) as pool:
        parts = list(
            pool.map(
                lambda rank: compute_inputs(DATASET, architecture, 1e-8, False, Threads(rank)),
                range(2),
            )
        )
    for rank, part in enumerate(parts):
        for element, scaling in part.scaling.items():
            for field in fields(Scaling):
                one, all_ = (getattr(s, field.name) for s in (scaling, whole.scaling[element]))
                assert (one == all_).all()
        d, all_d = part.train.descriptors, whole.train.descriptors
        mine = np.flatnonzero(part.train.owner == rank)
        assert len(mine) == 4
        of_structure = np.repeat(np.arange(len(DATASET.train)), whole.train.n_atoms)
        atoms = np.isin(of_structure, mine)
        pairs = np.repeat(atoms, np.diff(all_d.first_pair))
        assert (all_d.G[atoms] == d.G).all()
        assert (d.dG_dr == all_d.dG_dr[pairs]).all()
