"""What a worker does with one trial, and what it says."""

from __future__ import annotations

import errno
import json
import math
import os
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import fake_trial
import pytest
from fake_trial import Result, settings

from autune.formats.files import write_text
from autune.search.running import worker
from autune.search.running.lock import LOCK, release, take
from autune.search.running.transfer import APART, TrialFolders
from autune.search.running.worker import WORST, Task, Work, run_in_worker
from autune.settings import Settings
from autune.space import SearchSpace
from autune.training.epoch import Epoch, Judged

SPACE = SearchSpace.from_mapping(settings())
PARAMS = {"training.force_ratio": 0.4, "potential.scale_min": 0.1, "potential.hidden_layers": "[5]"}


class Driver:
    """Hears a worker, and stops it where it is told to."""

    def __init__(self, stop_at=None):
        self.messages = []
        self.stop_at = stop_at or (lambda _: False)

    def __call__(self, message):
        self.messages.append(message)
        if self.stop_at(message):
            raise SystemExit

    @property
    def ended(self):
        last = self.messages[-1]
        return {"state": last["state"], **json.loads(last["outcome"])}

    @property
    def scores(self):
        return [pair for message in self.messages for pair in json.loads(message["scores"])]


@pytest.fixture
def run(tmp_path):
    def run(trial, driver=None, files=None, dataset=None, **task):
        driver = driver or Driver()
        given = Task(3, PARAMS, str(tmp_path / "trials" / "0003"), **task)
        run_in_worker(given.to_config(), Work(SPACE, trial, None), dataset, driver, files)
        return driver

    return run


def epoch(seed, number, score=1.0):
    return Epoch(seed, number, 1.0, 1.0, 1.0, 1.0, score, 0.0)


def test_a_task_travels_as_text():
    task = Task(3, PARAMS, "/a/0003", "id", "/token", (3, 9), True)
    assert Task.from_config(task.to_config()) == task
    assert task.about(4, {}, Path("/a/0004")) == Task(
        4, {}, "/a/0004", "id", "/token", (3, 9), True
    )


def test_only_what_decides_is_said_at_once(run, monkeypatch):
    monkeypatch.setattr(worker.time, "monotonic", lambda: 0.0)  # however long the epochs take
    driver = run(fake_trial.run_fake, decisive=(2, 4), racing=True)
    said = [m for m in driver.messages if "state" not in m]
    # Epoch 4 is the last: there is nothing left to stop; nor is there after the second seed.
    assert [(m.get("epoch"), m.get("judged")) for m in said] == [(2, None), (None, 0)]
    assert said[0]["seed"] == 0
    assert said[0]["number"] == 2
    assert said[0]["score"] == said[0]["seed_score"]
    assert [number for number, _ in driver.scores] == [0, 1, 2, 3, 4]
    assert driver.ended["state"] == "complete"
    assert driver.messages[-1]["done"] is True


def test_the_rest_is_said_from_time_to_time(run, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])

    def trial(at, dataset, directory, report):
        for number in range(1, 11):
            clock[0] += 0.2
            report(epoch(0, number))
        return Result("complete", "", {"score": 1.0})

    said = run(trial).messages[:-1]
    assert [m["number"] for m in said] == [3, 6, 9]
    assert not any("epoch" in m for m in said)


def test_scores_that_are_not_finite_are_the_worst(run):
    def trial(at, dataset, directory, report):
        for number, score in enumerate((math.nan, math.inf, 2.0)):
            report(epoch(0, number, score))
        report(Judged(0, math.inf))
        return Result("complete", "", {"score": math.nan})

    driver = run(trial, decisive=(0, 1, 2), racing=True)
    assert driver.scores == [[0, WORST], [1, WORST], [2, 2.0]]
    assert [m["score"] for m in driver.messages if "epoch" in m] == [WORST, WORST, 2.0]
    assert math.isnan(driver.ended["metrics"]["score"])


@pytest.mark.parametrize("key", ["epoch", "judged"])
def test_a_stop_is_heard_once_and_ends_the_trial(run, key):
    heard = []

    def trial(at, dataset, directory, report):
        events = (epoch(0, 1), epoch(0, 2), Judged(0, 1.0), epoch(1, 1), epoch(1, 2))
        heard.extend(report(event) for event in events)
        return Result("stopped", "told to stop")

    driver = Driver(lambda message: key in message)
    with pytest.raises(SystemExit):
        run(trial, driver, decisive=(1,) if key == "epoch" else (), racing=True)
    assert heard == ([False] * 5 if key == "epoch" else [True, True, False, False, False])
    assert len(driver.messages) == 1
    assert not any("state" in m for m in driver.messages)


