"""Running a trial: folds and seeds one after the other, judged and written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from autune.dataset import Dataset, Fold, make_folds, read_dataset, split_dataset
from autune.errors import DataError, TrainingDiverged
from autune.evaluation.cost import cost_metrics
from autune.evaluation.loss import score
from autune.evaluation.metrics import group_metrics, property_metrics, stress_metrics, trial_metrics
from autune.formats.files import make_folder, write_text
from autune.potential.basis import build_architecture
from autune.properties import check_properties, compared_values, compute_properties
from autune.report.tables import tabulate, write_csv
from autune.report.trainings import Training, choose, history
from autune.settings import Settings
from autune.training.epoch import Judged, Report, go_on
from autune.training.loop import Trained, train_potential
from autune.training.parallel import Communicator, Serial
from autune.training.prepare import Prepared, prepare
from autune.training.start import identity_of
from autune.trial.result import OVER, State, TrialResult, find_finished, write_result
from autune.trial.shown import show_trial, write_properties


def run_trial(
    settings: Settings,
    dataset: Dataset,
    directory: str | Path,
    report: Report = go_on,
    communicator: Communicator | None = None,
) -> TrialResult:
    """Train with every seed, with cross-validation on every fold, judge, and write everything.

    Folds come one after the other, in each the seeds, so that the descriptors of a fold are
    computed once.  The first training, by which a search stops trials early, is that of seed 0 on
    the first part of k_fold, which has its share of every group as all parts have, or on the
    largest group of leave_one_group_out.

    With `training.keep: best` the test structures of a fold also choose the epoch; `last` makes
    its errors those of structures that have decided nothing.

    Parameters
    ----------
    settings
        Without distributions.
    dataset
        Split into training and test; cross-validation splits all but the holdout, which no trial
        sees, again.
    directory
        Made when it is missing.
    report
        Called after every epoch, and after every training with its score; False stops the trial.
        ``seed`` of what is reported counts the trainings of the trial.  When a trial goes on,
        its finished trainings are reported again, but not their epochs.
    communicator
        Ranks; None: one.  All train; the first one reports, judges and writes.

    Returns
    -------
    TrialResult
        What result.json of the same settings and data says if it is there and the trial is
        complete or diverged; nothing is trained then.

    Raises
    ------
    ConfigError, DataError
        If settings and data do not fit together, or a result cannot be written.
    """
    directory = Path(directory)
    began = time.monotonic()
    dataset = dataset.without_holdout()
    if settings.evaluation.cross_validation == "none" and len(dataset.test) == 0:
        raise DataError("the test set is empty; split the data set (autune.dataset.split_dataset)")
    ranks = communicator or Serial()
    folds = make_folds(dataset, settings)
    identity = identity_of(settings, dataset)
    finished = find_finished(directory, identity)
    if ranks.agree(finished is not None):
        return finished or TrialResult("complete", "", {}, 0.0, directory)
    wanted = settings.evaluation.properties
    if wanted is not None:
        check_properties(wanted, build_architecture(settings.potential).elements)
    trainings: list[Training] = []
    state: State = "complete"
    reason = ""
    try:
        for fold in folds:
            reason = _run_fold(settings, fold, len(folds), directory, trainings, report, ranks)
            if reason:
                state = "stopped"
                break
    except TrainingDiverged as error:
        fold_number, seed = divmod(len(trainings), settings.evaluation.seeds)
        state, reason = "diverged", f"{_place(folds[fold_number], seed)}: {error}"
    metrics: dict[str, float] = {}
    if ranks.rank != 0:
        return TrialResult(state, reason, metrics, time.monotonic() - began, directory)
    if trainings:
        write_csv(tabulate(history(trainings)), directory / "history.csv")
    chosen = None
    if state == "complete":
        groups = [fold.name for fold in folds]
        left_out = settings.evaluation.cross_validation == "leave_one_group_out"
        metrics = trial_metrics(
            [t.metrics for t in trainings], settings.evaluation.seeds, groups if left_out else ()
        )
        chosen = choose(trainings)
        if not trainings[0].fold.name:
            metrics["best_seed"] = float(trainings.index(chosen))
        show_trial(directory, trainings, chosen)
    result = TrialResult(state, reason, metrics, time.monotonic() - began, directory)
    write_result(result, identity, compared_values(wanted), trainings, chosen)
    if state in OVER:
        # The states of trainings, and files that a process was killed while it wrote.
        for pattern in ("**/checkpoint.npz", "**/.*.????????"):
            for file in directory.glob(pattern):
                file.unlink()
    return result


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
        dataset = read_dataset(settings.dataset)
    if len(dataset.test) == 0:
        dataset = split_dataset(dataset, settings.dataset)
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepare(settings, dataset), judge, report=report)


def _run_fold(
    settings: Settings,
    fold: Fold,
    n_folds: int,
    directory: Path,
    trainings: list[Training],
    report: Report,
    ranks: Communicator,
) -> str:
    """Add the trainings of a fold to the others; return why the trial stops, or nothing.

    What it holds of the data is gone when it returns, because two folds may not fit into memory.
    """
    prepared = prepare(settings, fold.dataset, ranks)
    if not trainings and ranks.rank == 0:  # what is refused is refused by now
        make_folder(directory)
        write_text(directory / "settings.yaml", settings.to_yaml())
    n_seeds = settings.evaluation.seeds
    for seed in range(n_seeds):
        number = len(trainings)
        folder = directory / fold.folder / f"seed-{seed}"
        numbered = _numbered(report, number)
        trainings.append(_run_seed(settings, fold, prepared, seed, folder, numbered, ranks))
        trained = trainings[-1].trained
        if not trained.finished:
            return f"stopped in epoch {trained.epochs[-1].number} of {_place(fold, seed)}"
        go = True
        if ranks.rank == 0:
            go = report(Judged(number, trainings[-1].metrics["score"]))
        if not ranks.agree(go) and number + 1 < n_folds * n_seeds:
            return f"stopped after {_place(fold, seed)}"
    return ""


def _run_seed(
    settings: Settings,
    fold: Fold,
    prepared: Prepared,
    seed: int,
    folder: Path,
    report: Report,
    ranks: Communicator,
) -> Training:
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
    dropped = prepared.dropped
    if not trained.finished or ranks.rank != 0:
        return Training(fold, folder, dropped, trained, None, {})
    trained.potential.save(folder / "potential")
    kept = trained.epochs[trained.kept]
    metrics = {
        "energy_rmse": kept.test_energy_rmse,
        "force_rmse": kept.test_force_rmse,
        "train_energy_rmse": kept.train_energy_rmse,
        "train_force_rmse": kept.train_force_rmse,
        "kept_epoch": float(kept.number),
        "epoch_seconds": trained.epochs[-1].seconds / trained.epochs[-1].number,
    }
    if settings.training.stop_early is not None:
        metrics["trained_epochs"] = float(trained.epochs[-1].number)
    metrics |= stress_metrics(fold.dataset, kept.test_stress_rmse, kept.train_stress_rmse)
    potential, tests = trained.potential, fold.dataset.test_structures
    if settings.evaluation.group_errors:
        metrics |= group_metrics(tests, [potential.predict(structure) for structure in tests])
    table = None
    wanted = settings.evaluation.properties
    if wanted is not None:
        table = compute_properties(potential.calculator(), wanted, potential.elements)
        write_properties(table, folder)
        metrics |= property_metrics(table, wanted)
    metrics |= cost_metrics(potential, tests)
    metrics["score"] = score(metrics, settings.evaluation.score)
    return Training(fold, folder, dropped, trained, table, metrics)


def _numbered(report: Report, number: int) -> Report:
    """Say which training of the trial an epoch is of."""
    return lambda epoch: report(replace(epoch, seed=number))


def _place(fold: Fold, seed: int) -> str:
    return f"fold {fold.name}, seed {seed}" if fold.name else f"seed {seed}"
