"""When a search ends by itself, also over several resumes."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from fake_trial import settings
from study_alone import begin, set_clock, small_space, work

from autune.cli.searches import status
from autune.errors import SearchError
from autune.search.study import ending


@pytest.fixture
def clock(monkeypatch):
    """Return a clock whose `now` [s] the test sets."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(ending.time, "monotonic", lambda: clock.now)
    return clock


def end(study, score=1.0, state="complete", **metrics):
    values = {"energy_rmse": score, "force_rmse": score, "score": score, **metrics}
    study.tell(study.propose().number, state, "", values if state == "complete" else {})


def test_all_trials(tmp_path):
    study, space = begin(tmp_path, trials=5)
    assert len(work(study, space, limit=4)) == 4
    assert study.ended_because == ""
    assert len(work(study, space)) == 1
    assert study.ended_because == "all 5 trials"


def test_no_better_score_for_some_time(tmp_path):
    study, _ = begin(tmp_path, trials=100, patience=3)
    for score in (5.0, 4.0, 4.5, 4.5, 3.0, 3.0):
        end(study, score)
    end(study, state="diverged")
    assert study.ended_because == ""
    # Asked for before the limit is reached: what runs comes to its end.
    running = study.propose()
    end(study, state="stopped")
    assert study.propose() is None
    assert study.ended_because == "no better score in 3 trials"
    assert study.tell(running.number, "complete", "", {"energy_rmse": 9.0, "force_rmse": 9.0})
    again, _ = begin(tmp_path, trials=100, patience=3)
    assert again.propose() is None
    again, _ = begin(tmp_path, trials=100, patience=5)
    end(again, 3.1)
    assert again.propose() is None
    assert again.ended_because == "no better score in 5 trials"


def test_better_is_what_ranks_before(tmp_path):
    study, _ = begin(tmp_path, trials=100, patience=2, constraints={"c": 1.0})
    end(study, 1.0, c=2.0)
    end(study, 9.0, c=1.5)  # nearer to the limit
    end(study, 8.0, c=1.0)  # keeps it
    end(study, 0.1, c=1.1)  # breaks it
    assert study.propose() is not None
    end(study, 8.0, c=1.0)
    assert study.propose() is None


def test_the_best_is_the_newest_where_the_clock_was_set_back(tmp_path, monkeypatch):
    study, _ = begin(tmp_path, trials=100, patience=3)
    for score in (5.0, 4.0, 4.5):
        end(study, score)
    set_clock(monkeypatch, datetime.now(tz=UTC) - timedelta(hours=1))
    end(study, 3.0)
    for _ in range(3):
        again, _ = begin(tmp_path, trials=100, patience=3)
        assert not again.is_over()
        end(again, 3.5)
    assert again.is_over()


def test_hours_of_all_resumes_together(tmp_path, clock):
    study, _ = begin(tmp_path, trials=100, time_limit=2.0)
    clock.now += 3000.0
    end(study)
    clock.now += 1e6  # the search is off
    study, _ = begin(tmp_path, trials=100, time_limit=2.0)
    clock.now += 4000.0
    end(study)
    running = study.propose()
    clock.now += 300.0
    assert study.propose() is None
    assert study.ended_because == "time limit of 2 h"
    # It runs to its end, here in the next process, and nothing else starts.
    clock.now += 1e6
    study, _ = begin(tmp_path, trials=100, time_limit=2.0)
    clock.now += 500.0
    assert study.propose() == running
    study.tell(running.number, "failed", "")
    assert study.propose() is None
    study, _ = begin(tmp_path, trials=100, time_limit=3.0)
    assert study.propose() is not None


def test_hours_count_also_where_it_is_killed_before_a_trial_ends(tmp_path, clock):
    for _ in range(2):
        study, _ = begin(tmp_path, trials=100, time_limit=2.0)
        running = study.propose()
        for _ in range(100):
            clock.now += 36.0
            study.keep_time()
        # The process dies here.
    study, _ = begin(tmp_path, trials=100, time_limit=2.0)
    assert study.propose() == running
    clock.now += 36.0
    assert study.propose() is None
    assert study.ended_because == "time limit of 2 h"
    assert (tmp_path / "study.journal").read_text().count('"search_seconds"') == 100


def test_the_time_is_kept_while_trials_run(run, monkeypatch, tune_in_this_process):
    monkeypatch.setattr(ending, "KEPT_EVERY", 0.0)
    result = run(settings(trials=1, pruner="median", grace_epochs=1))
    journal = (result.folder.path / "study.journal").read_text().splitlines()
    kept = [line for line in journal if line.count('{"search_seconds"')]
    assert len(kept) >= 3


def test_a_search_that_ended_is_over_without_a_worker(tmp_path, run, without_ray, caplog):
    with caplog.at_level(logging.INFO, logger="autune"):
        result = run(settings(trials=50, patience=2))
    assert result.state == "finished"
    assert len(result.records) < 50
    assert "search fake ended: no better score in 2 trials" in caplog.messages
    study, _ = begin(tmp_path / "fake", trials=50, patience=2)
    assert study.is_over()
    assert study.ended_because == "no better score in 2 trials"
    study, _ = begin(tmp_path / "fake", trials=50)
    assert not study.is_over()


def test_the_reason_is_written_and_forgotten_when_the_search_goes_on(
    tmp_path, run, without_ray, capsys
):
    result = run(settings(trials=50, patience=2))
    why = "no better score in 2 trials"
    assert result.ended_because == why
    summary = json.loads((result.folder.path / "result.json").read_text())
    assert summary["ended_because"] == why
    capsys.readouterr()
    status("fake", tmp_path)
    n = len(result.records)
    assert f"{n} of 50 trials, {n} complete; ended: {why}" in capsys.readouterr().out
    study, _ = begin(tmp_path / "fake", trials=50)
    end(study)
    status("fake", tmp_path)
    assert f"{n + 1} of 50 trials, {n + 1} complete\n" in capsys.readouterr().out


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_the_points_of_a_finite_space_are_all_trials(tmp_path, run, without_ray, capsys, sampler):
    raw = small_space(sampler=sampler, trials=40).template
    result = run({**raw, "name": "whole"})
    assert len(result.records) == 16
    assert "search whole: 16 trials" in capsys.readouterr().out
    status("whole", tmp_path)
    assert (
        "16 of 16 trials, 16 complete; ended: all 16 points of the space" in capsys.readouterr().out
    )
    raw["search"]["trials"] = 5
    run({**raw, "name": "part"})
    capsys.readouterr()
    status("part", tmp_path)
    assert "5 of 5 trials, 5 complete; ended: all 5 trials" in capsys.readouterr().out


def test_no_time_at_all_is_said(run, without_ray):
    with pytest.raises(
        SearchError, match="none of the 0 trials is complete; time limit of 1e-09 h"
    ):
        run(settings(time_limit=1e-9))
