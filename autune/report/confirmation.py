"""What a confirmation found: tables for a file and a terminal, and a sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autune.evaluation.confidence import Estimate, Standing, estimate, rank_settings
from autune.units import MEV

UNITS = {
    "score": ("score", 1.0),
    "energy_rmse": ("energy RMSE [meV/atom]", MEV),
    "force_rmse": ("force RMSE [eV/Angstrom]", 1.0),
    "property_error": ("property error [%]", 1.0),
}
"""What is shown of every setting, as far as its trainings have it: label, unit in the metric's."""


FAILED = " (it diverged, or a property could not be calculated)"
"""What the failure of a training is."""


@dataclass(frozen=True, eq=False)
class ConfirmedSetting:
    """A setting that was trained with several seeds.

    Parameters
    ----------
    trial
        Number of the trial in which the search found it.
    params
        Dotted key and value of every searched leaf.
    seeds
        Metrics of each training, in the same order for all settings; one without a finite
        ``score`` failed: it diverged, or a property could not be calculated.
    """

    trial: int
    params: Mapping[str, Any]
    seeds: tuple[Mapping[str, float], ...]

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return a metric of all trainings, NaN for those that failed, shape (n_seeds,)."""
        return np.array(
            [
                seed.get(metric, math.nan)
                if math.isfinite(seed.get("score", math.nan))
                else math.nan
                for seed in self.seeds
            ]
        )


@dataclass(frozen=True, eq=False)
class Confirmation:
    """Settings that were trained with the same seeds.

    Parameters
    ----------
    settings
        In any order, each trial once.
    confidence
        Of intervals and comparisons.
    """

    settings: tuple[ConfirmedSetting, ...]
    confidence: float = 0.95

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """The settings by rank, compared with the best one.

        Raises
        ------
        DataError
            If there are no settings, or not as many seeds of each.
        """
        scores = {setting.trial: setting.values("score") for setting in self.settings}
        return rank_settings(scores, self.confidence)

    @property
    def ranked(self) -> list[tuple[Standing, ConfirmedSetting]]:
        """Standings and settings, best first."""
        by_trial = {setting.trial: setting for setting in self.settings}
        return [(standing, by_trial[standing.setting]) for standing in self.standings]

    @property
    def metrics(self) -> list[str]:
        """Those of `UNITS` that a training has."""
        return [
            name for name in UNITS if any(np.isfinite(s.values(name)).any() for s in self.settings)
        ]

    @property
    def percent(self) -> str:
        """The confidence in words."""
        return f"{100.0 * self.confidence:.3g} %"

    @property
    def title(self) -> str:
        """What the numbers of `terminal_rows` are."""
        n_seeds = self.standings[0].n_seeds
        return (
            f"mean +- standard deviation over {n_seeds} seeds, {self.percent} interval of the mean"
        )

    def estimate(self, setting: ConfirmedSetting, metric: str) -> Estimate:
        """Return mean and interval of a metric."""
        return estimate(setting.values(metric), self.confidence)


def confirmation_rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """Make one row for each setting, best first, for `autune.report.tables.tabulate`.

    Of every metric its mean and as NAME_std, NAME_low, NAME_high the standard deviation over the
    seeds (n - 1) and the confidence interval of the mean; p is corrected for the number of
    comparisons, the interval of the difference is not.
    """
    rows = []
    for standing, setting in confirmation.ranked:
        row: dict[str, Any] = {
            "rank": standing.rank,
            "trial": standing.setting,
            "failures": standing.failures,
            "seeds": standing.n_seeds,
        }
        for name in confirmation.metrics:
            found = confirmation.estimate(setting, name)
            row |= {
                name: found.mean,
                f"{name}_std": found.std,
                f"{name}_low": found.low,
                f"{name}_high": found.high,
            }
        difference = standing.difference
        row |= {
            "difference": difference and difference.estimate.mean,
            "difference_low": difference and difference.estimate.low,
            "difference_high": difference and difference.estimate.high,
            "p": difference and difference.p,
        }
        rows.append({**row, "same_as_best": _yes(standing), **setting.params})
    return rows


def terminal_rows(confirmation: Confirmation) -> list[dict[str, str | int]]:
    """Make the same rows, without params, as texts that fit on a terminal.

    Mean +- standard deviation, and below them the interval of the mean.
    """
    fails = any(standing.failures for standing in confirmation.standings)
    rows: list[dict[str, str | int]] = []
    for standing, setting in confirmation.ranked:
        row: dict[str, str | int] = {"rank": standing.rank, "trial": standing.setting}
        for name in confirmation.metrics:
            label, unit = UNITS[name]
            row[label] = _two_lines(estimate(setting.values(name) / unit, confirmation.confidence))
        difference = standing.difference
        row["difference"] = "" if difference is None else _difference(difference.estimate)
        row["p"] = "" if difference is None else f"{difference.p:.2g}"
        row["same as best"] = _yes(standing)
        row["failures"] = f"{standing.failures}/{standing.n_seeds}" if fails else ""
        rows.append(row)
    return rows


def describe_settings(confirmation: Confirmation) -> list[str]:
    """Say in a line for each setting, best first, what was chosen."""
    names = short_names(key for s in confirmation.settings for key in s.params)
    return [
        f"trial {setting.trial}: "
        + ", ".join(f"{names[key]} {short_value(v)}" for key, v in setting.params.items())
        for _, setting in confirmation.ranked
    ]


def describe_confirmation(confirmation: Confirmation) -> str:
    """Say in a sentence which setting is best and which others may be as good."""
    standings = confirmation.standings
    best, others = standings[0], standings[1:]
    n = len(standings)
    words = f"{n} setting{'s' if n > 1 else ''}, {best.n_seeds} seeds{' each' if n > 1 else ''}: "
    if best.failures == best.n_seeds:
        return words + "none gave a potential"
    if not others:
        found = best.score
        words += f"trial {best.setting} has a score of {plus_minus(found)}"
        if found.n > 1:
            words += f", its mean lies between {_interval(found, 'and')} ({confirmation.percent})"
    else:
        words += f"trial {best.setting} is best"
        same = [standing.setting for standing in others if standing.same_as_best]
        if same:
            words += f"; {_trials(same)} cannot be told from it ({confirmation.percent})"
        elif all(_is_worse(standing) for standing in others):
            rest = _trials([others[0].setting]) if len(others) == 1 else "all others"
            words += f", and better than {rest} ({confirmation.percent})"
    for standing in standings:
        if standing.failures:
            words += (
                f"; trial {standing.setting} failed for {standing.failures} of "
                f"{standing.n_seeds} seeds"
            )
    if any(standing.failures for standing in standings):
        words += FAILED
    return words


def _is_worse(standing: Standing) -> bool:
    difference = standing.difference
    return difference is not None and difference.distinguishable and difference.estimate.mean > 0.0


def _yes(standing: Standing) -> str:
    return "yes" if standing.same_as_best else "no"


def _trials(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"trial {numbers[0]}"
    return f"trials {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Name every key by its last words, as many as no other key ends with."""
    keys = list(dict.fromkeys(keys))
    ends = {key: [key.split(".", n)[-1] for n in range(key.count("."), -1, -1)] for key in keys}
    shared = Counter(end for key in keys for end in ends[key])
    return {key: next((end for end in ends[key] if shared[end] == 1), key) for key in keys}


