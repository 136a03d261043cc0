"""One trial inside a worker: a point goes in, epochs and an outcome come out.

Knows no Ray: what it has to say goes to a function.
"""

from __future__ import annotations

import json
import logging
import math
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from autune.errors import AutuneError, SearchError
from autune.formats.files import write_text
from autune.search.record import State
from autune.search.running.lock import sweep, working_in
from autune.search.running.transfer import Copy, Files, copy_of, disk_failure, folder_apart, sees
from autune.settings import DatasetSettings, Settings
from autune.training.epoch import Epoch, Judged, Report

WORST = 1e12
"""Stands for a score that is not finite, which the pruner cannot compare."""

SILENCE = 0.5
"""Seconds after which a worker says how far it is, also where nothing is to be decided."""


class Outcome(Protocol):
    """What a trial returns: the `TrialResult` of `autune.trial`."""

    @property
    def state(self) -> State:
        """How it ended."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Errors and properties."""

    @property
    def seconds(self) -> float:
        """Wall time, s."""


class Space(Protocol):
    """What makes settings of a point: a search space, or the repetitions of a confirmation."""

    def apply(self, params: Mapping[str, Any]) -> Settings:
        """Return the settings at a point."""


RunTrial = Callable[[Settings, Any, Path, Report], Outcome]
LoadDataset = Callable[[DatasetSettings], Any]


@dataclass(frozen=True)
class Work:
    """What a worker needs besides the point; pickled once.

    Parameters
    ----------
    space
        Makes settings of a point.
    trial
        Does the work.
    load
        Reads the data set where its settings are searched; else None.
    """

    space: Space
    trial: RunTrial
    load: LoadDataset | None


@dataclass(frozen=True)
class Task:
    """A trial, as it is given to a worker.

    Parameters
    ----------
    number, params, directory
        As in `Proposal`.
    identity
        Of the search.
    token
        A file in the search's folder, which only this run has; empty where there is one machine.
    decisive
        Epochs of the first training of which the pruner must hear.
    racing
        Whether the trial may be stopped between its trainings.
    """

    number: int
    params: Mapping[str, Any]
    directory: str
    identity: str = ""
    token: str = ""
    decisive: tuple[int, ...] = ()
    racing: bool = False

    def about(self, number: int, params: Mapping[str, Any], directory: Path) -> Task:
        """Return the same task for another trial."""
        return replace(self, number=number, params=params, directory=str(directory))

    def to_config(self) -> dict[str, str]:
        """Write the task as Tune's config: as text, since Tune looks for its words in mappings."""
        return {"task": json.dumps(asdict(self))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Task:
        """Read what `to_config` has written."""
        content = json.loads(config["task"])
        return cls(**content | {"decisive": tuple(content["decisive"])})


def run_in_worker(
    config: Mapping[str, Any],
    work: Work,
    dataset: Any,
    tell: Callable[[dict[str, Any]], None],
    files: Files | None = None,
) -> None:
    """Run one trial, tell its epochs and its end.

    Parameters
    ----------
    config
        Of a `Task`.
    work
        What to do.
    dataset
        Structures, unless `work` loads them.
    tell
        Takes every report; raises SystemExit when the trial is to stop.
    files
        The trial's folder for a node that does not see it; None where all do.
    """
    task = Task.from_config(config)
    reporter = _Reporter(task, tell)
    began = time.time()
    try:
        with _folder(task, files) as (directory, copy):
            reporter.copy = copy
            ended = _run(task, work, dataset, directory, reporter)
    except Exception as error:  # noqa: BLE001  whatever it is, the search goes on
        ended = _failed(error, began)
    if reporter.stopped:
        # Tune waits for the thread to end, not for a result.
        sys.exit(0)
    tell(ended | reporter.unsaid() | {"done": True})


@contextmanager
def _folder(task: Task, files: Files | None) -> Iterator[tuple[Path, Copy | None]]:
    """Give the folder to work in; that of the search if this node sees it."""
    directory = Path(task.directory)
    if sees(Path(task.token) if task.token else None):
        with working_in(directory):
            sweep(directory)
            yield directory, None
        return
    if files is None:
        raise SearchError(
            f"{socket.gethostname()} does not see {directory}; search with --address, or on "
            "machines that share the folder"
        )
    apart = folder_apart(task.identity, directory.name)
    with working_in(apart), copy_of(files, directory.name, apart) as copy:
        yield apart, copy


def _run(
    task: Task, work: Work, dataset: Any, directory: Path, reporter: _Reporter
) -> dict[str, Any]:
    """Run a trial in its folder and return how it ended."""
    began = time.time()
    try:
        settings = work.space.apply(task.params)
        if work.load is not None:
            dataset = work.load(settings.dataset)
        reporter.n_epochs = settings.training.epochs
        reporter.n_seeds = settings.evaluation.seeds if task.racing else 0
        result = work.trial(settings, dataset, directory, reporter)
        metrics = {name: float(value) for name, value in result.metrics.items()}
        return _ended(result.state, result.reason, metrics, float(result.seconds))
    except Exception as error:  # noqa: BLE001  whatever it is, the search goes on
        write_error(directory, traceback.format_exc())
        return _failed(error, began)


def _failed(error: Exception, began: float) -> dict[str, Any]:
    reason = str(error) if isinstance(error, AutuneError) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.filename or 'a file'}: {error.strerror.lower()}"
    reason = " ".join(reason.split())
    ended = _ended("failed", reason, {}, time.time() - began)
    if disk_failure(error):
        ended["disk"] = f"{socket.gethostname()}: {reason}"
    return ended


