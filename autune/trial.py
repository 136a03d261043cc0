"""One trial: settings and structures go in, trained potentials and their errors come out.

A trial knows no search: it is the same function for `autune train`, for a worker of a search and
for a notebook.  Its folder holds

    settings.yaml          all settings
    seed-0/, seed-1/, ...  one training each: potential/, properties.csv, its state while it runs
    potential/             the potential of the seed with the lowest score
    properties.csv         its properties
    history.csv            epochs of all seeds
    learning_curve.png, parity.png, properties.png
    result.json            state and metrics, written last

A trial that finds finished or half-finished trainings of the same settings in its folder goes on
from there.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from autune.dataset import Dataset, split_dataset
from autune.errors import DataError, TrainingDiverged
from autune.evaluation.accuracy import compare
from autune.evaluation.loss import score
from autune.formats.files import make_folder, write_text
from autune.properties import (
    PropertyTable,
    check_properties,
    compute_properties,
    property_error,
    property_names,
)
from autune.report.figures import plot_learning_curve, plot_parity, plot_properties
from autune.report.tables import tabulate, tabulate_properties, write_csv
from autune.settings import Settings
from autune.training.epoch import Epoch, Report, go_on
from autune.training.loop import Trained, train_potential
from autune.training.parallel import Communicator, Serial
from autune.training.prepare import Prepared, prepare

State = Literal["complete", "stopped", "diverged", "failed"]


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
        Mean over the seeds: energy_rmse, train_energy_rmse [eV/atom], force_rmse,
        train_force_rmse [eV/Angstrom] of the kept epoch, property_error [%], property.NAME in the
        property's unit, kept_epoch, score; with more than one seed also NAME_std.
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


def run_trial(
    settings: Settings,
    dataset: Dataset,
    directory: str | Path,
    report: Report = go_on,
    communicator: Communicator | None = None,
) -> TrialResult:
    """Train with every seed, judge, and write everything into the trial's folder.

    Parameters
    ----------
    settings
        Without distributions.
    dataset
        Split into training and test.
    directory
        Made when it is missing.
    report
        Called after every epoch of every seed; False stops the trial.
    communicator
        Ranks; None: one.  All train; the first one reports, judges and writes.

    Raises
    ------
    ConfigError, DataError
        If settings and data do not fit together.
    """
    directory = Path(directory)
    began = time.monotonic()
    if len(dataset.test) == 0:
        raise DataError("the test set is empty; split the data set (autune.dataset.split_dataset)")
    ranks = communicator or Serial()
    prepared = prepare(settings, dataset, ranks)
    if settings.evaluation.properties is not None:
        check_properties(settings.evaluation.properties, prepared.architecture.elements)
    finished = _finished(directory, prepared.identity)
    if ranks.agree(finished is not None):
        return finished or TrialResult("complete", "", {}, 0.0, directory)
    if ranks.rank == 0:
        make_folder(directory)
        write_text(directory / "settings.yaml", settings.to_yaml())
    seeds: list[_Seed] = []
    state: State = "complete"
    reason = ""
    try:
        for seed in range(settings.evaluation.seeds):
            seeds.append(_run_seed(settings, prepared, seed, directory, report, ranks))
            if not seeds[-1].trained.finished:
                state, reason = "stopped", f"stopped in epoch {seeds[-1].trained.epochs[-1].number}"
                break
    except TrainingDiverged as error:
        state, reason = "diverged", f"seed {len(seeds)}: {error}"
    metrics: dict[str, float] = {}
    if ranks.rank != 0:
        return TrialResult(state, reason, metrics, time.monotonic() - began, directory)
    if seeds:
        write_csv(tabulate(_history(seeds)), directory / "history.csv")
    if state == "complete":
        metrics = _mean_over_seeds([seed.metrics for seed in seeds])
        best = min(range(len(seeds)), key=lambda i: seeds[i].metrics["score"])
        metrics["best_seed"] = float(best)
        _show(dataset, directory, seeds, best)
    result = TrialResult(state, reason, metrics, time.monotonic() - began, directory)
    _write_result(result, prepared, [seed.metrics for seed in seeds])
    if state == "complete":
        for checkpoint in directory.glob("seed-*/checkpoint.npz"):
            checkpoint.unlink()
    return result


def metric_names(settings: Settings) -> list[str]:
    """List the metrics that a complete trial with these settings has."""
    names = ["score", "energy_rmse", "force_rmse", "train_energy_rmse", "train_force_rmse"]
    names += ["kept_epoch", "epoch_seconds"]
    if (wanted := settings.evaluation.properties) is not None:
        names += ["property_error", *(f"property.{name}" for name in property_names(wanted))]
    if settings.evaluation.seeds > 1:
        names += [f"{name}_std" for name in names]
    return names


def train(
    settings: Settings | Mapping[str, Any] | str | Path,
    dataset: Dataset | None = None,
    report: Report = go_on,
) -> Trained:
    """Train one potential.

    Parameters
    ----------
    settings
        Settings, a mapping, or a YAML file.
    dataset
        Structures; by default those that the settings name.  A data set without a test set is
        split as the settings say.
    report
        Called after every epoch; False ends the training.

    Returns
    -------
    Trained
        Potential of the kept epoch, and all epochs.

    Raises
    ------
    ConfigError, DataError, FormatError
        If settings or data cannot be used.
    TrainingDiverged
        If errors or weights are not finite any more.
    """
    if isinstance(settings, str | Path):
        settings = Settings.read(settings)
    elif not isinstance(settings, Settings):
        settings = Settings.from_mapping(settings)
    if dataset is None:
        dataset = Dataset.read(settings.dataset.path, settings.dataset.units)
    if len(dataset.test) == 0:
        dataset = split_dataset(dataset, settings.dataset)
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepare(settings, dataset), judge, report=report)


@dataclass(frozen=True, eq=False)
class _Seed:
    """One training of a trial, judged."""

    trained: Trained
    table: PropertyTable | None
    metrics: dict[str, float]


def _run_seed(
    settings: Settings,
    prepared: Prepared,
    seed: int,
    directory: Path,
    report: Report,
    ranks: Communicator,
) -> _Seed:
    folder = directory / f"seed-{seed}"
    if ranks.rank == 0:
        make_folder(folder)
    trained = train_potential(
        settings,
        prepared,
        partial(score, settings=settings.evaluation.score),
        seed=seed,
        report=report,
        communicator=ranks,
        checkpoint=folder / "checkpoint.npz",
    )
    if not trained.finished or ranks.rank != 0:
        return _Seed(trained, None, {})
    trained.potential.save(folder / "potential")
    kept = trained.epochs[trained.kept]
    metrics = {
        "energy_rmse": kept.test_energy_rmse,
        "force_rmse": kept.test_force_rmse,
        "train_energy_rmse": kept.train_energy_rmse,
        "train_force_rmse": kept.train_force_rmse,
        "kept_epoch": float(kept.number),
        "epoch_seconds": trained.epochs[-1].seconds / settings.training.epochs,
    }
    table = None
    wanted = settings.evaluation.properties
    if wanted is not None:
        potential = trained.potential
        table = compute_properties(potential.calculator(), wanted, potential.elements)
        write_csv(tabulate_properties(table), folder / "properties.csv")
        metrics |= {f"property.{name}": value for name, value in table.values.items()}
        metrics["property_error"] = property_error(table, wanted)
    metrics["score"] = score(metrics, settings.evaluation.score)
    return _Seed(trained, table, metrics)


def _mean_over_seeds(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every metric that all seeds have; standard deviation (n - 1) as NAME_std."""
    metrics = {}
    for name in seeds[0]:
        values = [seed[name] for seed in seeds if name in seed]
        if len(values) < len(seeds):
            continue
        metrics[name] = statistics.fmean(values)
        if len(values) > 1:
            finite = all(map(math.isfinite, values))
            metrics[f"{name}_std"] = statistics.stdev(values) if finite else math.nan
    return metrics