def short_value(value: Any) -> str:
    """Write a value of a setting, numbers with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _two_lines(found: Estimate) -> str:
    return plus_minus(found) + (f"\n{_interval(found, 'to')}" if found.n > 1 else "")


def _difference(found: Estimate) -> str:
    if found.n < 2:
        return ""
    return f"{found.mean:+.{_decimals(found)}f}\n{_interval(found, 'to', '+')}"


def plus_minus(found: Estimate) -> str:
    """Write a mean with as many digits as its standard deviation shows; empty without values."""
    if found.n == 0:
        return ""
    text = f"{found.mean:.{_decimals(found)}f}"
    return text if found.n < 2 else f"{text} +- {found.std:.{_decimals(found)}f}"


def _interval(found: Estimate, between: str, sign: str = "") -> str:
    form = f"{sign}.{_decimals(found)}f"
    return f"{found.low:{form}} {between} {found.high:{form}}"


def _decimals(found: Estimate) -> int:
    """Return how many decimals show the deviation, or four digits of a mean without one.

    Two digits of a deviation that begins with 1 or 2, one digit of others.
    """
    if found.n > 1 and found.std > 0.0:
        place = math.floor(math.log10(found.std))
        place -= found.std / 10.0**place < 3.0
    elif found.mean:
        place = math.floor(math.log10(abs(found.mean))) - 3
    else:
        return 1
    return min(7, max(0, -place))
