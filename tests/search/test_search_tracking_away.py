"""A search goes on whatever becomes of MLflow, and MLflow has everything in the end."""

from __future__ import annotations

import itertools
import logging
import re
import sqlite3
import threading
import time
from contextlib import closing

import fake_trial
import mlflow
import pytest
from made_search import MadeSearch

from autune.search.tracking import tracker as room
from autune.search.tracking.addresses import find_address
from autune.search.tracking.mlflow_client import connect
from autune.search.tracking.tracker import Tracker, rebuild

COUNT = itertools.count()


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(room, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(room, "GRACE", 0.5)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """One database for all: a new one takes seconds, and searches do not touch each other."""
    address = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'mlflow.db'}"
    connect(address).search_experiments()
    return address


@pytest.fixture
def made(tmp_path):
    return MadeSearch(tmp_path / "fake", f"{next(COUNT):06x}abcdef")


@pytest.fixture
def make_stopped(tmp_path):
    """Make a search whose first trials are stopped."""

    def make(n_trials):
        left = iter(range(n_trials))

        def stop(at, dataset, directory, report):
            if next(left, None) is None:
                return fake_trial.run_fake(at, dataset, directory, report)
            (directory / "settings.yaml").write_text(at.to_yaml())
            return fake_trial.Result("stopped", "stopped after epoch 3")

        made = MadeSearch(tmp_path / "fake", f"{next(COUNT):06x}abcdef", trial=stop)
        return made, made.run(n_trials)

    return make


@pytest.fixture
def outage(monkeypatch):
    """Let every call that writes fail while it is set."""
    away = threading.Event()
    for name in ("create_run", "log_batch", "log_artifacts", "set_terminated", "update_run"):
        original = getattr(mlflow.MlflowClient, name)

        def call(*args, original=original, **kwargs):
            if away.is_set():
                raise mlflow.exceptions.MlflowException("cannot go to http://me:pw@host")
            return original(*args, **kwargs)

        monkeypatch.setattr(mlflow.MlflowClient, name, call)
    return away


def runs_of(folder, uri) -> dict[str, mlflow.entities.Run]:
    client = mlflow.MlflowClient(tracking_uri=uri)
    (experiment,) = client.search_experiments(
        filter_string=f"tags.`autune.search` = '{folder.identity}'"
    )
    runs = client.search_runs([experiment.experiment_id])
    keyed = {run.data.tags.get("autune.trial", "parent"): run for run in runs}
    assert len(keyed) == len(runs)
    return keyed


def wait_until(happened, seconds=20.0) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def follow(made, uri, n_trials=1) -> Tracker:
    tracker = Tracker(made.folder, uri)
    tracker.search_started("fake", 10, ("energy_rmse",), [])
    for record in made.run(n_trials):
        tracker.trial_finished(record)
    return tracker


def end(made, tracker, state="finished") -> None:
    made.end(state)
    tracker.search_finished(state)


def test_what_was_missed_is_written_when_mlflow_is_back(made, uri, outage, caplog):
    caplog.set_level(logging.INFO, "autune")
    tracker = follow(made, uri)
    wait_until(lambda: "0" in runs_of_or_none(made.folder, uri))
    outage.set()
    for record in made.run(3):
        tracker.trial_finished(record)
    wait_until(lambda: caplog.messages)
    time.sleep(0.2)
    assert len(caplog.messages) == 1  # said once
    assert re.search(
        "MLflow .* cannot be written: cannot go to http://me:\\*\\*\\*@host;", caplog.text
    )
    outage.clear()
    wait_until(lambda: "3" in runs_of(made.folder, uri))
    assert runs_of(made.folder, uri)["parent"].info.status == "RUNNING"
    end(made, tracker)
    runs = runs_of(made.folder, uri)
    assert set(runs) == {"parent", "0", "1", "2", "3"}
    assert {run.info.status for run in runs.values()} <= {"FINISHED", "FAILED"}
    assert len(caplog.messages) == 2
    assert rebuild(made.folder, uri).n_written == 0


def runs_of_or_none(folder, uri):
    try:
        return runs_of(folder, uri)
    except ValueError:
        return {}


def test_an_end_without_mlflow_says_what_writes_the_rest(made, uri, outage, caplog):
    tracker = follow(made, uri)
    wait_until(lambda: "0" in runs_of_or_none(made.folder, uri))
    outage.set()
    began = time.monotonic()
    end(made, tracker, "interrupted")
    assert time.monotonic() - began < 15.0
    assert f"autune log {made.folder.path} writes the rest" in caplog.messages[-1]
    outage.clear()
    rebuild(made.folder, uri)
    assert runs_of(made.folder, uri)["parent"].info.status == "KILLED"


def test_an_mlflow_that_hangs_is_not_waited_for_longer_than_patience(
    made, uri, monkeypatch, caplog
):
    monkeypatch.setattr(room, "PATIENCE", 0.2)
    monkeypatch.setattr(room, "PATIENCE_BEFORE_WORDS", 0.1)
    hanging = threading.Event()
    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", lambda *_, **__: hanging.wait(60))
    monkeypatch.setattr(room, "LAST_WORDS", 0.1)
    tracker = follow(made, uri)
    began = time.monotonic()
    end(made, tracker)
    assert time.monotonic() - began < 10.0
    assert "writes the rest" in caplog.messages[-1]
    hanging.set()


