"""How much each parameter has to do with each metric."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autune.errors import DataError
from autune.evaluation.quantities import name_of_setting, quantity_of
from autune.report.canvas import write_figure

_DARK = 0.55
"""Share from which the number is written in white."""


def plot_importances(importances: Mapping[str, Mapping[str, float]], path: str | Path) -> None:
    """Draw a table of shares: parameters below each other, metrics side by side.

    Parameters
    ----------
    importances
        Share of each parameter by metric, as from `Study.importances`; those of a metric add up
        to 1.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there are none.
    ConfigError
        If the file cannot be written.
    """
    metrics = [metric for metric, shares in importances.items() if shares]
    if not metrics:
        raise DataError("no importances to draw; they need more trials, and two parameters")
    parameters = _by_mean(importances)
    table = np.array([[importances[m].get(p, np.nan) for m in metrics] for p in parameters])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        for (row, column), share in np.ndenumerate(table):
            if np.isfinite(share):
                axes.text(
                    column, row, f"{100.0 * share:.0f}", ha="center", va="center",
                    color="white" if share > _DARK else "black",
                )  # fmt: skip
        axes.set_xticks(range(len(metrics)), [_in_lines(m) for m in metrics], fontsize=9)
        axes.set_yticks(range(len(parameters)), [name_of_setting(p) for p in parameters])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.set_xticks(np.arange(len(metrics) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(parameters) + 1) - 0.5, minor=True)
        axes.grid(visible=True, which="minor", color="white", linewidth=2.0)
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("share of the importance [%]")

    longest = max(len(name_of_setting(parameter)) for parameter in parameters)
    width = max(3.4, 0.6 + 0.085 * longest + 0.95 * len(metrics))
    size = (width, 1.2 + 0.34 * len(parameters))
    write_figure(path, size, draw)


def importance_rows(importances: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Make a row for each metric and parameter with its share, as in the figure."""
    return [
        {"metric": metric, "parameter": parameter, "share": shares[parameter]}
        for metric, shares in importances.items()
        for parameter in _by_mean(importances)
        if parameter in shares
    ]


def _by_mean(importances: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the parameters by their mean share, the largest first."""
    names = dict.fromkeys(name for shares in importances.values() for name in shares)
    means = {name: sum(shares.get(name, 0.0) for shares in importances.values()) for name in names}
    return sorted(names, key=lambda name: -means[name])


def _in_lines(metric: str) -> str:
    return "\n".join(textwrap.wrap(quantity_of(metric).label, 12))
