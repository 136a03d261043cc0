"""MLflow's server, which shows a search in a browser."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from autune.errors import SearchError
from autune.log import mask_credentials
from autune.search.folder import SearchFolder
from autune.search.tracking.addresses import ENVIRONMENT, Busy, find_address, is_server, page_of
from autune.search.tracking.tracker import rebuild

_log = logging.getLogger(__name__)

HERE = "127.0.0.1"
_ONLY_HERE = (HERE, "localhost", "::1")
_ALL = ("0.0.0.0", "::")


def serve_command(
    folder: SearchFolder, port: int, host: str = HERE, uri: str = "default"
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of a server that shows a search.

    Parameters
    ----------
    folder
        Of the search.
    port, host
        Where it listens.
    uri
        Database that it shows.
    """
    command = [
        sys.executable, "-m", "mlflow", "server", "--workers", "1",
        "--uvicorn-opts", "--log-level warning --no-access-log",
        "--host", host, "--port", str(port),
    ]  # fmt: skip
    address = find_address(folder, uri)
    environment = {
        # The lines that MLflow writes at every start are of no use to who looks at a search.
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
        # Not among the arguments, which everyone on this machine can read.
        "MLFLOW_BACKEND_STORE_URI": address,
        "MLFLOW_REGISTRY_STORE_URI": address,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": folder.artifacts.resolve().as_uri(),
    }
    if host not in _ONLY_HERE:
        # Without these MLflow refuses browsers that come by another name.
        known = dict.fromkeys((*_names_of(host), "localhost", HERE))
        names = [f"{_bracketed(name)}:{port}" for name in known]
        allowed = {
            "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(names),
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{name}" for name in names),
        }
        environment |= {key: os.environ.get(key, value) for key, value in allowed.items()}
    return command, {**os.environ, **ENVIRONMENT, **environment}


def serve(folder: SearchFolder, port: int, host: str = HERE) -> None:
    """Show a search in a browser until Ctrl-C (or SIGTERM, or the terminal closes).

    Parameters
    ----------
    folder
        Of the search.
    port
        To listen on.
    host
        Address of this machine to listen on; by default nobody else reaches it.

    Raises
    ------
    SearchError
        If the search is shown elsewhere, the port is in use, or the server does not start.
    """
    uri = folder.space().example().tracking.mlflow or "default"
    if is_server(uri):
        raise SearchError(
            f"this search is shown at {mask_credentials(uri)}; open that in a browser"
        )
    where = HERE if host in _ALL else host
    if _is_open(where, port):
        raise SearchError(f"port {port} is in use; give another --port")
    # Cheap where everything is there; completes what a killed search left out.
    page = "/"
    try:
        page = page_of(rebuild(folder, uri).experiment)
    except Busy:
        _log.info("the search is running and writes to MLflow itself")
    command, environment = serve_command(folder, port, host, uri)
    if host not in _ONLY_HERE:
        _log.warning(
            "everyone who reaches %s:%d can read, change and delete what MLflow shows, without "
            "a password",
            _names_of(host)[0],
            port,
        )
    _log.info("MLflow starts (about 20 s)")
    # SIGINT too: a shell starts what runs in the background with it ignored.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _stop)
    # A group of its own: the server has workers, which nothing else would end.
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        while server.poll() is None and not _is_open(where, port):
            time.sleep(0.2)
        if server.poll() is None:
            address = f"http://{_bracketed(_names_of(host)[0])}:{port}{page}"
            _log.info("open %s in a browser; Ctrl-C ends it", address)
        code = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        _end_group(server)
    raise SearchError(f"MLflow ended with code {code}; its messages are above")


def _names_of(host: str) -> list[str]:
    """Return names by which browsers may come to a host; to all of this machine for 0.0.0.0."""
    if host not in _ALL:
        return [host]
    names = [socket.gethostname(), socket.getfqdn()]
    with suppress(OSError):
        # "|-- ADDRESS" and below it "/32 host LOCAL" for every address of this machine.
        lines = Path("/proc/net/fib_trie").read_text(encoding="ascii").splitlines()
        names += [a.split()[-1] for a, b in pairwise(lines) if b.strip() == "/32 host LOCAL"]
    return list(dict.fromkeys(names))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_open(host: str, port: int) -> bool:
    """Say whether something answers at a port."""
    try:
        socket.create_connection((host, port), 5.0).close()
    except OSError:
        return False
    return True


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _end_group(server: subprocess.Popen[bytes]) -> None:
    """End a server and all processes that it started."""
    for name, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        until = time.monotonic() + patience
        while time.monotonic() < until:
            try:
                os.killpg(server.pid, name)
            except ProcessLookupError:
                return
            server.poll()
            time.sleep(0.1)
