"""How numbers are written on a page: units, and as many digits as are known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from autune.evaluation.confidence import Estimate
from autune.evaluation.quantities import in_signs, quantity_of, title_of_setting
from autune.report.confirmation import plus_minus
from autune.units import UnitName

SMALLEST = 1e-7
"""Below it an error in any unit of a page is one of rounding, as where symmetry fixes a value."""

_MINUS = re.compile(r"(?<![\w.)\]])-(?=\d)")
"""Before a number; between words and in their middle it is a hyphen."""


def symbols(text: str) -> str:
    """Write ±, minus and units with the signs that a terminal may lack."""
    return _MINUS.sub("−", in_signs(text).replace("+-", "±"))


def metric_text(name: str, metrics: Mapping[str, float]) -> str:
    """Write a metric of a trial, with the deviation over its seeds, without its unit."""
    value, std = metrics.get(name, math.nan), metrics.get(f"{name}_std", math.nan)
    if not math.isfinite(value):
        return ""
    n = 2 if math.isfinite(std) else 1
    return number_text(name, Estimate(value, std, n, math.nan, math.nan))


def number_text(name: str, found: Estimate) -> str:
    """Write a mean with the deviation that shows how many of its digits count, without unit."""
    return symbols(plus_minus(found.scaled(quantity_of(name).scale)))


def unit_text(name: str) -> str:
    """Return the unit in which a metric is shown."""
    return in_signs(quantity_of(name).unit)


def with_unit(name: str, text: str) -> str:
    """Put the unit of a metric behind its value."""
    unit = unit_text(name)
    return f"{text} {unit}" if unit and text else text


def metric_cells(names: Iterable[str], metrics: Mapping[str, float]) -> dict[str, str]:
    """Write metrics of a trial by their titles, for a row of a table."""
    return {quantity_of(name).title: metric_text(name, metrics) for name in names}


def plain(value: Any, digits: int = 4) -> str:
    """Write a number to significant digits; nothing where it is not known."""
    if value is None or value == "":
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if math.isfinite(value) else ""
    return str(value)


def error_text(value: float) -> str:
    """Write an error with three digits, zeros at its end too; what is only rounding as 0."""
    if not math.isfinite(value):
        return ""
    if abs(value) < SMALLEST:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def unit_of_setting(key: str, units: UnitName) -> str:
    """Return the unit of a setting; empty where it has none; units of the section potential."""
    return title_of_setting(key, units).partition(" [")[2].removesuffix("]")


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
