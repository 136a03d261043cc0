"""The trials of a study, and the values of a parameter that are compared: its levels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from autune.evaluation.confidence import Estimate
from autune.structures import FloatArray

MOST_BINS = 8
"""Levels of a number that nearly every trial has another value of."""

_ERROR = "property_error."


@dataclass(frozen=True)
class Sample:
    """A trial.

    Parameters
    ----------
    number
        Of the trial.
    params
        Dotted key and value of every searched leaf whose condition holds; lists as JSON text.
    trainings
        Metrics of each training, in the order of the seeds (of all trials the same seeds); empty,
        NaN or without a finite ``score`` where it failed or diverged.
    """

    number: int
    params: Mapping[str, Any]
    trainings: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Level:
    """A value of a parameter, or a range of values, and what the trainings with it gave.

    Parameters
    ----------
    value
        Of the parameter; (lowest, highest) of the values in a bin.
    label
        The value in words.
    trials
        Numbers of the trials.
    n_failed
        Trainings without a finite score, or without one of the metrics.
    estimates
        Per metric the mean with its interval: over the trainings where levels are compared in
        pairs, else over the trials, each counted once whatever its number of seeds.
    middle
        Where a number is drawn: the value, or the median of those in the bin; NaN for a choice.
    """

    value: Any
    label: str
    trials: tuple[int, ...]
    n_failed: int
    estimates: Mapping[str, Estimate]
    middle: float = math.nan


@dataclass(frozen=True)
class Group:
    """The samples of a level, before anything is made of them; fields as those of `Level`."""

    value: Any
    label: str
    samples: tuple[Sample, ...]
    middle: float


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all are numbers; true and false are choices."""
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in values)


def label_of(value: Any, parameter: str = "") -> str:
    """Write a value as in a settings file, numbers to six digits, lists as they are spoken of.

    Parameters
    ----------
    value
        Of a parameter; lists as JSON text.
    parameter
        Dotted key: ``[]`` of ``dataset.train_without_groups`` is the complete set.
    """
    if isinstance(value, str) and value.startswith("["):
        return _label_of_list(json.loads(value), parameter)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def group_by_value(samples: Sequence[Sample], parameter: str) -> list[Group]:
    """Make a group for each value: numbers in their order, choices by name."""
    by_value: dict[Any, list[Sample]] = {}
    for sample in samples:
        by_value.setdefault(sample.params[parameter], []).append(sample)
    numbers = are_numbers(list(by_value))
    order = sorted(by_value, key=None if numbers else _natural_order)
    return [
        Group(
            value,
            label_of(value, parameter),
            tuple(by_value[value]),
            float(value) if numbers else math.nan,
        )
        for value in order
    ]


def group_in_bins(samples: Sequence[Sample], parameter: str) -> list[Group]:
    """Make groups of about as many trials each: the square root of their number, 2 to 8.

    The bins lie between quantiles of the values, so that it does not matter whether these were
    drawn on a logarithmic scale.  Equal values are in the same bin.
    """
    values = np.array([float(sample.params[parameter]) for sample in samples])
    n_bins = min(max(2, round(math.sqrt(len(values)))), MOST_BINS)
    edges = np.quantile(values, np.arange(1, n_bins) / n_bins)
    bins = np.searchsorted(edges, values, side="left")
    groups = []
    for number in np.unique(bins):
        inside = np.flatnonzero(bins == number)
        low, high = float(values[inside].min()), float(values[inside].max())
        label = f"{low:.3g} to {high:.3g}" if high > low else f"{low:.6g}"
        members = tuple(samples[i] for i in inside.tolist())
        groups.append(Group((low, high), label, members, float(np.median(values[inside]))))
    return groups


def values_of(sample: Sample, metric: str, n_seeds: int) -> FloatArray:
    """Return a metric of every training, NaN where it failed, shape (n_seeds,).

    The error that stands for a property that could not be calculated is a penalty, and no value.
    Neither are the property error and the score into which it went.
    """
    values = np.full(n_seeds, np.nan)
    for seed, training in enumerate(sample.trainings):
        value = training.get(metric, math.nan)
        measured = not any(_is_penalty(error, training) for error in _errors_in(metric, training))
        if measured and math.isfinite(value) and math.isfinite(training.get("score", 0.0)):
            values[seed] = value
    return values


def values_in_blocks(
    samples: Sequence[Sample], parameter: str, metric: str, n_seeds: int
) -> FloatArray:
    """Return a metric of every training of a level, in blocks that all levels have.

    A block is a combination of the other parameters and a seed; in a scan it is a seed.

    Parameters
    ----------
    samples
        Of the level.
    parameter
        Dotted key of what is compared.
    metric, n_seeds
        As of `values_of`.

    Returns
    -------
    array
        Shape (n_blocks,), NaN where the training failed.
    """
    ordered = sorted(samples, key=lambda sample: combination_of(sample, parameter))
    tables = [values_of(sample, metric, n_seeds) for sample in ordered]
    return np.concatenate([np.empty(0), *tables])


def combination_of(sample: Sample, parameter: str) -> str:
    """Name the combination of all other parameters of a trial."""
    return repr(sorted((name, value) for name, value in sample.params.items() if name != parameter))


def _errors_in(metric: str, training: Mapping[str, float]) -> Iterable[str]:
    """Return the errors of properties that a metric is made of."""
    if metric in ("score", "property_error"):
        return [name for name in training if name.startswith(_ERROR)]
    return [metric] if metric.startswith(_ERROR) else []


def _is_penalty(error: str, training: Mapping[str, float]) -> bool:
    """Whether a property could not be calculated."""
    return math.isnan(training.get(f"property.{error.removeprefix(_ERROR)}", 0.0))


def count_failed(samples: Sequence[Sample], metrics: Sequence[str], n_seeds: int) -> int:
    """Count the trainings without one of these metrics or without a finite score."""
    failed = 0
    for sample in samples:
        missing = np.zeros(n_seeds, dtype=bool)
        for metric in metrics:
            missing |= np.isnan(values_of(sample, metric, n_seeds))
        failed += int(missing.sum())
    return failed


def _label_of_list(items: Sequence[Any], parameter: str) -> str:
    """Write sizes of layers as ``25-25``, groups that are left out as ``without NAME``."""
    if parameter.endswith(".train_without_groups"):
        return f"without {' and '.join(map(str, items))}" if items else "complete"
    if items and all(isinstance(item, int) for item in items):
        return "-".join(map(str, items))
    return ", ".join(map(str, items)) or "none"


def _natural_order(value: Any) -> tuple[int, list[tuple[bool, float, str]]]:
    """Sort shorter lists before longer ones, and ``[5, 5]`` before ``[25, 25]``."""
    label = str(value)
    n_items = 0 if label == "[]" else label.count(",") + 1
    parts = [part for part in re.split(r"(\d+)", label) if part]
    return n_items, [
        (part.isdigit(), float(part) if part.isdigit() else 0.0, part) for part in parts
    ]