def test_a_failure_says_why_in_one_line_and_leaves_its_traceback(run, tmp_path):
    def trial(at, dataset, directory, report):
        raise RuntimeError("something\nin two lines")

    ended = run(trial).ended
    assert ended["state"] == "failed"
    assert ended["reason"] == "RuntimeError: something in two lines"
    folder = tmp_path / "trials" / "0003"
    assert "Traceback" in (folder / "error.txt").read_text()
    assert [path.name for path in folder.iterdir()] == ["error.txt"]


def test_a_full_disk_is_told_as_such(run):
    def trial(at, dataset, directory, report):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("autune.formats.files._flush", full)
            write_text(directory / "x", "y")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    last = run(trial).messages[-1]
    assert last["state"] == "failed"
    assert "x cannot be written: no space left on device" in last["disk"]
    assert "disk" not in run(fake_trial.run_into_wall).messages[-1]


def test_what_a_killed_worker_was_writing_is_removed(run, tmp_path):
    folder = tmp_path / "trials" / "0003"
    folder.mkdir(parents=True)
    (folder / ".checkpoint.npz.12345678").write_text("half")
    (folder / LOCK).touch()
    run(fake_trial.run_fake)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_no_two_workers_are_in_one_folder(run, tmp_path, monkeypatch):
    other = take(tmp_path / "trials" / "0003")
    waiting = partial(worker.working_in, patience=0.2)
    monkeypatch.setattr(worker, "working_in", waiting)
    ended = run(fake_trial.run_fake).ended
    assert ended["state"] == "failed"
    assert "another process works in" in ended["reason"]
    assert not (tmp_path / "trials" / "0003" / "runs.txt").exists()
    release(other, tmp_path / "trials" / "0003")


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    """A node that must not write to the search's folder."""
    monkeypatch.setenv(APART, "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def test_a_worker_that_does_not_see_the_folder_works_in_its_own(run, tmp_path, hidden):
    folders = []

    def trial(at, dataset, directory, report):
        folders.append(directory)
        return fake_trial.run_fake(at, dataset, directory, report)

    files = TrialFolders(tmp_path / "trials")
    driver = run(trial, files=files, identity="abc", token=str(tmp_path / "token"))
    assert driver.ended["state"] == "complete"
    assert hidden in folders[0].parents
    assert not folders[0].exists()
    names = sorted(path.name for path in (tmp_path / "trials" / "0003").iterdir())
    assert names == [
        "history.csv", "potential", "properties.csv", "result.json", "runs.txt", "settings.yaml",
        "worker.json",
    ]  # fmt: skip

    # The next worker has all that; also of one that fails everything comes back.
    def fail(at, dataset, directory, report):
        assert (directory / "potential" / "input.nn").exists()
        raise RuntimeError("later")

    assert run(fail, files=files, identity="abc", token="/none").ended["state"] == "failed"
    assert "later" in (tmp_path / "trials" / "0003" / "error.txt").read_text()


def test_a_worker_without_a_way_to_the_folder_says_so(run, tmp_path):
    ended = run(fake_trial.run_fake, token=str(tmp_path / "token")).ended
    assert ended["state"] == "failed"
    assert "does not see" in ended["reason"]
    assert not (tmp_path / "trials").exists()


def test_files_that_cannot_be_sent_are_the_reason(run, tmp_path, hidden):
    class Full(TrialFolders):
        def write(self, trial, name, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = Full(tmp_path / "trials")
    last = run(fake_trial.run_fake, files=files, token="/none").messages[-1]
    assert last["state"] == "failed"
    assert "disk" in last


def test_the_data_set_is_loaded_where_its_settings_are_searched(tmp_path):
    seen = []

    def trial(at, dataset, directory, report):
        seen.append(dataset)
        return Result("complete")

    def load(at):
        return SimpleNamespace(path=at.path)

    task = Task(0, PARAMS, str(tmp_path / "0000"))
    run_in_worker(task.to_config(), Work(SPACE, trial, load), None, Driver())
    assert (
        seen[0].path
        == Settings.from_mapping(SPACE.apply(PARAMS).model_dump(by_alias=True)).dataset.path
    )
