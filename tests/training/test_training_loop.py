"""Trainings: reproducible, restartable, choosing candidates as documented, keeping the best."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.architecture import Architecture, SymmetryFunction
from autune.dataset import Dataset, split_dataset
from autune.errors import TrainingDiverged
from autune.evaluation.loss import score
from autune.formats.input_nn import read_input_nn
from autune.settings import InitializationSettings, SelectionSettings, Settings
from autune.training.candidates import Candidates, schedule_updates
from autune.training.initial import initial_weights
from autune.training.keywords import training_keywords
from autune.training.loop import Trained, train_potential
from autune.training.prepare import Prepared, prepare

GOLD = Dataset.read("builtin:gold")


def make_settings(**training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "small",
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


def ready(settings: Settings) -> Prepared:
    return prepare(settings, split_dataset(GOLD, settings.dataset))


def run(settings: Settings, prepared: Prepared | None = None, **options: Any) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepared or ready(settings), judge, **options)


def test_same_settings_same_weights() -> None:
    settings = make_settings()
    first, second = run(settings), run(settings)
    np.testing.assert_array_equal(first.potential.weights["Au"], second.potential.weights["Au"])
    other = run(settings, seed=1)
    assert not np.allclose(first.potential.weights["Au"], other.potential.weights["Au"])


def test_training_lowers_all_errors_and_keeps_the_best_epoch() -> None:
    trained = run(make_settings(epochs=6, updates_per_epoch=100))
    start, kept = trained.epochs[0], trained.epochs[trained.kept]
    assert kept.test_energy_rmse < 0.2 * start.test_energy_rmse
    assert kept.test_force_rmse < 0.5 * start.test_force_rmse
    assert kept.score == min(epoch.score for epoch in trained.epochs)
    last = run(make_settings(epochs=6, updates_per_epoch=100, keep="last"))
    assert last.kept == 6


def test_errors_of_an_epoch_are_those_of_its_potential() -> None:
    settings = make_settings(keep="last")
    trained = run(settings)
    dataset = split_dataset(GOLD, settings.dataset)
    energy, force = [], []
    for structure in dataset.test_structures:
        prediction = trained.potential.predict(structure)
        assert structure.energy is not None
        energy.append((prediction.energy - structure.energy) / structure.n_atoms)
        force.append((prediction.forces - structure.forces).ravel())
    last = trained.epochs[-1]
    assert last.test_energy_rmse == pytest.approx(np.sqrt(np.mean(np.square(energy))), rel=1e-9)
    assert last.test_force_rmse == pytest.approx(
        np.sqrt(np.mean(np.concatenate(force) ** 2)), rel=1e-9
    )


def test_divergence_is_recognised() -> None:
    settings = make_settings(
        kalman={"etamax": 1e250, "eta": 1e200, "epsilon": 1e-200}, normalization="none"
    )
    with pytest.raises(TrainingDiverged):
        run(settings)


def test_group_weights_change_the_training() -> None:
    plain = run(make_settings())
    weighted = run(make_settings(group_weights={"bcc": 0.01}))
    assert not np.allclose(plain.potential.weights["Au"], weighted.potential.weights["Au"])


@pytest.mark.parametrize("mode", ["ref", "force"])
def test_normalization_gives_unit_deviations(mode: str) -> None:
    settings = make_settings(normalization=mode)
    prepared = ready(settings)
    a = run(settings, prepared).potential.architecture
    energy = np.concatenate(
        [part.data.energy / part.n_atoms for part in (prepared.train, prepared.test)]
    )
    force = np.concatenate([prepared.train.data.force, prepared.test.data.force])
    assert a.mean_energy == pytest.approx(energy.mean())
    assert force.std(ddof=1) * a.conv_energy / a.conv_length == pytest.approx(1.0)
    if mode == "ref":
        assert energy.std(ddof=1) * a.conv_energy == pytest.approx(1.0)


def test_functions_without_spread_are_named_and_dropped() -> None:
    raw = make_settings().model_dump(mode="json", by_alias=True)
    raw["potential"]["symmetry_functions"]["radial"]["eta"] = [0.05, 0.4, 400.0]
    with pytest.warns(UserWarning, match="dropped: Au G2"):
        prepared = ready(Settings.from_mapping(raw))
    assert prepared.dropped == ("Au G2(Au) eta=400 rs=0 rc=4.5",)
    assert len(prepared.architecture.symmetry_functions["Au"]) == 4


def test_exported_keywords_are_complete(tmp_path: Path) -> None:
    run(make_settings(streams=2)).potential.save(tmp_path)
    _, keywords = read_input_nn(tmp_path / "input.nn")
    needed = "epochs updater_type jacobian_mode update_strategy selection_mode random_seed "
    needed += "task_batch_size_force short_force_fraction kalman_type kalman_epsilon kalman_eta "
    needed += "use_short_forces use_old_weights_short rmse_threshold_trials test_fraction"
    assert set(needed.split()) <= set(keywords)


def test_n2p2_makes_as_many_updates_of_exported_fractions() -> None:
    """It rounds down: of 1/49 of 49 structures it would make none."""
    for n in (49, 98, 103):
        for updates in range(1, n):
            force_ratio = 1.0 - 1.0 / updates
            training = make_settings(updates_per_epoch=updates, force_ratio=force_ratio).training
            words = training_keywords(training, n, n, 0.1)
            of_energies, of_forces = (
                math.floor(n * float(words[f"short_{kind}_fraction"][0]))
                for kind in ("energy", "force")
            )
            assert (of_energies, of_forces) == (1, updates - 1)


# ---- candidates ------------------------------------------------------------------------------


def test_schedule_has_the_share_of_forces() -> None:
    kinds = schedule_updates(40, 0.9, np.random.default_rng(1))
    assert (kinds.count("force"), kinds.count("energy")) == (36, 4)


def test_random_candidates_come_once_before_any_comes_twice() -> None:
    candidates = Candidates(7, 0.0, SelectionSettings(mode="random"))
    candidates.begin_epoch(np.random.default_rng(1), np.zeros(7))
    taken = candidates.take(14, 1.0, np.zeros_like)
    assert sorted(taken[:7]) == list(range(7))
    assert list(taken[7:]) == list(taken[:7])


def test_sorted_candidates_begin_with_the_largest_error() -> None:
    candidates = Candidates(4, 0.0, SelectionSettings(mode="sorted"))
    candidates.begin_epoch(np.random.default_rng(1), np.array([0.1, -3.0, 0.5, 2.0]))
    assert list(candidates.take(4, 1.0, np.zeros_like)) == [1, 3, 2, 0]


def test_threshold_takes_the_first_above_or_the_worst_tried() -> None:
    settings = SelectionSettings(mode="threshold", trials=3)
    errors = np.array([0.1, 0.9, 0.3, 5.0, 0.2, 0.05])
    candidates = Candidates(6, 1.0, settings)
    candidates.begin_epoch(np.random.default_rng(1), errors)
    order = list(np.random.default_rng(1).permutation(6))
    expected = []
    position = 0
    for _ in range(4):
        tried = []
        while len(tried) < 3:
            tried.append(order[position % 6])
            position += 1
            if errors[tried[-1]] > 1.0:
                break
        expected.append(
            tried[-1] if errors[tried[-1]] > 1.0 else max(tried, key=errors.__getitem__)
        )
    assert list(candidates.take(4, 1.0, errors.__getitem__)) == expected


# ---- initial weights -------------------------------------------------------------------------


def make_architecture(n: int = 8) -> Architecture:
    functions = tuple(SymmetryFunction(2, ("Au",), 0.1 * k, 0.0, 6.0) for k in range(n))
    return Architecture(
        ("Au",), {"Au": functions}, "cos", (5, 4), ("tanh", "tanh", "identity")
    )  # fmt: skip


def draw(method: str) -> list[tuple[np.ndarray, np.ndarray]]:
    architecture = make_architecture()
    settings = InitializationSettings.model_validate({"method": method})
    w = initial_weights(architecture, "Au", settings, np.random.default_rng(2))
    layers = []
    for n_in, n_out in [(8, 5), (5, 4), (4, 1)]:
        W, b, w = w[: n_in * n_out], w[n_in * n_out : (n_in + 1) * n_out], w[(n_in + 1) * n_out :]
        layers.append((W.reshape(n_in, n_out), b))
    return layers


def test_glorot_weights() -> None:
    for (W, b), limit in zip(draw("glorot"), [math.sqrt(6 / 13), math.sqrt(6 / 9), 1], strict=True):
        assert np.abs(W).max() <= limit
        assert np.abs(W).max() > 0.5 * limit
        assert not b.any()


def test_nguyen_widrow_weights() -> None:
    uniform, scaled = draw("uniform"), draw("nguyen_widrow")
    for (_, b), (W, c), beta in zip(
        uniform[:2], scaled[:2], [1.4 * 5 ** (1 / 8), 1.4 * 4 ** (1 / 5)], strict=True
    ):
        np.testing.assert_allclose(np.linalg.norm(W, axis=0), beta)
        np.testing.assert_allclose(c, b * beta)
    assert scaled[2][0][0, 0] == 0.5 * uniform[2][0][0, 0]


@pytest.mark.parametrize("method", ["glorot", "nguyen_widrow"])
def test_initial_weights_have_the_size_of_those_of_n2p2(method: str) -> None:
    name = "init_" + method.replace("_", "")
    case = Path(__file__).parents[1] / "reference" / "n2p2" / "train" / name
    reference = np.loadtxt(case / "weights.079.000000.out", usecols=0)
    layers = draw(method)
    norms = np.linalg.norm(reference[:40].reshape(8, 5), axis=0)
    if method == "nguyen_widrow":
        np.testing.assert_allclose(norms, np.linalg.norm(layers[0][0], axis=0), rtol=1e-12)
    else:
        assert np.abs(reference[:40]).max() <= math.sqrt(6 / 13)
        assert not reference[40:45].any()
