"""Training on stresses: what is trained, measured and refused."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import ConfigError
from autune.evaluation.loss import score
from autune.kernels.candidates import Observables
from autune.potential.layout import build_networks
from autune.settings import Settings
from autune.training.candidates import schedule_updates
from autune.training.loop import Trained, train_potential
from autune.training.parallel import Serial
from autune.training.prepare import prepare
from autune.training.shared_set import SharedSet
from autune.units import EV_PER_ANGSTROM3_IN_GPA

GOLD = Dataset.read("builtin:gold")
VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


def make_settings(**training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "stress",
            "dataset": {"path": "builtin:gold", "leave_out_groups": ["surface_100"]},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
                },
                "hidden_layers": [4],
            },
            "training": {"epochs": 3, "updates_per_epoch": 20, **training},
        }
    )


def split(settings: Settings, dataset: Dataset = GOLD) -> Dataset:
    return split_dataset(dataset, settings.dataset)


def without_stresses(dataset: Dataset) -> Dataset:
    return replace(dataset, structures=tuple(replace(s, stress=None) for s in dataset.structures))


def run(settings: Settings, dataset: Dataset | None = None) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepare(settings, dataset or split(settings)), judge)


@pytest.mark.parametrize("normalization", ["force", "none"])
def test_stress_errors_of_an_epoch_are_those_of_its_potential(normalization: str) -> None:
    settings = make_settings(keep="last", normalization=normalization, stress_ratio=0.1)
    trained = run(settings)
    dataset = split(settings)
    for structures, found in (
        (dataset.train_structures, trained.epochs[-1].train_stress_rmse),
        (dataset.test_structures, trained.epochs[-1].test_stress_rmse),
    ):
        errors = []
        for structure in structures:
            predicted = trained.potential.predict(structure).stress
            assert predicted is not None
            assert structure.stress is not None
            errors.append((predicted - structure.stress)[VOIGT])
        rmse = np.sqrt(np.mean(np.square(errors))) * EV_PER_ANGSTROM3_IN_GPA
        assert found == pytest.approx(rmse, rel=1e-9)


def test_stresses_are_learnt_from_stresses_alone() -> None:
    trained = run(make_settings(epochs=4, force_ratio=0.0, stress_ratio=1.0, updates_per_epoch=60))
    first, last = trained.epochs[0], trained.epochs[-1]
    assert last.train_stress_rmse < 0.3 * first.train_stress_rmse
    assert last.test_stress_rmse < 0.3 * first.test_stress_rmse
    # A pressure known at all volumes is an energy over the volume, and so nearly a force.
    assert last.test_force_rmse < first.test_force_rmse


def test_known_stresses_that_are_not_trained_change_no_bit() -> None:
    settings = make_settings(streams=2)
    dataset = split(settings)
    known, unknown = run(settings, dataset), run(settings, without_stresses(dataset))
    np.testing.assert_array_equal(known.potential.weights["Au"], unknown.potential.weights["Au"])
    assert math.isfinite(known.epochs[-1].test_stress_rmse)
    assert math.isnan(unknown.epochs[-1].test_stress_rmse)
    for one, other in zip(known.epochs, unknown.epochs, strict=True):
        assert one.score == other.score
        assert one.test_force_rmse == other.test_force_rmse


def test_structures_without_a_stress_train_beside_others() -> None:
    settings = make_settings(stress_ratio=0.1)
    dataset = split(settings)
    some = tuple(replace(s, stress=None) if n % 2 else s for n, s in enumerate(dataset.structures))
    prepared = prepare(settings, replace(dataset, structures=some))
    known = [n for n, s in enumerate(prepared_train(dataset, some)) if s.stress is not None]
    assert prepared.train.stressed.tolist() == known
    assert len(prepared.train.data.virial) == 6 * len(known)
    assert math.isfinite(run(settings, replace(dataset, structures=some)).epochs[-1].score)


def prepared_train(dataset: Dataset, structures: tuple[Any, ...]) -> list[Any]:
    return [structures[i] for i in dataset.train]


def test_errors_that_choose_candidates_are_virials_per_atom() -> None:
    settings = make_settings()
    prepared = prepare(settings, split(settings))
    networks = build_networks(prepared.architecture)
    weights = np.random.default_rng(1).normal(size=networks.first_weight[-1])
    train = SharedSet(prepared.train, networks, Serial())
    chosen = np.array([7, 0, 7, 40, 63])
    present = train.present_errors("stress", chosen, weights)
    measured = train.measure(weights)
    np.testing.assert_allclose(present, np.abs(measured.virial[chosen]), rtol=1e-9)
    xi, _ = train.observe("stress", chosen, weights)
    n_atoms = np.repeat(train.n_atoms[train.stressed], 6)
    np.testing.assert_allclose(xi, (measured.virial * n_atoms)[chosen], rtol=1e-9)


def test_single_precision_halves_the_derivatives_to_strain() -> None:
    def data(derivatives: str) -> Observables:
        settings = make_settings(derivatives=derivatives)
        return prepare(settings, split(settings)).train.data

    double, single = data("double").dG_dstrain, data("single").dG_dstrain
    assert single.nbytes == double.nbytes // 2
    np.testing.assert_allclose(single, double, rtol=1e-6, atol=1e-7)


def test_the_weight_of_stresses_counts() -> None:
    plain = run(make_settings(stress_ratio=0.1))
    weighted = run(make_settings(stress_ratio=0.1, stress_weight=3.0))
    assert not np.allclose(plain.potential.weights["Au"], weighted.potential.weights["Au"])


def test_schedule_gives_every_kind_its_share() -> None:
    kinds = schedule_updates(40, 0.5, np.random.default_rng(1), 0.2)
    assert [kinds.count(kind) for kind in ("force", "stress", "energy")] == [20, 8, 12]
    # Rounded up twice they would be more than there are.
    kinds = schedule_updates(5, 0.5, np.random.default_rng(1), 0.5)
    assert len(kinds) == 5
    plain = schedule_updates(40, 0.7, np.random.default_rng(1))
    assert plain == schedule_updates(40, 0.7, np.random.default_rng(1), 0.0)


@pytest.mark.parametrize("kind", ["force", "stress"])
def test_a_ratio_that_trains_nothing_is_warned_of(kind: str) -> None:
    ratios = {"force_ratio": 0.5, "stress_ratio": 0.0, f"{kind}_ratio": 0.02}
    settings = make_settings(**ratios)
    said = rf"{kind}_ratio: 0.02 of 20 updates .* no {kind} is trained; give 0.05 or more"
    with pytest.warns(UserWarning, match=said):
        prepare(settings, split(settings))
    settings = make_settings(**{**ratios, f"{kind}_ratio": 0.05})
    prepare(settings, split(settings))
    assert getattr(settings.training, f"n_{kind}_updates") == 1


def test_ratios_beyond_one_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 1, found 0.9 \+ 0.2"):
        make_settings(stress_ratio=0.2)


def test_stresses_that_nobody_knows_are_refused() -> None:
    settings = make_settings(stress_ratio=0.1)
    with pytest.raises(ConfigError, match="no training structure has a stress"):
        prepare(settings, without_stresses(split(settings)))
    counted = Settings.from_mapping(
        {
            **make_settings().model_dump(by_alias=True),
            "evaluation": {"score": {"stress_rmse": {"scale": 0.5}}},
        }
    )
    with pytest.raises(ConfigError, match="no test structure has a stress"):
        prepare(counted, without_stresses(split(counted)))


def test_stress_counts_in_the_score_where_settings_say_so() -> None:
    settings = make_settings()
    counted = Settings.from_mapping(
        {
            **settings.model_dump(by_alias=True),
            "evaluation": {"score": {"stress_rmse": {"scale": 0.5, "weight": 2.0}}},
        }
    )
    plain, scored = run(settings).epochs[-1], run(counted).epochs[-1]
    assert scored.score == pytest.approx((2 * plain.score + 4 * plain.test_stress_rmse) / 4)