def test_one_trial_that_mlflow_refuses_does_not_hold_up_the_others(made, uri, monkeypatch, caplog):
    original = mlflow.MlflowClient.create_run

    def refuse(client, *args, **kwargs):
        if kwargs["run_name"] == "trial 0001":
            raise ValueError("not this one")
        return original(client, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "create_run", refuse)
        tracker = follow(made, uri, n_trials=4)
        wait_until(lambda: {"0", "2", "3"} <= set(runs_of_or_none(made.folder, uri)))
        end(made, tracker)
    runs = runs_of(made.folder, uri)
    assert set(runs) == {"parent", "0", "2", "3"}
    assert runs["parent"].info.status == "FINISHED"
    assert "not this one" in caplog.messages[0]
    assert rebuild(made.folder, uri).n_written == 1


def test_more_trials_than_are_kept_are_read_again(made, uri, outage, monkeypatch):
    monkeypatch.setattr(room, "MOST_WAITING", 2)
    outage.set()
    tracker = follow(made, uri, n_trials=6)
    outage.clear()
    wait_until(lambda: len(runs_of_or_none(made.folder, uri)) == 7)
    end(made, tracker)
    assert rebuild(made.folder, uri).n_written == 0


def test_a_resumed_search_mends_what_a_killed_one_left(made, uri, outage):
    killed = follow(made, uri, n_trials=2)
    wait_until(lambda: "1" in runs_of_or_none(made.folder, uri))
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.update_run(runs_of(made.folder, uri)["1"].info.run_id, status="RUNNING")
    killed._given_up = True  # noqa: SLF001  its process is gone, and its lock with it
    killed._drop_store()  # noqa: SLF001
    made.end("interrupted")
    tracker = Tracker(made.folder, uri)
    tracker.search_started("fake", 3, ("energy_rmse",), made.folder.records())
    tracker.trial_finished(made.run()[0])
    wait_until(lambda: len(runs_of(made.folder, uri)) == 4)
    end(made, tracker)
    statuses = [run.info.status for run in runs_of(made.folder, uri).values()]
    assert "RUNNING" not in statuses
    assert rebuild(made.folder, uri).n_written == 0


def test_a_stopped_trial_is_written_when_its_files_are_there(make_stopped, uri):
    made, records = make_stopped(2)
    tracker = Tracker(made.folder, uri)
    tracker.search_started("fake", 10, ("energy_rmse",), [])
    for record in records:
        tracker.trial_finished(record)
    wait_until(lambda: runs_of_or_none(made.folder, uri))
    (records[0].directory / "result.json").write_text('{"state": "stopped"}')
    tracker.epoch_finished(7, 0, 0, 1.0)
    tracker.trial_finished(made.run()[0])
    wait_until(lambda: {"0", "2"} <= set(runs_of(made.folder, uri)))
    assert "1" not in runs_of(made.folder, uri)
    end(made, tracker)
    runs = runs_of(made.folder, uri)
    assert {key: run.info.status for key, run in runs.items() if key in "01"} == {
        "0": "KILLED",
        "1": "KILLED",
    }
    assert rebuild(made.folder, uri).n_written == 0


def test_trainings_of_the_confirmation_are_written_as_they_come(made, uri):
    tracker = follow(made, uri, n_trials=3)
    winner = next(r.number for r in made.folder.records() if r.state == "complete")
    made.confirm(winner)
    for record in made.folder.confirmation.records():
        tracker.trial_finished(record)
    expected = {"parent", "0", "1", "2", "c0", "c1"}
    wait_until(lambda: set(runs_of_or_none(made.folder, uri)) == expected)
    end(made, tracker)
    assert runs_of(made.folder, uri)["c1"].info.run_name == f"confirm {winner:04d} seed 1"
    assert rebuild(made.folder, uri).n_written == 0


def test_only_one_process_writes_a_search(made, uri):
    tracker = follow(made, uri)
    wait_until(lambda: "0" in runs_of_or_none(made.folder, uri))
    with pytest.raises(room.Busy, match="another process"):
        rebuild(made.folder, uri)
    end(made, tracker)
    assert rebuild(made.folder, uri).n_written == 0


def test_a_locked_database_is_waited_for(made, uri):
    tracker = follow(made, uri)
    wait_until(lambda: "0" in runs_of_or_none(made.folder, uri))
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN EXCLUSIVE")
        tracker.trial_finished(made.run()[0])
        time.sleep(0.5)
        other.rollback()
    wait_until(lambda: "1" in runs_of(made.folder, uri))
    end(made, tracker)


def test_postgres_is_reached_by_the_driver_that_is_installed(made):
    address = find_address(made.folder, "postgresql://me:pw@host/db")
    assert address.startswith("postgresql+psycopg://me:pw@host/db?")
    assert "connect_timeout=" in address
    address = find_address(made.folder, "postgresql+psycopg2://h/d?connect_timeout=1")
    assert address.startswith("postgresql+psycopg2://h/d?connect_timeout=1&")
    assert address.count("connect_timeout=") == 1
