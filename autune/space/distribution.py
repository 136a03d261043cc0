"""Distributions: the values that a searched leaf may take, and how they are written."""

from __future__ import annotations

import copy
import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from autune.errors import ConfigError, short

KINDS = ("choice", "uniform", "loguniform", "int")

LARGEST_INTEGER = 2**53
"""Up to here every whole number is a float, as which samplers take it."""

MOST_STEPS = 10**9
MOST_OPTIONS = 1000


class Nothing(Enum):
    """What stands where a leaf is taken out of the settings (an Enum survives pickling)."""

    LEFT_OUT = "left out"


LEFT_OUT = Nothing.LEFT_OUT


@dataclass(frozen=True)
class Distribution:
    """Values that a leaf may take.

    Parameters
    ----------
    kind
        choice, uniform, loguniform or int.
    options
        Of a choice, as in the file.
    low, high
        Smallest and largest value, both included.
    step
        Distance of the values from `low`; None: any value between.
    """

    kind: str
    options: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None

    @property
    def labels(self) -> tuple[Any, ...]:
        """The options of a choice as scalars."""
        return tuple(label(option) for option in self.options)

    @property
    def corners(self) -> tuple[Any, ...]:
        """The values at the borders: every option of a choice, low and high of a range."""
        return self.labels if self.kind == "choice" else (self.low, self.high)

    @property
    def n_values(self) -> int | None:
        """Number of values, or None where there are infinitely many."""
        if self.kind == "choice":
            return len(self.options)
        if self.step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) / _exact(self.step)) + 1

    def value(self, index: int) -> Any:
        """Return one of the values that can be counted, from 0."""
        if self.kind == "choice":
            return label(self.options[index])
        convert = int if self.kind == "int" else float
        return convert(_exact(self.low) + index * _exact(self.step or 1))

    def sample(self, generator: np.random.Generator) -> Any:
        """Draw one value."""
        if self.n_values is not None:
            return self.value(int(generator.integers(self.n_values)))
        if self.kind == "loguniform":
            value = float(np.exp(generator.uniform(np.log(self.low), np.log(self.high))))
            return min(max(value, self.low), self.high)  # exp(log(x)) may be another number
        return float(generator.uniform(self.low, self.high))

    def decode(self, value: Any) -> Any:
        """Turn a value of the search into a value of the settings."""
        if self.kind != "choice":
            return int(value) if self.kind == "int" else float(value)
        for option in self.options:
            if same(label(option), value):
                return copy.deepcopy(option)
        raise ValueError(
            f"expected one of {', '.join(map(str, self.labels))}, found {short(value)}"
        )


@dataclass(frozen=True)
class Parameter:
    """A searched leaf.

    Parameters
    ----------
    key
        Dotted path, list indices included.
    path
        The same as a tuple.
    distribution
        Its values.
    when
        Pairs of another leaf's key and the values under which this one is searched.
    otherwise
        Value under all others; `LEFT_OUT`: the settings' default.
    """

    key: str
    path: tuple[str | int, ...]
    distribution: Distribution
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    otherwise: Any = LEFT_OUT


def read_parameter(key: str, path: tuple[str | int, ...], raw: Mapping[str, Any]) -> Parameter:
    """Read a distribution as it stands in the settings file.

    Raises
    ------
    ConfigError
        If it is malformed.
    """
    known = (*KINDS, "step", "when", "otherwise")
    for word in raw:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(key, f"expected a value or a distribution, found {word}; {hint}")
    kinds = [kind for kind in KINDS if kind in raw]
    if len(kinds) != 1:
        raise ConfigError(
            key,
            f"expected a value, or a distribution with one of {', '.join(KINDS)}; found "
            f"{' and '.join(kinds) or 'none of them'}",
        )
    kind = kinds[0]
    values = raw[kind]
    if kind == "choice":
        distribution = _read_choice(key, values, "step" in raw)
    else:
        distribution = _read_range(key, kind, values, raw.get("step"))
    when = raw.get("when", {})
    if not isinstance(when, dict):
        raise ConfigError(
            f"{key}.when", f"expected {{dotted.key: value or values}}, found {short(when)}"
        )
    conditions = tuple(
        (str(other), tuple(allowed) if isinstance(allowed, list) else (allowed,))
        for other, allowed in when.items()
    )
    if "otherwise" in raw and not when:
        raise ConfigError(key, "otherwise needs a when")
    return Parameter(key, path, distribution, conditions, raw.get("otherwise", LEFT_OUT))


