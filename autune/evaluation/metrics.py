"""The metrics of a trial: their names, and what several trainings make of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

from autune.dataset import Dataset, knows_stress, make_folds
from autune.dataset.folds import NO_GROUP
from autune.evaluation.accuracy import EnergyAndForces, measure
from autune.evaluation.stresses import Stress, measure_stresses
from autune.properties import PropertyTable, property_error, property_names, read_reference
from autune.settings import EvaluationSettings, PropertiesSettings, Settings
from autune.structures import Structure

ERRORS = ("energy_rmse", "force_rmse", "train_energy_rmse", "train_force_rmse")
"""Errors of the kept epoch [eV/atom, eV/Angstrom]."""

STRESS_ERRORS = ("stress_rmse", "train_stress_rmse")
"""Errors of stresses of the kept epoch [GPa], of data that knows them."""

COST = ("prediction_time", "n_weights", "n_symmetry_functions")
"""What a prediction costs, see `autune.evaluation.cost`."""

OF_GROUP = ("energy_rmse", "force_rmse", "score")
"""Metrics that leave_one_group_out also gives for the group left out, as energy_rmse.GROUP."""

GROUP_ERRORS = ("energy_rmse", "force_rmse")
"""Metrics that `group_errors` also gives for every group of the test, as energy_rmse.GROUP; and
stress_rmse.GROUP of groups that know stresses."""


class EnergyForcesAndStress(EnergyAndForces, Stress, Protocol):
    """What is compared of a prediction."""


def property_metrics(table: PropertyTable, settings: PropertiesSettings) -> dict[str, float]:
    """Make metrics of calculated properties.

    Returns
    -------
    dict
        property_error [%]; property.NAME in the property's unit, NaN where it could not be
        calculated; property_error.NAME, the size of the error in percent of the reference, for
        each property that has one: `failure_penalty` where it could not be calculated or is
        further off, so that an absurd value is no worse than none.
    """
    metrics = {"property_error": property_error(table, settings)}
    for row in table.rows:
        metrics[f"property.{row.name}"] = math.nan if row.value is None else row.value
        if row.reference is not None:
            penalty = settings.failure_penalty
            error = penalty if row.error_percent is None else abs(row.error_percent)
            metrics[f"property_error.{row.name}"] = min(error, penalty)
    return metrics


def stress_metrics(dataset: Dataset, test_rmse: float, train_rmse: float) -> dict[str, float]:
    """Make metrics of the errors of stresses [GPa], as far as the sets of a fold know stresses."""
    metrics = {}
    if knows_stress(dataset.test_structures):
        metrics["stress_rmse"] = test_rmse
    if knows_stress(dataset.train_structures):
        metrics["train_stress_rmse"] = train_rmse
    return metrics


def group_metrics(
    structures: Sequence[Structure], predictions: Sequence[EnergyForcesAndStress]
) -> dict[str, float]:
    """Make metrics of the errors of every group: energy_rmse.GROUP, force_rmse.GROUP.

    And stress_rmse.GROUP where one of its structures has a stress and a cell.  There are none
    where no structure has a group.
    """
    metrics = {}
    stresses = measure_stresses(structures, predictions)
    for of_group in measure(structures, predictions)[:-1]:  # the last one is all structures
        for name in GROUP_ERRORS:
            metrics[f"{name}.{of_group.group}"] = getattr(of_group, name)
        if stresses and stresses[of_group.group].n_stresses > 0:
            metrics[f"stress_rmse.{of_group.group}"] = stresses[of_group.group].stress_rmse
    return metrics


def failed_properties(metrics: Mapping[str, float], settings: EvaluationSettings) -> set[str]:
    """Return the properties that count in the score and could not be calculated."""
    wanted = settings.properties
    if wanted is None or settings.score.property_error.weight == 0.0:
        return set()
    return {
        name
        for name in property_names(wanted)
        if f"property_error.{name}" in metrics  # has a reference
        and wanted.weights.get(name, 1.0) > 0.0
        and math.isnan(metrics.get(f"property.{name}", math.nan))
    }


def trial_metrics(
    trainings: Sequence[Mapping[str, float]], n_seeds: int, groups: Sequence[str] = ()
) -> dict[str, float]:
    """Make the metrics of a trial from those of its trainings.

    Parameters
    ----------
    trainings
        Metrics of every training, fold by fold, in each fold seed by seed.
    n_seeds
        Trainings of a fold.
    groups
        Group left out in each fold (leave_one_group_out).

    Returns
    -------
    dict
        The mean over all trainings of every metric that all of them have, and of those in
        `OF_GROUP` the mean over the seeds for each group; with several seeds also NAME_std, the
        standard deviation (n - 1) over the seeds of what has been averaged over the folds; NaN
        where values are not finite.
    """
    folds = [trainings[first : first + n_seeds] for first in range(0, len(trainings), n_seeds)]
    of_seeds: dict[str, list[float]] = {}
    for name in trainings[0]:
        if not all(name in training for training in trainings):
            continue
        by_seed = zip(*([training[name] for training in fold] for fold in folds), strict=True)
        of_seeds[name] = [statistics.fmean(values) for values in by_seed]
    for group, fold in zip(groups, folds, strict=bool(groups)):
        for name in OF_GROUP:
            of_seeds[f"{name}.{group}"] = [training[name] for training in fold]
    metrics = {}
    for name, values in of_seeds.items():
        metrics[name] = statistics.fmean(values)
        if n_seeds > 1:
            finite = all(map(math.isfinite, values))
            metrics[f"{name}_std"] = statistics.stdev(values) if finite else math.nan
    return metrics


def metric_names(settings: Settings, dataset: Dataset | None = None) -> list[str]:
    """List the metrics that a complete trial with these settings has.

    Parameters
    ----------
    settings
        Settings of the trial.
    dataset
        Structures, which name the groups of leave_one_group_out and of `group_errors`, and know
        stresses or not; None: metrics of groups and stresses are not listed.

    Raises
    ------
    ConfigError, DataError
        If the data set cannot be split into the folds that the settings want.
    FormatError
        If the table of reference values cannot be read.
    """
    evaluation = settings.evaluation
    names = ["score", *ERRORS, "kept_epoch", "epoch_seconds", *COST]
    if (wanted := evaluation.properties) is not None:
        properties = property_names(wanted)
        compared = {} if wanted.reference is None else read_reference(wanted.reference)
        names += ["property_error", *(f"property.{name}" for name in properties)]
        names += [f"property_error.{name}" for name in properties if name in compared]
    if settings.training.stop_early is not None:
        names.append("trained_epochs")
    folds = make_folds(dataset, settings) if dataset is not None else ()
    if folds:
        known = [set(stress_metrics(fold.dataset, 0.0, 0.0)) for fold in folds]
        names += sorted(set.intersection(*known))
    if evaluation.cross_validation == "leave_one_group_out" and dataset is not None:
        groups = [fold.name for fold in folds]
        names += [f"{name}.{group}" for group in groups for name in OF_GROUP]
    if evaluation.group_errors and dataset is not None:
        tests = dataset.test_structures
        groups = sorted({structure.group for structure in tests})
        stressed = {structure.group for structure in tests if structure.virial is not None}
        if groups != [""]:
            names += [f"{name}.{g or NO_GROUP}" for g in groups for name in GROUP_ERRORS]
            names += [f"stress_rmse.{g or NO_GROUP}" for g in groups if g in stressed]
    if evaluation.seeds > 1:
        names += [f"{name}_std" for name in names]
    if evaluation.cross_validation == "none":
        names.append("best_seed")
    return names
