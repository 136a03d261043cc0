"""How errors are distributed: of energies and of force components, for each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from autune.errors import DataError
from autune.evaluation.accuracy import GroupComparison
from autune.report.canvas import COLOURS, as_written, write_figure
from autune.structures import FloatArray
from autune.units import MEV

_FEWEST_BINS, _MOST_BINS = 11, 61


class _Quantity(NamedTuple):
    name: str
    unit: str
    colour: str


_ENERGY = _Quantity("energy error", "meV/atom", COLOURS[0])
_FORCE = _Quantity("force component error", "eV/Angstrom", COLOURS[1])


def plot_error_histograms(comparisons: Sequence[GroupComparison], path: str | Path) -> None:
    """Draw the distributions of energy and force errors (predicted - DFT), a row for each group.

    Counts are drawn on a logarithmic axis where there are many, so that the few large errors,
    which decide about a potential, can be seen.

    Parameters
    ----------
    comparisons
        From `autune.evaluation.accuracy.compare`; the last, of all structures, is drawn only if
        it is the only one.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there is nothing to draw.
    ConfigError
        If the file cannot be written.
    """
    groups = comparisons[:-1] or comparisons
    if not groups:
        raise DataError("no groups to draw; compare a potential with structures first")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(groups), 2, sharex="col", squeeze=False)
        for column, quantity in enumerate((_ENERGY, _FORCE)):
            errors = [_errors(group, quantity) for group in groups]
            edges = _edges(errors)
            for row, (group, values) in enumerate(zip(groups, errors, strict=True)):
                axes = panels[row, column]
                if len(values):
                    counts, _ = np.histogram(values, edges)
                    axes.stairs(counts, edges, fill=True, color=quantity.colour, alpha=0.35)
                    axes.stairs(counts, edges, color=quantity.colour, linewidth=1.2)
                    if counts.max() > 100:
                        axes.set_yscale("log")
                        axes.set_ylim(0.7, 3.0 * counts.max())
                        axes.yaxis.set_major_locator(LogLocator(numticks=6))
                        axes.yaxis.set_major_formatter("{x:g}")
                        axes.yaxis.set_minor_locator(NullLocator())
                    else:
                        axes.set_ylim(0.0, 1.9 * counts.max())  # room for the words
                        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
                axes.axvline(0.0, color="black", linewidth=0.8, linestyle="--", zorder=1.0)
                words = f"n = {len(values)}"
                if len(values):
                    words += _statistics(values)
                axes.text(
                    0.985, 0.95, words, transform=axes.transAxes, fontsize=9, ha="right", va="top",
                    linespacing=1.3,
                )  # fmt: skip
                axes.tick_params(axis="y", labelsize=9)
                if column == 0:
                    axes.set_ylabel(as_written(group.group))
            unit = quantity.unit.replace("Angstrom", "Å")
            panels[-1, column].xaxis.set_major_locator(MaxNLocator(4))
            panels[-1, column].set_xlabel(f"{quantity.name} [{unit}]")
        figure.supylabel("number of structures (left), of components (right)", fontsize=10)

    write_figure(path, (9.8, 0.9 + 1.25 * max(2, len(groups))), draw)


def histogram_rows(comparisons: Sequence[GroupComparison]) -> list[dict[str, Any]]:
    """Make a row for each bar of the figure; errors in meV/atom and eV/Angstrom."""
    groups = comparisons[:-1] or comparisons
    rows = []
    for quantity in (_ENERGY, _FORCE):
        errors = [_errors(group, quantity) for group in groups]
        edges = _edges(errors)
        for group, values in zip(groups, errors, strict=True):
            counts, _ = np.histogram(values, edges)
            rows += [
                {
                    "group": group.group,
                    "quantity": quantity.name,
                    "unit": quantity.unit,
                    "lower_edge": float(low),
                    "upper_edge": float(high),
                    "count": int(count),
                }
                for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return rows


def _errors(group: GroupComparison, quantity: _Quantity) -> FloatArray:
    if quantity is _ENERGY:
        return (group.energy_predicted - group.energy_reference) / MEV
    return (group.force_predicted - group.force_reference).ravel()


def _statistics(values: FloatArray) -> str:
    """Write RMSE and mean with the same number of decimals."""
    rmse = float(np.sqrt(np.mean(values**2)))
    decimals = min(7, max(0, 2 - math.floor(math.log10(rmse)))) if rmse > 0.0 else 1
    mean = f"{values.mean():+.{decimals}f}"
    if not float(mean):
        mean = mean[1:]
    return f"\nRMSE {rmse:.{decimals}f}\nmean {mean}".replace("-", "−")


def _edges(errors: Sequence[FloatArray]) -> FloatArray:
    """Return bins of all groups, the middle one around zero: about the root of the largest number.

    That many keep the scatter of the counts and the width of the bins in balance for the largest
    group (the square-root rule).
    """
    furthest = max((float(np.abs(values).max()) for values in errors if len(values)), default=1.0)
    most = max((len(values) for values in errors), default=0)
    n_bins = int(np.clip(np.sqrt(most), _FEWEST_BINS, _MOST_BINS)) // 2 * 2 + 1
    return np.linspace(-1.0, 1.0, n_bins + 1) * (furthest or 1.0) * n_bins / (n_bins - 1)