def _read_choice(key: str, options: Any, has_step: bool) -> Distribution:
    if has_step:
        raise ConfigError(key, "a choice has no step; leave it out")
    if not isinstance(options, list) or not options:
        raise ConfigError(key, f"choice: expected a list of values, found {short(options)}")
    if len(options) > MOST_OPTIONS:
        raise ConfigError(
            key,
            f"choice: expected at most {MOST_OPTIONS} values, found {len(options)}; use a range",
        )
    seen = set()
    for option in options:
        try:
            json.dumps(option, allow_nan=False)
        except (TypeError, ValueError):
            raise ConfigError(
                key,
                "choice: expected text, finite numbers, true, false, null, or lists and mappings "
                f"of them, found {short(option)}",
            ) from None
        if label(option) in seen:
            raise ConfigError(key, f"choice: {label(option)} appears twice; list every value once")
        seen.add(label(option))
    return Distribution("choice", options=tuple(options))


def _read_range(key: str, kind: str, values: Any, step: Any) -> Distribution:
    if not isinstance(values, list) or len(values) != 2:
        raise ConfigError(key, f"{kind}: expected [smallest, largest], found {short(values)}")
    low, high = (_number(key, kind, value) for value in values)
    if low >= high:
        raise ConfigError(
            key, f"{kind}: the smallest value must come first, found [{low:g}, {high:g}]"
        )
    if not math.isfinite(high - low):
        raise ConfigError(key, f"{kind}: the range [{low:g}, {high:g}] is too wide; narrow it")
    if kind == "loguniform" and low <= 0.0:
        raise ConfigError(key, f"loguniform: the smallest value must be above 0, found {low:g}")
    if kind == "loguniform" and step is not None:
        raise ConfigError(key, "loguniform has no step; leave it out")
    if step is not None:
        step = _number(key, "step" if kind == "uniform" else kind, step)
        if step <= 0 or high - low > MOST_STEPS * step:
            raise ConfigError(
                key,
                f"step: must be above 0 and make {MOST_STEPS:g} steps at most, found {step:g}; "
                "leave it out to search any value between",
            )
        if (_exact(high) - _exact(low)) % _exact(step) != 0:
            raise ConfigError(
                key,
                f"step: {high:g} - {low:g} must be a multiple of it, found {step:g}; change one "
                "of the three",
            )
    elif kind == "int":
        step = 1
    return Distribution(kind, low=low, high=high, step=step)


def _number(key: str, kind: str, value: Any) -> float:
    """Read a number; YAML takes 1e-3 for text."""
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (kind == "int" and number != int(number)):
        expected = "a whole number" if kind == "int" else "a finite number"
        raise ConfigError(key, f"{kind}: expected {expected}, found {short(value)}")
    if kind == "int" and abs(number) > LARGEST_INTEGER:
        raise ConfigError(key, f"int: expected numbers up to 2^53, found {short(value)}")
    return int(number) if kind == "int" else number


def _exact(number: float) -> Decimal:
    """Take a number as it is written: steps of 0.1 hit 0.3."""
    return Decimal(str(number))


def label(option: Any) -> Any:
    """Name an option by a scalar."""
    return json.dumps(option) if isinstance(option, list | dict) else option


def contains(distribution: Distribution, value: Any) -> bool:
    """Whether a value can be drawn."""
    if distribution.kind == "choice":
        return value in distribution.labels
    return isinstance(value, int | float) and distribution.low <= value <= distribution.high


def same(a: Any, b: Any) -> bool:
    """Compare settings; lists equal tuples, and true is not 1."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
