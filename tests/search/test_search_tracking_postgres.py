"""MLflow's store in PostgreSQL: directly, and behind MLflow's server."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import pytest
from made_search import MadeSearch
from postgres_server import PASSWORD, postgres

from autune.search.tracking import tracker as room
from autune.search.tracking.addresses import find_address
from autune.search.tracking.server import serve_command
from autune.search.tracking.tracker import Tracker, rebuild

__all__ = ["postgres"]

pytestmark = pytest.mark.postgres

COUNT = itertools.count()
RACE = """
import sys, time
from autune.search.folder import SearchFolder
from autune.search.tracking.tracker import rebuild
import autune.search.tracking.addresses, mlflow.store.db.utils
autune.search.tracking.addresses.be_quiet()
time.sleep(max(0.0, float(sys.argv[3]) - time.time()))
print(rebuild(SearchFolder(__import__("pathlib").Path(sys.argv[1])), sys.argv[2]).n_written)
"""


@pytest.fixture(scope="module")
def uri(postgres):
    return postgres.make_database("mlflow")


@pytest.fixture
def make(tmp_path):
    def make(uri, place="results"):
        identity = f"{next(COUNT):06x}abcdef"
        return MadeSearch(tmp_path / place / "gold", identity, tracking=uri)

    return make


def client_at(folder, uri) -> mlflow.MlflowClient:
    address = find_address(folder, uri)
    return mlflow.MlflowClient(tracking_uri=address, registry_uri=address)


def test_a_search_is_written_once_to_postgres(make, uri):
    made = make(uri)
    made.run(3)
    made.confirm(next(r.number for r in made.folder.records() if r.state == "complete"))
    made.end()
    done = rebuild(made.folder, uri)
    assert (done.n_runs, done.n_written) == (5, 5)
    assert PASSWORD not in done.address
    assert rebuild(made.folder, uri).n_written == 0
    client = client_at(made.folder, uri)
    runs = client.search_runs([done.experiment])
    assert len(runs) == 6
    assert not any(PASSWORD in str(run.to_dictionary()) for run in runs)
    version = client.get_model_version_by_alias(done.name, "best")
    source = Path(version.source.removeprefix("file://"))
    assert (source / "input.nn").read_bytes() == (made.folder.best / "input.nn").read_bytes()


def test_a_database_that_is_away_is_caught_up_with(make, uri, postgres, monkeypatch, caplog):
    monkeypatch.setattr(room, "SHORTEST_PAUSE", 0.1)
    made = make(uri)
    tracker = Tracker(made.folder, uri)
    tracker.search_started("gold", 5, ("energy_rmse",), [])
    tracker.trial_finished(made.run()[0])
    deadline = time.monotonic() + 120.0
    while tracker._waiting or tracker._store is None:  # noqa: SLF001
        assert time.monotonic() < deadline
        time.sleep(0.05)
    postgres.stop()
    try:
        tracker.trial_finished(made.run()[0])
        while not (said := [r.getMessage() for r in caplog.records if r.name.startswith("autune")]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        postgres.start()
    tracker.trial_finished(made.run()[0])
    made.end()
    tracker.search_finished("finished")
    assert "cannot be written" in said[0]
    assert PASSWORD not in caplog.text
    done = rebuild(made.folder, uri)
    assert (done.n_runs, done.n_written) == (3, 0)
    client = client_at(made.folder, uri)
    statuses = [run.info.status for run in client.search_runs([done.experiment])]
    assert len(statuses) == 4
    assert "RUNNING" not in statuses


@pytest.mark.slow
def test_searches_that_begin_at_once_in_an_empty_database(make, postgres):
    uri = postgres.make_database("race")
    searches = [make(uri, f"place-{i}") for i in range(3)]
    for made in searches:
        made.run(2)
        made.end()
    start = str(time.time() + 30.0)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(made.folder.path), uri, start],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for made in searches
    ]
    outputs = [process.communicate(timeout=200) for process in processes]
    assert outputs == [("2\n", "")] * 3
    client = client_at(searches[0].folder, uri)
    names = {e.name for e in client.search_experiments()} - {"Default"}
    assert names == {"gold", *(f"gold-{m.folder.identity[:6]}" for m in searches)} & names
    assert len(names) == 3


@pytest.mark.slow
def test_the_server_shows_postgres_and_takes_searches(make, postgres):
    uri = postgres.make_database("served")
    made = make(uri)
    made.run(2)
    made.end()
    direct = rebuild(made.folder, uri)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command, environment = serve_command(made.folder, port, uri=uri)
    assert not any(PASSWORD in word for word in command)
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        assert PASSWORD not in listed.stdout
        over_http = mlflow.MlflowClient(tracking_uri=f"http://127.0.0.1:{port}")
        assert len(over_http.search_runs([direct.experiment])) == 3
        other = make(uri, "elsewhere")
        other.run(2)
        other.end()
        served = rebuild(other.folder, f"http://127.0.0.1:{port}")
        assert served.n_written == 2
        assert served.name == f"gold-{other.folder.identity[:6]}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(address) -> None:
    deadline = time.monotonic() + 120.0
    while True:
        try:
            urllib.request.urlopen(address, timeout=5.0).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return
