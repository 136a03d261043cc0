"""One sentence with numbers about what a parameter does to a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from autune.evaluation.confidence import Estimate, Standing
from autune.evaluation.effects import Effect, Trend
from autune.evaluation.quantities import Quantity, name_of_setting, quantity_of

_MOST_NAMED = 5


def describe_effect(effect: Effect, metric: str) -> str:
    """Say in a sentence which levels are best, by how much, and whether anything can be told.

    Levels are told apart only where the parameter matters to the metric. Intervals are those of
    means over the seeds, or of mean differences from the level with the lowest mean; they are not
    corrected for the number of comparisons, nor for the choice of that level. Six levels or more
    are told apart by ranks, so that a level can be worse whose interval reaches over zero for the
    sake of one seed.

    Parameters
    ----------
    effect
        From `find_effects`.
    metric
        One of those for which it was asked.
    """
    quantity = quantity_of(metric)
    name = name_of_setting(effect.parameter)
    known = [
        place
        for place, level in enumerate(effect.levels)
        if metric in level.estimates and level.estimates[metric].n
    ]
    if len(known) < 2:
        return f"{quantity.label}: no two values of {name} gave any{_failures(effect)}"
    standings = effect.standings.get(metric, ())
    told = any(_is_told(standing) for standing in standings)
    short = name.rpartition(".")[2]  # once it was named in full
    words = _best(effect, standings, quantity) if told else _range(effect, metric, known, quantity)
    words += _verdict(effect, effect.trends[metric], short) + _failures(effect)
    if effect.others == "unbalanced":
        words += "; the other parameters are not balanced: a marginal effect, not a controlled one"
    return f"{quantity.label}: {words}"


def _best(effect: Effect, standings: Sequence[Standing], quantity: Quantity) -> str:
    """Say which level is best, which are as good, and how far behind the others are."""
    best, others = standings[0], standings[1:]
    words = (
        f"best is {name_of_setting(effect.parameter)} {effect.levels[best.setting].label} with "
        f"{_interval(best.score, quantity, _percent(effect))} over {best.score.n} {effect.points}"
    )
    same = [standing for standing in others if standing.same_as_best]
    if same:
        words += f"; {_levels(effect, same)} cannot be told from it"
    behind = sorted(
        (s.difference.estimate.mean, s.setting, s)
        for s in others
        if s.difference is not None and _is_told(s)
    )
    worse = [standing for mean, _, standing in behind if mean > 0.0]
    if worse:
        differences = [s.difference.estimate for s in worse if s.difference is not None]
        most = _interval(differences[-1], quantity)
        if len(worse) == 1:
            words += f"; {_levels(effect, worse)} is worse, by {most}"
        else:
            least = _interval(differences[0], replace(quantity, unit=""))
            near, far = (_levels(effect, [worse[place]]) for place in (0, -1))
            words += (
                f"; {_levels(effect, worse)} are worse, {near} the least, by {least}, and {far} "
                f"the most, by {most}"
            )
    lower = [standing for mean, _, standing in behind if mean < 0.0]
    if lower:
        words += f"; lower, but failing more often: {_levels(effect, lower)}"
    return words


def _range(effect: Effect, metric: str, known: Sequence[int], quantity: Quantity) -> str:
    """Say between which means all levels lie."""
    order = sorted(known, key=lambda place: effect.levels[place].estimates[metric].mean)
    lowest, highest = effect.levels[order[0]], effect.levels[order[-1]]
    n = lowest.estimates[metric].n
    over = f"over {n} {effect.points}" if effect.in_pairs else "of the trials"
    what = "ranges" if effect.is_binned else "values"
    return (
        f"of {len(known)} {what} of {name_of_setting(effect.parameter)} the mean {over} is lowest "
        f"at {lowest.label}, {_interval(lowest.estimates[metric], quantity, _percent(effect))}, "
        f"and highest at {highest.label}, {_interval(highest.estimates[metric], quantity)}"
    )


def _verdict(effect: Effect, trend: Trend, name: str) -> str:
    """Say what the tests found."""
    slope = _slope(trend, name, effect.confidence)
    if math.isnan(trend.p):
        return slope or f"; too few trainings to test whether {name} matters"
    p = f"{trend.test}, {_p(trend.p)}"
    if not trend.matters:
        return f"; no effect of {name} can be told from the scatter of the {effect.points} ({p})"
    if not trend.p < 1.0 - effect.confidence:  # a trend shows more, or the difference of two
        return f"{slope}; all levels together show no effect ({p})"
    return f"; {name} matters ({p}){slope}"


def _slope(trend: Trend, name: str, confidence: float) -> str:
    """Say whether the metric rises or falls with a number."""
    if math.isnan(trend.trend_p):
        return ""
    p = f"Spearman's correlation {trend.correlation:+.2f}, {_p(trend.trend_p)}"
    if trend.trend_p < 1.0 - confidence:
        verb = "rises" if trend.correlation > 0.0 else "falls"
        return f"; on the whole it {verb} with {name} ({p})"
    return f"; on the whole it neither rises nor falls ({p})"


def _failures(effect: Effect) -> str:
    failed = [level for level in effect.levels if level.n_failed]
    if not failed:
        return ""
    named = ", ".join(f"{level.n_failed} at {level.label}" for level in failed[:_MOST_NAMED])
    rest = sum(level.n_failed for level in failed[_MOST_NAMED:])
    return f"; failed trainings (diverged, or without a value): {named}" + (
        f", {rest} at others" if rest else ""
    )


def _is_told(standing: Standing) -> bool:
    return standing.difference is not None and standing.difference.distinguishable


def _levels(effect: Effect, standings: Sequence[Standing]) -> str:
    """Name levels by their values, or say how many there are."""
    labels = [effect.levels[place].label for place in sorted(s.setting for s in standings)]
    if len(labels) > _MOST_NAMED:
        words = f"{len(labels)} of the other {len(effect.levels) - 1}"
        return f"{words} (between {labels[0]} and {labels[-1]})" if effect.is_number else words
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _percent(effect: Effect) -> str:
    return f"{100.0 * effect.confidence:.3g} % interval "


def _interval(found: Estimate, quantity: Quantity, words: str = "") -> str:
    """Write mean, interval and unit to two digits of the interval's half."""
    unit = f" {quantity.unit}" if quantity.unit else ""
    if found.n < 2:
        return f"{found.mean / quantity.scale:.4g}{unit}"
    mean, low, high = (x / quantity.scale for x in (found.mean, found.low, found.high))
    half = 0.5 * (high - low)
    if not math.isfinite(half):  # of errors whose squares no number holds
        return f"{mean:.4g} ({words}unknown){unit}"
    place = math.floor(math.log10(half)) - 1 if half > 0.0 else -4
    form = f".{min(7, max(0, -place))}f"
    return f"{mean:{form}} ({words}{low:{form}} to {high:{form}}){unit}"


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < 0.0001"
