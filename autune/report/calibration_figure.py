"""The figure of a calibration: error over spread of a committee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from autune.errors import DataError
from autune.evaluation.calibration import Calibration
from autune.report.calibration import UNITS
from autune.report.canvas import COLOURS, write_figure
from autune.structures import FloatArray

_GREY, _MANY = "#b0b0b0", 3000
"""Colour of single values, and how many are drawn as dots."""

_NAMES = {"energy": "energies", "force": "force components"}


def plot_calibration(calibrations: Sequence[Calibration], path: str | Path) -> None:
    """Draw root mean square error over root mean square spread, both logarithmic.

    Bins of equal population with 95 % intervals, on the diagonal where error and spread agree,
    behind them all single values; a panel for energies, one for forces.

    Parameters
    ----------
    calibrations
        From `autune.evaluation.calibration.measure_calibration`.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there is nothing to draw.
    ConfigError
        If the file cannot be written.
    """
    if not calibrations:
        raise DataError("no calibration to draw; give structures with energies or forces")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(calibrations), squeeze=False)[0]
        for axes, calibration in zip(panels, calibrations, strict=True):
            _draw_panel(axes, calibration)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(handles))

    write_figure(path, (0.6 + 4.7 * len(calibrations), 5.9), draw)


def _draw_panel(axes: Axes, c: Calibration) -> None:
    unit, size = UNITS[c.quantity]
    spread = np.array([b.spread for b in c.bins]) / size
    error, low, high = np.array([(b.error, b.error_low, b.error_high) for b in c.bins]).T / size
    x, y = c.spread / size, np.abs(c.error) / size
    ends = _limits(np.hstack([spread, error, x]), np.hstack([x, y]))
    _draw_values(axes, x, y, ends)
    axes.plot(ends, ends, color="black", linewidth=1.0, label="error = spread")
    axes.plot(
        ends, [c.alpha * end for end in ends], color="black", linewidth=1.0, linestyle="--",
        label="error = α spread",
    )  # fmt: skip
    axes.errorbar(
        spread, error, yerr=np.maximum(np.nan_to_num([error - low, high - error]), 0.0), fmt="o",
        color=COLOURS[0], markersize=6, capsize=3, linewidth=1.4,
        label="root mean squares of a bin, 95 % interval",
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_aspect("equal", adjustable="box")
    wide = ends[1] > 100.0 * ends[0]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs="all"))
        axis.set_minor_formatter(NullFormatter())
    shown = unit.replace("Angstrom", "Å")
    axes.set_xlabel(f"spread of {_NAMES[c.quantity]}, {c.n_members} members [{shown}]")
    axes.set_ylabel(f"error of their mean [{shown}]")
    axes.set_title(_numbers(c), loc="left", fontsize=9, linespacing=1.4)


def _draw_values(axes: Axes, x: FloatArray, y: FloatArray, ends: tuple[float, float]) -> None:
    """Draw single values as dots, many as their density, and errors below the axes at the edge."""
    inside = y > ends[0]
    if inside.sum() > _MANY:
        extent = (*np.log10(ends), *np.log10(ends))
        cells = axes.hexbin(
            x[inside], y[inside], gridsize=60, xscale="log", yscale="log", bins="log", mincnt=1,
            cmap="Greys", extent=extent, linewidths=0.1,
        )  # fmt: skip
        # The darkest stays grey, so that lines and bins are seen before it.
        most = float(np.asarray(cells.get_array(), dtype=np.float64).max())
        cells.set_clim(0.3, most**1.8)
    else:
        axes.scatter(x[inside], y[inside], s=9, color=_GREY, linewidths=0)
    edge = np.full(np.count_nonzero(~inside), 1.04 * ends[0])
    axes.scatter(x[~inside], edge, s=12, marker="v", color=_GREY, linewidths=0)
    axes.scatter([], [], s=16, color=_GREY, label="single values")


def _limits(shown: FloatArray, largest: FloatArray) -> tuple[float, float]:
    """Return limits of both axes: errors far below all spreads and bins are left out."""
    return 0.7 * float(shown.min()), 1.4 * float(largest.max())


def _numbers(c: Calibration) -> str:
    interval = (
        "" if math.isnan(c.alpha_low) else f" ({c.alpha_low:.3g} to {c.alpha_high:.3g}, 95 %)"
    )
    return (
        f"α = {c.alpha:.3g}{interval}, rank correlation {c.rank_correlation:.2f}\n"
        f"{100 * c.within_one:.0f} % within one spread (calibrated: "
        f"{100 * c.expected_within_one:.0f} %), {100 * c.within_two:.0f} % within two "
        f"({100 * c.expected_within_two:.0f} %)"
    ).replace("-", "−")
