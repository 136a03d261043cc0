"""Errors that choose candidates: of energies per atom, and of other structures with other seeds."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.potential.layout import build_networks, split_weights
from autune.potential.model import Potential
from autune.settings import SelectionSettings, Settings
from autune.structures import IntArray
from autune.training.candidates import Candidates, Kind, group_observations
from autune.training.loop import train_potential
from autune.training.parallel import Serial
from autune.training.prepare import prepare
from autune.training.shared_set import SharedSet
from autune.training.trainer import Trainer

DATASET = Dataset.read("builtin:gold")


def make_settings(**training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "errors",
            "dataset": {"path": "builtin:gold"},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.0,
                "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
                "hidden_layers": [3],
            },
            "training": {"epochs": 2, "updates_per_epoch": 20, **training},
        }
    )


def test_threshold_compares_energies_per_atom() -> None:
    settings = make_settings()
    dataset = split_dataset(DATASET, settings.dataset)
    prepared = prepare(settings, dataset)
    networks = build_networks(prepared.architecture)
    weights = np.random.default_rng(1).normal(size=networks.first_weight[-1])
    train = SharedSet(prepared.train, networks, Serial())

    potential = Potential(
        prepared.architecture, prepared.scaling, split_weights(weights, prepared.architecture)
    )
    n_atoms = np.array([s.n_atoms for s in dataset.train_structures])
    total = np.array(
        [abs(potential.predict(s).energy - (s.energy or 0.0)) for s in dataset.train_structures]
    )
    assert len(set(n_atoms.tolist())) > 2
    some = np.array([7, 0, 7, 40, 63])
    errors = train.present_errors("energy", some, weights)
    np.testing.assert_allclose(errors, (total / n_atoms)[some], rtol=1e-9)
    measured = train.measure(weights)
    np.testing.assert_allclose(errors, np.abs(measured.energy[some]), rtol=1e-9)

    # The worst of all is the worst per atom, which is not the structure with the largest error.
    count = len(n_atoms)
    candidates = Candidates(count, 1e9, SelectionSettings(mode="threshold", trials=count))
    candidates.begin_epoch(np.random.default_rng(1), measured.energy)
    present_errors = partial(train.present_errors, "energy", weights=weights)
    (worst,) = candidates.take(1, measured.energy_rmse, present_errors)
    assert worst == np.argmax(total / n_atoms)
    assert worst != np.argmax(total)


@pytest.mark.parametrize("mode", ["random", "threshold"])
def test_seeds_and_epochs_have_their_own_order(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_settings(selection={"mode": mode}, force_ratio=0.5)
    prepared = prepare(settings, split_dataset(DATASET, settings.dataset))
    taken: list[tuple[Kind, int]] = []

    def note(_: Trainer, kind: Kind, chosen: IntArray) -> None:
        taken.extend((kind, candidate) for candidate in chosen.tolist())

    monkeypatch.setattr(Trainer, "update", note)

    def order(seed: int) -> list[tuple[Kind, int]]:
        taken.clear()
        judge = partial(score, settings=settings.evaluation.score)
        train_potential(settings, prepared, judge, seed=seed)
        return list(taken)

    first, second = order(0), order(1)
    assert len(first) == 40
    assert first == order(0)
    kinds: list[Kind] = ["energy", "force"]
    for kind in kinds:
        epochs = [
            [candidate for other, candidate in order_ if other == kind]
            for order_ in (first[:20], first[20:], second[:20])
        ]
        assert [len(epoch) for epoch in epochs] == [10, 10, 10]
        assert epochs[0] != epochs[1]
        assert epochs[0] != epochs[2]


def test_task_adds_up_the_candidates_of_each_rank() -> None:
    owner = np.array([1, 0, 0, 1, 2])
    assert group_observations("full", owner) is None
    everything = group_observations("sum", owner)
    ranks = group_observations("task", owner)
    assert [list(group) for group in everything or []] == [[0, 1, 2, 3, 4]]
    assert [list(group) for group in ranks or []] == [[1, 2], [0, 3], [4]]
