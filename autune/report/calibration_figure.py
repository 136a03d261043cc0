"""The figure of a calibration: error over spread of a committee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autune.errors import DataError
from autune.evaluation.calibration import Calibration
from autune.report.calibration import UNITS
from autune.report.canvas import COLOURS, use_log_scale, write_figure

_POINTS, _MANY = "#b8b8b8", 3000
"""Grey of single values, and how many are drawn as densities."""

_NAMES = {"energy": "energy", "force": "force component"}


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

    write_figure(path, (0.6 + 4.7 * len(calibrations), 5.0), draw)


def _draw_panel(axes: Axes, c: Calibration) -> None:
    unit, size = UNITS[c.quantity]
    bins = c.bins
    spread = np.array([b.spread for b in bins]) / size
    error, low, high = np.array([(b.error, b.error_low, b.error_high) for b in bins]).T / size
    x, y = c.spread / size, np.abs(c.error) / size
    ends = _limits(spread, error, x, y)
    seen = y > 0.0
    if seen.sum() > _MANY:
        extent = (*np.log10(ends), *np.log10(ends))
        axes.hexbin(
            x[seen], y[seen], gridsize=50, xscale="log", yscale="log", bins="log", mincnt=1,
            cmap="Greys", vmax=4.0 * seen.sum() / 50**2 * 10, extent=extent, linewidths=0.1,
        )  # fmt: skip
    else:
        axes.scatter(x[seen], y[seen], s=9, color=_POINTS, linewidths=0)
    axes.scatter([], [], s=16, color=_POINTS, label="absolute error of one value")
    axes.plot(ends, ends, color="black", linewidth=1.0, label="error = spread")
    axes.plot(
        ends, [c.alpha * end for end in ends], color="black", linewidth=1.0, linestyle="--",
        label="error = α spread",
    )  # fmt: skip
    bars = np.nan_to_num([error - low, high - error])
    axes.errorbar(
        spread, error, yerr=np.maximum(bars, 0.0), fmt="o", color=COLOURS[0], markersize=6,
        capsize=3, linewidth=1.4, label="RMS of a bin, 95 % interval",
    )  # fmt: skip
    use_log_scale(axes, "x")
    use_log_scale(axes, "y")
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal", adjustable="box")
    shown = unit.replace("Angstrom", "Å")
    axes.set_xlabel(f"{_NAMES[c.quantity]}: spread of {c.n_members} members [{shown}]")
    axes.set_ylabel(f"{_NAMES[c.quantity]}: error of their mean [{shown}]")
    axes.text(
        0.03, 0.97, _numbers(c), transform=axes.transAxes, va="top", fontsize=9, linespacing=1.35
    )


def _limits(*values: np.ndarray) -> tuple[float, float]:
    """Limits of both axes: all spreads and bins, and the errors that are not far below them."""
    spread, error, x, y = values
    return 0.7 * float(min(spread.min(), error.min(), np.quantile(x, 0.001))), 1.4 * float(
        max(spread.max(), error.max(), x.max(), y.max())
    )


def _numbers(c: Calibration) -> str:
    interval = "" if math.isnan(c.alpha_low) else f" ({c.alpha_low:.2g} to {c.alpha_high:.2g})"
    return (
        f"α = {c.alpha:.3g}{interval}\n"
        f"within 1 spread: {c.within_one:.0%} (calibrated {c.expected_within_one:.0%})\n"
        f"within 2 spreads: {c.within_two:.0%} (calibrated {c.expected_within_two:.0%})\n"
        f"rank correlation {c.rank_correlation:.2f}"
    )
