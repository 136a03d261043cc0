"""CMA-ES: it finds a minimum, goes on as if nothing had happened, and keeps no pickle."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from fake_trial import settings
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from study_alone import begin, work

from autune.search.folder import JOURNAL
from autune.search.study.evolution import Evolution, Told
from autune.space import Distribution, Parameter, SearchSpace


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid to read or write a pickle."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a pickle")

    for name in ("load", "loads", "dump", "dumps", "Unpickler", "Pickler"):
        monkeypatch.setattr(pickle, name, refuse)


def make_space(**search: Any) -> SearchSpace:
    """Make a space of all kinds of numbers, a choice and a condition."""
    raw = settings(sampler="cmaes", objectives=["score"], **search)
    raw["training"]["epochs"] = {"int": [1, 41], "step": 4}
    raw["training"]["kalman"] = {"q0": {"loguniform": [1e-6, 1e-1]}}
    raw["potential"]["scale_max"] = {
        "uniform": [1.0, 2.0],
        "when": {"potential.hidden_layers": [[5, 5]]},
    }
    return SearchSpace.from_mapping(raw)


def bowl(space: SearchSpace, params: dict[str, Any]) -> dict[str, float]:
    """Have the minimum at (0.8, 0.2, 29, 1e-4)."""
    at = [
        params["training.force_ratio"] - 0.8,
        (params["potential.scale_min"] - 0.2) / 1.5,
        (params["training.epochs"] - 29) / 44,
        math.log10(params["training.kalman.q0"] / 1e-4) / 5,
    ]
    return {"score": float(np.sum(np.square(at)))}


def raw_trials(folder: Path) -> list[Any]:
    """Read the trials as Optuna has them."""
    journal = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    return optuna.load_study(storage=journal, study_name="autune").get_trials()


def test_a_search_nears_the_minimum_and_keeps_plain_numbers_only(tmp_path, no_pickle):
    space = make_space(trials=110)
    for limit in (40, 31, 39):
        work(*begin(tmp_path, space), limit=limit, measure=bowl)
    study, _ = begin(tmp_path, space)
    scores = [record.score for record in study.records()]
    assert len(scores) == 110
    assert np.median(scores[-30:]) < 0.1 * np.median(scores[:8])
    assert min(scores) < 0.01
    trials = raw_trials(tmp_path)
    assert {key for t in trials for key in t.system_attrs} == {"cma:generation"}
    generations = [t.system_attrs["cma:generation"] for t in trials]
    assert generations == sorted(generations)
    assert generations[0] == 0
    assert generations[-1] == 109 // generations.count(0)
    assert {key for t in trials for key in t.user_attrs} == {"outcome"}


def test_a_search_that_goes_on_proposes_what_it_would_have_proposed(tmp_path):
    space = make_space(trials=40)
    whole = work(*begin(tmp_path / "a", space), measure=bowl)
    parts: list[dict[str, Any]] = []
    for limit in (1, 10, 16, 13):
        parts += work(*begin(tmp_path / "b", space), limit=limit, measure=bowl)
    assert parts == whole
    assert len({point["potential.hidden_layers"] for point in whole}) == 2
    ratios = [p["potential.scale_max"] for p in whole if "potential.scale_max" in p]
    assert np.std(ratios) > 0.1


@pytest.mark.parametrize("state", ["failed", "stopped", "diverged"])
def test_nothing_is_learnt_from_trials_that_are_not_complete(tmp_path, state):
    space = make_space(trials=15)
    study, _ = begin(tmp_path, space)
    while (proposal := study.propose()) is not None:
        study.tell(proposal.number, state, "", {}, 0.1, [(1, 0.5)])
    assert {t.system_attrs["cma:generation"] for t in raw_trials(tmp_path)} == {0}


@pytest.mark.parametrize("at_once", [1, 5])
def test_it_begins_at_the_best_point_that_it_was_given(tmp_path, at_once):
    space = make_space(trials=60)
    generator = np.random.default_rng(1)
    good = {
        "potential.hidden_layers": "[5]",
        "training.force_ratio": 0.95,
        "potential.scale_min": -0.95,
        "training.epochs": 41,
        "training.kalman.q0": 1e-6,
    }
    first = [space.sample(generator), good, space.sample(generator)]
    scores = [5.0, 1.0, 2.0]
    study, _ = begin(tmp_path, space)
    study.queue(first)
    running = [study.propose() for _ in range(at_once)]
    told = 0
    while told < 20:
        proposal = running.pop(0)
        score = scores[proposal.number] if proposal.number < 3 else 3.0
        study.tell(proposal.number, "complete", "", {"score": score})
        told += 1
        running.append(study.propose())
    ratios = [r.params["training.force_ratio"] for r in study.records()[3 + at_once : 7 + at_once]]
    assert min(ratios) > 0.5
    assert all("cma:generation" not in t.system_attrs for t in raw_trials(tmp_path)[:3])


def test_what_breaks_a_constraint_counts_behind_what_keeps_it(tmp_path):
    space = make_space(trials=90, constraints={"far": 0.1})

    def measure(space, params):
        return {**bowl(space, params), "far": abs(params["training.force_ratio"] - 0.1)}

    study, _ = begin(tmp_path, space)
    work(study, space, measure=measure)
    kept = [record.violation == 0.0 for record in study.records()]
    assert sum(kept[-30:]) >= 14  # by chance 6; the minimum is at 0.8


class Bomb:
    """Write a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_in_a_study_is_never_read(tmp_path):
    mark = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(mark))
    pickle.loads(bomb)
    assert mark.exists()
    mark.unlink()
    space = make_space(trials=30)
    study, _ = begin(tmp_path, space)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL)))
    for _ in range(20):
        proposal = study.propose()
        trial = optuna.load_study(storage=storage, study_name="autune").get_trials()[-1]
        number = trial._trial_id  # noqa: SLF001
        storage.set_trial_system_attr(number, "cma:optimizer:0", bomb.hex())
        study.tell(proposal.number, "complete", "", bowl(space, proposal.params))
    assert all("cma:optimizer:0" in t.system_attrs for t in raw_trials(tmp_path))
    study, _ = begin(tmp_path, space)
    work(study, space, measure=bowl)
    assert len(study.records()) == 30
    assert raw_trials(tmp_path)[-1].system_attrs == {"cma:generation": 3}
    assert not mark.exists()


