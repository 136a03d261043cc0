"""Searches as jobs of a Ray cluster; a script stands in for autune where a real one is slow."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from ray.job_submission import JobSubmissionClient

from autune.cli import main
from autune.cli.jobs import show_status
from autune.errors import AutuneError, SearchError
from autune.search import jobs

TOKEN = "0123456789abcdef0123456789abcdef"
SPACE = {
    "name": "gold",
    "dataset": {"path": "gold.extxyz"},
    "potential": {"elements": ["Au"]},
    "training": {"force_ratio": {"uniform": [0.5, 1.0]}},
    "search": {"objectives": ["energy_rmse"]},
    "tracking": {"mlflow": "http://me:mlflow-password@host:5000"},
}
STAND_IN = """#!/bin/sh
echo "called with $*"
case "$*" in
*"--name mistaken"*) echo "error: no good, postgresql://me:study-password@host/db"; exit 2 ;;
*"--name endless"*)
    trap 'sleep 4; echo "search endless interrupted"; touch "$6/whole"; exit 130' TERM
    echo "1/9 trial 0 score 2; best so far"
    echo "2/9 trial 1 score 3"
    while :; do sleep 0.1; done ;;
esac
cat settings.yaml files/0/gold.extxyz
ls -a . files
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A settings file beside a data set and a secret, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("gold.extxyz").write_text("the structures\n")
    Path(".secret").write_text("hidden")
    Path("gold.yaml").write_text(yaml.safe_dump(SPACE))
    for name in (*jobs.ADDRESS_VARIABLES, "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Path("gold.yaml")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster():
    """The head of a cluster on this machine, with a token; its folder and its address."""
    folder = Path(tempfile.mkdtemp(prefix="aj"))  # short: sockets lie below it
    stand_in = folder / "bin" / "autune"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o700)
    port = free_port()
    command = [
        *(Path(sys.executable).parent / "ray", "start", "--head", "--block"),
        *("--port", "0", "--num-cpus", "2", "--temp-dir", folder / "ray"),
        *("--dashboard-host", "127.0.0.1", "--dashboard-port", str(port)),
        *("--dashboard-agent-listen-port", "0", "--ray-client-server-port", str(free_port())),
        *("--min-worker-port", "0", "--max-worker-port", "0"),
    ]
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    address = f"http://127.0.0.1:{port}"
    with (folder / "head.log").open("w") as log:
        head = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(address), 120.0)
            yield folder, address
        finally:
            head.terminate()
            head.wait(60.0)
            shutil.rmtree(folder, ignore_errors=True)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/api/version", timeout=5.0)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return False


def wait_until(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.1)


@pytest.fixture
def run(capsys):
    """Run a verb in this process: exit code, standard output, standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return (end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def address(cluster, settings, monkeypatch):
    """The address of the cluster, whose token is known here."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    return cluster[1]


@pytest.mark.ray
def test_a_search_is_sent_with_its_files_and_heard_to_its_end(run, cluster, settings, address):
    code, text, errors = run("submit", settings, "--address", address)
    assert (code, errors) == (0, "")
    job = jobs.find_job("gold", address)
    assert f"submitted as the job {job.name}; results in ~/results/gold on the cluster" in text
    assert f"autune logs {job.name} --address {address} --follow" in text
    code, text, errors = run("logs", job.name, "--address", address, "--follow")
    assert code == 0
    assert f"{job.name} succeeded" in errors
    results = cluster[0] / "home" / "results"  # ~ is the home folder there
    line = f"called with search settings.yaml --name gold --results {results} --address auto\n"
    assert line in text
    assert "path: files/0/gold.extxyz" in text
    assert "the structures" in text
    assert "\n.:\n.\n..\nfiles\nsettings.yaml\n\nfiles:\n.\n..\n0\n" in text
    assert "me:***@host" in text


@pytest.mark.ray
def test_a_search_is_stopped_as_by_ctrl_c(run, cluster, settings, address, monkeypatch, capsys):
    folder, _ = cluster
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", address)
    results = folder / "its results"
    results.mkdir()
    options = ("--name", "endless", "--results", results, "--resume")
    assert run("submit", settings, *options)[0] == 0
    wait_until(lambda: any("trial 1" in line for line in jobs.read_log("endless")))
    show_status("endless", address)
    first, best, *last = capsys.readouterr().out.splitlines()
    assert "endless-" in first
    assert "running" in first
    assert best == "1/9 trial 0 score 2; best so far"
    assert last[-1] == "2/9 trial 1 score 3"
    code, _, errors = run("submit", settings, "--name", "endless")
    assert code == 2
    assert "the search endless is running as the job endless-" in errors
    # The search needs longer than the 3 s that Ray gives by default.
    code, text, _ = run("stop", "endless")
    assert code == 0
    assert "stopped" in text
    assert (results / "whole").exists()
    assert "search endless interrupted" in jobs.read_log("endless")
    assert any(line.endswith("--address auto --resume") for line in jobs.read_log("endless"))
    assert "stopped" in run("stop", "endless")[1]


