"""Potentials side by side: properties of each beside DFT, for files, terminals and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from autune.properties.table import PropertyRow, PropertyTable

Stds = Mapping[str, Mapping[str, float]]
"""Standard deviation by name of the potential and of the property, in the property's unit."""

AGAINST = "errors are against DFT, not experiment, to which EAM potentials are fitted"
"""What every side-by-side table and figure has to say."""


def compare_properties(
    tables: Mapping[str, PropertyTable], stds: Stds | None = None
) -> list[dict[str, Any]]:
    """Put the properties of several potentials side by side, one row a property.

    Parameters
    ----------
    tables
        By name of the potential, for example ``{"HDNNP": ..., "EAM": ..., "EMT": ...}``.
    stds
        Standard deviations over seeds, of the potentials that have them.

    Returns
    -------
    list of dict
        ``property``, ``unit``, ``DFT``, ``DFT uncertainty``, and for each potential NAME its value
        ``NAME``, its error against DFT ``NAME error [%]`` and, if it has standard deviations,
        ``NAME std`` and ``NAME error std [%]``; then ``reason``, which says what is missing.
        None where there is nothing.
    """
    found = []
    for name, rows in _by_property(tables).items():
        first = next(iter(rows.values()))
        known = next((row for row in rows.values() if row.reference is not None), first)
        line: dict[str, Any] = {
            "property": name,
            "unit": first.unit,
            "DFT": known.reference,
            "DFT uncertainty": known.uncertainty,
        }
        for potential in tables:
            row = rows.get(potential)
            line[potential] = row.value if row else None
            if potential in (stds or {}):
                line[f"{potential} std"] = std_of(stds, potential, name)
        for potential in tables:
            row = rows.get(potential)
            line[f"{potential} error [%]"] = row.error_percent if row else None
            if row and potential in (stds or {}):
                line[f"{potential} error std [%]"] = percent(row, std_of(stds, potential, name))
        line["reason"] = "; ".join(
            f"{potential}: {row.reason}" for potential, row in rows.items() if row.reason
        )
        found.append(line)
    return found


def list_properties(
    tables: Mapping[str, PropertyTable], stds: Stds | None = None
) -> list[dict[str, Any]]:
    """List the properties of several potentials below each other, with all that is known of each.

    The columns are those of `PropertyTable.to_dicts`, after ``potential``, and ``std`` and
    ``error_percent_std``, empty without a standard deviation.
    """
    found = []
    for potential, table in tables.items():
        for row, entry in zip(table.rows, table.to_dicts(), strict=True):
            std = std_of(stds, potential, row.name)
            line: dict[str, Any] = {"potential": potential}
            for key, value in entry.items():
                line[key] = value
                if key == "value":
                    line["std"] = std
                if key == "error_percent":
                    line["error_percent_std"] = percent(row, std)
            found.append(line)
    return found


def summarize_comparison(compared: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Write a comparison with the digits that count, for a terminal.

    Parameters
    ----------
    compared
        From `compare_properties`.

    Returns
    -------
    list of dict
        The same rows as text: ``4.1768 +- 0.0012`` where there is a standard deviation, an
        uncertainty behind the value of DFT, ``-`` where there is nothing.
    """
    shown = []
    for line in compared:
        potentials = [
            name.removesuffix(" error [%]") for name in line if name.endswith(" error [%]")
        ]
        row = {"property": line["property"], "unit": line["unit"]}
        if any(other["DFT"] is not None for other in compared):
            row["DFT"] = _with_uncertainty(line["DFT"], line["DFT uncertainty"])
        for name in potentials:
            row[name] = plus_minus(line[name], line.get(f"{name} std"))
        for name in potentials:
            error = line[f"{name} error [%]"]
            if any(other[f"{name} error [%]"] is not None for other in compared):
                std = line.get(f"{name} error std [%]")
                row[f"{name} error [%]"] = plus_minus(error, std, digits=2, sign=True)
        shown.append(row)
    return shown


def plus_minus(value: float | None, std: float | None, digits: int = 4, sign: bool = False) -> str:
    """Write a value with its standard deviation, to the digits of which two are uncertain.

    Parameters
    ----------
    value
        None becomes ``-``.
    std
        Without one (None, 0, NaN), the value has ``digits`` significant digits.
    digits
        Significant digits of a value without a standard deviation.
    sign
        Whether positive values have a sign.
    """
    if value is None or math.isnan(value):
        return "-"
    plus = "+" if sign else ""
    if std is None or not 0.0 < std < math.inf:
        return f"{value:{plus}.{_decimals(value, digits)}f}"
    decimals = _decimals(std, 1 if f"{std:.1e}"[0] >= "3" else 2)
    return f"{value:{plus}.{decimals}f} +- {std:.{decimals}f}"


def _with_uncertainty(value: float | None, uncertainty: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g} +- {uncertainty:.2g}" if uncertainty else f"{value:.4g}"


def std_of(stds: Stds | None, potential: str, name: str) -> float | None:
    """Return a finite standard deviation, or None."""
    std = (stds or {}).get(potential, {}).get(name, math.nan)
    return std if math.isfinite(std) else None


def percent(row: PropertyRow, std: float | None) -> float | None:
    """Return a standard deviation over the size of the reference [%]."""
    return 100.0 * std / abs(row.reference) if std is not None and row.reference else None


def _by_property(tables: Mapping[str, PropertyTable]) -> dict[str, dict[str, PropertyRow]]:
    """Sort rows by property, in order of appearance, and by potential."""
    found: dict[str, dict[str, PropertyRow]] = {}
    for potential, table in tables.items():
        for row in table.rows:
            found.setdefault(row.name, {})[potential] = row
    return found


def _decimals(value: float, digits: int) -> int:
    """Return the decimals with which a number has so many significant digits."""
    if value == 0.0:
        return digits - 1
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))
