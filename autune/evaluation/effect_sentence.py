"""One sentence with numbers about what a parameter does to a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autune.evaluation.confidence import Estimate, Standing
from autune.evaluation.quantities import Quantity, name_of_setting, quantity_of

if TYPE_CHECKING:
    from autune.evaluation.effects import Effect, Trend

_MOST_NAMED = 5


def describe_effect(effect: Effect, metric: str) -> str:
    """Say in a sentence which levels are best, by how much, and whether anything can be told.

    Parameters
    ----------
    effect
        From `find_effects`.
    metric
        One of those for which it was asked.
    """
    quantity = quantity_of(metric)
    name = name_of_setting(effect.parameter)
    known = [i for i, level in enumerate(effect.levels) if _of(effect, i, metric).n]
    if len(known) < 2 or metric not in effect.trends:
        return f"{quantity.label}: no two values of {name} gave a finite value"
    trend = effect.trends[metric]
    standings = effect.standings.get(metric, ())
    told = any(s.difference is not None and s.difference.distinguishable for s in standings)
    if metric.startswith("property."):
        words = _range(effect, metric, known, quantity)
    elif standings and told:
        words = _best(effect, standings, quantity)
    else:
        words = _range(effect, metric, known, quantity)
    return f"{quantity.label}: {words}{_verdict(effect, trend, name, told)}{_remarks(effect, name)}"


def _best(effect: Effect, standings: Sequence[Standing], quantity: Quantity) -> str:
    """Say which level is best, which are as good, and how far behind the others are."""
    best = standings[0]
    words = (
        f"lowest at {effect.levels[best.setting].label}, {_with_interval(best.score, quantity)}"
        f" over {best.score.n} seeds"
    )
    same = [s for s in standings[1:] if s.same_as_best]
    behind = [s for s in standings[1:] if s.difference is not None and s.difference.distinguishable]
    if same:
        words += f"; {_levels(effect, same)} cannot be told from it"
    if behind:
        first, last = (
            _with_interval(s.difference.estimate, quantity, "+")
            for s in (behind[0], behind[-1])
            if s.difference is not None
        )
        by = first if len(behind) == 1 else f"from {first} to {last}"
        words += f"; {_levels(effect, behind)} differ{'s' * (len(behind) == 1)} from it, by {by}"
    return words


def _range(effect: Effect, metric: str, known: Sequence[int], quantity: Quantity) -> str:
    """Say between which means all levels lie."""
    order = sorted(known, key=lambda i: _of(effect, i, metric).mean)
    lowest, highest = (
        f"{_with_interval(_of(effect, i, metric), quantity)} at {effect.levels[i].label}"
        for i in (order[0], order[-1])
    )
    over = f"{effect.n_seeds} seeds" if effect.in_pairs else "trials"
    return f"the means of {len(known)} levels over {over} lie between {lowest} and {highest}"


def _verdict(effect: Effect, trend: Trend, name: str, told: bool) -> str:
    """Say what the tests found."""
    if math.isnan(trend.p):
        words = f"; whether {name} matters cannot be tested, there is one training for each value"
        return words if not trend.matters else words + _slope(trend, name)
    p = f"{trend.test}, {_p(trend.p)}"
    scatter = "seeds" if effect.in_pairs else "trials"
    if not trend.matters and not told:
        return f"; no effect of {name} can be told from the scatter of the {scatter} ({p})"
    words = (
        f"; {name} matters" if trend.matters else f"; over all levels {name} has no clear effect"
    )
    return f"{words} ({p}){_slope(trend, name)}"


def _slope(trend: Trend, name: str) -> str:
    if math.isnan(trend.trend_p):
        return ""
    between = f"Spearman {trend.correlation:+.2f}, {trend.low:+.2f} to {trend.high:+.2f}"
    p = f"{between}, {_p(trend.trend_p)}"
    if trend.matters and trend.trend_p < 0.05:
        return f", it {'rises' if trend.correlation > 0.0 else 'falls'} with {name} ({p})"
    return f", without a trend ({p})"


def _remarks(effect: Effect, name: str) -> str:
    words = ""
    failed = [level for level in effect.levels if level.n_failed]
    if failed:
        named = ", ".join(f"{level.label} ({level.n_failed})" for level in failed[:_MOST_NAMED])
        more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        words += f"; trainings failed at {named}{more}"
    if effect.others == "unbalanced":
        words += "; the other parameters are not balanced: a marginal effect, not a controlled one"
    return words


def _of(effect: Effect, level: int, metric: str) -> Estimate:
    return effect.levels[level].estimates.get(
        metric, Estimate(math.nan, math.nan, 0, math.nan, math.nan)
    )


def _levels(effect: Effect, standings: Sequence[Standing]) -> str:
    """Name levels by their values, or say how many there are."""
    if len(standings) > _MOST_NAMED:
        return f"{len(standings)} of the other {len(effect.levels) - 1} levels"
    labels = [effect.levels[i].label for i in sorted(s.setting for s in standings)]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _with_interval(found: Estimate, quantity: Quantity, sign: str = "") -> str:
    """Write mean, unit and interval to two digits of the interval's half."""
    unit = f" {quantity.unit}" if quantity.unit else ""
    if found.n < 2:
        return f"{found.mean / quantity.scale:{sign}.4g}{unit}"
    mean, low, high = (x / quantity.scale for x in (found.mean, found.low, found.high))
    half = 0.5 * (high - low)
    place = math.floor(math.log10(half)) - 1 if half > 0.0 else -4
    form = f"{sign}.{min(7, max(0, -place))}f"
    return f"{mean:{form}}{unit} ({low:{form}} to {high:{form}})"


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < 0.0001"
