"""Where a search runs: Ray begins with the first stage that needs it and ends with the search."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray._private import worker

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


def with_descendants(pids: set[int]) -> set[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = set(pids)
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found


def listening(pids: set[int]) -> set[str]:
    """Addresses, as the kernel writes them, on which processes listen."""
    sockets = set()
    for descriptor in (d for pid in pids for d in Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):
            sockets.add(str(descriptor.readlink()))
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        words[1].partition(":")[0]
        for words in lines
        if words[3] == "0A" and f"socket:[{words[9]}]" in sockets
    }


@pytest.mark.ray
@pytest.mark.usefixtures("ray_on_two_cores")
def test_ray_on_this_machine_alone_listens_to_nobody_else():
    processes = worker._global_node.all_processes.values()  # noqa: SLF001
    of_ray = with_descendants({info.process.pid for infos in processes for info in infos})
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    found = listening(of_ray | {os.getpid()})
    assert found
    assert found <= loopback
