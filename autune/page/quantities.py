"""How numbers are written on a page: names in words, units, as many digits as are known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from autune.evaluation.confidence import Estimate
from autune.report.confirmation import plus_minus
from autune.report.tables import unit_of
from autune.settings import describe
from autune.units import MEV

_WORDS = {
    "score": "score",
    "energy_rmse": "energy RMSE",
    "force_rmse": "force RMSE",
    "train_energy_rmse": "training energy RMSE",
    "train_force_rmse": "training force RMSE",
    "property_error": "property error",
}
_SYMBOLS = (
    ("+-", "±"),
    ("Angstrom^2", "Å²"),
    ("Angstrom^3", "Å³"),
    ("Angstrom", "Å"),
    ("J/m^2", "J/m²"),
)


def symbols(text: str) -> str:
    """Write ± and units with the signs that a terminal may lack."""
    for plain, sign in _SYMBOLS:
        text = text.replace(plain, sign)
    return text


def words_of(name: str) -> str:
    """Return the words for a metric: ``property_error.C11`` is the C11 error."""
    if name in _WORDS:
        return _WORDS[name]
    stem, dot, rest = name.partition(".")
    if dot and stem == "property":
        return rest.replace("_", " ")
    if dot and stem == "property_error":
        return f"{rest.replace('_', ' ')} error"
    if dot and stem in _WORDS:
        return f"{_WORDS[stem]} of {rest}"
    return name.replace("_", " ")


def unit_and_factor(name: str) -> tuple[str, float]:
    """Return the unit in which a metric is shown, and that unit in the metric's own."""
    unit = unit_of(name)
    return ("meV/atom", MEV) if unit == "eV/atom" else (symbols(unit), 1.0)


def header(name: str) -> str:
    """Return the words for a metric with its unit in brackets."""
    unit = unit_and_factor(name)[0]
    return f"{words_of(name)} [{unit}]" if unit else words_of(name)


def metric_text(name: str, metrics: Mapping[str, float]) -> str:
    """Write a metric of a trial, with the deviation over its seeds, in the unit of `header`."""
    value = metrics.get(name, math.nan)
    if not math.isfinite(value):
        return ""
    factor = unit_and_factor(name)[1]
    std = metrics.get(f"{name}_std", math.nan)
    n = 2 if math.isfinite(std) else 1
    return number_text(Estimate(value / factor, std / factor, n, math.nan, math.nan))


def number_text(found: Estimate) -> str:
    """Write a mean with the deviation that shows how many of its digits count."""
    return symbols(plus_minus(found))


def with_unit(name: str, text: str) -> str:
    """Put the unit of a metric behind its value."""
    unit = unit_and_factor(name)[0]
    return f"{text} {unit}" if unit and text else text


def plain(value: Any, digits: int = 4) -> str:
    """Write a number to significant digits; nothing where it is not known."""
    if value is None or value == "":
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if math.isfinite(value) else ""
    return str(value)


@cache
def _units_of_settings() -> dict[str, str]:
    found = {key: re.search(r"\[([^\]]+)\]$", words) for key, _, words in describe()}
    return {key: symbols(match[1]) for key, match in found.items() if match}


def unit_of_setting(key: str) -> str:
    """Return the unit of a setting; empty where it has none."""
    units = _units_of_settings()
    return units.get(key) or units.get(re.sub(r"\.\d+$", "", key), "")


def duration(seconds: float) -> str:
    """Write a time in the unit in which it is easily read."""
    for unit, size in (("days", 172800.0), ("h", 7200.0), ("min", 120.0)):
        if seconds >= size:
            return f"{seconds / {'days': 86400.0, 'h': 3600.0, 'min': 60.0}[unit]:.1f} {unit}"
    return f"{seconds:.3g} s"


def counted(n: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def joined(names: list[str]) -> str:
    """Write a list in words."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
