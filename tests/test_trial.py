"""Trials: every seed trained and judged once, everything written, gone on with after a kill."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune import trial
from autune.dataset import Dataset, split_dataset
from autune.errors import DataError, TrainingDiverged
from autune.evaluation.accuracy import measure
from autune.potential.model import Potential
from autune.settings import Settings
from autune.training.epoch import Epoch, go_on
from autune.trial import run_trial, train

GOLD = Dataset.read("builtin:gold")


def make_settings(seeds: int = 2, properties: bool = False, **training: Any) -> Settings:
    wanted = {"reference": "builtin:gold", "lattice_constant": {}} if properties else None
    return Settings.from_mapping(
        {
            "name": "small",
            "dataset": {"path": "builtin:gold", "test_fraction": 0.2},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.0,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, 1, 2]]},
                },
                "hidden_layers": [3],
            },
            "training": {"epochs": 2, "updates_per_epoch": 10, **training},
            "evaluation": {"seeds": seeds, "properties": wanted},
        }
    )


DATASET = split_dataset(GOLD, make_settings().dataset)


class Reports:
    """A report that keeps the epochs, and stops or dies in one of them."""

    def __init__(self, stop: tuple[int, int] | None = None, die: tuple[int, int] | None = None):
        self.seen: list[tuple[int, int]] = []
        self.stop, self.die = stop, die

    def __call__(self, epoch: Epoch) -> bool:
        self.seen.append((epoch.seed, epoch.number))
        if self.seen[-1] == self.die:
            raise KeyboardInterrupt
        return self.seen[-1] != self.stop


def weights(folder: Path) -> np.ndarray:
    return Potential.load(folder).weights["Au"]


def test_metrics_are_means_over_seeds(tmp_path: Path) -> None:
    reports = Reports()
    result = run_trial(make_settings(properties=True), DATASET, tmp_path, reports)
    assert (result.state, result.reason) == ("complete", "")
    assert reports.seen == [(0, 1), (0, 2), (1, 1), (1, 2)]
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["metrics"] == result.metrics
    names = {"energy_rmse", "force_rmse", "train_energy_rmse", "train_force_rmse", "kept_epoch"}
    names |= {"epoch_seconds", "property_error", "score"}
    assert names <= set(result.metrics)
    for name in names:
        values = [seed[name] for seed in content["seeds"]]
        assert result.metrics[name] == pytest.approx(statistics.fmean(values))
        assert result.metrics[f"{name}_std"] == pytest.approx(statistics.stdev(values))
    # The errors are those of the saved potentials on the test set.
    for seed in range(2):
        potential = Potential.load(tmp_path / f"seed-{seed}" / "potential")
        test = DATASET.test_structures
        accuracy = measure(test, [potential.predict(structure) for structure in test])[-1]
        assert content["seeds"][seed]["energy_rmse"] == pytest.approx(accuracy.energy_rmse)
        assert content["seeds"][seed]["force_rmse"] == pytest.approx(accuracy.force_rmse)
    # The best seed's potential stands beside the result.
    best = min(range(2), key=lambda seed: content["seeds"][seed]["score"])
    assert result.metrics["best_seed"] == best
    np.testing.assert_array_equal(
        weights(tmp_path / "potential"), weights(tmp_path / f"seed-{best}" / "potential")
    )
    files = {path.name for path in tmp_path.iterdir()}
    assert files >= {"settings.yaml", "history.csv", "learning_curve.png", "parity.png"}
    assert not list(tmp_path.rglob("checkpoint.npz"))
    assert Settings.read(tmp_path / "settings.yaml").identity == make_settings(2, True).identity


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    metrics = run_trial(make_settings(seeds=1), DATASET, tmp_path).metrics
    assert not [name for name in metrics if name.endswith("_std")]
    assert "property_error" not in metrics


def test_a_complete_trial_is_not_run_again(tmp_path: Path) -> None:
    first = run_trial(make_settings(), DATASET, tmp_path)
    reports = Reports()
    again = run_trial(make_settings(), DATASET, tmp_path, reports)
    assert reports.seen == []
    assert again == first
    # Other settings or other data are another trial.
    run_trial(make_settings(force_weight=2.0), DATASET, tmp_path, reports)
    assert len(reports.seen) == 4
    other = replace(DATASET, train=DATASET.train[1:])
    run_trial(make_settings(force_weight=2.0), other, tmp_path, reports)
    assert len(reports.seen) == 8


@pytest.mark.parametrize("die", [(0, 1), (1, 1), (1, 2)])
def test_a_killed_trial_goes_on(
    die: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autune.training.checkpoint.WRITING_SHARE", float("inf"))
    whole = run_trial(make_settings(), DATASET, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_trial(make_settings(), DATASET, tmp_path / "cut", Reports(die=die))
    assert not (tmp_path / "cut" / "result.json").exists()
    reports = Reports()
    result = run_trial(make_settings(), DATASET, tmp_path / "cut", reports)
    # Nothing before the last checkpoint is trained again, a finished seed above all.
    assert reports.seen == [epoch for epoch in [(0, 1), (0, 2), (1, 1), (1, 2)] if epoch >= die]
    for seed in range(2):
        name = f"seed-{seed}/potential"
        np.testing.assert_array_equal(
            weights(tmp_path / "cut" / name), weights(tmp_path / "whole" / name)
        )
    assert result.metrics["score"] == whole.metrics["score"]


def test_a_kill_while_figures_are_drawn_trains_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trial, "plot_parity", die)
        with pytest.raises(KeyboardInterrupt):
            run_trial(make_settings(), DATASET, tmp_path)
    assert not (tmp_path / "result.json").exists()
    reports = Reports()
    assert run_trial(make_settings(), DATASET, tmp_path, reports).state == "complete"
    assert reports.seen == []


def test_a_stopped_trial_has_no_metrics_and_can_go_on(tmp_path: Path) -> None:
    result = run_trial(make_settings(), DATASET, tmp_path, Reports(stop=(1, 1)))
    assert (result.state, result.metrics) == ("stopped", {})
    assert "epoch 1" in result.reason
    assert json.loads((tmp_path / "result.json").read_text())["state"] == "stopped"
    assert len((tmp_path / "history.csv").read_text().splitlines()) >= 5
    reports = Reports()
    assert run_trial(make_settings(), DATASET, tmp_path, reports).state == "complete"
    assert reports.seen == [(1, 2)]


def test_stop_after_the_last_epoch_comes_too_late(tmp_path: Path) -> None:
    result = run_trial(make_settings(seeds=1), DATASET, tmp_path, Reports(stop=(0, 2)))
    assert result.state == "complete"


def test_a_diverged_seed_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = trial.train_potential

    def diverge(*arguments: Any, seed: int, **options: Any) -> Any:
        if seed == 1:
            raise TrainingDiverged("the weights are not finite any more")
        return real(*arguments, seed=seed, **options)

    monkeypatch.setattr(trial, "train_potential", diverge)
    result = run_trial(make_settings(), DATASET, tmp_path)
    assert (result.state, result.metrics) == ("diverged", {})
    assert result.reason == "seed 1: the weights are not finite any more"
    assert json.loads((tmp_path / "result.json").read_text())["state"] == "diverged"
    assert (tmp_path / "history.csv").is_file()
    assert not (tmp_path / "potential").exists()


def test_a_test_set_that_overflows_is_a_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "score", lambda *_, **__: math.inf)
    result = run_trial(make_settings(), DATASET, tmp_path)
    assert result.state == "diverged"
    assert "not finite in any epoch" in result.reason


def test_metrics_that_are_not_finite_have_no_deviation() -> None:
    metrics = trial._mean_over_seeds([{"a": 1.0, "b": 2.0}, {"a": math.inf}])  # noqa: SLF001
    assert metrics["a"] == math.inf
    assert math.isnan(metrics["a_std"])
    assert "b" not in metrics


def test_an_empty_test_set_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="test set is empty"):
        run_trial(make_settings(), GOLD, tmp_path)
    assert not list(tmp_path.iterdir())


def test_train_takes_settings_in_any_form(tmp_path: Path) -> None:
    settings = make_settings(seeds=1)
    path = tmp_path / "settings.yaml"
    path.write_text(settings.to_yaml())
    mapping = settings.model_dump(mode="json", by_alias=True)
    results = [train(form, dataset) for form, dataset in
               [(settings, DATASET), (mapping, GOLD), (path, None)]]  # fmt: skip
    for result in results[1:]:
        np.testing.assert_array_equal(
            result.potential.weights["Au"], results[0].potential.weights["Au"]
        )
    assert go_on(results[0].epochs[-1])
