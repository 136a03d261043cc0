"""A search on a Ray cluster that runs already, with nodes that do not see the search's folder."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from fake_trial import epochs_of

import autune
from autune.errors import ConfigError, SearchError
from autune.search import open_search
from autune.search.running import cluster as room
from autune.search.running.transfer import APART
from autune.settings import ResourceSettings

DRIVER = """
import json, pickle, sys
from pathlib import Path
options = json.loads(sys.argv[1])
sys.path.insert(0, options["tests"])
import fake_trial
from ray import cloudpickle
from autune.search import search
cloudpickle.register_pickle_by_value(fake_trial)
with open(options["data"], "rb") as stream:
    dataset = pickle.load(stream)
marks = Path(options["marks"])
raw = fake_trial.settings(trials=options["trials"], pruner="median")
raw["resources"] = {}
result = search(
    raw, results=options["results"], quiet=True, dataset=dataset, address=options["address"],
    trial=fake_trial.Stateful(marks, pause=0.1, eager=True), resume=options.get("resume", False),
)
print("counts", json.dumps(result.counts))
"""


def wait_for(condition, process, seconds=120.0):
    """Wait for what a search does; one that has ended will not do it any more."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores, and two nodes that must not write to the folders of searches.

    It asks for no token.
    """
    from ray.cluster_utils import Cluster

    apart = tmp_path_factory.mktemp("apart")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        cluster.apart = apart
        for _ in range(2):
            cluster.add_node(num_cpus=1, env_vars={APART: "1", "TMPDIR": str(apart)})
        yield cluster
        cluster.shutdown()


@pytest.fixture
def start(cluster, tmp_path, tiny_dataset):
    """Start a search in a process of its own."""
    (tmp_path / "data.pickle").write_bytes(pickle.dumps(tiny_dataset))
    started = []

    def start(place, **options):
        results = tmp_path / place
        (results / "marks").mkdir(parents=True, exist_ok=True)
        options = {
            "tests": str(Path(__file__).parent), "data": str(tmp_path / "data.pickle"),
            "marks": str(results / "marks"), "results": str(results), "address": cluster.address,
            **options,
        }  # fmt: skip
        # The token of another cluster, as Ray leaves one in the home of its user.
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(autune.__file__).parents[1]),
            "RAY_AUTH_TOKEN": "0" * 32,
        }
        environment.pop("RAY_AUTH_MODE")
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(options)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process, results

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def check(process, results, n_trials, most=1):
    """Every trial is complete, every epoch was done, and what a node wrote came back."""
    said, _ = process.communicate(timeout=120)
    assert f'counts {{"complete": {n_trials}}}' in said, said
    assert "Traceback" not in said
    every = [(seed, number) for seed in (0, 1) for number in (1, 2, 3, 4)]
    for record in open_search("fake", results).records():
        counts = Counter(epochs_of(results / "marks", record.number))
        assert sorted(counts) == every
        assert max(counts.values()) <= most
        assert (record.directory / "result.json").exists()
        assert not [path for path in record.directory.iterdir() if path.name[0] == "."]
    assert not (results / "fake" / ".ray").exists()


@pytest.mark.ray
@pytest.mark.deaths
def test_searches_share_a_cluster_and_survive_a_node_and_their_own_end(cluster, start):
    first, second = start("first", trials=3), start("second", trials=2)
    marks = second[1] / "marks"
    # The end of one driver does not touch the other, and its search goes on.
    wait_for(lambda: any(len(lines) >= 3 for lines in logs(marks)), second[0])
    second[0].send_signal(signal.SIGKILL)
    second[0].wait()
    # The node on which a trial runs dies.
    parent, folder = wait_for(lambda: running(first[1] / "marks"), first[0])
    assert cluster.apart in folder.parents
    dying = next(n for n in cluster.worker_nodes if parent == raylet(n))
    cluster.remove_node(dying, allow_graceful=False)
    again = start("second", trials=2, resume=True)
    check(*first, n_trials=3, most=2)
    check(*again, n_trials=2, most=2)
    assert all(not any(p.iterdir()) for p in cluster.apart.glob("autune-*") if p in folder.parents)


def raylet(node):
    return node.all_processes["raylet"][0].process.pid


def logs(marks):
    """The lines of every trial that has begun; which one begins first, nobody says."""
    return [file.read_text().splitlines() for file in marks.glob("*.txt")]


def running(marks):
    """Raylet and folder of a trial that has done an epoch at least and has some before it."""
    for lines in logs(marks):
        if 1 <= len(lines) <= 6:
            _, _, pid, folder = lines[-1].split()
            with suppress(FileNotFoundError, ProcessLookupError):
                stat = Path(f"/proc/{pid}/stat").read_text()
                return int(stat.rsplit(")", 1)[1].split()[1]), Path(folder)
    return None


def test_an_address_far_away_is_refused_with_a_way_out():
    with pytest.raises(SearchError, match="autune submit"):
        room.start(address="ray://head:10001")


def test_no_cluster_is_said_within_seconds(tmp_path):
    began = time.monotonic()
    with pytest.raises(SearchError, match=r"no Ray cluster at 127\.0\.0\.1:1;"):
        room.start(address="127.0.0.1:1")
    with pytest.raises(SearchError, match=r"nohost\.invalid:6379 cannot be reached"):
        room.start(address="nohost.invalid:6379")
    with pytest.raises(SearchError, match="nonsense cannot be reached"):
        room.start(address="nonsense")
    assert time.monotonic() - began < 10.0


def test_something_else_at_the_address_is_no_cluster(monkeypatch):
    import socket

    monkeypatch.setattr(room, "GREETING", 3.0)
    monkeypatch.setattr(room.services, "canonicalize_bootstrap_address", str)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SearchError, match="is no Ray cluster"):
            room.start(address=f"127.0.0.1:{port}")


def test_a_trial_that_no_machine_can_start_is_refused(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ConfigError, match=r"resources\.cpus_per_trial: 1000 cores are wanted"):
        room.check_cores(ResourceSettings(cpus_per_trial=1000))
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("autune.search.running.cluster.cores_of_nodes", lambda: [2, 8, 4])
    room.check_cores(ResourceSettings(mpi_ranks=8))
    with pytest.raises(ConfigError, match=r"mpi_ranks: 9 cores .* the largest node has 8"):
        room.check_cores(ResourceSettings(mpi_ranks=9))
