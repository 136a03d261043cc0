"""Which points a study proposes: none twice, those of the queue first, inside the constraints."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from fake_trial import settings
from study_alone import NAMES, begin, measure, small_space, work

from autune.errors import ConfigError
from autune.search.checks import check_space
from autune.search.folder import SearchFolder
from autune.search.record import MissingObjective, front, ranked
from autune.search.study import samplers
from autune.search.study.points import Points
from autune.search.study.study import Study
from autune.space import Distribution, Parameter, SearchSpace

SAMPLERS = ["tpe", "nsga2", "nsga3", "qmc", "random", "grid"]


def as_text(points):
    """Points in one order; -0.3 + 0.2 is -0.1."""
    rounded = [
        {k: round(v, 12) if isinstance(v, float) else v for k, v in point.items()}
        for point in points
    ]
    return sorted(str(sorted(point.items())) for point in rounded)


@pytest.mark.parametrize("sampler", [*SAMPLERS, "cmaes"])
def test_a_finite_space_is_tried_completely_and_nothing_twice(tmp_path, sampler):
    objectives = ["score"] if sampler == "cmaes" else list(NAMES)
    space = small_space(sampler=sampler, trials=100, population=4, objectives=objectives)
    study, _ = begin(tmp_path, space)
    points = work(study, space)
    assert as_text(points) == as_text(space.grid())
    assert study.ended_because == "all 16 points of the space"
    records = study.records()
    assert [r.number for r in records] == list(range(16))
    assert {r.state for r in records} == {"complete"}


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_search_that_goes_on_remembers_what_was_tried(tmp_path, sampler):
    space = small_space(sampler=sampler, trials=100, population=4)
    points = [point for _ in range(4) for point in work(*begin(tmp_path, space), limit=5)]
    assert as_text(points) == as_text(space.grid())


def test_points_without_end_are_not_repeated_by_children_of_equal_parents(tmp_path):
    study, space = begin(tmp_path, sampler="nsga2", trials=60, population=4)
    points = work(study, space)
    assert len(set(as_text(points))) == len(points) == 60


def test_what_is_left_with_a_value_that_differs_by_rounding():
    points = Points(every=[{"x": 0.3, "y": 1}, {"x": 0.3, "y": 2}], tried=[{"x": 0.3, "y": 1}])
    assert points.left({"x": 0.1 + 0.2}) == [{"x": 0.3, "y": 2}]


def test_a_point_that_failed_is_not_tried_again(tmp_path):
    space = small_space(sampler="random", trials=100)
    study, _ = begin(tmp_path, space)
    tried = []
    while (proposal := study.propose()) is not None:
        study.tell(proposal.number, "failed", "no memory")
        tried.append(proposal.params)
    assert as_text(tried) == as_text(space.grid())


def test_the_queue_comes_first_and_each_of_its_points_once(tmp_path):
    study, space = begin(tmp_path, trials=8)
    generator = np.random.default_rng(3)
    first = [space.sample(generator) for _ in range(4)]
    assert study.queued is None
    study.queue(first)
    done = work(study, space, limit=2)
    lost = study.propose()
    # The process dies here.
    study, space = begin(tmp_path, trials=8)
    assert study.queued == first
    study.queue(first)
    assert study.propose() == lost
    study.tell(lost.number, "complete", "", measure(space, lost.params))
    rest = work(study, space)
    assert [*done, lost.params, *rest][:4] == first
    assert len(set(as_text([*done, lost.params, *rest]))) == 8
    assert study.ended_because == "all 8 trials"


def test_a_queued_point_counts_in_the_population_of_nsga(tmp_path):
    study, space = begin(tmp_path, sampler="nsga2", trials=24, population=4)
    best = {
        "potential.hidden_layers": "[5]",
        "potential.scale_min": 0.1,
        "training.force_ratio": 0.0625,
    }
    study.queue([best])
    points = work(study, space)
    assert points[0] == best
    # Its values come back in its children, and nobody else has them.
    assert any(point["training.force_ratio"] == 0.0625 for point in points[1:])


def test_given_points_are_run_and_no_others(tmp_path):
    class Repetitions:
        def propose(self, draw):
            keys = ("trial", "seed")
            return {k: draw(Parameter(k, (k,), Distribution("int", high=10**6))) for k in keys}

    points = [{"trial": trial, "seed": seed} for seed in (7, 8) for trial in (3, 1, 2)]
    tmp_path = SearchFolder(tmp_path)
    study = Study.create(tmp_path, ("score",), "")
    assert study.continue_with_points(Repetitions(), points) == 6
    seen = []
    for _ in range(2):
        proposal = study.propose()
        seen.append(proposal.params)
        study.tell(proposal.number, "complete", "", {"score": 1.0})
    study.propose()
    # The process dies here; the points are given again, some new, in another order.
    study = Study.create(tmp_path, ("score",), "")
    assert study.continue_with_points(Repetitions(), [{"trial": 9, "seed": 7}, *points[::-1]]) == 7
    while (proposal := study.propose()) is not None:
        seen.append(proposal.params)
        study.tell(proposal.number, "complete", "", {"score": 1.0})
    assert seen[:2] == points[:2]
    assert as_text(seen) == as_text([{"trial": 9, "seed": 7}, *points])
    assert study.ended_because == "all 7 trials"


def measure_with_limit(space, params):
    """Allow only one corner, far from the best scores."""
    metrics = measure(space, params)
    far = abs(space.apply(params).training.force_ratio - 0.95)
    return {**metrics, "far": far}


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3"])
def test_samplers_move_to_where_the_constraints_hold(tmp_path, sampler):
    study, space = begin(
        tmp_path, sampler=sampler, trials=90, population=10, constraints={"far": 0.1}
    )
    work(study, space, measure=measure_with_limit)
    records = study.records()
    kept = [record.violation == 0.0 for record in records]
    assert sum(kept[-30:]) >= 10  # by chance 4 or 5
    free, _ = begin(tmp_path / "free", sampler=sampler, trials=90, population=10)
    work(free, space)
    ratios = [r.params["training.force_ratio"] for r in free.records()[-30:]]
    assert sum(abs(ratio - 0.95) <= 0.1 for ratio in ratios) < sum(kept[-30:]) / 2


def test_what_breaks_a_constraint_ranks_behind_and_is_in_no_front(tmp_path):
    study, _ = begin(tmp_path, trials=6, constraints={"a": 10.0, "b": 0.0})
    told = [
        (1.0, {"a": 15.0, "b": 0.5}),  # 0.5 + 0.5
        (2.0, {"a": 10.0, "b": 0.0}),  # kept
        (3.0, {"a": 12.0, "b": -1.0}),  # 0.2
        (4.0, {"a": -5.0, "b": -1.0}),  # kept
        (0.5, {"a": float("nan"), "b": 0.0}),  # unknown
    ]
    for energy, values in told:
        metrics = {"energy_rmse": energy, "force_rmse": energy, "score": energy, **values}
        study.tell(study.propose().number, "complete", "", metrics)
    study.tell(study.propose().number, "diverged", "NaN")
    records = Study.open(SearchFolder(tmp_path)).records()
    assert [r.violation for r in records] == pytest.approx([1.0, 0.0, 0.2, 0.0, 1e6, 0.0])
    assert [r.number for r in ranked(records)] == [1, 3, 2, 0, 4]
    assert [r.number for r in front(records)] == [1]


def test_a_constraint_on_a_metric_that_no_trial_has_is_said_at_once(tmp_path):
    study, space = begin(tmp_path, constraints={"energy_rsme": 1.0})
    proposal = study.propose()
    with pytest.raises(MissingObjective, match=r"energy_rsme is not among.*search\.constraints"):
        study.tell(proposal.number, "complete", "", measure(space, proposal.params))
    assert study.records()[0].state == "failed"


def test_a_property_that_failed_in_one_trial_is_no_reason_to_stop(tmp_path):
    study, space = begin(
        tmp_path, objectives=["energy_rmse", "property.C44"], constraints={"property.C11": 1.0}
    )
    first, second = study.propose(), study.propose()
    metrics = measure(space, first.params)
    record = study.tell(first.number, "complete", "", {**metrics, "property.C11": 0.5})
    assert (record.state, record.reason) == ("failed", "property.C44 is nan")
    record = study.tell(second.number, "complete", "", {**metrics, "property.C44": 0.5})
    assert (record.state, record.violation) == ("complete", 1e6)


def test_cmaes_adapts_numbers_and_says_what_it_draws_at_random(tmp_path, caplog):
    raw = settings(sampler="cmaes", trials=80, objectives=["score"])
    raw["potential"]["scale_max"] = {
        "uniform": [1.0, 2.0],
        "when": {"potential.hidden_layers": [[5, 5]]},
    }
    space = SearchSpace.from_mapping(raw)
    with caplog.at_level(logging.INFO, logger="autune"):
        study, _ = begin(tmp_path, space)
    (line,) = [r.getMessage() for r in caplog.records]
    assert "potential.hidden_layers, potential.scale_max at random" in line
    work(study, space)
    scores = [record.score for record in study.records()]
    assert len(scores) == 80
    # Optuna's sampler gives up when a leaf comes and goes; this one does not.
    assert np.mean(scores[-20:]) < 0.55 * np.mean(scores[:10])


def test_cmaes_is_refused_where_it_cannot_search():
    with pytest.raises(ConfigError, match="cmaes minimises one objective, found energy_rmse, forc"):
        SearchSpace.from_mapping(settings(sampler="cmaes"))
    raw = settings(sampler="cmaes", objectives=["score"])
    raw["potential"]["scale_min"] = -1.0
    raw["training"]["force_ratio"] = {
        "uniform": [0.0, 1.0],
        "when": {"potential.hidden_layers": [[5]]},
    }
    space = SearchSpace.from_mapping(raw)
    with pytest.raises(ConfigError, match=r"search\.sampler: cmaes searches numbers"):
        check_space(space, space.example())


def test_a_study_and_mlflow_cannot_share_a_database():
    raw = settings(storage="postgresql://ann@host/searches")
    for address, fits in {
        "postgresql+psycopg://bob:secret@host/searches": False,
        "postgresql://ann@host/mlflow": True,
        "sqlite:////searches": True,
    }.items():
        raw["tracking"]["mlflow"] = address
        space = SearchSpace.from_mapping(raw)
        if fits:
            check_space(space, space.example())
        else:
            with pytest.raises(ConfigError, match=r"search\.storage: MLflow is in the same"):
                check_space(space, space.example())


@pytest.mark.parametrize(
    "storage", ["sqlite:///a.db", "postgres://u:secret@h/d", "postgresql://u:secret@h", "journal2"]
)
def test_a_storage_that_is_none_is_refused_without_its_password(storage):
    with pytest.raises(ConfigError, match="storage must be journal or postgresql://") as error:
        SearchSpace.from_mapping(settings(storage=storage))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(("seen", "is_same"), [(6, True), (1000, False)])
def test_tpe_looks_at_the_newest_trials_alone(tmp_path, monkeypatch, seen, is_same):
    monkeypatch.setattr(samplers, "SEEN_BY_TPE", seen)
    proposals = []
    for name, of_old in {"a": 1.0, "b": -1.0}.items():
        study, space = begin(tmp_path / name, trials=100, startup_trials=3)
        study.queue([space.sample(np.random.default_rng(n)) for n in range(16)])
        for number in range(16):
            proposal = study.propose()
            metrics = measure(space, proposal.params)
            if number < 10:  # the other way round in one of them
                metrics = {key: of_old * value for key, value in metrics.items()}
            study.tell(proposal.number, "complete", "", metrics)
        study, _ = begin(tmp_path / name, trials=100, startup_trials=3)
        proposals.append([study.propose().params for _ in range(3)])
    assert (proposals[0] == proposals[1]) == is_same


def test_a_search_of_fewer_trials_than_tpe_sees_is_as_before(tmp_path, monkeypatch):
    points = []
    for seen in (25, 10**9):
        monkeypatch.setattr(samplers, "SEEN_BY_TPE", seen)
        points.append(work(*begin(tmp_path / str(seen), trials=25, startup_trials=3)))
    assert points[0] == points[1]
