"""What MLflow shows of trials: made from the study and the folders alone.

Whatever is shown has a digest of all that it is made from, so that a view can be compared with
its search without reading the view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autune.errors import AutuneError
from autune.search.folder import POTENTIAL, SearchFolder
from autune.search.record import Record, State
from autune.search.tracking.presentable import (
    digest_of,
    read_history,
    readable,
    thin,
    valid_name,
    with_valid_names,
)
from autune.settings import read_yaml
from autune.space import flatten

FORM = "1"
"""Changes when the same record is shown otherwise, so that old views are written again."""

FIXED_PARAMS = (
    "dataset.path",
    "potential.elements",
    "potential.cutoff_radius",
    "training.epochs",
    "training.updates_per_epoch",
    "training.streams",
    "evaluation.seeds",
)
"""Settings that are shown for every trial, also where they are not searched."""

STATUS: dict[State, str] = {
    "running": "RUNNING",
    "complete": "FINISHED",
    "stopped": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
"""MLflow's word for the state of a trial."""

FILES = ("settings.yaml", "result.json", "*.csv", "*.png", "error.txt")

Point = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""


@dataclass(frozen=True)
class Shown:
    """A trial, or a training of the confirmation, as MLflow has it.

    Parameters
    ----------
    record
        What the study says.
    key
        Of the run among those of the search.
    name
        Of the run.
    searched
        Keys that are shown from the settings of a training of the confirmation.
    """

    record: Record
    key: str
    name: str
    searched: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """MLflow's word for the state."""
        return STATUS[self.record.state]

    @property
    def is_settled(self) -> bool:
        """Whether all files are there: a trial is stopped before its worker writes them."""
        return self.record.state != "stopped" or (self.record.directory / "result.json").is_file()

    @property
    def files(self) -> dict[str, Path]:
        """Where each file of the run lies, by its path in the run."""
        return files_in(self.record.directory, POTENTIAL)

    @cached_property
    def content(self) -> str:
        """Digest of everything that is shown."""
        r = self.record
        facts = [
            FORM, self.key, self.name, r.state, r.reason, sorted(r.params.items()),
            sorted(r.metrics.items()), r.violation, r.seconds, r.started, r.finished, r.scores,
            self.searched,
        ]  # fmt: skip
        return digest_of(repr(facts), self.files)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run but for its place in the search."""
        tags = {
            "autune.trial": self.key,
            "autune.state": self.record.state,
            "autune.reason": self.record.reason,
            "autune.content": self.content,
        }
        if self.key.startswith("c"):
            tags["autune.confirm"] = str(self.record.params.get("trial", ""))
        return {name: readable(text) for name, text in tags.items() if text}

    def params(self) -> dict[str, str]:
        """Read what was chosen, and some of what was not."""
        params = dict(self.record.params)
        with suppress(AutuneError):
            leaves = dict(flatten(read_yaml(self.record.directory / "settings.yaml")))
            wanted = (*self.searched, *FIXED_PARAMS)
            params |= {key: leaves[key] for key in wanted if key in leaves and key not in params}
        return {name: readable(str(value)) for name, value in with_valid_names(params).items()}

    def points(self) -> list[Point]:
        """Read all metrics: those of the trial, and the curves of its trainings."""
        record = self.record
        ended = milliseconds(record.finished) or 0
        began = milliseconds(record.started) or 0
        values = {**record.metrics, "seconds": record.seconds}
        if record.violation:
            values["violation"] = record.violation
        points = [(name, value, ended, 0) for name, value in with_valid_names(values).items()]
        epochs = list(read_history(record.directory))
        if not epochs:
            epochs = [("seed_0", n, {"score": score}) for n, score in record.scores]
        for training, number, errors in thin(epochs):
            moment = began + int(1000 * errors.get("seconds", 0.0))
            points += [
                (valid_name(f"{training}/{name}"), value, moment, number)
                for name, value in errors.items()
                if name != "seconds"
            ]
        return [point for point in points if math.isfinite(point[1])]


def all_shown(folder: SearchFolder) -> tuple[list[Shown], list[Shown]]:
    """Read trials and trainings of the confirmation that have ended."""
    trials = [show_trial(record) for record in folder.records() if record.state != "running"]
    trainings: list[Shown] = []
    if folder.confirmation.exists:
        searched = searched_keys(folder)
        records = folder.confirmation.records()
        trainings = [show_training(r, searched) for r in records if r.state != "running"]
    return trials, trainings


def searched_keys(folder: SearchFolder) -> tuple[str, ...]:
    """Read which settings are searched."""
    return tuple(parameter.key for parameter in folder.space().parameters)


def show_trial(record: Record) -> Shown:
    """Show a trial of the search."""
    return Shown(record, str(record.number), f"trial {record.number:04d}")


def show_training(record: Record, searched: tuple[str, ...]) -> Shown:
    """Show a training of the confirmation."""
    trial, seed = int(record.params.get("trial", 0)), int(record.params.get("seed", 0))
    return Shown(record, f"c{record.number}", f"confirm {trial:04d} seed {seed}", searched)


def milliseconds(moment: float | None) -> int | None:
    """Return a time since 1970 in MLflow's unit."""
    return None if moment is None else int(moment * 1000)


def files_in(directory: Path, inner: str, patterns: Sequence[str] = FILES) -> dict[str, Path]:
    """List files that match, and all of an inner folder, by their path."""
    paths = [path for pattern in patterns for path in sorted(directory.glob(pattern))]
    paths += sorted((directory / inner).glob("*"))
    return {path.relative_to(directory).as_posix(): path for path in paths if path.is_file()}
