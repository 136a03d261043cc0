"""Tables with units in their headers: the door to pandas, and their form on a terminal."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from autune.evaluation.quantities import unit_of as unit_of
from autune.formats.files import write_text
from autune.properties.table import PropertyTable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def header(name: str) -> str:
    """Return the name of a quantity with its unit in brackets, or alone if it has none."""
    unit = unit_of(name)
    return f"{name} [{unit}]" if unit else name


def tabulate(rows: Iterable[DataclassInstance | Mapping[str, Any]]) -> pd.DataFrame:
    """Make a table of dataclasses or mappings, one row each.

    Columns are all their fields or keys in order of appearance, with units in their headers.
    """
    plain = [dict(row) if isinstance(row, Mapping) else dataclasses.asdict(row) for row in rows]
    names = list(dict.fromkeys(key for row in plain for key in row))
    return pd.DataFrame(plain, columns=names).rename(columns={name: header(name) for name in names})


def tabulate_properties(table: PropertyTable) -> pd.DataFrame:
    """Make a table of properties beside their reference, one row each, units in a column."""
    return tabulate(table.to_dicts())


def tabulate_curves(table: PropertyTable) -> pd.DataFrame:
    """Make a table of the points of all curves, one row each, units in columns."""
    return tabulate(row for curve in table.curves for row in curve.to_dicts())


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, all digits, whole or not at all.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def format_table(frame: pd.DataFrame, title: str = "", digits: int = 4) -> Table:
    """Lay a table out for a terminal; print it with a `rich.console.Console`.

    Columns without any value are left out.

    Parameters
    ----------
    frame
        The table.
    title
        Line above it.
    digits
        Significant digits of numbers.
    """
    shown = frame.dropna(axis="columns", how="all")
    shown = shown.loc[:, [bool((shown[name].astype(str) != "").any()) for name in shown.columns]]
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for name in shown.columns:  # Text, so that rich does not take [eV] for markup
        is_number = pd.api.types.is_numeric_dtype(shown[name])
        table.add_column(
            Text(str(name).replace(" [", "\n[")),
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for row in shown.itertuples(index=False, name=None):
        table.add_row(*(Text(format_value(value, digits)) for value in row))
    return table


def format_value(value: Any, digits: int = 4) -> str:
    """Write a value of a table: whole numbers in full, others to significant digits."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value)
