"""A PostgreSQL server for the time of a benchmark, where `initdb` is on the PATH."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "searcher"


def why_not() -> str:
    """Return why no server can be started here; empty if one can."""
    if shutil.which("initdb") is None:
        return "initdb is not on the PATH"
    if os.geteuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no account postgres"
    return ""


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server with its own settings as they are, on this machine alone.

    Yields
    ------
    str
        Address without the password, which is in PGPASSWORD of this process and its children.
    """
    account = "postgres" if os.geteuid() == 0 else None
    programs = Path(str(shutil.which("initdb"))).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="autune-postgres-"))
    password = folder / "password"
    before = os.environ.get("PGPASSWORD")
    os.environ["PGPASSWORD"] = secrets.token_hex(16)
    password.write_text(os.environ["PGPASSWORD"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    if account is not None:
        for path in (folder, password):
            shutil.chown(path, account)

    def do(program: str, *options: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(folder / "data"), *options],
            user=account,
            extra_groups=None if account is None else [],
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            check=True,
            timeout=120,
            stdout=subprocess.DEVNULL,
        )

    try:
        do("initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        do("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        finally:
            do("pg_ctl", "stop", "-w", "-m", "fast")
    finally:
        del os.environ["PGPASSWORD"]
        if before is not None:
            os.environ["PGPASSWORD"] = before
        shutil.rmtree(folder, ignore_errors=True)
