"""The trainings of the best trial, read from their folders."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from autune.errors import AutuneError
from autune.formats.files import open_text
from autune.properties.curve import Curve
from autune.properties.table import PropertyRow, PropertyTable
from autune.training.epoch import Epoch

POTENTIAL = "potential"


@dataclass(frozen=True, eq=False)
class Trainings:
    """All trainings of one setting; what is not there is empty.

    Parameters
    ----------
    epochs
        Of all of them; their seeds are counted from 0.
    kept
        Epoch whose weights were kept, by seed.
    tables
        Properties of their potentials.
    potentials
        Folders of their potentials.
    chosen
        Folder of the potential to use; None where there is none.
    fold
        Folder of the fold by which it was trained; empty without cross-validation.
    curves
        Of the potential to use.
    """

    epochs: tuple[Epoch, ...]
    kept: Mapping[int, int]
    tables: tuple[PropertyTable, ...]
    potentials: tuple[Path, ...]
    chosen: Path | None
    fold: str
    curves: tuple[Curve, ...] = ()

    @property
    def n_seeds(self) -> int:
        """Trainings of which there are epochs."""
        return len({epoch.seed for epoch in self.epochs})


def read_trainings(trials: Sequence[Path], chosen: Path | None = None) -> Trainings:
    """Read the folders of trials.

    Parameters
    ----------
    trials
        One with several seeds, or several with one seed each.
    chosen
        The one that has the potential to use; None: the first.
    """
    epochs: list[Epoch] = []
    kept: dict[int, int] = {}
    tables, potentials = [], []
    for trial in trials:
        first = len({epoch.seed for epoch in epochs})
        epochs += [_renumbered(row, first) for row in read_rows(trial / "history.csv")]
        for seed, metrics in enumerate(read_metrics(trial)):
            number = metrics.get("kept_epoch", math.nan)
            if math.isfinite(number):
                kept[first + seed] = int(number)
        for folder in sorted(trial.glob("**/seed-*"), key=_place):
            if (folder / POTENTIAL).is_dir():
                potentials.append(folder / POTENTIAL)
            if rows := read_rows(folder / "properties.csv"):
                tables.append(_table(rows))
    best = trials[0] if chosen is None else chosen
    folder = best / POTENTIAL
    fold = str(read_json(best / "result.json").get("potential", "")).rpartition("/")[0]
    return Trainings(
        tuple(epoch for epoch in epochs if epoch.number >= 0),
        kept,
        tuple(tables),
        tuple(potentials),
        folder if folder.is_dir() else None,
        fold,
        tuple(_curves(read_rows(best / "curves.csv"))),
    )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table with units in its headers, which are left out; nothing where it is missing."""
    try:
        with open_text(path) as stream:
            return [
                {str(key).partition(" [")[0]: value or "" for key, value in row.items() if key}
                for row in csv.DictReader(stream)
            ]
    except (AutuneError, csv.Error):
        return []


def read_json(path: Path) -> dict[str, Any]:
    """Read a mapping; nothing where it is missing or damaged."""
    try:
        with open_text(path) as stream:
            content = json.load(stream)
    except (AutuneError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_metrics(trial: Path) -> tuple[dict[str, float], ...]:
    """Read the metrics of every training of a trial; nothing where they are missing or damaged."""
    found = read_json(trial / "result.json").get("seeds")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return ()
    return tuple(
        {name: float(value) for name, value in one.items() if _is_number(value)} for one in found
    )


def _is_number(value: Any) -> bool:
    # A whole number of hundreds of digits is none that NumPy knows.
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)


def _place(folder: Path) -> tuple[str, int]:
    """Return what puts seeds into their order, where there are more than ten of them."""
    number = folder.name.rpartition("-")[2]
    return str(folder.parent), int(number) if number.isdecimal() else 0


def _renumbered(row: Mapping[str, str], first: int) -> Epoch:
    values = {field.name: _number(row.get(field.name, "")) for field in fields(Epoch)}
    place = {name: _whole(values.pop(name)) for name in ("seed", "number")}
    return Epoch(seed=first + place["seed"], number=place["number"], **values)


def _property(row: Mapping[str, str]) -> PropertyRow:
    return PropertyRow(
        name=row.get("name", ""),
        value=_known(row.get("value", "")),
        unit=row.get("unit", ""),
        reference=_known(row.get("reference", "")),
        uncertainty=_known(row.get("uncertainty", "")),
        reason=row.get("reason", ""),
    )


def _table(rows: Sequence[Mapping[str, str]]) -> PropertyTable:
    return PropertyTable(tuple(_property(row) for row in rows if row.get("name")))


def _curves(rows: Sequence[Mapping[str, str]]) -> Iterator[Curve]:
    """Put the points of every curve together again, as `Curve.to_dicts` writes them."""
    for name in dict.fromkeys(row.get("curve", "") for row in rows):
        mine = [row for row in rows if row.get("curve") == name]
        words = {key: mine[0].get(key, "") for key in ("x_label", "x_unit", "y_label", "y_unit")}
        points: dict[str, list[tuple[float, float]]] = {"calculated": [], "reference": []}
        for row in mine:
            here, value = _known(row.get("x", "")), _known(row.get("y", ""))
            if here is not None and value is not None and row.get("source") in points:
                points[row["source"]].append((here, value))
        x, y = _columns(points["calculated"])
        reference_x, reference_y = _columns(points["reference"])
        yield Curve(name, **words, x=x, y=y, reference_x=reference_x, reference_y=reference_y)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in points), tuple(y for _, y in points)


def _known(text: str) -> float | None:
    number = _number(text)
    return number if math.isfinite(number) else None


def _whole(number: float) -> int:
    return int(number) if math.isfinite(number) else -1


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