def make_told() -> Iterator[Told]:
    """Make trials of two numbers that end in another order than they were drawn."""
    evolution = Evolution(NUMBERS)
    ended: list[Told] = []
    waiting: list[tuple[int, dict[str, Any]]] = []
    generator = np.random.default_rng(7)
    for seed in range(90):
        evolution.learn(ended)
        waiting.append((evolution.generation, evolution.draw(seed)))
        if len(waiting) > 4:
            generation, params = waiting.pop(int(generator.integers(len(waiting))))
            value = (params["x"] - 0.3) ** 2 + (params["n"] - 7) ** 2 / 100
            ended.append(Told(params, (0.0, value), generation))
            yield ended[-1]


NUMBERS = [
    Parameter("x", ("x",), Distribution("uniform", low=-1.0, high=1.0)),
    Parameter("n", ("n",), Distribution("int", low=0, high=20, step=1)),
]


def test_the_state_follows_from_the_trials_alone():
    told = list(make_told())
    step_by_step, at_once = Evolution(NUMBERS), Evolution(NUMBERS)
    for n in range(len(told) + 1):
        step_by_step.learn(told[:n])
    at_once.learn(told)
    assert at_once.generation == step_by_step.generation > 5
    assert at_once.draw(3) == step_by_step.draw(3)


def test_it_finds_a_minimum():
    parameters = [
        Parameter(key, (key,), Distribution("uniform", low=-2.0, high=2.0)) for key in "abc"
    ]
    evolution = Evolution(parameters)
    told: list[Told] = []
    for seed in range(400):
        point = evolution.draw(seed)
        value = (point["a"] - 1.0) ** 2 + 10.0 * (point["b"] + point["a"]) ** 2 + point["c"] ** 2
        told.append(Told(point, (0.0, value), evolution.generation))
        evolution.learn(told)
    best = min(told, key=lambda trial: trial.rank)
    assert best.params == pytest.approx({"a": 1.0, "b": -1.0, "c": 0.0}, abs=1e-3)


def test_every_value_of_a_range_is_drawn_and_none_beyond():
    parameters = [
        Parameter("s", ("s",), Distribution("uniform", low=0.1, high=0.7, step=0.2)),
        Parameter("l", ("l",), Distribution("loguniform", low=1e-3, high=10.0)),
        Parameter("n", ("n",), Distribution("int", low=-4, high=4, step=2)),
    ]
    evolution = Evolution(parameters)
    points = [evolution.draw(seed) for seed in range(400)]
    assert {p["s"] for p in points} == {0.1, 0.3, 0.5, 0.7}
    assert {p["n"] for p in points} == {-4, -2, 0, 2, 4}
    assert {type(p["n"]) for p in points} == {int}
    logs = np.log10([p["l"] for p in points])
    assert logs.min() >= -3.0
    assert logs.max() <= 1.0
    assert abs(logs.mean() + 1.0) < 0.15
