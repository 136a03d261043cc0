"""Errors of several potentials side by side, for a paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from autune.errors import DataError
from autune.evaluation.quantities import in_signs, quantity_of
from autune.properties.table import PropertyRow, PropertyTable
from autune.report.canvas import write_figure
from autune.report.comparison import Stds, percent, std_of
from autune.report.marks import OF_POTENTIALS

LINEAR_TO = 1.0
"""Percent; the axis is linear up to it and logarithmic beyond, so that 0.3 and 30 are both seen."""

_BARS = tuple(zip(OF_POTENTIALS, ("", "////", "....", "xxxx", "----"), strict=True))
"""Colours that differ in lightness too, and hatches, so that print without colours is read."""

_LABELS = {
    "lattice_constant": "lattice constant $a$",
    "C11": "$C_{11}$",
    "C12": "$C_{12}$",
    "C44": "$C_{44}$",
}


def plot_comparison(
    tables: Mapping[str, PropertyTable], path: str | Path, stds: Stds | None = None
) -> None:
    """Draw the errors of several potentials against DFT in percent, a group of bars a property.

    Bars are signed, on an axis that is linear around zero and logarithmic beyond `LINEAR_TO`:
    absolute errors on a logarithmic axis would have no place for an error bar that reaches zero.

    Parameters
    ----------
    tables
        By name of the potential, for example ``{"HDNNP": ..., "EAM": ..., "EMT": ...}``.
    path
        PNG or SVG to write.
    stds
        Standard deviations over seeds by name of the potential and of the property, in its unit;
        drawn as error bars.

    Raises
    ------
    DataError
        If no property has a reference.
    ConfigError
        If the file cannot be written.
    """
    rows: dict[str, PropertyRow] = {}
    for table in tables.values():
        for row in table.rows:
            if row.reference is not None:
                rows.setdefault(row.name, row)
    if not rows:
        raise DataError("no property has a reference to compare with; set properties.reference")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        height = 0.84 / len(tables)
        for place, row in enumerate(rows.values()):
            half = 100.0 * (row.uncertainty or 0.0) / abs(row.reference or 1.0)
            axes.barh(place, 2.0 * half, 0.96, left=-half, color="#dddddd", zorder=0.5)
        for index, (potential, table) in enumerate(tables.items()):
            by_name = {row.name: row for row in table.rows}
            for place, name in enumerate(rows):
                middle = place + (index - (len(tables) - 1) / 2) * height
                found = by_name.get(name)
                std = percent(found, std_of(stds, potential, name)) if found else None
                _draw_bar(axes, middle, height, found, std, _BARS[index % len(_BARS)])
        _lay_out(axes, rows.values())
        handles: list[Artist] = [
            _patch(label, *_BARS[index % len(_BARS)]) for index, label in enumerate(tables)
        ]
        handles.append(Patch(facecolor="#dddddd", label="uncertainty of DFT"))
        if any((stds or {}).values()):
            handles.append(
                Line2D([], [], marker="|", color="black", label="standard deviation over seeds")
            )
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=len(handles) if sum(map(len, tables)) < 14 else 3,
            columnspacing=1.2,
            fontsize=9,
        )

    n_bars = len(rows) * len(tables)
    write_figure(path, (9.8, 1.5 + 0.06 * len(rows) + 0.19 * n_bars), draw)


def _draw_bar(
    axes: Axes,
    middle: float,
    height: float,
    row: PropertyRow | None,
    std: float | None,
    style: tuple[str, str],
) -> None:
    """Draw a bar with its error bar and its number, or say that there is none."""
    error = row.error_percent if row else None
    colour, hatch = style
    ends = [0.0] if error is None else [error - (std or 0.0), error, error + (std or 0.0), 0.0]
    to_the_right = (error or 0.0) >= 0.0
    if error is not None:
        axes.barh(
            middle, error, 0.9 * height, color=colour, hatch=hatch, edgecolor="black",
            linewidth=0.6,
        )  # fmt: skip
    if error is not None and std is not None:
        outline = [withStroke(linewidth=2.6, foreground="white")]
        axes.plot(
            [error - std, error + std], [middle, middle], "|-", color="black", linewidth=1.1,
            markersize=4.5, path_effects=outline,
        )  # fmt: skip
    text = "not calculated" if row is None else "failed" if error is None else _words(error, std)
    axes.annotate(
        text, (max(ends) if to_the_right else min(ends), middle), fontsize=8, va="center",
        ha="left" if to_the_right else "right", xytext=(4 if to_the_right else -4, 0),
        textcoords="offset points",
    )  # fmt: skip


def _words(error: float, std: float | None) -> str:
    """Write an error, to a hundredth of a percent where it is small."""
    size = std or error
    decimals = 2 if abs(size) < 0.1 else 1 if abs(size) < 10.0 else 0
    text = f"{error:+.{decimals}f}"
    return (text if std is None else f"{text} ± {std:.{decimals}f}").replace("-", "−")


def _lay_out(axes: Axes, rows: Iterable[PropertyRow]) -> None:
    """Set the axes, their labels and ticks, once everything is drawn."""
    rows = list(rows)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xscale("symlog", linthresh=LINEAR_TO, linscale=0.7)
    low, high = axes.dataLim.intervalx
    # Room for the numbers beside the bars, on a scale that is logarithmic there.
    axes.set_xlim(min(-1.0, 5.0 * low), max(1.0, 5.0 * high))
    steps = (1, 3) if high - low < 60.0 else (1,)
    ticks = [sign * n * 10.0**e for sign in (-1, 1) for e in range(7) for n in steps]
    axes.xaxis.set_major_locator(FixedLocator(sorted([*ticks, 0.0])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+g}".replace("-", "−")
                                                 if x else "0"))  # fmt: skip
    axes.xaxis.set_minor_locator(NullLocator())
    for edge in np.arange(len(rows) - 1) + 0.5:
        axes.axhline(edge, color="#c0c0c0", linewidth=0.6)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=9)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(
        f"error against DFT, not experiment [%] (linear within ±{LINEAR_TO:g} %)", fontsize=10
    )


def _label(row: PropertyRow) -> str:
    """Name a property as papers do, with the value of DFT below it."""
    name = _LABELS.get(row.name) or quantity_of(f"property.{row.name}").label
    return f"{name}\nDFT: {row.reference:.4g} {in_signs(row.unit)}"


def _patch(label: str, colour: str, hatch: str) -> Patch:
    return Patch(facecolor=colour, hatch=hatch, edgecolor="black", linewidth=0.6, label=label)
