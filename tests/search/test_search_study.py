"""The study without Ray: proposals, ends of trials, and going on after a kill."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from fake_trial import objectives, run_fake, settings

from autune.errors import ConfigError, SearchError
from autune.search.folder import JOURNAL, SearchFolder
from autune.search.record import MissingObjective, front, ranked
from autune.search.study.storage import mend_journal
from autune.search.study.study import Study
from autune.space import SearchSpace

NAMES = ("energy_rmse", "force_rmse")


def begin(folder: Path, **search) -> tuple[Study, SearchSpace]:
    folder.mkdir(exist_ok=True)
    space = SearchSpace.from_mapping(settings(**search))
    study = Study.create(SearchFolder(folder), NAMES, "fingerprint")
    study.continue_with(space, space.example().search)
    return study, space


def work(study: Study, space: SearchSpace, limit: int = 10**6) -> list[dict]:
    """Run trials one at a time."""
    points = []
    while len(points) < limit and (proposal := study.propose()) is not None:
        energy, force = objectives(space.apply(proposal.params))
        metrics = {"energy_rmse": energy, "force_rmse": force, "score": energy + force}
        study.tell(proposal.number, "complete", "", metrics, 0.1)
        points.append(proposal.params)
    return points


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "qmc", "random"])
def test_two_searches_with_one_trial_at_a_time_propose_the_same(tmp_path, sampler):
    points = [
        work(*begin(tmp_path / name, sampler=sampler, trials=12, population=4)) for name in "ab"
    ]
    assert points[0] == points[1]
    assert len(points[0]) == 12
    if not sampler.startswith("nsga"):  # children of equal parents are equal
        assert len({str(point) for point in points[0]}) == 12
    other = work(*begin(tmp_path / "c", sampler=sampler, trials=12, population=4, seed=2))
    assert other != points[0]


def test_tpe_proposes_better_points_than_it_began_with(tmp_path):
    study, space = begin(tmp_path / "a", trials=40, startup_trials=10)
    work(study, space)
    scores = [record.score for record in study.records()]
    assert np.mean(scores[20:]) < 0.8 * np.mean(scores[:10])


def test_every_end_of_a_trial_is_told_right(tmp_path):
    study, _ = begin(tmp_path / "a", trials=6)
    numbers = [study.propose().number for _ in range(6)]
    good = {"energy_rmse": 1.0, "force_rmse": 2.0, "score": 3.0, "energy_rmse_std": math.nan}
    study.tell(numbers[0], "complete", "", good, 1.5, [(1, 4.0), (2, 3.0)])
    study.tell(numbers[1], "stopped", "by the pruner", {}, 0.5, [(1, 9.0)])
    study.tell(numbers[2], "diverged", "NaN in epoch 3")
    study.tell(numbers[3], "failed", "no such file")
    study.tell(numbers[4], "complete", "", {**good, "force_rmse": math.nan})
    records = Study.open(SearchFolder(tmp_path / "a")).records()
    assert [r.state for r in records] == [
        "complete", "stopped", "diverged", "failed", "failed", "running",
    ]  # fmt: skip
    assert [r.reason for r in records] == [
        "", "by the pruner", "NaN in epoch 3", "no such file", "force_rmse is nan", "",
    ]  # fmt: skip
    assert records[0].objectives == (1.0, 2.0)
    assert records[0].metrics["score"] == 3.0
    assert records[0].scores == ((1, 4.0), (2, 3.0))
    assert records[0].seconds == 1.5
    assert records[0].directory == tmp_path / "a" / "trials" / "0000"
    assert [r.number for r in front(records)] == [r.number for r in ranked(records)] == [0]


def test_a_metric_that_no_trial_has_is_said_at_once(tmp_path):
    study, _ = begin(tmp_path / "a")
    proposal = study.propose()
    with pytest.raises(MissingObjective, match="force_rmse is not among the metrics of a trial"):
        study.tell(proposal.number, "complete", "", {"energy_rmse": 1.0, "score": 1.0})
    assert study.records()[0].state == "failed"


def test_the_front_is_what_no_other_trial_beats(tmp_path):
    study, _ = begin(tmp_path / "a", trials=5)
    values = [(1.0, 4.0), (2.0, 2.0), (4.0, 1.0), (2.0, 3.0), (2.0, 2.0)]
    for energy, force in values:
        metrics = {"energy_rmse": energy, "force_rmse": force, "score": energy + force}
        study.tell(study.propose().number, "complete", "", metrics)
    assert [r.number for r in front(study.records())] == [0, 1, 4, 2]
    assert [r.number for r in ranked(study.records())] == [1, 4, 0, 2, 3]


def test_an_interrupted_trial_goes_on_under_its_number(tmp_path):
    study, space = begin(tmp_path / "a", trials=5)
    done = work(study, space, limit=2)
    lost = [study.propose(), study.propose()]
    # The process dies here.
    again, space = begin(tmp_path / "a", trials=5)
    resumed = [again.propose(), again.propose()]
    assert resumed == lost
    for proposal in resumed:
        again.tell(proposal.number, "diverged", "NaN")
    rest = work(again, space)
    assert len(rest) == 1
    records = again.records()
    assert [r.state for r in records] == [
        "complete",
        "complete",
        "diverged",
        "diverged",
        "complete",
    ]
    assert len({str(r.params) for r in records}) == 5
    assert [r.params for r in records[:2]] == done


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "qmc", "random", "grid"])
def test_a_search_that_goes_on_does_not_repeat_itself(tmp_path, sampler):
    raw = settings(sampler=sampler, trials=16, startup_trials=20, population=20)
    if sampler == "grid":
        raw["potential"]["scale_min"] = {"uniform": [-1.0, 0.5], "step": 0.5}
        raw["training"]["force_ratio"] = {"int": [0, 1]}
    space = SearchSpace.from_mapping(raw)
    for _ in range(4):
        study = Study.create(SearchFolder(tmp_path), NAMES, "")
        study.continue_with(space, space.example().search)
        work(study, space, limit=4)
    assert work(study, space) == []
    assert len({str(record.params) for record in study.records()}) == 16


def test_the_grid_is_searched_completely_and_ends(tmp_path):
    raw = settings(sampler="grid", trials=100)
    raw["potential"]["scale_min"] = {"choice": [-1.0, 0.5]}
    raw["training"]["force_ratio"] = {
        "choice": [0.5, 1.0],
        "when": {"potential.scale_min": 0.5},
    }
    space = SearchSpace.from_mapping(raw)
    study = Study.create(SearchFolder(tmp_path), NAMES, "")
    assert study.continue_with(space, space.example().search) == 6
    points = work(study, space)
    assert sorted(map(str, points)) == sorted(map(str, space.grid()))


def test_a_grid_needs_finite_leaves(tmp_path):
    space = SearchSpace.from_mapping(settings(sampler="grid"))
    with pytest.raises(ConfigError, match="has no finite grid"):
        Study.create(SearchFolder(tmp_path), NAMES, "").continue_with(space, space.example().search)


def test_what_a_killed_process_leaves_in_the_journal_is_mended(tmp_path):
    study, space = begin(tmp_path / "a", trials=3)
    work(study, space, limit=2)
    journal = tmp_path / "a" / JOURNAL
    with journal.open("ab") as stream:
        stream.write(b'{"op_code":4,"work')
    (tmp_path / "a" / f"{JOURNAL}.lock").symlink_to(journal)
    mend_journal(tmp_path / "a")
    study, space = begin(tmp_path / "a", trials=3)
    assert len(work(study, space)) == 1
    assert [r.state for r in Study.open(SearchFolder(tmp_path / "a")).records()] == ["complete"] * 3


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(SearchError, match="holds no search"):
        Study.open(SearchFolder(tmp_path))
    (tmp_path / JOURNAL).write_text("no journal\n")
    with pytest.raises(SearchError, match="cannot be read"):
        Study.open(SearchFolder(tmp_path))


def test_the_fake_trial_keeps_the_contract(tmp_path):
    space = SearchSpace.from_mapping(settings())
    at = space.apply(space.sample(np.random.default_rng(0)))
    result = run_fake(at, None, tmp_path / "0", lambda epoch: True)
    assert result.state == "complete"
    assert run_fake(at, None, tmp_path / "1", lambda epoch: epoch.number < 2).state == "stopped"
