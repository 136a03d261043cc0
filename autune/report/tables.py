"""Tables with units in their headers: the door to pandas, and their form on a terminal."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from autune.evaluation.accuracy import GroupAccuracy
from autune.formats.files import write_text
from autune.properties.reference import unit_of
from autune.properties.table import PropertyTable
from autune.training.epoch import Epoch

_UNITS = {
    "energy_rmse": "eV/atom",
    "energy_mae": "eV/atom",
    "energy_largest": "eV/atom",
    "force_rmse": "eV/Angstrom",
    "force_mae": "eV/Angstrom",
    "force_largest": "eV/Angstrom",
    "property_error": "%",
    "error_percent": "%",
    "excess_percent": "%",
    "seconds": "s",
}
_PREFIXES = ("train_", "test_")
_SUFFIXES = ("_mean", "_std", "_min", "_max", "_error")


def header(name: str) -> str:
    """Return the name of a quantity with its unit in brackets, or alone if it has none.

    Parameters
    ----------
    name
        Name of a metric, of a property, or of one of their statistics, for example
        ``test_energy_rmse``, ``force_rmse_std`` or ``C11``.
    """
    if name.endswith("_percent"):
        return f"{name} [%]"
    bare = name
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    unit = _UNITS.get(bare) or unit_of(bare)
    for suffix in _SUFFIXES:
        stem = bare.removesuffix(suffix)
        unit = unit or _UNITS.get(stem, "") or unit_of(stem)
    return f"{name} [{unit}]" if unit else name


def tabulate_epochs(epochs: Iterable[Epoch]) -> pd.DataFrame:
    """Make a table of epochs, one row each."""
    return _frame([dataclasses.asdict(epoch) for epoch in epochs], list(Epoch.__annotations__))


def tabulate_accuracy(accuracies: Iterable[GroupAccuracy]) -> pd.DataFrame:
    """Make a table of errors, one row per group."""
    rows = [dataclasses.asdict(accuracy) for accuracy in accuracies]
    return _frame(rows, list(GroupAccuracy.__annotations__))


def tabulate_properties(table: PropertyTable) -> pd.DataFrame:
    """Make a table of properties beside their reference, one row each, units in a column."""
    return _frame(table.to_dicts(), [])


def tabulate_trials(trials: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a table of trials, one row each; columns are all keys, in order of appearance."""
    return _frame(trials, [])


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


def _frame(rows: Sequence[Mapping[str, Any]], columns: list[str]) -> pd.DataFrame:
    names = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    frame = pd.DataFrame([dict(row) for row in rows], columns=names)
    return frame.rename(columns={name: header(name) for name in names})
