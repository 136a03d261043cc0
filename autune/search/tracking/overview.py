"""What MLflow shows of a search as a whole."""

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

from autune.search.folder import POTENTIAL, SearchFolder
from autune.search.record import ranked
from autune.search.tracking.presentable import digest_of, readable, valid_name, with_valid_names
from autune.search.tracking.shown import (
    FILES,
    FORM,
    STATUS,
    Shown,
    files_in,
    milliseconds,
    searched_keys,
)

SUMMARY = "Best of"
"""How the words on the page of a search begin; others were written by a user."""

MOST_COLUMNS = 12
"""Searched settings that the table of runs shows at first."""


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
    summary
        What was found, in a sentence or two.
    view
        Columns and order of the table of runs, as MLflow's page keeps them.
    """

    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Mapping[str, Path]
    began: int | None
    ended: int | None
    best: Shown | None
    summary: str
    view: str

    @cached_property
    def content(self) -> str:
        """Digest of the files."""
        return digest_of(FORM, self.files)


def show_search(
    folder: SearchFolder, trials: Sequence[Shown], trainings: Sequence[Shown]
) -> Overview:
    """Show counts, the best trial, and what the confirmation found."""
    records = [shown.record for shown in trials]
    metrics = {f"trials.{s}": float(sum(r.state == s for r in records)) for s in STATUS}
    study = folder.study()
    tags = {
        "autune.kind": "search",
        "autune.objectives": ", ".join(study.objectives),
        "autune.dataset": study.fingerprint,
    }
    best, summary = None, ""
    if order := ranked(records):
        best = next(shown for shown in trials if shown.record is order[0])
        tags["autune.best_trial"] = best.key
        metrics |= {f"best.{name}": value for name, value in order[0].metrics.items()}
        summary = f"{SUMMARY} {len(trials)} trials: {best.name}, score {order[0].score:.4g}."
    found = _read_json(folder.confirmed_file)
    if "winner" in found:
        tags["autune.confirmed_trial"] = str(found["winner"])
        metrics |= _confirmed_metrics(found, trainings)
        median = f"c{found.get('median_record')}"
        best = next((shown for shown in trainings if shown.key == median), best)
        summary += f" With fresh seeds: {found.get('summary', '')}."
    files = files_in(
        folder.path,
        folder.best.name,
        (folder.settings_file.name, folder.confirmed_file.name, *FILES[1:]),
    )
    moments = [r.started for r in records if r.started]
    ends = [shown.record.finished for shown in (*trials, *trainings) if shown.record.finished]
    return Overview(
        {name: readable(text) for name, text in tags.items()},
        {n: v for n, v in with_valid_names(metrics).items() if math.isfinite(v)},
        files,
        milliseconds(min(moments, default=None)),
        milliseconds(max(ends, default=None)),
        best if best is not None and (best.record.directory / POTENTIAL).is_dir() else None,
        readable(summary),
        _best_first(folder, study.objectives, milliseconds(min(moments, default=None)) or 0),
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


def _best_first(folder: SearchFolder, objectives: Sequence[str], moment: int) -> str:
    """Choose columns and order: MLflow shows neither metrics nor params unless asked."""
    shown = dict.fromkeys(("score", *objectives))
    searched = searched_keys(folder)[:MOST_COLUMNS]
    columns = [
        "attributes.`Duration`",
        *(f"metrics.`{valid_name(name)}`" for name in shown),
        *(f"params.`{valid_name(key)}`" for key in searched),
    ]
    state = {
        "selectedColumns": columns,
        "orderByKey": "metrics.`score`",
        "orderByAsc": True,
        "searchFilter": "",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
    }
    envelope = {"name": "best first", "createdAt": moment, "updatedAt": moment}
    return json.dumps({**envelope, "state": json.dumps(state)})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