def _history(seeds: Sequence[_Seed]) -> list[Epoch]:
    return [epoch for seed in seeds for epoch in seed.trained.epochs]


def _show(dataset: Dataset, directory: Path, seeds: Sequence[_Seed], best: int) -> None:
    """Put the best seed's potential, its properties and the figures into the trial's folder."""
    chosen = seeds[best]
    potential = chosen.trained.potential
    potential.save(directory / "potential")
    kept = {index: seed.trained.kept for index, seed in enumerate(seeds)}
    plot_learning_curve(_history(seeds), directory / "learning_curve.png", kept)
    test = dataset.test_structures
    predictions = [potential.predict(structure) for structure in test]
    plot_parity(compare(test, predictions), directory / "parity.png")
    if chosen.table is not None:
        write_csv(tabulate_properties(chosen.table), directory / "properties.csv")
        if any(row.reference is not None for row in chosen.table.rows):
            plot_properties({"potential": chosen.table}, directory / "properties.png")


def _write_result(
    result: TrialResult, prepared: Prepared, seeds: Sequence[Mapping[str, float]]
) -> None:
    content = {
        "state": result.state,
        "reason": result.reason,
        "metrics": result.metrics,
        "seeds": seeds,
        "seconds": result.seconds,
        "identity": prepared.identity,
        "dropped_symmetry_functions": prepared.dropped,
    }
    write_text(result.directory / "result.json", json.dumps(content, indent=1) + "\n")


def read_result(directory: str | Path) -> TrialResult | None:
    """Read how the trial in a folder ended; None if it has not."""
    content = _read_json(Path(directory) / "result.json")
    if content is None:
        return None
    state, reason = content["state"], content["reason"]
    return TrialResult(state, reason, content["metrics"], content["seconds"], Path(directory))


def _finished(directory: Path, identity: str) -> TrialResult | None:
    """Return the result of the same trial if it is complete already."""
    content = _read_json(directory / "result.json")
    if content is None or (content["identity"], content["state"]) != (identity, "complete"):
        return None
    return read_result(directory)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    needed = {"state", "reason", "metrics", "seconds", "identity"}
    return content if isinstance(content, dict) and needed <= content.keys() else None
