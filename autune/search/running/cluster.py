"""Ray itself: started on this machine, or a cluster that runs already.  A door of Ray."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants, services
from ray._raylet import Config  # type: ignore[attr-defined]
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from autune.errors import ConfigError, SearchError
from autune.search.running.habits import environment, quiet, silence
from autune.search.running.transfer import TrialFolders
from autune.settings import ResourceSettings

ANSWER = 3.0
"""Seconds in which the machine of an address must answer."""

GREETING = 60.0
"""Seconds in which what answers there must turn out to be Ray, the import of Ray included."""

AUTHENTICATION = "RAY_AUTH_MODE"
_GREETING = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # A stopped trial writes its files before the worker takes the next one, however long it takes:
    # after this time Tune would lose the next trial without a word.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "86400",
}


def start(cpus: int | None = None, address: str | None = None) -> None:
    """Start Ray on this machine, for this process and its children alone, or join a cluster.

    Parameters
    ----------
    cpus
        Cores to use; None: all that this process may use.
    address
        Of a cluster that runs, on one of its machines: ``auto`` or HOST:PORT.

    Raises
    ------
    SearchError
        If Ray cannot be started, or the cluster cannot be joined.
    """
    where: dict[str, Any]
    listening = _listening_here(address is None)
    if address is None:
        # Workers have the environment of this process: Ray starts those that have one of their
        # own twice, and the ones that it keeps ready are not used.
        variables = WORKER_ENVIRONMENT
        where = {"address": "local", "num_gpus": 0, "include_dashboard": False}
        where["num_cpus"] = cpus or len(os.sched_getaffinity(0))
    else:
        variables = {}
        where = {"address": _find(address), "runtime_env": {"env_vars": WORKER_ENVIRONMENT}}
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        with environment(variables), listening:
            ray.init(
                **where,
                log_to_driver=False,
                configure_logging=True,
                logging_level=logging.ERROR,
            )
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        # ConnectionError and TimeoutError are OSErrors.
        what = "Ray cannot be started" if address is None else f"cannot join the cluster {address}"
        raise SearchError(f"{what}: {_one_line(error)}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            # Ray's own handler would end the process in the middle of a trial.
            signal.signal(signal.SIGTERM, terminate)
    silence()


def is_connected() -> bool:
    """Return whether this process is connected to Ray."""
    return bool(ray.is_initialized())


def cores_of_nodes() -> list[int]:
    """Return the number of cores of every node that runs."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return [int(node["Resources"].get("CPU", 0)) for node in nodes]


def check_cores(settings: ResourceSettings, address: str | None = None) -> None:
    """Refuse trials that no machine at hand could ever start.

    Parameters
    ----------
    settings
        Cores of a trial.
    address
        Of a cluster; None: this machine.

    Raises
    ------
    ConfigError
        If a trial wants more cores than there are.
    SearchError
        If the cluster cannot be joined.
    """
    wanted = settings.cores
    where, cpus = "this machine has", len(os.sched_getaffinity(0))
    if address is not None or ray.is_initialized():
        where = "the largest node has"
        with quiet(), connected(address):
            cpus = max(cores_of_nodes(), default=0)
    if wanted > cpus:
        raise ConfigError(
            "resources.mpi_ranks"
            if settings.mpi_ranks == wanted > 1
            else "resources.cpus_per_trial",
            f"{wanted} cores are wanted, {where} {cpus}; lower it",
        )


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a cluster; where this process is connected already, nothing changes."""
    if ray.is_initialized():
        yield
        return
    mode = os.environ.get(AUTHENTICATION)
    try:
        start(address=address)
        yield
    finally:
        if ray.is_initialized():
            ray.shutdown()
        _authenticate(mode)


@contextmanager
def _listening_here(wanted: bool) -> Iterator[None]:
    """Let a Ray that is started listen on 127.0.0.1 alone, as it does on macOS and Windows.

    On Linux it listens on all addresses of the machine, and takes 127.0.0.1 for one of them.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = before and not wanted
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


class RemoteFiles:
    """The folders of the trials, by way of a process beside this one."""

    def __init__(self, trials: Path) -> None:
        here = ray.get_runtime_context().get_node_id()
        keeper = ray.remote(TrialFolders).options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=3,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
        )
        self._keeper = keeper.remote(trials)

    def begin(self, trial: str) -> list[str] | None:
        """Take a trial's folder and list its files; None if another process works in it."""
        names: list[str] | None = ray.get(self._keeper.begin.remote(trial))
        return names

    def read(self, trial: str, name: str) -> bytes:
        """Read a file."""
        return bytes(ray.get(self._keeper.read.remote(trial, name)))

    def write(self, trial: str, name: str, content: bytes) -> None:
        """Write a file whole."""
        ray.get(self._keeper.write.remote(trial, name, content))

    def remove(self, trial: str, name: str) -> None:
        """Remove a file, if it is there."""
        ray.get(self._keeper.remove.remote(trial, name))

    def end(self, trial: str) -> None:
        """Give the folder back."""
        ray.get(self._keeper.end.remote(trial))

    def take_back(self, trial: str) -> None:
        """Give the folder back in the name of a worker that died; without waiting."""
        self._keeper.end.remote(trial)


def _find(address: str) -> str:
    """Return host and port of a cluster that answers.

    Ray itself tries for minutes, writes to the terminal and ends the process.
    """
    if "://" in address:
        raise SearchError(
            f"address: {address} is that of a client far away; send the search to the cluster "
            "with autune submit, or give auto or HOST:PORT on one of its machines"
        )
    try:
        found = services.canonicalize_bootstrap_address(address)
        host, port = re.fullmatch(r"\[?(.+?)\]?:(\d+)", found or "").groups()  # type: ignore[union-attr]
        socket.create_connection((host, int(port)), ANSWER).close()
    except ConnectionRefusedError:
        raise SearchError(f"address: no Ray cluster at {address}; start one: ray start") from None
    except (OSError, ValueError, AttributeError, OverflowError) as error:
        if address == "auto":
            raise SearchError(
                "address: no Ray cluster runs on this machine; start one with ray start --head, "
                "or give HOST:PORT"
            ) from None
        raise SearchError(f"address: {address} cannot be reached: {_one_line(error)}") from None
    # A cluster that asks for no token cannot speak to a process that does, so it is greeted
    # without one first.
    for mode in ("disabled", "token"):
        try:
            subprocess.run(
                [sys.executable, "-c", _GREETING, found],
                env={**os.environ, AUTHENTICATION: mode},
                timeout=GREETING,
                capture_output=True,
                check=True,
            )
        except (subprocess.SubprocessError, OSError):
            continue
        _authenticate(mode)
        return str(found)
    raise SearchError(
        f"address: what answers at {address} is no Ray cluster, one of another version, or one "
        "that asks for another token than that in RAY_AUTH_TOKEN or ~/.ray/auth_token; give the "
        "address that ray start has printed (its port is 6379 by default)"
    )


def _authenticate(mode: str | None) -> None:
    """Let this process ask for Ray's token and show it, or not.

    Ray makes a token at its first start on a machine and from then on asks for it, but by itself
    shows it only where no address is given.
    """
    if mode is None:
        os.environ.pop(AUTHENTICATION, None)
    else:
        os.environ[AUTHENTICATION] = mode
    Config.initialize("")


def _one_line(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) < 300 else f"{words[:297]}..."
