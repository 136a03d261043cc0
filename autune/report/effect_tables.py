"""The numbers behind the figures of effects, as rows for `autune.report.tables.tabulate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autune.evaluation.confidence import estimate
from autune.evaluation.effects import Effect, Sample
from autune.evaluation.levels import values_in_blocks, values_of
from autune.structures import FloatArray


class Drawn(NamedTuple):
    """What is drawn of a level beside its mean: a point for each seed, or for each trial.

    Parameters
    ----------
    places
        Values of the parameter, shape (n,); NaN for choices.
    values
        Of the metric, shape (n,); NaN where a training failed.
    numbers
        Seeds, where levels are compared in pairs, else trials.
    """

    places: FloatArray
    values: FloatArray
    numbers: tuple[int, ...]


def drawn_of(effect: Effect, samples: Sequence[Sample], metric: str) -> list[Drawn]:
    """Return the points of every level, in the order of the levels.

    Where levels are compared in pairs, one for each training; else one for each trial, averaged
    over its seeds.
    """
    by_number = {sample.number: sample for sample in samples}
    drawn = []
    for level in effect.levels:
        members = [by_number[number] for number in level.trials if number in by_number]
        if effect.in_pairs:
            values = values_in_blocks(members, effect.parameter, metric, effect.n_seeds)
            places = np.full(len(values), level.middle)
            drawn.append(Drawn(places, values, tuple(range(len(values)))))
        else:
            rows = [values_of(sample, metric, effect.n_seeds) for sample in members]
            values = np.array([estimate(row).mean for row in rows])
            places = np.array(
                [s.params[effect.parameter] if effect.is_number else np.nan for s in members],
                dtype=np.float64,
            )
            drawn.append(Drawn(places, values, tuple(s.number for s in members)))
    return drawn


def effect_rows(effect: Effect, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Make a row for each level.

    Of every metric its mean and as NAME_std, NAME_low, NAME_high the standard deviation and the
    confidence interval of the mean, as n.NAME the number of seeds (or trials).  Where levels are
    compared in pairs also p.NAME, of the difference from the best level, corrected for the number
    of pairs but not of metrics, and same_as_best.NAME, which is no only where the parameter
    matters to the metric.
    """
    rows = []
    for place, level in enumerate(effect.levels):
        binned = isinstance(level.value, tuple)
        row: dict[str, Any] = {
            "parameter": effect.parameter,
            "value": level.middle if binned else level.value,
        }
        if binned:
            row |= {"lowest_value": level.value[0], "highest_value": level.value[1]}
        row |= {"trials": len(level.trials), "failed": level.n_failed}
        for metric in metrics:
            if metric not in level.estimates:
                continue
            found = level.estimates[metric]
            row |= {
                metric: found.mean,
                f"{metric}_std": found.std,
                f"{metric}_low": found.low,
                f"{metric}_high": found.high,
                f"n.{metric}": found.n,
            }
            for standing in effect.standings.get(metric, ()):
                if standing.setting == place:
                    difference = standing.difference
                    row[f"p.{metric}"] = None if difference is None else difference.p
                    row[f"same_as_best.{metric}"] = "yes" if standing.same_as_best else "no"
        rows.append(row)
    return rows


def point_rows(
    effect: Effect, samples: Sequence[Sample], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """Make a row for each point behind the means: a seed of a level, or a trial."""
    columns = {metric: drawn_of(effect, samples, metric) for metric in metrics}
    what = "seed" if effect.in_pairs else "trial"
    rows = []
    for place, level in enumerate(effect.levels):
        nothing = Drawn(np.empty(0), np.empty(0), ())
        first = next((drawn[place] for drawn in columns.values()), nothing)
        for i, number in enumerate(first.numbers):
            value = level.value if np.isnan(first.places[i]) else float(first.places[i])
            row: dict[str, Any] = {"parameter": effect.parameter, "value": value, what: number}
            row |= {metric: float(drawn[place].values[i]) for metric, drawn in columns.items()}
            rows.append(row)
    return rows


def trend_rows(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """Make a row for each parameter and metric: the tests, with corrected p-values."""
    return [
        {
            "parameter": effect.parameter,
            "metric": metric,
            "others": effect.others,
            "levels": trend.n_levels,
            "n": trend.n,
            "test": trend.test,
            "p": trend.p,
            "correlation": trend.correlation,
            "correlation_low": trend.low,
            "correlation_high": trend.high,
            "trend_p": trend.trend_p,
            "pair_p": trend.pair_p,
            "matters": "yes" if trend.matters else "no",
        }
        for effect in effects
        for metric, trend in effect.trends.items()
    ]
