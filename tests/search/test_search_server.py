"""The server that shows a search: it starts, answers, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from autune.errors import SearchError
from autune.search.folder import SearchFolder
from autune.search.tracking import server
from autune.search.tracking.addresses import page_of
from autune.space import SearchSpace

FAKE_SERVER = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-m", "http.server", sys.argv[1], "-b", "127.0.0.1"])
open(sys.argv[2], "w").write(str(worker.pid))
time.sleep(60)
"""
MAIN = """
import sys
from types import SimpleNamespace
from autune import log
from autune.search.tracking import server
from autune.search.tracking.addresses import page_of
log.configure()
server.rebuild = lambda folder, uri: SimpleNamespace(experiment="7")
command = [sys.executable, "-c", {fake!r}, "{port}", {pid!r}]
server.serve_command = lambda folder, port, host, uri: (command, None)
setting = SimpleNamespace(tracking=SimpleNamespace(mlflow="default"))
folder = SimpleNamespace(space=lambda: SimpleNamespace(example=lambda: setting))
server.serve(folder, {port})
"""


def free_port() -> int:
    with socket.socket() as connection:
        connection.bind(("127.0.0.1", 0))
        return int(connection.getsockname()[1])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_and_its_workers(tmp_path, name):
    port, pid_file = free_port(), tmp_path / "pid"
    script = MAIN.format(fake=FAKE_SERVER, pid=str(pid_file), port=port)
    # Only this process hears of it, as when another program stops it.
    main = subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with main:
        lines = [main.stderr.readline() for _ in range(2)]
        page = f"http://127.0.0.1:{port}{page_of('7')}"
        assert lines[1] == f"open {page} in a browser; Ctrl-C ends it\n"
        worker = int(pid_file.read_text())
        assert is_alive(worker)
        main.send_signal(name)
        assert main.wait(20) == 0
    until = time.monotonic() + 10.0
    while is_alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(worker)


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(
        SearchFolder,
        "space",
        lambda _: SearchSpace.from_mapping(
            {"name": "a", "dataset": {"path": "-"}, "potential": {"elements": ["Au"]}}
        ),
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SearchError, match=f"port {port} is in use"):
            server.serve(SearchFolder(tmp_path), port)
    assert list(tmp_path.iterdir()) == []


def settings_file(folder: Path, mlflow: str | None = "default") -> SearchFolder:
    raw = {
        "name": "a",
        "dataset": {"path": "-"},
        "potential": {"elements": ["Au"]},
        "tracking": {"mlflow": mlflow},
    }
    (folder / "search.yaml").write_text(json.dumps(raw))
    return SearchFolder(folder)


def test_a_search_on_a_server_is_shown_there(tmp_path):
    folder = settings_file(tmp_path, "http://me:secret@host:5000")
    with pytest.raises(SearchError, match=r"shown at http://me:\*\*\*@host:5000;"):
        server.serve(folder, free_port())


def test_passwords_are_not_among_the_arguments(tmp_path):
    uri = "postgresql://me:secret@host/db"
    command, environment = server.serve_command(SearchFolder(tmp_path), 5000, uri=uri)
    assert not any("secret" in word for word in command)
    assert environment["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg://me:secret@")


def test_by_default_nobody_else_is_let_in(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_SERVER_ALLOWED_HOSTS", raising=False)
    command, environment = server.serve_command(SearchFolder(tmp_path), 5000)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" not in environment


def test_another_host_is_let_in_by_its_names_and_said(tmp_path, monkeypatch, caplog):
    command, environment = server.serve_command(SearchFolder(tmp_path), 5000, "0.0.0.0")
    assert command[command.index("--host") + 1] == "0.0.0.0"
    allowed = environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert f"{socket.gethostname()}:5000" in allowed
    assert "127.0.0.1:5000" in allowed
    assert not any("*" in name for name in allowed)
    origins = environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert origins == [f"http://{name}" for name in allowed]
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(server, "serve_command", lambda *_: (command, dict(os.environ)))
    monkeypatch.setattr(server, "rebuild", lambda *_: SimpleNamespace(experiment="1"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SearchError, match="ended with code 3"):
        server.serve(settings_file(tmp_path), free_port(), "0.0.0.0")
    assert caplog.messages[0].startswith(f"everyone who reaches {socket.gethostname()}:")
