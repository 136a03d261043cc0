"""Early stopping: when, and what a training that ended early is."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import ConfigError
from autune.evaluation.metrics import metric_names
from autune.settings import Settings, StopEarlySettings
from autune.training.epoch import Epoch, Judged
from autune.training.loop import Trained, train_potential
from autune.training.prepare import prepare
from autune.training.stopping import has_stalled
from autune.trial import run_trial

GOLD = Dataset.read("builtin:gold")


def make_settings(seeds: int = 1, **training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "early",
            "dataset": {"path": "builtin:gold"},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.0,
                "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
                "hidden_layers": [3],
            },
            "training": {"epochs": 8, "updates_per_epoch": 5, **training},
            "evaluation": {"seeds": seeds},
        }
    )


def run(settings: Settings, scores: list[float], **options: Any) -> Trained:
    """Train with scores that are given by the number of the epoch."""
    told = iter(scores[options.pop("skip", 0) :])
    prepared = prepare(settings, split_dataset(GOLD, settings.dataset))
    return train_potential(settings, prepared, lambda _: next(told), **options)


def test_patience_counts_epochs_without_a_better_score() -> None:
    stalled = partial(has_stalled, settings=StopEarlySettings(patience=2))
    assert not stalled([3.0])
    assert not stalled([3.0, 2.0, 2.0])
    assert stalled([3.0, 2.0, 2.0, 2.5])
    assert not stalled([3.0, 2.0, 2.0, 1.9, 2.0])
    assert stalled([math.inf, math.inf, math.inf])
    assert not stalled([math.inf, math.inf, 1.0])


def test_a_score_must_be_lower_by_the_improvement() -> None:
    settings = StopEarlySettings(patience=2, improvement=0.1)
    # Small steps do not count one by one, but together.
    assert has_stalled([1.0, 0.95, 0.92], settings)
    assert not has_stalled([1.0, 0.95, 0.85], settings)


def test_a_training_that_stalls_is_finished_and_says_so() -> None:
    settings = make_settings(stop_early={"patience": 2})
    trained = run(settings, [5.0, 4.0, 3.0, 3.5, 3.2, 1.0, 1.0, 1.0, 1.0])
    assert trained.finished
    assert trained.stopped_early
    assert trained.epochs[-1].number == 4
    assert trained.kept == 2
    whole = run(make_settings(), [5.0, 4.0, 3.0, 3.5, 3.2, 1.0, 1.0, 1.0, 1.0])
    assert not whole.stopped_early
    assert whole.epochs[-1].number == 8


def test_the_last_epoch_is_no_early_stop() -> None:
    trained = run(make_settings(stop_early={"patience": 2}), [5.0] + [4.0 - n for n in range(8)])
    assert trained.epochs[-1].number == 8
    assert not trained.stopped_early


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_training_killed_before_it_stalls_stalls_as_if_it_had_not_been(
    keep: str, tmp_path: Path
) -> None:
    settings = make_settings(stop_early={"patience": 2}, keep=keep)
    scores = [5.0, 4.0, 3.0, 3.5, 3.2, 1.0]
    whole = run(settings, scores)

    def die(epoch: Epoch | Judged) -> bool:
        assert isinstance(epoch, Epoch)
        if epoch.number == 3:
            raise KeyboardInterrupt
        return True

    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        run(settings, scores, checkpoint=path, report=die)
    with np.load(path) as stored:
        skip = len(stored["epochs"])
    again = run(settings, scores, checkpoint=path, skip=skip)
    assert [e.score for e in again.epochs] == [e.score for e in whole.epochs]
    assert again.stopped_early
    assert again.kept == whole.kept
    np.testing.assert_array_equal(again.potential.weights["Au"], whole.potential.weights["Au"])
    # What has stalled does not go on, and is what it was.
    third = run(settings, [], checkpoint=path)
    assert third.stopped_early
    np.testing.assert_array_equal(third.potential.weights["Au"], whole.potential.weights["Au"])


def test_who_is_stopped_in_the_epoch_in_which_it_stalls_is_stopped(tmp_path: Path) -> None:
    """The pruner has its word already: a result would be one that nobody takes."""
    settings = make_settings(stop_early={"patience": 2})
    scores, path = [5.0, 4.0, 4.5, 4.6], tmp_path / "checkpoint.npz"
    stopped = run(settings, scores, checkpoint=path, report=lambda epoch: epoch.number < 3)
    assert (stopped.finished, stopped.stopped_early) == (False, False)
    again = run(settings, [], checkpoint=path)
    assert (again.finished, again.stopped_early, again.kept) == (True, True, 1)


def test_a_trial_that_stopped_early_is_complete(tmp_path: Path) -> None:
    # No score is better by 99 percent.
    settings = make_settings(2, stop_early={"patience": 2, "improvement": 0.99})
    dataset = split_dataset(GOLD, settings.dataset)
    result = run_trial(settings, dataset, tmp_path)
    assert result.state == "complete"
    assert set(metric_names(settings, dataset)) == set(result.metrics)
    assert result.metrics["trained_epochs"] < 8
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["stopped_early"] == [True, True]
    assert result.metrics["epoch_seconds"] > 0.0


def test_patience_is_required_and_positive() -> None:
    with pytest.raises(ConfigError, match=r"stop_early\.patience"):
        make_settings(stop_early={})
    with pytest.raises(ConfigError, match=r"stop_early\.patience"):
        make_settings(stop_early={"patience": 0})
