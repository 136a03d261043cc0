"""A table of the levels of a scan: the best of each metric, and how much worse the others are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from autune.evaluation.confidence import Estimate, Standing
from autune.evaluation.effects import Effect
from autune.evaluation.quantities import name_of_setting, quantity_of
from autune.page.blocks import Table, table
from autune.page.texts import plain, symbols

_FEWEST_IN_RANGE = 3
"""Neighbouring numbers of which only the first and the last are named."""


def standing_table(effect: Effect, metrics: Sequence[str]) -> list[Table]:
    """Return a row for each metric, best level first; nothing where levels are not in pairs."""
    rows = [_row(effect, metric) for metric in metrics if effect.standings.get(metric)]
    name = name_of_setting(effect.parameter)
    caption = (
        f"The best {name} for each metric, and what can be told from it. Differences are those of "
        "the means from the best, the least and the most of those that are worse; p is that of all "
        "levels being equal, corrected for the number of tests."
    )
    texts = ("metric", "cannot be told from it", "worse", "fails more often")
    return table(caption, rows, texts)


def _row(effect: Effect, metric: str) -> dict[str, str]:
    standings, quantity = effect.standings[metric], quantity_of(metric)
    best, others = standings[0], standings[1:]
    worse = [s for s in others if not s.same_as_best and s.failures == best.failures]
    means = [s.difference.estimate.mean / quantity.scale for s in worse if s.difference is not None]
    known = sorted(mean for mean in means if math.isfinite(mean))
    percent = f"{100.0 * effect.confidence:.3g} %"
    words = {
        "metric": quantity.title,
        f"best {name_of_setting(effect.parameter)}": effect.levels[best.setting].label,
        f"mean ({percent} interval)": _interval(best.score.scaled(quantity.scale)),
        "cannot be told from it": _levels(effect, (s for s in others if s.same_as_best)),
        "worse": _levels(effect, worse),
        "worse by": " to ".join(dict.fromkeys(map(_two_digits, (*known[:1], *known[-1:])))),
        "fails more often": _levels(effect, (s for s in others if s.failures > best.failures)),
        "p": _p(effect.trends[metric].p),
    }
    return {key: symbols(text) for key, text in words.items()}


def _levels(effect: Effect, standings: Iterable[Standing]) -> str:
    """Name levels; of numbers that are neighbours the first and the last."""
    places = sorted(standing.setting for standing in standings)
    if len(places) == len(effect.levels) - 1 and len(places) > 1:
        return "all others"
    runs: list[list[int]] = []
    for place in places:
        if effect.is_number and runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    named = []
    for run in runs:
        labels = [effect.levels[place].label for place in run]
        named += [f"{labels[0]} to {labels[-1]}"] if len(run) >= _FEWEST_IN_RANGE else labels
    return ", ".join(named)


def _two_digits(value: float) -> str:
    decimals = 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(7, max(0, decimals))}f}"


def _interval(found: Estimate) -> str:
    """Write mean and interval to two digits of the interval's half."""
    half = 0.5 * (found.high - found.low)
    if not half > 0.0:
        return plain(found.mean)
    decimals = min(7, max(0, 1 - math.floor(math.log10(half))))
    return f"{found.mean:.{decimals}f} ({found.low:.{decimals}f} to {found.high:.{decimals}f})"


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"
