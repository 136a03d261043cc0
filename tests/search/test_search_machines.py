"""Where a search runs: Ray begins with the first stage that needs it and ends with the search."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from autune.errors import SearchError
from autune.search.running import cluster
from autune.search.running.machines import Machines


@pytest.fixture
def ray(monkeypatch):
    """Stand in for Ray: a list of what was started, and whether it runs."""
    started = []

    def start(address):
        started.append(address)
        os.environ[cluster.AUTHENTICATION] = "token"  # as Ray itself does
        running.append(True)

    running = []
    monkeypatch.delenv(cluster.AUTHENTICATION, raising=False)
    monkeypatch.setattr(cluster, "start", start)
    monkeypatch.setattr("ray.is_initialized", lambda: bool(running))
    monkeypatch.setattr("ray.shutdown", running.clear)
    # A Ray of other tests may run in this process, and would be told to ask for no token.
    monkeypatch.setattr(cluster, "Config", SimpleNamespace(initialize=lambda _: None))
    return started, running


def test_ray_is_started_once_for_all_stages_and_ends_with_the_search(ray):
    started, running = ray
    with Machines("head:6379") as machines:
        assert not started
        machines.connect()
        machines.connect()
        assert started == ["head:6379"]
        assert not machines.alone
    assert not running


def test_a_search_that_has_nothing_to_run_starts_no_ray(ray):
    started, _ = ray
    with Machines():
        pass
    assert not started


def test_how_ray_asks_for_tokens_is_left_as_it_was(ray):
    with Machines() as machines:
        machines.connect()
        assert machines.alone
    assert cluster.AUTHENTICATION not in os.environ


def test_a_ray_that_runs_already_is_used_and_stays(ray):
    started, running = ray
    running.append(True)
    with Machines() as machines:
        machines.connect()
        assert not machines.alone
    assert not started
    assert running


def test_ray_ends_when_the_search_fails(ray):
    def fail():
        with Machines() as machines:
            machines.connect()
            raise SearchError("no")

    _, running = ray
    with pytest.raises(SearchError):
        fail()
    assert not running


LISTENING = """
import json, os
from contextlib import suppress
from pathlib import Path
from autune.search.running import cluster

with cluster.quiet():
    cluster.start(cpus=1)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    ours = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= new
    sockets = set()
    for pid in ours:
        with suppress(FileNotFoundError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                sockets.add(os.readlink(descriptor))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(local.partition(":")[0])
    print(json.dumps(sorted(found)))
"""


@pytest.mark.ray
def test_ray_on_this_machine_alone_listens_to_nobody_else():
    done = subprocess.run(
        [sys.executable, "-c", LISTENING], capture_output=True, text=True, timeout=120, check=True
    )
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert found
    assert found <= loopback
