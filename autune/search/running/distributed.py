"""Ray Tune runs the trials of a search, on this machine or on a cluster.  A door of Ray.

The study proposes and is told; Ray Tune decides when a worker is free.  Nothing that Ray writes is
needed afterwards.
"""

from __future__ import annotations

import shutil
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from autune.search.folder import SearchFolder
from autune.search.record import Observer
from autune.search.running.cluster import RemoteFiles, cores_of_nodes
from autune.search.running.habits import quiet, side_by_side
from autune.search.running.machines import Machines
from autune.search.running.pruning import Judge, decisive_epochs, races
from autune.search.running.searcher import TRIES, Stopper, StudySearcher, WorkerDeaths, said_plainly
from autune.search.running.transfer import Files
from autune.search.running.worker import Task, Work, run_in_worker
from autune.settings import Settings

if TYPE_CHECKING:
    # Workers import this module, and have no use for Optuna.
    from autune.search.study.study import Study


GROWTH = 10.0
"""Seconds after which a cluster is looked at again: nodes come and go."""


def run(
    folder: SearchFolder,
    study: Study,
    settings: Settings,
    epochs: int,
    work: Work,
    dataset: Any,
    observers: Sequence[Observer],
    machines: Machines,
) -> bool:
    """Run trials until the study has all of them.

    Parameters
    ----------
    folder
        Folder of the search.
    study
        Ready to propose.
    settings
        Settings at any point: pruner and resources.
    epochs
        Largest number of epochs of a training.
    work
        What a worker does.
    dataset
        Shared with all workers; None where `work` loads it.
    observers
        Told of every event, in this thread.
    machines
        Where they run; Ray stays there until its ``with`` ends.

    Returns
    -------
    bool
        False if the user interrupted the search.

    Raises
    ------
    SearchError
        If all trials fail in the same way, a disk is full, the study or the cluster is away.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    scratch = _Scratch(folder.path / ".ray")
    searcher = None
    try:
        with quiet(), said_plainly():
            machines.connect()
            scratch.make()
            files = None if machines.alone else RemoteFiles(folder.trials)
            judge = Judge(settings, epochs, study.records())
            task = Task(
                number=-1,
                params={},
                directory="",
                identity=folder.identity,
                token="" if machines.alone else str(scratch.token),
                decisive=decisive_epochs(settings.search, epochs),
                racing=races(settings),
            )
            searcher = StudySearcher(study, _Slots(settings), judge, task, observers)
            trainable = tune.with_resources(
                tune.with_parameters(_run_in_worker, work=work, dataset=dataset, files=files),
                {"cpu": settings.resources.cores},
            )
            with side_by_side(len(cores_of_nodes()) == 1):
                tune.run(
                    trainable,
                    name=scratch.name,
                    storage_path=str(scratch.path),
                    search_alg=searcher,
                    scheduler=judge,
                    stop=Stopper(searcher),
                    num_samples=-1,
                    max_failures=TRIES - 1,
                    reuse_actors=True,
                    raise_on_failed_trial=False,
                    verbose=0,
                    callbacks=[WorkerDeaths(searcher, files)],
                    trial_dirname_creator=str,
                )
    finally:
        if threading.current_thread() is threading.main_thread():
            # Tune leaves its own handler behind.
            signal.signal(signal.SIGINT, interrupt)
        scratch.remove()
        if searcher is not None:
            with suppress(OSError):
                searcher.forget_states()
    searcher.raise_what_ended_it()
    return searcher.exhausted and not searcher.live


class _Scratch:
    """A folder for what Ray writes, of this run alone, and the token that workers look for."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self.name = uuid.uuid4().hex[:12]
        self.path = parent / self.name
        self.token = self.path / "token"

    def make(self) -> None:
        """Make it, and remove that of a killed run."""
        self.remove()
        self.path.mkdir(parents=True)
        self.token.touch()

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self._parent, ignore_errors=True)


class _Slots:
    """How many trials may run at a time."""

    def __init__(self, settings: Settings) -> None:
        self._cores = settings.resources.cores
        self._wanted = settings.resources.concurrent_trials
        self._n = 0
        self._until = 0.0

    def __call__(self) -> int:
        """Return how many."""
        if self._wanted is not None:
            return self._wanted
        if time.monotonic() > self._until:
            # One at least: where no node has room, Ray waits for one.
            self._n = max(1, sum(cores // self._cores for cores in cores_of_nodes()))
            self._until = time.monotonic() + GROWTH
        return self._n


def _run_in_worker(config: dict[str, Any], work: Work, dataset: Any, files: Files | None) -> None:
    run_in_worker(config, work, dataset, tune.report, files)
