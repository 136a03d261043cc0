"""How a trial ended, in memory and in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autune.formats.files import write_text
from autune.report.trainings import Training

State = Literal["complete", "stopped", "diverged", "failed"]
OVER = ("complete", "diverged")
"""States of trials with which nobody goes on."""


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Parameters
    ----------
    state
        complete; stopped by a report; diverged: training left the finite numbers.
    reason
        Of a trial that is not complete.
    metrics
        Of a complete trial those that `autune.evaluation.metrics.metric_names` lists, means over
        all trainings: energy_rmse, train_energy_rmse [eV/atom], force_rmse, train_force_rmse
        [eV/Angstrom] of the kept epoch, where stresses are known stress_rmse, train_stress_rmse
        [GPa], with `stop_early` trained_epochs, property_error [%], property.NAME in the
        property's unit, property_error.NAME [%], kept_epoch, epoch_seconds, score,
        prediction_time [microseconds/atom], n_weights, n_symmetry_functions, and with
        `group_errors` energy_rmse.GROUP, force_rmse.GROUP, where known stress_rmse.GROUP.  With
        more than one seed also NAME_std, over the seeds of the means over the folds; with
        leave_one_group_out also energy_rmse.GROUP, force_rmse.GROUP, score.GROUP, over the seeds.
    seconds
        Wall time, s.
    directory
        The trial's folder.
    """

    state: State
    reason: str
    metrics: dict[str, float]
    seconds: float
    directory: Path


def write_result(
    result: TrialResult,
    identity: str,
    compared: Mapping[str, str],
    trainings: Sequence[Training],
    chosen: Training | None,
) -> None:
    """Write result.json, the last file of a trial."""
    content = {
        "state": result.state,
        "reason": result.reason,
        "metrics": result.metrics,
        "seeds": [training.metrics for training in trainings],
        "folds": [training.fold.name for training in trainings],
        "stopped_early": [training.trained.stopped_early for training in trainings],
        "potential": str(chosen.folder.relative_to(result.directory)) if chosen else "",
        "seconds": result.seconds,
        "identity": identity,
        "compared": compared,
        "dropped_symmetry_functions": sorted({name for t in trainings for name in t.dropped}),
    }
    write_text(result.directory / "result.json", json.dumps(content, indent=1) + "\n")


def read_result(directory: str | Path) -> TrialResult | None:
    """Read how the trial in a folder ended; None if it has not."""
    content = _read_json(Path(directory) / "result.json")
    if content is None:
        return None
    state, reason = content["state"], content["reason"]
    return TrialResult(state, reason, content["metrics"], content["seconds"], Path(directory))


def find_finished(directory: Path, identity: str) -> TrialResult | None:
    """Return the result of the same trial if there is nothing left to do for it."""
    content = _read_json(directory / "result.json")
    if content is None or content["identity"] != identity or content["state"] not in OVER:
        return None
    return read_result(directory)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    needed = {"state", "reason", "metrics", "seconds", "identity"}
    return content if isinstance(content, dict) and needed <= content.keys() else None
