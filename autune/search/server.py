"""MLflow's server, which shows a search in a browser."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time

from autune.errors import SearchError
from autune.search.folder import SearchFolder
from autune.search.tracking import ENVIRONMENT, rebuild, store_uri

_log = logging.getLogger(__name__)


def serve_command(folder: SearchFolder, port: int) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of a server that shows a search on this machine."""
    command = [
        sys.executable, "-m", "mlflow", "server", "--workers", "1",
        "--uvicorn-opts", "--log-level warning --no-access-log",
        "--backend-store-uri", store_uri(folder),
        "--default-artifact-root", folder.artifacts.resolve().as_uri(),
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    # The lines that MLflow writes at every start are of no use to who looks at a search.
    quiet = {"MLFLOW_LOGGING_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"}
    return command, {**os.environ, **ENVIRONMENT, **quiet}


def serve(folder: SearchFolder, port: int) -> None:
    """Show a search in a browser until Ctrl-C (or SIGTERM, or the terminal closes).

    Raises
    ------
    SearchError
        If the search is shown elsewhere, the port is in use, or the server does not start.
    """
    uri = folder.space().example().tracking.mlflow
    if uri not in (None, "default"):
        raise SearchError(f"this search is shown at {uri}; open that in a browser")
    if _is_open(port):
        raise SearchError(f"port {port} is in use; give another --port")
    # Cheap where everything is there; completes what a killed search left out.
    experiment = rebuild(folder)
    command, environment = serve_command(folder, port)
    address = f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs"
    _log.info("MLflow starts (about 20 s)")
    # SIGINT too: a shell starts what runs in the background with it ignored.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _stop)
    # A group of its own: the server has workers, which nothing else would end.
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        while server.poll() is None and not _is_open(port):
            time.sleep(0.2)
        if server.poll() is None:
            _log.info("open %s in a browser; Ctrl-C ends it", address)
        code = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        _end_group(server)
    raise SearchError(f"MLflow ended with code {code}; its messages are above")


def _is_open(port: int) -> bool:
    """Say whether something on this machine answers at a port."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


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
