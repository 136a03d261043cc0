"""What trials are compared with: the values of a reference table that count in their errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from autune.properties.curves import compared_points
from autune.properties.reference import read_reference
from autune.properties.suite import property_names
from autune.settings import PropertiesSettings


def compared_values(settings: PropertiesSettings | None) -> dict[str, str]:
    """Write down the reference of every property and curve that settings ask for.

    What the table holds besides, definitions too, decides no error.

    Returns
    -------
    dict of str to str
        By the name of the property, as ``160.0 +- 3.0 GPa``, and of a curve, as
        ``7 points (sha256 3f2a9c01)``; empty without a reference.

    Raises
    ------
    FormatError
        If the reference table is wrong.
    """
    if settings is None or settings.reference is None:
        return {}
    known = read_reference(settings.reference)
    values = {
        name: f"{known[name].value!r} +- {known[name].uncertainty!r} {known[name].unit}"
        for name in property_names(settings)
        if name in known
    }
    for crystal, points in compared_points(settings).items():
        digest = hashlib.sha256(repr(points).encode()).hexdigest()[:8]
        values[f"equation_of_state.{crystal}"] = f"{len(points[0])} points (sha256 {digest})"
    return values


def describe_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say which reference values are others, new or gone; empty where all are the same."""
    changes = []
    for name in dict.fromkeys((*before, *now)):
        if name not in now:
            changes.append(f"{name} is gone")
        elif name not in before:
            changes.append(f"{name} is new")
        elif before[name] != now[name]:
            changes.append(f"{name} was {before[name]}, is {now[name]}")
    return "; ".join(changes)
