"""The figure of properties that are curves: potentials as lines, the reference as points."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autune.errors import DataError
from autune.properties import Curve, PropertyTable
from autune.report.canvas import cycle, write_figure
from autune.report.marks import OF_POTENTIALS

_MARKERS = "os^Dv<>P"
_DASHES = ("-", "--", "-.", ":")
_WIDTHS = (2.4, 1.7, 1.1)
_GREY = "#6e6e6e"
_FEW = 12
"""Points up to which each is marked: sizes of particles, say, between which there is nothing."""

_Panel = dict[str, dict[str, Curve]]
"""Curves that share their axes: by the curve's name, then by the potential's."""


def plot_curves(tables: Mapping[str, PropertyTable], path: str | Path) -> None:
    """Draw all curves, those with the same quantities on their axes in one panel.

    With one potential a curve has its colour, with several a potential has; dashes and markers
    tell the curves of a panel in either case.

    Parameters
    ----------
    tables
        By name of the potential, for example ``{"HDNNP": ..., "EAM": ...}``.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there is no point to draw.
    ConfigError
        If the file cannot be written.
    """
    panels = _panels(tables)
    if not panels:
        raise DataError(
            "no curve has a point to draw; ask for evaluation.properties."
            "equation_of_state_curves or nanoparticles"
        )
    potentials = list(tables)

    def draw(figure: Figure) -> None:
        drawn = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(drawn, panels, strict=True):
            _draw_panel(axes, panel, potentials)
        handles = []
        if len(potentials) > 1:
            handles = [Line2D([], [], label=name, **_line(i)) for i, name in enumerate(potentials)]
        curves = [curve for panel in panels for by in panel.values() for curve in by.values()]
        if any(curve.reference_x for curve in curves):
            handles.append(Line2D([], [], **_point("o"), label="DFT"))
        if handles:
            figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))

    write_figure(path, (0.3 + 4.9 * len(panels), 4.3), draw)


def _panels(tables: Mapping[str, PropertyTable]) -> list[_Panel]:
    """Gather curves by what is on their axes, in the order of their calculation."""
    panels: dict[tuple[str, ...], _Panel] = {}
    for potential, table in tables.items():
        for curve in table.curves:
            if curve.x or curve.reference_x:
                axes = (curve.x_label, curve.x_unit, curve.y_label, curve.y_unit)
                panels.setdefault(axes, {}).setdefault(curve.name, {})[potential] = curve
    return list(panels.values())


def _draw_panel(axes: Axes, panel: _Panel, potentials: Sequence[str]) -> None:
    one = len(potentials) == 1
    colours = cycle(len(panel))
    handles = []
    for number, ((name, by_potential), label) in enumerate(
        zip(panel.items(), _short_names(list(panel)), strict=True)
    ):
        marker, dash = _MARKERS[number % len(_MARKERS)], _DASHES[number % len(_DASHES)]
        first = next(iter(by_potential.values()))
        axes.plot(first.reference_x, first.reference_y, zorder=3.0, **_point(marker))
        marked = 0 < max(len(curve.x) for curve in by_potential.values()) <= _FEW
        for potential, curve in by_potential.items():
            style = _line(potentials.index(potential))
            if one:
                style["color"] = colours[number]
            axes.plot(
                curve.x, curve.y, linestyle=dash, **style,
                marker=marker if marked else "", markersize=6.0,
            )  # fmt: skip
        key: dict[str, Any] = {"marker": marker if marked else ""}
        if not marked and first.reference_x:
            key = _point(marker) | {"markeredgecolor": "black"}
        key |= {"color": colours[number] if one else _GREY, "linestyle": dash, "label": label}
        handles.append(Line2D([], [], **key))
        axes.set_xlabel(_label(first.x_label, first.x_unit))
        axes.set_ylabel(_label(first.y_label, first.y_unit))
        axes.set_title(_title(name, label), fontsize=11.0)
    # Below the panel: among the curves there may be no room.
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(handles),
        fontsize=9.0, columnspacing=1.2, handlelength=3.4, frameon=False,
    )  # fmt: skip


def _line(number: int) -> dict[str, Any]:
    """Return how a potential is drawn: in its colour, and thinner than the one before."""
    return {
        "color": OF_POTENTIALS[number % len(OF_POTENTIALS)],
        "linewidth": _WIDTHS[number % len(_WIDTHS)],
    }


def _point(marker: str) -> dict[str, Any]:
    """Return how the reference is drawn: an open marker, so that a line below it is seen."""
    return {
        "linestyle": "", "marker": marker, "color": "black", "markersize": 6.0,
        "markerfacecolor": "white", "markeredgewidth": 1.3,
    }  # fmt: skip


def _short_names(names: Sequence[str]) -> list[str]:
    """Return what tells the names of a panel from each other, in words."""
    words = [name.split("_") for name in names]
    shared = 0
    while len(names) > 1 and len({tuple(name[: shared + 1]) for name in words}) == 1:
        shared += 1
    return [" ".join(name[shared:]) for name in words]


def _title(name: str, label: str) -> str:
    return name.replace("_", " ").removesuffix(label).strip()


def _label(label: str, unit: str) -> str:
    """Write a label with its unit; powers raised, Angstrom as its sign."""
    text = f"{label} [{unit}]" if unit else label
    raised = re.sub(r"\^(?:\(([-\d/]+)\)|(-?\d+))", r"$^{\1\2}$", text)
    return raised.replace("Angstrom", "Å")
