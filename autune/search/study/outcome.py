"""How a trial ended, as the study keeps it: pure functions between metrics, outcome and record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autune.errors import SearchError, short
from autune.search.record import Record, State

UNKNOWN_EXCESS = 1e6
"""Excess of a constrained metric that a trial does not have or that is not finite."""

_STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed"}
TOLD: dict[State, str] = {
    "complete": "COMPLETE",
    "stopped": "PRUNED",
    "diverged": "FAIL",
    "failed": "FAIL",
}
"""Optuna's words for how a trial ended."""

_MAY_FAIL = ("property.", "property_error.")
"""A property can fail in one trial; all other metrics are in every trial or in none."""


@dataclass(frozen=True)
class Verdict:
    """What the study is told of a trial.

    Parameters
    ----------
    state, reason
        As the trial said, or failed where an objective is missing or not finite.
    missing
        Why no trial of this search can be complete; empty if they can.
    values
        Of the objectives; None unless complete.
    excesses
        By how much each constrained metric is beyond its limit, relative to the limit; negative
        or 0 within it.
    """

    state: State
    reason: str
    missing: str = ""
    values: tuple[float, ...] | None = None
    excesses: Mapping[str, float] | None = None

    def to_keep(
        self,
        metrics: Mapping[str, float],
        seconds: float,
        scores: Sequence[tuple[int, float]],
        search_seconds: float,
    ) -> dict[str, Any]:
        """Return what is written into the study, as JSON has it, for `read_record`."""
        return {
            "state": self.state,
            "reason": self.reason,
            "metrics": dict(metrics),
            "seconds": seconds,
            "scores": [list(pair) for pair in scores],
            "search_seconds": search_seconds,
        }


def judge(
    state: State,
    reason: str,
    metrics: Mapping[str, float],
    objectives: Sequence[str],
    constraints: Mapping[str, float],
) -> Verdict:
    """Look whether a trial that calls itself complete is, and whether it keeps the constraints."""
    if state != "complete":
        return Verdict(state, reason)
    for words, key, names in (
        ("objective", "objectives", objectives),
        ("constrained metric", "constraints", constraints),
    ):
        for name in names:
            if name not in metrics and not name.startswith(_MAY_FAIL):
                missing = (
                    f"the {words} {name} is not among the metrics of a trial "
                    f"({', '.join(sorted(metrics))}); change search.{key}"
                )
                return Verdict("failed", missing, missing)
    values = {name: metrics.get(name, math.nan) for name in objectives}
    bad = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        return Verdict("failed", ", ".join(bad))
    excesses = {name: _excess(metrics.get(name), limit) for name, limit in constraints.items()}
    return Verdict("complete", reason, "", tuple(values.values()), excesses)


def check_objectives(names: object, where: str) -> None:
    """Refuse what is not the names of objectives.

    Raises
    ------
    SearchError
        If somebody has written something else into the study.
    """
    if names and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise SearchError(
            f"{where}: expected names of objectives, found {short(names)}; restore it from a copy"
        )


def read_record(trial: Any, directory: Path, n_objectives: int) -> Record:
    """Make the record of a trial.

    Parameters
    ----------
    trial
        Optuna's ``FrozenTrial``.
    directory
        Folder of the trial.
    n_objectives
        That a complete trial has.

    Raises
    ------
    SearchError
        If somebody has written something else into the study.
    """
    try:
        return _read_record(trial, directory, n_objectives)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise SearchError(
            f"trial {trial.number} of the study cannot be read: {error}; restore it from a copy"
        ) from None


def place_in_course(trial: Any) -> tuple[float, str, int]:
    """Return what puts trials in the order in which they ended.

    By the time that the search had run: clocks are set back, every autumn too.

    Parameters
    ----------
    trial
        Optuna's ``FrozenTrial`` of a trial that ended.
    """
    seconds = trial.user_attrs.get("outcome", {}).get("search_seconds", 0.0)
    return seconds, str(trial.datetime_complete), trial.number


def _read_record(trial: Any, directory: Path, n_objectives: int) -> Record:
    state = _STATES.get(trial.state.name, "running")
    attributes = trial.user_attrs if state != "running" else {}
    outcome = attributes.get("outcome", attributes)  # 0.1.0 had one attribute for each
    if state == "failed" and outcome.get("state") == "diverged":
        state = "diverged"
    objectives = tuple(map(float, trial.values or ())) if state == "complete" else ()
    if state == "complete" and len(objectives) != n_objectives:
        raise ValueError(f"it has {len(objectives)} objectives of {n_objectives}")
    return Record(
        number=trial.number,
        state=state,
        reason=str(outcome.get("reason", "")),
        params={str(name): value for name, value in trial.params.items()},
        objectives=objectives,
        metrics={name: float(value) for name, value in outcome.get("metrics", {}).items()},
        seconds=float(outcome.get("seconds", 0.0)),
        directory=directory,
        started=_timestamp(trial.datetime_start),
        finished=_timestamp(trial.datetime_complete),
        scores=tuple((int(n), float(s)) for n, s in outcome.get("scores", ())),
        violation=float(sum(max(0.0, excess) for excess in trial.constraints.values())),
    )


def _excess(value: float | None, limit: float) -> float:
    if value is None or not math.isfinite(value):
        return UNKNOWN_EXCESS
    return min((value - limit) / (abs(limit) or 1.0), UNKNOWN_EXCESS)


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
