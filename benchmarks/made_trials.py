"""Trials of a millisecond, for searches of many: a function of the settings in place of a training.

They leave what a trial leaves: as many metrics as one of `search_spaces/gold.yaml` and the score of
every epoch in the study, and in their folder the settings, the errors of all epochs, the result and
a file in place of a potential.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from autune.search.folder import IDENTITY, SearchFolder
from autune.settings import Settings, read_yaml
from autune.space import SearchSpace
from autune.training.epoch import Epoch

if TYPE_CHECKING:
    from autune.search.study.study import Study
    from autune.training.epoch import Report

SOURCE = Path(__file__).parents[1] / "search_spaces" / "gold.yaml"
OBJECTIVES = ("energy_rmse", "force_rmse", "property_error")
N_METRICS = 57
"""Of a trial of the gold search, with its properties and the deviations over seeds."""


@dataclass(frozen=True)
class Result:
    """What a trial returns; see `autune.search.running.worker.Outcome`."""

    state: str
    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def raw_space(name: str, n_objectives: int = 3, **sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the gold search with other ones in some sections.

    Parameters
    ----------
    name
        Of the search.
    n_objectives
        3, or 1: the score alone.
    sections
        What is changed, by section.
    """
    raw = read_yaml(SOURCE)
    raw["name"] = name
    del raw["confirm"], raw["dataset"]["holdout_fraction"]
    raw["search"]["objectives"] = list(OBJECTIVES) if n_objectives == 3 else ["score"]
    # Every epoch of which a pruner hears costs a message: trials are counted here, not epochs.
    raw["search"] |= {"pruner": "none", "racing": False}
    raw["tracking"] = {"mlflow": None}
    for section, changes in sections.items():
        raw[section] = {**raw.get(section, {}), **changes}
    return raw


def make_metrics(at: Settings) -> dict[str, float]:
    """Return what a trial with these settings would have found: smooth, with noise."""
    functions, kalman = at.potential.symmetry_functions, at.training.kalman
    x = np.array(
        [
            functions.r_shift,
            math.log(functions.radial.eta_factor),
            math.log(functions.angular.eta_factor),
            2.0 * at.training.force_ratio - 1.0,
            math.log10(kalman.epsilon) / 3.0 + 1.0,
            (kalman.lambda_ - 0.97) / 0.02,
            sum(at.potential.hidden_layers) / 50.0,
        ]
    )
    # The same settings have the same noise, so that a search can be repeated.
    seed = int.from_bytes(hashlib.blake2b(x.tobytes(), digest_size=8).digest(), "little")
    generator = np.random.default_rng(seed)
    distances = ((x - np.array([[0.3], [0.6], [0.5]])) ** 2).sum(axis=1)
    energy, force, property_error = np.exp(distances + generator.normal(0.0, 0.2, 3)).tolist()
    metrics = {
        "energy_rmse": 0.001 * energy,
        "force_rmse": 0.01 * force,
        "property_error": property_error,
        "score": (energy / 3.0 + force / 2.0 + 2.0 * property_error) / 4.0,
        "score_std": 0.1,
    }
    others = generator.normal(100.0, 10.0, N_METRICS - len(metrics)).tolist()
    return metrics | {f"property.made_{i}": value for i, value in enumerate(others)}


def make_epochs(at: Settings, score: float) -> Iterator[Epoch]:
    """Return the epochs of all trainings."""
    for seed in range(at.evaluation.seeds):
        for number in range(at.training.epochs + 1):
            error = score * (1.0 + 1.0 / (1 + number))
            yield Epoch(seed, number, error, error, error, error, error, 1e-5 * number)


def run_made(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Be a trial: say its epochs, write its files."""
    metrics = make_metrics(at)
    epochs = list(make_epochs(at, metrics["score"]))
    for epoch in epochs:
        if not report(epoch):
            return Result("stopped", "told to stop")
    potential = directory / "potential"
    potential.mkdir(parents=True, exist_ok=True)
    rows = [",".join(Epoch.__dataclass_fields__)]
    rows += [",".join(map(str, vars(epoch).values())) for epoch in epochs]
    (directory / "history.csv").write_text("\n".join(rows) + "\n")
    (directory / "settings.yaml").write_text(at.to_yaml())
    (potential / "input.nn").write_text(f"# {metrics['score']}\n")
    (directory / "result.json").write_text(json.dumps({"state": "complete", "metrics": metrics}))
    return Result("complete", "", metrics, 0.001)


def begin(path: Path, sampler: str, n_objectives: int, storage: str) -> tuple[Study, SearchSpace]:
    """Open the study of a search for writing without running it; make it where there is none."""
    from autune.search.study.study import Study

    folder = SearchFolder(path.resolve())
    folder.trials.mkdir(parents=True, exist_ok=True)
    changes = {"trials": 10**6, "sampler": sampler, "storage": storage}
    raw = raw_space(folder.name, n_objectives, search=changes)
    if not folder.identity:
        (folder.path / IDENTITY).write_text(f"{hash_name(str(folder.path))}\n")
    folder.settings_file.write_text(yaml.safe_dump(raw, sort_keys=False))
    space = SearchSpace.from_mapping(raw)
    settings = space.example().search
    study = Study.create(folder, settings.objectives, "made", settings.storage)
    study.continue_with(space, settings)
    return study, space


def hash_name(name: str) -> str:
    """Return the identity of a search that is not run."""
    return hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
