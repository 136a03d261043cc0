"""What MLflow shows of a search: made from the study and the folders alone.

Whatever is shown has a digest of all that it is made from, so that a view can be compared with
its search without reading the view.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autune.errors import AutuneError
from autune.search.folder import POTENTIAL, SearchFolder
from autune.search.presentable import (
    digest_of,
    read_history,
    readable,
    thin,
    valid_name,
    with_valid_names,
)
from autune.search.record import Record, State, ranked
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

_FILES = ("settings.yaml", "result.json", "*.csv", "*.png", "error.txt")

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
    def files(self) -> dict[str, Path]:
        """Where each file of the run lies, by its path in the run."""
        return _files_in(self.record.directory, POTENTIAL)

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
        return {name: readable(text) for name, text in tags.items()}

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


@dataclass(frozen=True)
class Overview:
    """The search itself as MLflow has it.

    Parameters
    ----------
    tags, metrics
        Of the run of the search.
    files
        Where each file lies, by its path in the run.
    began, ended
        Milliseconds since 1970; None where no trial has begun or ended.
    best
        Whose potential is the one to use; None without one.
    """

    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Mapping[str, Path]
    began: int | None
    ended: int | None
    best: Shown | None

    @cached_property
    def content(self) -> str:
        """Digest of the files."""
        return digest_of(FORM, self.files)


def all_shown(folder: SearchFolder) -> tuple[list[Shown], list[Shown]]:
    """Read trials and trainings of the confirmation that have ended."""
    trials = [show_trial(record) for record in folder.records() if record.state != "running"]
    confirmation = folder.path / "confirm"
    trainings: list[Shown] = []
    if SearchFolder(confirmation).exists:
        searched = tuple(parameter.key for parameter in folder.space().parameters)
        records = SearchFolder(confirmation).records()
        trainings = [show_training(r, searched) for r in records if r.state != "running"]
    return trials, trainings


def show_trial(record: Record) -> Shown:
    """Show a trial of the search."""
    return Shown(record, str(record.number), f"trial {record.number:04d}")


def show_training(record: Record, searched: tuple[str, ...]) -> Shown:
    """Show a training of the confirmation."""
    trial, seed = int(record.params.get("trial", 0)), int(record.params.get("seed", 0))
    return Shown(record, f"c{record.number}", f"confirm {trial:04d} seed {seed}", searched)


def show_search(
    folder: SearchFolder, trials: Sequence[Shown], trainings: Sequence[Shown]
) -> Overview:
    """Show the search: counts, the best trial, and what the confirmation found."""
    records = [shown.record for shown in trials]
    metrics = {f"trials.{s}": float(sum(r.state == s for r in records)) for s in STATUS}
    study = folder.study()
    tags = {
        "autune.kind": "search",
        "autune.objectives": ", ".join(study.objectives),
        "autune.dataset": study.fingerprint,
    }
    best = None
    if order := ranked(records):
        best = next(shown for shown in trials if shown.record is order[0])
        tags["autune.best_trial"] = best.key
        metrics |= {f"best.{name}": value for name, value in order[0].metrics.items()}
    found = _read_json(folder.path / "confirmed.json")
    if "winner" in found:
        tags["autune.confirmed_trial"] = str(found["winner"])
        metrics |= _confirmed_metrics(found, trainings)
        median = f"c{found.get('median_record')}"
        best = next((shown for shown in trainings if shown.key == median), best)
    files = _files_in(folder.path, folder.best.name, ("search.yaml", "confirmed.json", *_FILES[1:]))
    moments = [r.started for r in records if r.started]
    ends = [shown.record.finished for shown in (*trials, *trainings) if shown.record.finished]
    return Overview(
        {name: readable(text) for name, text in tags.items()},
        {n: v for n, v in with_valid_names(metrics).items() if math.isfinite(v)},
        files,
        milliseconds(min(moments, default=None)),
        milliseconds(max(ends, default=None)),
        best if best is not None and (best.record.directory / POTENTIAL).is_dir() else None,
    )


def _confirmed_metrics(found: Mapping[str, Any], trainings: Iterable[Shown]) -> dict[str, float]:
    """Average over the winner's seeds; take the errors on the holdout as they were written."""
    rows = [
        shown.record.metrics
        for shown in trainings
        if shown.record.params.get("trial") == found["winner"] and shown.record.state == "complete"
    ]
    metrics = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if math.isfinite(row.get(name, math.nan))]
        if values:
            metrics[f"confirmed.{name}"] = statistics.fmean(values)
        if len(values) > 1:
            metrics[f"confirmed.{name}_std"] = statistics.stdev(values)
    with suppress(KeyError, TypeError, ValueError):
        for name, estimate in found["holdout"]["metrics"].items():
            metrics[f"holdout.{name}"] = float(estimate["mean"])
    return metrics


def milliseconds(moment: float | None) -> int | None:
    """Return a time since 1970 in MLflow's unit."""
    return None if moment is None else int(moment * 1000)


def _files_in(directory: Path, inner: str, patterns: Sequence[str] = _FILES) -> dict[str, Path]:
    paths = [path for pattern in patterns for path in sorted(directory.glob(pattern))]
    paths += sorted((directory / inner).glob("*"))
    return {path.relative_to(directory).as_posix(): path for path in paths if path.is_file()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