@pytest.mark.ray
def test_a_mistake_is_shown_and_no_password(run, settings, address):
    run("submit", settings, "--name", "mistaken", "--address", address)
    wait_until(lambda: jobs.find_job("mistaken", address).ended)
    code, text, _ = run("jobs", "--address", address)
    assert code == 0
    assert "failed" in text
    assert "error: no good, postgresql://me:***@host/db" in text
    assert "password" not in text
    client = JobSubmissionClient(address, headers={"Authorization": f"Bearer {TOKEN}"})
    details = client.get_job_info(jobs.find_job("mistaken", address).name)
    assert "mistaken" in details.entrypoint
    assert "mlflow-password" not in details.model_dump_json()


@pytest.mark.ray
def test_unknown_jobs_and_wrong_tokens_are_one_line(run, address, monkeypatch):
    for verb in ("logs", "stop"):
        code, _, errors = run(verb, "nothing", "--address", address)
        assert (code, errors.count("\n")) == (2, 1)
        assert "no job nothing on this cluster" in errors
    for token in ("", "wrong" * 8):
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
        code, _, errors = run("jobs", "--address", address)
        assert (code, errors.count("\n")) == (2, 1)
        assert "asks for the token of the cluster; copy ~/.ray/auth_token of its head" in errors


ADDRESSES = {
    "ray://127.0.0.1:10001": "found ray://127.0.0.1:10001",
    "127.0.0.1:8265": "found 127.0.0.1:8265",
    "auto": "found auto",
    "http://": "found http://",
    "http://host:port": "found http://host:port",
    "ftp://me:password@host": "found ftp://me:***@host",
}


@pytest.mark.parametrize("wrong", ADDRESSES)
def test_addresses_of_another_form_are_refused(run, settings, wrong):
    code, _, errors = run("jobs", "--address", wrong)
    assert (code, errors.count("\n")) == (2, 1)
    assert "http://HEAD:8265" in errors
    assert ADDRESSES[wrong] in errors


def test_without_an_address_the_variables_of_ray_are_read(run, settings, monkeypatch):
    assert "none is given" in run("jobs")[2]
    monkeypatch.setenv("RAY_ADDRESS", "later:6379")
    assert "found later:6379" in run("jobs")[2]
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "first:6379")
    assert "found first:6379" in run("jobs")[2]
    assert "found given" in run("jobs", "--address", "given")[2]


def test_a_closed_port_is_one_line(run, settings):
    code, _, errors = run("jobs", "--address", f"http://me:password@127.0.0.1:{free_port()}")
    assert (code, errors.count("\n")) == (2, 1)
    assert "no answer from http://me:***@127.0.0.1" in errors


@pytest.mark.parametrize("token", ["sec\nret", "sec\x01ret", "sec\u00e4ret"])
def test_a_token_that_cannot_be_one_is_not_shown(run, settings, monkeypatch, token):
    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_):
            pass

    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with http.server.HTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        code, _, errors = run("jobs", "--address", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert (code, errors.count("\n")) == (2, 1)
    assert "sec" not in errors


def test_the_password_of_an_address_is_not_repeated(run, settings, monkeypatch):
    job = jobs.Job("gold-1", "gold", "pending", None, None, "")
    monkeypatch.setattr(jobs, "submit", lambda *_: job)
    _, text, _ = run("submit", settings, "--address", "http://me:sesame@host:8265")
    assert "sesame" not in text
    assert "autune status gold --address 'http://me:***@host:8265'" in text


def test_a_server_that_says_nothing_is_left_soon(settings, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(SearchError, match=r"no answer from .* \(timed out\)"):
            jobs.list_jobs(f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_another_server_is_not_taken_for_a_cluster(settings):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'"a page"')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(SearchError, match="is not Ray's dashboard"):
            jobs.list_jobs(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_the_client_of_ray_must_be_installed(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SearchError, match=r"need ray\[default\]"):
        jobs.list_jobs("http://127.0.0.1:1")


MISTAKES = {
    "results that depend on where it runs": ({}, {"results": "results"}, "--results is a folder"),
    "name": ({}, {"name": "../gold"}, "name"),
    "data": ({"dataset": {"path": "none.extxyz"}}, {}, "dataset.path: no file none.extxyz"),
    "nothing is searched": ({"training": {}}, {}, "nothing is searched"),
    "objective": ({"search": {"objectives": ["energy"]}}, {}, "no metric is called energy"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found_before_anything_is_sent(name, settings):
    changes, options, message = MISTAKES[name]
    settings.write_text(yaml.safe_dump({**SPACE, **changes}))
    with pytest.raises(AutuneError, match=message):
        jobs.submit(settings, "http://127.0.0.1:1", **options)
