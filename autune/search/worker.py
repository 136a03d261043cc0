"""One trial inside a worker: a point goes in, epochs and an outcome come out.

Knows no Ray: what it has to say goes to a function.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from autune.errors import AutuneError
from autune.formats.files import write_text
from autune.search.record import State
from autune.settings import DatasetSettings, Settings
from autune.space import SearchSpace
from autune.training.epoch import Epoch, Judged, Report

WORST = 1e12
"""Stands for a score that is not finite, which the pruner cannot compare."""


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

    space: SearchSpace
    trial: RunTrial
    load: LoadDataset | None


def run_in_worker(
    config: Mapping[str, Any], work: Work, dataset: Any, tell: Callable[[dict[str, Any]], None]
) -> None:
    """Run one trial, tell its epochs and its end.

    Parameters
    ----------
    config
        Folder and params (JSON) of the trial.
    work
        What to do.
    dataset
        Structures, unless `work` loads them.
    tell
        Takes every report; raises SystemExit when the trial is to stop.
    """
    began = time.time()
    directory = Path(config["directory"])
    # The pruner judges the first seed; while later seeds train, its last epoch is repeated,
    # about which the pruner has decided already.
    judged: dict[str, float] = {}
    stopped = False

    def report(epoch: Epoch | Judged) -> bool:
        nonlocal judged, stopped
        if isinstance(epoch, Judged):
            return True
        score = epoch.score if math.isfinite(epoch.score) else WORST
        if epoch.seed == 0:
            judged = {"epoch": epoch.number, "score": score}
        seen = {"seed": epoch.seed, "number": epoch.number, "seed_score": score}
        try:
            tell({**judged, **seen})
        except SystemExit:
            stopped = True
        return not stopped

    try:
        directory.mkdir(parents=True, exist_ok=True)
        settings = work.space.apply(json.loads(config["params"]))
        if work.load is not None:
            dataset = work.load(settings.dataset)
        result = work.trial(settings, dataset, directory, report)
        state, reason = result.state, result.reason
        metrics = {name: float(value) for name, value in result.metrics.items()}
        seconds = float(result.seconds)
    except Exception as error:  # noqa: BLE001  whatever it is, the search goes on
        reason = (
            str(error) if isinstance(error, AutuneError) else f"{type(error).__name__}: {error}"
        )
        state, metrics, seconds = "failed", {}, time.time() - began
        write_error(directory, traceback.format_exc())
    if stopped:
        # Tune waits for the thread to end, not for a result.
        sys.exit(0)
    outcome = json.dumps({"reason": reason, "metrics": metrics, "seconds": seconds})
    tell({**judged, "state": state, "outcome": outcome})


def write_error(directory: Path, text: str) -> None:
    """Leave the traceback of a failed trial in its folder."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "error.txt", text)
    except (OSError, AutuneError):
        # The reason is in the study; a full disk must not end the search.
        logging.getLogger(__name__).warning("cannot write %s", directory / "error.txt")
