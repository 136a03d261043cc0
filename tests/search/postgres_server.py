"""A PostgreSQL server on 127.0.0.1 for tests, in a folder that goes with it.

A test module that wants it has ``from postgres_server import postgres`` and the marker
``pytestmark = pytest.mark.postgres``; without initdb on this machine its tests are skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "searcher"
PASSWORD = "not-a-secret"


class PostgresServer:
    """A server with one user, who needs a password.

    Parameters
    ----------
    folder
        Of its data; belongs to the account that runs it.
    account
        The server refuses to run as root, so root runs it as this one; None: as who we are.
    """

    def __init__(self, folder: Path, account: str | None) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._account = account
        self.programs = Path(str(shutil.which("initdb"))).resolve().parent
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        password = folder / "password"
        password.write_text(PASSWORD)
        options = ["-U", USER, f"--pwfile={password}", "--auth=scram-sha-256"]
        self._do("initdb", *options, "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
        options += "-c fsync=off -c shared_buffers=16MB"
        self._do("pg_ctl", "start", "-w", "-l", str(self._log), "-o", options)

    def stop(self) -> None:
        """Stop it as a crash would: connections break, nothing is said."""
        self._do("pg_ctl", "stop", "-w", "-m", "immediate")

    def address(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Return what a user writes as ``search.storage``."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str, encoding: str = "UTF8") -> str:
        """Make an empty database and return its address."""
        self.execute(f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' TEMPLATE template0")
        return self.address(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement of SQL."""
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _do(self, program: str, *options: str) -> None:
        command = [str(self.programs / program), "-D", str(self._data), *options]
        subprocess.run(
            command,
            user=self._account,
            extra_groups=None if self._account is None else [],
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            check=True,
            timeout=120,
            stdout=subprocess.DEVNULL,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a server for all tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if shutil.which("initdb") is None:
        pytest.skip("initdb of PostgreSQL is not on the PATH")
    account = None
    if os.geteuid() == 0:
        account = "postgres"
        if account not in {entry.pw_name for entry in pwd.getpwall()}:
            pytest.skip("PostgreSQL does not run as root, and there is no account postgres")
    folder = Path(tempfile.mkdtemp(prefix="autune-postgres-"))
    if account is not None:
        shutil.chown(folder, account)
    try:
        server = PostgresServer(folder, account)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
