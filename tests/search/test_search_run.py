"""Whole searches with Ray and a trial of a millisecond."""

from __future__ import annotations

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_trial
import pytest
from fake_trial import settings

import autune
from autune.errors import SearchError
from autune.search import open_search
from autune.search.progress import PlainLines
from autune.search.running import distributed

with_ray = pytest.mark.usefixtures("ray_on_two_cores")
without_workers = pytest.mark.usefixtures("tune_in_this_process")


@pytest.mark.ray
@with_ray
def test_a_search_ends_with_everything_in_its_folder(run, tmp_path, capsys, request):
    result = run(settings(trials=14), fake_trial.run_badly)
    assert result.state == "finished"
    assert sum(result.counts.values()) == 14
    assert set(result.counts) == {"complete", "diverged", "failed"}
    folder = tmp_path / "fake"
    reasons = {record.state: record.reason for record in result.records}
    assert reasons["diverged"] == "NaN in epoch 3"
    raised = [r for r in result.records if r.reason == "RuntimeError: something in the worker"]
    assert "Traceback" in (raised[0].directory / "error.txt").read_text()
    nan = [r for r in result.records if r.reason == "energy_rmse is nan"]
    assert nan
    assert {r.state for r in nan} == {"failed"}
    best = result.best
    assert best.score == min(r.score for r in result.records)
    assert (folder / "best" / "input.nn").read_text() == (
        best.directory / "potential" / "input.nn"
    ).read_text()
    with (folder / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == [r.state for r in result.records]
    assert float(rows[best.number]["score"]) == best.score
    summary = json.loads((folder / "result.json").read_text())
    assert summary["state"] == "finished"
    assert summary["best"]["number"] == best.number
    assert [r["number"] for r in summary["front"]] == [r.number for r in result.front]
    assert open_search("fake", tmp_path).records() == list(result.records)
    assert open_search("fake", tmp_path).potential_of() == best.directory / "potential"
    with pytest.raises(SearchError, match="has no potential"):
        open_search("fake", tmp_path).potential_of(raised[0].number)
    worker = json.loads((best.directory / "worker.json").read_text())
    assert worker == {
        **dict.fromkeys(fake_trial.THREADS, "1"), "folder": str(Path.cwd()), "n_structures": 4,
    }  # fmt: skip
    assert not (folder / ".ray").exists()
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 16
    assert said[0] == "search fake: 14 trials"
    # One trial at a time: the same proposals and results as of a loop.
    request.getfixturevalue("without_ray")
    again = run(settings(trials=14), fake_trial.run_badly, name="again")
    assert [r.params for r in again.records] == [r.params for r in result.records]
    assert [r.objectives for r in again.records] == [r.objectives for r in result.records]


@pytest.mark.usefixtures("without_ray")
def test_the_table_of_trials_says_what_is_beyond_the_constraints(run):
    result = run(settings(trials=8, sampler="random", constraints={"energy_rmse": 0.8}))
    with (result.folder.path / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    told = [float(row["violation"]) for row in rows]
    assert told == pytest.approx([r.violation for r in result.records])
    assert min(told) == 0.0 < max(told)
    summary = json.loads((result.folder.path / "result.json").read_text())
    assert summary["best"]["violation"] == 0.0


@pytest.mark.ray
@with_ray
def test_the_pruner_judges_the_first_seed_only(run):
    raw = settings(trials=12, pruner="asha", grace_epochs=1, sampler="random")
    result = run(raw, fake_trial.run_with_worse_seed)
    stopped = [r for r in result.records if r.state == "stopped"]
    complete = [r for r in result.records if r.state == "complete"]
    assert len(stopped) >= 3
    assert len(complete) >= 2
    for record in stopped:
        assert record.reason.startswith("after epoch")
        assert max(score for _, score in record.scores) < 1000.0
        assert max(epoch for epoch, _ in record.scores) < 4  # not after the last epoch
        assert record.objectives == ()
    for record in complete:
        assert [epoch for epoch, _ in record.scores] == [0, 1, 2, 3, 4]
    assert {r.number for r in result.front} <= {r.number for r in complete}


@without_workers
def test_the_pruner_remembers_after_a_resume(run, monkeypatch, run_serially):
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "run", run_serially)
        run(settings(trials=6, sampler="random"))
    more = settings(trials=16, pruner="asha", grace_epochs=1, sampler="random")
    later = run(more, resume=True).records[6:]
    # Without memory the first trial after the resume could not be stopped at its first rung.
    assert sum(r.state == "stopped" for r in later) >= 3


@without_workers
def test_seeds_of_trials_far_behind_are_not_trained(run):
    raw = settings(trials=30, sampler="random", objectives=["energy_rmse"])
    raw["evaluation"]["seeds"] = 4
    result = run(raw, fake_trial.run_with_spread)
    stopped = [r for r in result.records if r.state == "stopped"]
    complete = [r for r in result.records if r.state == "complete"]
    assert len(stopped) >= 8
    assert len(complete) + len(stopped) == 30
    assert all(r.reason.startswith("after seed") for r in stopped)
    assert all("with 95 % confidence worse than" in r.reason for r in stopped)
    # The fifth of the best so far is what they are compared with: none of the best is stopped.
    levels = sorted(r.params["training.force_ratio"] for r in result.records)
    assert all(r.params["training.force_ratio"] > levels[4] for r in stopped)
    # After a resume past trials are remembered: the next ones are stopped at once.
    more = settings(trials=36, sampler="random", objectives=["energy_rmse"])
    more["evaluation"]["seeds"] = 4
    later = run(more, fake_trial.run_with_spread, resume=True).records[30:]
    assert any(r.state == "stopped" for r in later)
    unraced = settings(trials=12, sampler="random", objectives=["energy_rmse"], racing=False)
    unraced["evaluation"]["seeds"] = 4
    assert run(unraced, fake_trial.run_with_spread, name="unraced").counts == {"complete": 12}


@pytest.mark.ray
@pytest.mark.deaths
@with_ray
def test_the_death_of_a_worker_is_a_failed_trial(run, capfd):
    result = run(settings(trials=2, sampler="random"), fake_trial.run_and_die)
    dead, alive = result.records
    assert dead.params["training.force_ratio"] < 0.32 < alive.params["training.force_ratio"]
    assert (dead.state, alive.state) == ("failed", "complete")
    assert dead.reason.startswith("the worker died 3 times: it was killed or crashed")
    assert (dead.directory / "deaths.txt").read_text().count("died") == 3
    assert not (dead.directory / ".lock").exists()
    # Ray says nothing between our lines.
    assert all(
        line.startswith(("search", "1/2", "2/2"))
        for line in capfd.readouterr().out.split("\n")
        if line
    )


class PressCtrlC(PlainLines):
    """Interrupt the search after its third trial."""

    def trial_finished(self, record):
        super().trial_finished(record)
        if record.number == 2:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.ray
@with_ray
def test_ctrl_c_ends_a_search_that_can_go_on(run, tmp_path, request):
    before = signal.getsignal(signal.SIGINT)
    first = run(progress=PressCtrlC())
    assert first.state == "interrupted"
    assert first.counts["complete"] == 3
    assert json.loads((tmp_path / "fake" / "result.json").read_text())["state"] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    request.getfixturevalue("without_ray")
    second = run(resume=True)
    assert second.state == "finished"
    assert second.counts == {"complete": 6}
    assert second.records[:3] == first.records[:3]


@without_workers
def test_a_search_whose_trials_all_fail_alike_stops(run, tmp_path):
    with pytest.raises(SearchError, match="failed in the same way: RuntimeError: the same for all"):
        run(settings(trials=30), fake_trial.run_into_wall)
    assert len(open_search("fake", tmp_path).records()) == 5


@without_workers
def test_an_objective_that_no_trial_has_stops_the_search(run, tmp_path):
    with pytest.raises(SearchError, match="objective force_rmse is not among the metrics"):
        run(settings(trials=30), fake_trial.run_without_forces)
    assert len(open_search("fake", tmp_path).records()) == 1


DRIVER = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
import fake_trial
from ray import cloudpickle
cloudpickle.register_pickle_by_value(fake_trial)
from autune.dataset import Dataset
import pickle
from autune.search import search
if __name__ == "__main__":
    with open({data!r}, "rb") as stream:
        dataset = pickle.load(stream)
    result = search(
        fake_trial.settings(trials=8, concurrent=2), results={results!r}, quiet=True,
        dataset=dataset, trial=fake_trial.run_slowly,
    )
    print("state", result.state)
"""


def wait_for(condition, seconds=200.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)


@pytest.mark.ray
@pytest.mark.deaths
def test_a_killed_search_goes_on_and_runs_nothing_twice(run, tmp_path, tiny_dataset, request):
    data = tmp_path / "data.pickle"
    data.write_bytes(pickle.dumps(tiny_dataset))
    script = tmp_path / "driver.py"
    script.write_text(
        DRIVER.format(tests=str(Path(__file__).parent), data=str(data), results=str(tmp_path))
    )
    trials = tmp_path / "fake" / "trials"

    def n_done():
        return len(list(trials.glob("*/result.json")))

    environment = {**os.environ, "PYTHONPATH": str(Path(autune.__file__).parents[1])}
    driver = subprocess.Popen([sys.executable, script], env=environment, stdout=subprocess.PIPE)
    try:
        wait_for(lambda: n_done() >= 3)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        driver.stdout.close()
    killed = open_search("fake", tmp_path).records()
    finished = [r for r in killed if r.state == "complete"]
    assert len(finished) >= 2

    request.getfixturevalue("without_ray")  # what goes on is the study, whoever runs the trials
    raw = settings(trials=8, concurrent=2)
    result = run(raw, resume=True)
    assert result.counts == {"complete": 8}
    assert [r for r in result.records if r in finished] == finished
    assert len({str(r.params) for r in result.records}) == 8
    for record in finished:
        assert (record.directory / "runs.txt").read_text() == "run\n"


@pytest.mark.ray
@with_ray
def test_trials_shorter_than_the_start_of_a_worker_get_all_workers(run, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    result = run(settings(concurrent=2, trials=40), fake_trial.Stateful(marks, pause=0.005))
    assert result.counts == {"complete": 40}
    pids = {line.split()[2] for file in marks.iterdir() for line in file.read_text().splitlines()}
    # A worker that starts is not ended for one that has become free meanwhile.
    assert len(pids) == 2
