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

from autune.errors import ConfigError

KINDS = ("choice", "uniform", "loguniform", "int")


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
    def grid(self) -> tuple[Any, ...] | None:
        """All values, or None where there are infinitely many."""
        if self.kind == "choice":
            return self.labels
        if self.step is None:
            return None
        low, step = Decimal(str(self.low)), Decimal(str(self.step))
        n = int((Decimal(str(self.high)) - low) / step) + 1
        convert = int if self.kind == "int" else float
        return tuple(convert(low + i * step) for i in range(n))

    def sample(self, generator: np.random.Generator) -> Any:
        """Draw one value."""
        if self.grid is not None:
            return self.grid[generator.integers(len(self.grid))]
        if self.kind == "loguniform":
            return float(np.exp(generator.uniform(np.log(self.low), np.log(self.high))))
        return float(generator.uniform(self.low, self.high))

    def decode(self, value: Any) -> Any:
        """Turn a value of the search into a value of the settings."""
        if self.kind != "choice":
            return int(value) if self.kind == "int" else float(value)
        for option in self.options:
            if same(label(option), value):
                return copy.deepcopy(option)
        raise ValueError(f"expected one of {', '.join(map(str, self.labels))}, found {value!r}")


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
        raise ConfigError(key, f"expected one of {', '.join(KINDS)}, found {len(kinds)} of them")
    kind = kinds[0]
    values = raw[kind]
    if kind == "choice":
        distribution = _read_choice(key, values, "step" in raw)
    else:
        distribution = _read_range(key, kind, values, raw.get("step"))
    when = raw.get("when", {})
    if not isinstance(when, dict):
        raise ConfigError(f"{key}.when", f"expected {{dotted.key: value or values}}, found {when}")
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
        raise ConfigError(key, f"choice: expected a list of values, found {options!r}")
    labels = [label(option) for option in options]
    for i, name in enumerate(labels):
        if name in labels[:i]:
            raise ConfigError(key, f"choice: {name} appears twice; list every value once")
    return Distribution("choice", options=tuple(options))


def _read_range(key: str, kind: str, values: Any, step: Any) -> Distribution:
    if not isinstance(values, list) or len(values) != 2:
        raise ConfigError(key, f"{kind}: expected [smallest, largest], found {values!r}")
    low, high = (_number(key, kind, value) for value in values)
    if low >= high:
        raise ConfigError(
            key, f"{kind}: the smallest value must come first, found [{low:g}, {high:g}]"
        )
    if kind == "loguniform" and low <= 0.0:
        raise ConfigError(key, f"loguniform: the smallest value must be above 0, found {low:g}")
    if kind == "loguniform" and step is not None:
        raise ConfigError(key, "loguniform has no step; leave it out")
    if step is not None:
        step = _number(key, kind, step)
        if step <= 0 or (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)) != 0:
            raise ConfigError(
                key,
                f"step: {high:g} - {low:g} must be a multiple of it, found {step:g}",
            )
    elif kind == "int":
        step = 1
    return Distribution(kind, low=low, high=high, step=step)


def _number(key: str, kind: str, value: Any) -> float:
    """Read a number; YAML takes 1e-3 for text."""
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or (kind == "int" and number != int(number)):
        expected = "a whole number" if kind == "int" else "a finite number"
        raise ConfigError(key, f"{kind}: expected {expected}, found {value!r}")
    return int(number) if kind == "int" else number


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