def _ended(
    state: State, reason: str, metrics: Mapping[str, float], seconds: float
) -> dict[str, Any]:
    outcome = {"reason": reason, "metrics": metrics, "seconds": seconds}
    return {"state": state, "outcome": json.dumps(outcome)}


class _Reporter:
    """The report of a trial: says what the search must hear of, and from time to time the rest.

    Every message costs the process of the search some milliseconds, as much as a short epoch.
    """

    def __init__(self, task: Task, tell: Callable[[dict[str, Any]], None]) -> None:
        self.stopped = False
        self.copy: Copy | None = None
        self.n_epochs = 0
        self.n_seeds = 0
        self._decisive = frozenset(task.decisive)
        self._tell = tell
        self._scores: list[tuple[int, float]] = []
        self._said = time.monotonic()

    def __call__(self, event: Epoch | Judged) -> bool:
        """Hear of an epoch or the end of a training; False stops the trial."""
        if self.stopped:
            return False
        message = self._judge(event) if isinstance(event, Judged) else self._note(event)
        if message:
            try:
                self._tell(message | self.unsaid())
            except SystemExit:
                self.stopped = True
            self._said = time.monotonic()
        if self.copy is not None:
            self.copy.send_if_due()
        return not self.stopped

    def unsaid(self) -> dict[str, Any]:
        """Return the scores of the first training that were not told yet."""
        scores, self._scores = self._scores, []
        return {"scores": json.dumps(scores)}

    def _judge(self, training: Judged) -> dict[str, Any]:
        # After the last training there is nothing left to stop.
        if training.seed + 1 >= self.n_seeds:
            return {}
        return {"judged": training.seed, "judged_score": training.score}

    def _note(self, epoch: Epoch) -> dict[str, Any]:
        score = epoch.score if math.isfinite(epoch.score) else WORST
        message = {"seed": epoch.seed, "number": epoch.number, "seed_score": score}
        if epoch.seed == 0:
            self._scores.append((epoch.number, score))
            if epoch.number in self._decisive and epoch.number < self.n_epochs:
                return message | {"epoch": epoch.number, "score": score}
        return message if time.monotonic() - self._said > SILENCE else {}


def write_error(directory: Path, text: str) -> None:
    """Leave the traceback of a failed trial in its folder."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "error.txt", text)
    except (OSError, AutuneError):
        # The reason is in the study; a full disk must not end the search.
        logging.getLogger(__name__).warning("cannot write %s", directory / "error.txt")
