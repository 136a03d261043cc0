"""The faults: how each is done, when, and to which searches."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faults.ordeal import Ordeal
from faults.processes import send

STOP_PATIENCE = 180.0
"""Seconds that a search has to end after Ctrl-C."""


@dataclass(frozen=True)
class Fault:
    """A way to hurt a search.

    Parameters
    ----------
    kind
        Its name.
    share
        How often it is drawn.
    inject
        Does it; returns what was done, or nothing where there was nothing to hurt.
    applies
        Whether a search can be hurt so.
    """

    kind: str
    share: float
    inject: Callable[[Ordeal, np.random.Generator], str]
    applies: Callable[[Ordeal], bool] = lambda _: True


def kill_driver(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Kill the process of the search, as the kernel does where memory is short."""
    return _end_driver(ordeal, generator, signal.SIGKILL)


def terminate_driver(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Ask it to end, as a batch system does."""
    return _end_driver(ordeal, generator, signal.SIGTERM)


def interrupt_driver(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Press Ctrl-C: all processes of the terminal hear of it."""
    return _end_driver(ordeal, generator, signal.SIGINT, group=True)


def _end_driver(
    ordeal: Ordeal, generator: np.random.Generator, number: signal.Signals, group: bool = False
) -> str:
    driver = ordeal.driver
    assert driver is not None
    ordeal.family.look()
    with suppress(ProcessLookupError):
        os.killpg(driver.pid, number) if group else os.kill(driver.pid, number)
    began = time.monotonic()
    if not ordeal.wait_for_driver(STOP_PATIENCE):
        ordeal.blame([f"the driver lives {STOP_PATIENCE:.0f} s after {number.name}"])
        ordeal.abort_hanging()
    took = time.monotonic() - began
    waits = bool(generator.random() < 0.5)
    ordeal.after_death(orphans_end=waits)
    orphans = "its orphans ended" if waits else "its orphans lived"
    return f"{number.name}; ended after {took:.1f} s with {driver.returncode}; {orphans}"


def kill_worker(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Kill a process that trains; its trial goes on in another one."""
    at_work = ordeal.log.at_work()
    # A trial whose workers die again and again without any progress counts as failed.
    fresh = [p for p in ordeal.workers() if at_work[p.pid] not in ordeal.hurt]
    if not fresh:
        return ""
    victim = fresh[int(generator.integers(len(fresh)))]
    ordeal.hurt.add(at_work[victim.pid])
    ordeal.interruptions += 1
    send(victim.pid, signal.SIGKILL)
    return f"{victim.command} in trial {at_work[victim.pid].name}"


def stop_worker(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Let a process that trains stand still for some seconds."""
    workers = ordeal.workers()
    if not workers:
        return ""
    victim = workers[int(generator.integers(len(workers)))]
    seconds = float(generator.uniform(2.0, 15.0))
    send(victim.pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    try:
        ordeal.wait(lambda: time.monotonic() > end)
    finally:
        send(victim.pid, signal.SIGCONT)
    return f"{victim.command} for {seconds:.0f} s"


def fill_disk(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Fill the file system of the search for a while."""
    seconds = float(generator.uniform(1.0, 12.0))
    ordeal.mlflow_was_away = True
    ordeal.excused += ["No space left on device", "no space left on device"]
    size = _fill(ordeal.disk / "full")
    end = time.monotonic() + seconds
    try:
        ordeal.wait(lambda: time.monotonic() > end)
    finally:
        (ordeal.disk / "full").unlink()
    return f"{size} bytes for {seconds:.0f} s"


def kill_database(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Kill PostgreSQL and start it again."""
    database, seconds = ordeal.servers.database, float(generator.uniform(0.0, 20.0))
    database.kill()
    end = time.monotonic() + seconds
    try:
        ordeal.wait(lambda: time.monotonic() > end)
    finally:
        database.start()
    return f"for {seconds:.0f} s"


def kill_mlflow(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Kill the MLflow server and start it again."""
    server, seconds = ordeal.servers.mlflow, float(generator.uniform(0.0, 30.0))
    ordeal.mlflow_was_away = True
    server.kill()
    end = time.monotonic() + seconds
    try:
        ordeal.wait(lambda: time.monotonic() > end)
    finally:
        server.start()
    return f"for {seconds:.0f} s"


def kill_node(ordeal: Ordeal, generator: np.random.Generator) -> str:
    """Kill the node of the cluster on which the driver is not, and start another."""
    cluster = ordeal.cluster
    assert cluster is not None
    at_work = ordeal.log.at_work()
    victims = [p for p in cluster.node.family.look() if p.pid in at_work]
    trials = {at_work[p.pid] for p in victims}
    if trials & ordeal.hurt:
        return ""
    ordeal.hurt |= trials
    ordeal.interruptions += 1
    cluster.kill_node()
    end = time.monotonic() + float(generator.uniform(0.0, 20.0))
    try:
        ordeal.wait(lambda: time.monotonic() > end)
    finally:
        cluster.node.start()
    return f"with the trials {sorted(trial.name for trial in trials)}"


def _fill(path: Path) -> int:
    size = 0
    with path.open("wb", buffering=0) as stream:
        for block in (1 << 16, 1 << 12):
            while True:
                try:
                    size += stream.write(b"\0" * block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
    return size


FAULTS = (
    Fault("driver killed", 4.0, kill_driver),
    Fault("driver terminated", 1.0, terminate_driver),
    Fault("driver interrupted", 1.0, interrupt_driver),
    Fault("worker killed", 2.0, kill_worker),
    Fault("worker stopped", 1.0, stop_worker),
    Fault("disk full", 4.0, fill_disk, lambda ordeal: ordeal.plan.small_disk),
    Fault("database killed", 4.0, kill_database, lambda o: o.plan.storage == "postgresql"),
    Fault("MLflow killed", 3.0, kill_mlflow, lambda ordeal: ordeal.plan.mlflow == "server"),
    Fault("node killed", 6.0, kill_node, lambda ordeal: ordeal.cluster is not None),
)


@dataclass(frozen=True)
class Moment:
    """When a fault comes.

    Parameters
    ----------
    name
        Its name.
    share
        How often it is drawn.
    condition
        Makes what must hold first, of a search that has just been looked at.
    delay
        Seconds after that at most.
    """

    name: str
    share: float
    condition: Callable[[Ordeal, np.random.Generator], Callable[[], bool]]
    delay: float


def _at_once(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    return lambda: True


def _after_epochs(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    plan = ordeal.plan
    left = (plan.trials - ordeal.witness.n_finished) * plan.seeds * plan.epochs
    wanted = len(ordeal.log.read()) + int(generator.integers(1, max(2, left // 2)))
    return lambda: len(ordeal.log.read()) >= wanted


def _after_trial(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    before = ordeal.witness.n_finished
    return lambda: ordeal.witness.n_finished > before


def _after_mlflow_began(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    return lambda: ordeal.plan.mlflow != "default" or ordeal.folder.database.exists()


def _after_confirmation_began(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    return lambda: ordeal.plan.confirm is None or (ordeal.folder.path / "confirm").exists()


def _after_all_trials(ordeal: Ordeal, generator: np.random.Generator) -> Callable[[], bool]:
    best, seeds = ordeal.plan.confirm or (0, 0)
    return lambda: ordeal.witness.n_finished >= ordeal.plan.trials + best * seeds


MOMENTS = (
    Moment("start", 2.0, _at_once, 12.0),
    Moment("training", 4.0, _after_epochs, 0.5),
    Moment("end of a trial", 2.0, _after_trial, 0.3),
    Moment("MLflow's first seconds", 1.0, _after_mlflow_began, 15.0),
    Moment("confirmation", 1.5, _after_confirmation_began, 6.0),
    Moment("end", 1.5, _after_all_trials, 3.0),
)


def draw(items: tuple, generator: np.random.Generator):
    """Draw one of several by their shares."""
    shares = np.array([item.share for item in items])
    return items[int(generator.choice(len(items), p=shares / shares.sum()))]
