"""What each searched parameter does to the errors of the potentials.

How well this can be said depends on how the trials were chosen:

- *Scan*: only one parameter differs between the trials.  Its levels are compared in pairs of equal
  seeds, so that what a seed does to all of them (by its initial weights, say) cancels.
- *Full factorial*: every level of the parameter met the same combinations of the others.  Levels
  are compared in pairs of equal combination and seed, the blocks: the main effect (Box, Hunter,
  Hunter, Statistics for Experimenters, 2nd ed. (2005), chapters 4 and 5).  Intervals of means are
  wide there, because they hold what the other parameters do; those of differences do not.
- *Search*: everything varies at once, and the sampler prefers what was good before.  The trials
  of a level also differ in all other parameters, and not by chance: the effect is a marginal one,
  over whatever else the sampler tried with it, and no controlled one.  p-values take the trials
  for independent, which those of a sampler that learns are not; they say what deserves a scan.

All p-values of one call, of all parameters and metrics, are corrected together by the method of
Holm, and levels are told apart only where a metric passes: a study in which nothing matters is said
to have an effect in 5 of 100 cases at most.  Of each metric that passes, two equal levels are told
apart in 5 of 100 cases at most; among many metrics some may be.

What is tested is the scatter of the seeds.  All trainings have the same test structures and the
same references, so that neither intervals nor p-values include what others would give.  The level
with the lowest mean is also a lucky one: its mean is too low, differences from it are too large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from autune.evaluation.association import (
    Association,
    compare_apart,
    compare_in_pairs,
)
from autune.evaluation.confidence import Standing, estimate, holm
from autune.evaluation.levels import (
    MOST_BINS,
    Group,
    Level,
    Sample,
    are_numbers,
    combination_of,
    count_failed,
    group_by_value,
    group_in_bins,
    values_in_blocks,
    values_of,
)
from autune.evaluation.separation import rank_levels
from autune.structures import FloatArray
from autune.units import UnitName

__all__ = ["Effect", "Level", "Sample", "Trend", "find_effects"]

Others = Literal["fixed", "balanced", "unbalanced"]
"""The other parameters between the levels: equal, the same combinations, or whatever was tried."""


@dataclass(frozen=True)
class Trend(Association):
    """Whether a parameter matters to a metric at all, and whether it rises or falls with it.

    Parameters
    ----------
    pair_p
        The smallest of the comparisons of levels with the best one: a single level that differs
        shows in it before it shows in ``p``.  NaN of two levels, whose test it is already.
    matters
        Whether a corrected p is below 1 - confidence.

    Notes
    -----
    ``p``, ``trend_p`` and ``pair_p`` are corrected, over all metrics and parameters.
    """

    pair_p: float = math.nan
    matters: bool = False


@dataclass(frozen=True)
class Effect:
    """What a parameter does to the metrics.

    Parameters
    ----------
    parameter
        Dotted key.
    is_number
        Whether all its values are numbers.
    is_scan
        Nothing else varies and there are two seeds or more: levels are compared in pairs of equal
        seeds.
    levels
        By value.
    standings
        Per metric the levels, best first (`Standing.setting` is the place in `levels`), if they
        share their seeds: in a scan or a full factorial. Fewer than six levels are told from the
        best by `rank_settings`, more by `rank_levels`, and none where the parameter does not
        matter to the metric (`Trend.matters`). None of values of properties, of which none is
        better than another.
    trends
        Per metric, for numbers and choices.
    others
        fixed: nothing else varies; balanced: all levels met the same combinations of the other
        parameters; unbalanced: a marginal effect, not a controlled one.
    n_seeds
        Trainings of a trial.
    confidence
        Of intervals and comparisons.
    units
        In which settings of the section potential are.
    """

    parameter: str
    is_number: bool
    is_scan: bool
    levels: tuple[Level, ...]
    standings: Mapping[str, tuple[Standing, ...]]
    trends: Mapping[str, Trend]
    others: Others
    n_seeds: int
    confidence: float = 0.95
    units: UnitName = "ev-angstrom"

    @property
    def in_pairs(self) -> bool:
        """Whether levels are compared in pairs of equal seeds: in a scan or full factorial."""
        return self.others != "unbalanced" and self.n_seeds > 1

    @property
    def points(self) -> str:
        """What is counted: seeds of a scan, trainings of a factorial, trials of a search."""
        if not self.in_pairs:
            return "trials"
        return "seeds" if self.others == "fixed" else "trainings"

    @property
    def is_binned(self) -> bool:
        """Whether levels are ranges of values."""
        return any(isinstance(level.value, tuple) for level in self.levels)


def find_effects(
    samples: Sequence[Sample], metrics: Sequence[str], confidence: float = 0.95
) -> tuple[Effect, ...]:
    """Find what each parameter does to each metric.

    Parameters
    ----------
    samples
        Trials, in any order, also those that failed.  A trial without a parameter, whose
        condition does not hold, does not count for this one.
    metrics
        Names; those that no training has are left out.
    confidence
        Of the intervals; 1 - confidence is the probability that anything is called an effect in
        a study in which nothing has one.

    Returns
    -------
    tuple of Effect
        One for each parameter with two values or more, in the order in which they appear.
    """
    n_seeds = max((len(sample.trainings) for sample in samples), default=0)
    known = [
        metric
        for metric in dict.fromkeys(metrics)
        if any(np.isfinite(values_of(sample, metric, n_seeds)).any() for sample in samples)
    ]
    ordered = sorted(samples, key=lambda sample: sample.number)
    keys = dict.fromkeys(key for sample in ordered for key in sample.params)
    found = []
    for key in keys:
        having = [sample for sample in ordered if key in sample.params]
        if len({sample.params[key] for sample in having}) > 1:
            found.append(_effect(having, key, known, n_seeds, confidence))
    return _corrected(found, confidence)


def _effect(
    samples: Sequence[Sample], key: str, metrics: Sequence[str], n_seeds: int, confidence: float
) -> Effect:
    groups = group_by_value(samples, key)
    is_number = are_numbers([group.value for group in groups])
    others = _others(groups, key)
    in_pairs = others != "unbalanced" and n_seeds > 1
    if is_number and not in_pairs and len(groups) > MOST_BINS:
        groups = group_in_bins(samples, key)
    estimates: list[dict[str, Any]] = [{} for _ in groups]
    standings, trends = {}, {}
    for metric in metrics:
        if in_pairs:
            scores = [values_in_blocks(group.samples, key, metric, n_seeds) for group in groups]
            places = np.array([group.middle for group in groups]) if is_number else None
            found = compare_in_pairs(np.array(scores), places, confidence)
            if not metric.startswith("property."):
                standings[metric] = rank_levels(np.array(scores), confidence)
        else:
            scores = [_means_of_trials(group.samples, metric, n_seeds) for group in groups]
            of_trials = np.repeat(np.arange(len(groups)), [len(means) for means in scores])
            values = [sample.params[key] for group in groups for sample in group.samples]
            places = np.array(values, dtype=np.float64) if is_number else None
            found = compare_apart(np.concatenate(scores), of_trials, places, confidence)
        for level, row in zip(estimates, scores, strict=True):
            level[metric] = estimate(row, confidence)
        trends[metric] = Trend(**vars(found), pair_p=_smallest_p(standings.get(metric, ())))
    levels = tuple(
        Level(
            group.value,
            group.label,
            tuple(sample.number for sample in group.samples),
            count_failed(group.samples, metrics, n_seeds),
            found_of_level,
            group.middle,
        )
        for group, found_of_level in zip(groups, estimates, strict=True)
    )
    is_scan = others == "fixed" and in_pairs
    return Effect(
        key, is_number, is_scan, levels, standings, trends, others, n_seeds, confidence
    )  # fmt: skip


def _others(groups: Sequence[Group], key: str) -> Others:
    """Look how the other parameters vary between the levels of one."""
    combinations = [
        sorted(combination_of(sample, key) for sample in group.samples) for group in groups
    ]
    if any(combination != combinations[0] for combination in combinations):
        return "unbalanced"
    return "fixed" if len(set(combinations[0])) == 1 else "balanced"


def _means_of_trials(samples: Sequence[Sample], metric: str, n_seeds: int) -> FloatArray:
    """Return the mean of every trial over its finite values, NaN of none."""
    return np.array([estimate(values_of(sample, metric, n_seeds)).mean for sample in samples])


def _smallest_p(standings: Sequence[Standing]) -> float:
    """Return the smallest p-value of all levels, NaN of fewer than three."""
    differences = [s.difference.p for s in standings if s.difference is not None]
    known = [p for p in differences if not math.isnan(p)]
    return min(known) if len(known) > 1 else math.nan


def _corrected(effects: Sequence[Effect], confidence: float) -> tuple[Effect, ...]:
    """Correct all p-values for their number; tell no levels apart where nothing is left."""
    places = [(i, metric) for i, effect in enumerate(effects) for metric in effect.trends]
    trends = [effects[i].trends[metric] for i, metric in places]
    raw = np.array([(t.p, t.trend_p, t.pair_p) for t in trends], dtype=np.float64)
    p_values = holm(raw.ravel()).reshape(-1, 3)
    corrected: list[dict[str, Trend]] = [{} for _ in effects]
    for (i, metric), found in zip(places, p_values.tolist(), strict=True):
        p, trend_p, pair_p = found
        corrected[i][metric] = replace(
            effects[i].trends[metric],
            p=p,
            trend_p=trend_p,
            pair_p=pair_p,
            matters=any(q < 1.0 - confidence for q in found),
        )
    return tuple(
        replace(
            effect,
            trends=trends_of_effect,
            standings={
                metric: standings if trends_of_effect[metric].matters else _not_told(standings)
                for metric, standings in effect.standings.items()
            },
        )
        for effect, trends_of_effect in zip(effects, corrected, strict=True)
    )


def _not_told(standings: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Take back what tells levels apart but failures; the p-values stay."""
    return tuple(
        replace(
            standing,
            difference=standing.difference and replace(standing.difference, distinguishable=False),
            same_as_best=standing.failures == standings[0].failures,
        )
        for standing in standings
    )
