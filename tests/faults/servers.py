"""What a search may lean on: a database, an MLflow server, a Ray cluster; each can be killed.

All listen on 127.0.0.1 and end with the run.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from faults.processes import Family, Process, wait_for

STARTS = 180.0
"""Seconds that a server has to start."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether something listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(2.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _Program:
    """A server that is a program with its children."""

    def __init__(self, words: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self._words, self._log, self._environment = words, log, environment
        self.family = Family()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=dict(self._environment),
                start_new_session=True,
            )
        self.family.add(self._process.pid)

    def kill(self) -> None:
        """Kill it with all its children at once."""
        self.family.kill()
        if self._process is not None:
            self._process.wait()


class MlflowServer:
    """An MLflow server with a database of its own.

    Parameters
    ----------
    folder
        For everything.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        words = f"-m mlflow server --host 127.0.0.1 --port {self.port} --workers 1".split()
        words += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        words += ["--artifacts-destination", str(folder / "artifacts")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._program = _Program([sys.executable, *words], folder / "log", os.environ | quiet)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._program.start()
        if not wait_for(self.answers, STARTS, 0.5):
            raise RuntimeError(f"the MLflow server does not start in {STARTS:.0f} s")

    def answers(self) -> bool:
        """Say whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it."""
        self._program.family.look()
        self._program.kill()


class Database:
    """A PostgreSQL server.

    Parameters
    ----------
    server
        Of the tests of the search.
    folder
        Of its data.
    """

    def __init__(self) -> None:
        from postgres_server import PostgresServer

        self._folder = Path(tempfile.mkdtemp(prefix="faults-postgres-", dir="/tmp"))
        account = "postgres" if os.geteuid() == 0 else None
        if account is not None:
            shutil.chown(self._folder, account)
        self.server = PostgresServer(self._folder, account)
        self.family = Family()

    def start(self) -> None:
        """Start it and wait until it answers; after a kill the rest of it must be gone first."""
        self.family.wait_until_gone(30.0)
        self.server.start()
        first = (self._folder / "data" / "postmaster.pid").read_text().split()[0]
        self.family.add(int(first))

    def kill(self) -> None:
        """Kill it with all its children at once."""
        self.family.look()
        self.family.kill()

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _waits(command: str) -> bool:
    """Say whether a process of Ray belongs to its node, not to a search."""
    return command.startswith("ray::IDLE") or command.split()[0].endswith("Agent")


class Cluster:
    """Two nodes of Ray on this machine: the first with the driver, the second to be killed.

    Parameters
    ----------
    folder
        For the logs.
    environment
        Of the nodes, and so of the workers.
    apart
        The second node does not write into the folder of the search.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], apart: bool) -> None:
        folder.mkdir()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        # Ray would write its sockets below the folder, whose names would be too long.
        short = folder / "r"
        common = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--num-cpus=1"]
        common += ["--node-ip-address=127.0.0.1", "--num-gpus=0", "--disable-usage-stats"]
        head = ["--head", f"--port={self.port}", "--include-dashboard=false", f"--temp-dir={short}"]
        away = dict(environment) | ({"AUTUNE_FILES_APART": "1"} if apart else {})
        self.head = _Program([*common, *head], folder / "head.log", environment)
        self.node = _Program([*common, f"--address={self.address}"], folder / "node.log", away)

    def start(self) -> None:
        """Start both nodes."""
        self.head.start()
        if not wait_for(lambda: listens(self.port), STARTS, 0.5):
            raise RuntimeError(f"Ray does not start in {STARTS:.0f} s")
        self.node.start()

    def look(self) -> list[Process]:
        """Return all processes of both nodes."""
        return self.head.family.look() + self.node.family.look()

    def at_work(self) -> list[Process]:
        """Return the workers that belong to a search."""
        return [p for p in self.look() if p.command.startswith("ray::") and not _waits(p.command)]

    def kill_node(self) -> None:
        """Kill the second node with its workers."""
        self.node.family.look()
        self.node.kill()

    def close(self) -> None:
        """End it."""
        for program in (self.node, self.head):
            program.family.look()
            program.kill()


class Servers:
    """The servers of a run, started when they are first wanted.

    Parameters
    ----------
    folder
        For their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mlflow: MlflowServer | None = None
        self._database: Database | None = None

    @property
    def mlflow(self) -> MlflowServer:
        """The MLflow server."""
        if self._mlflow is None:
            self._mlflow = MlflowServer(self._folder / "mlflow")
            self._mlflow.start()
        return self._mlflow

    @property
    def database(self) -> Database:
        """The PostgreSQL server."""
        if self._database is None:
            self._database = Database()
            self._database.start()
        return self._database

    def close(self) -> None:
        """End all."""
        if self._mlflow is not None:
            self._mlflow.kill()
        if self._database is not None:
            self._database.close()


def what_is_missing() -> dict[str, str]:
    """Say why some servers cannot be started here."""
    missing = {}
    if shutil.which("initdb") is None:
        missing["postgresql"] = "initdb of PostgreSQL is not on the PATH"
    elif os.geteuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        missing["postgresql"] = "PostgreSQL does not run as root; there is no account postgres"
    if os.geteuid() != 0:
        missing["small disk"] = "only root can mount file systems"
    return missing
