"""The figure of the times by size, beside the rates of the machine's memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator
from rates import MEGABYTE, Rates
from sizes import NAMES, Point, Series

from autune.formats.files import write_bytes

# Told apart by colour-blind eyes (Okabe and Ito, Color Universal Design, 2008).
LOOKS = {
    "neighbour list": ("#E69F00", "v"),
    "energy and forces": ("#CC79A7", "s"),
    "symmetry functions": ("#0072B2", "o"),
    "symmetry functions, moments": ("#0072B2", "o"),
    "symmetry functions, pairs": ("#009E73", "^"),
    "symmetry functions, radial only": ("#56B4E9", "D"),
    "Jacobian of a force component": ("#D55E00", "s"),
    "filter, one at a time": ("#000000", "o"),
    "filter, 32 at a time": ("#009E73", "^"),
    "filter, neurons decoupled, 32 at a time": ("#CC79A7", "D"),
}
OTHERWISE = ("#000000", "o")
"""The filter at one size."""

STYLE: Any = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
}


def draw(
    everything: Sequence[Series],
    rates: Rates,
    floors: Callable[[Point], tuple[float, float]],
    path: Path,
) -> None:
    """Draw time over size, a panel for each variable, and the rates of memory.

    Parameters
    ----------
    everything
        All series.
    rates
        Of the machine.
    floors
        Returns ms that bytes and operations of a point take at least.
    path
        PNG to write.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13.0, 8.4), layout="constrained")
        panels = figure.subplots(2, 3).ravel()
        for axes, variable in zip(panels, NAMES, strict=False):
            of_variable = [series for series in everything if series.variable == variable]
            for series in of_variable:
                _draw_series(axes, series, floors)
            units = dict.fromkeys(series.per for series in of_variable)
            axes.set_ylabel(f"time per {' or '.join(units)} [ms]")
            axes.set_xlabel(NAMES[variable])
        _draw_rates(panels[-1], rates)
        for axes in panels:
            _use_log_scales(axes)
            low, high = axes.get_ylim()
            if axes is panels[-1]:
                axes.set_ylim(low * (low / high) ** 0.35, high)
                axes.legend(loc="lower left", frameon=True, framealpha=1.0, edgecolor="none")
            else:
                axes.set_ylim(low, high * (high / low) ** 0.25)
                axes.legend(loc="upper left")
        handles = [
            Line2D([], [], color="#444444", marker="o", label="measured, median of the runs"),
            Line2D([], [], color="#444444", linestyle=":", label="at the machine's own rates"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=11.0)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=130)
    write_bytes(path, stream.getvalue())


def _draw_series(
    axes: Axes,
    series: Series,
    floors: Callable[[Point], tuple[float, float]],
) -> None:
    colour, marker = LOOKS.get(series.step, OTHERWISE)
    x = [point.size for point in series.points]
    times = [point.time for point in series.points]
    y = [time.median for time in times]
    spread = [
        [time.median - time.minimum for time in times],
        [time.maximum - time.median for time in times],
    ]
    axes.errorbar(
        x,
        y,
        yerr=spread,
        color=colour,
        marker=marker,
        markersize=5.0,
        linewidth=1.4,
        label=series.step,
    )
    axes.plot(x, [max(floors(point)) for point in series.points], ":", color=colour)


def _draw_rates(axes: Axes, rates: Rates) -> None:
    x = [size / MEGABYTE for size in rates.working_sets]
    for spreads, colour, marker, label in (
        (rates.read, "#0072B2", "o", "read"),
        (rates.copy, "#D55E00", "s", "copy, read and written"),
    ):
        y = [spread.maximum for spread in spreads]
        axes.plot(x, y, color=colour, marker=marker, markersize=5.0, linewidth=1.4, label=label)
    touched = 4.0 * 1351**2 / MEGABYTE
    axes.axvline(touched, color="black", linewidth=0.9, label="half of P, 1351 weights")
    if rates.edge:
        axes.axvline(
            rates.edge / MEGABYTE,
            color="black",
            linestyle="--",
            linewidth=0.9,
            label="from cache to memory",
        )
    axes.set_xlabel("working set [MB]")
    axes.set_ylabel("rate of memory [GB/s]")


def _use_log_scales(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        subs = (1.0,) if high > 500.0 * low else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
