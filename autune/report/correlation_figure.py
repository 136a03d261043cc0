"""The correlation of symmetry functions with each other, a matrix for each element."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from autune.errors import DataError
from autune.report.canvas import write_figure
from autune.structures import FloatArray

_MOST_NUMBERS = 30
"""Functions whose places are all written at the axes."""


def plot_correlations(
    correlations: Mapping[str, FloatArray], kinds: Mapping[str, list[int]], path: str | Path
) -> None:
    """Draw |r| of every pair of symmetry functions, a matrix for each element.

    Parameters
    ----------
    correlations
        Pearson's coefficients per element, shape (n_functions, n_functions); NaN, which is drawn
        grey, for functions that are constant.
    kinds
        Type of each function; a line parts those of different types.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there is nothing to draw.
    ConfigError
        If the file cannot be written.
    """
    if not correlations:
        raise DataError("no symmetry functions to draw; the structures have none of the elements")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(correlations), squeeze=False)[0]
        for axes, (symbol, r) in zip(panels, correlations.items(), strict=True):
            axes.set_facecolor("#d0d0d0")
            image = axes.imshow(np.abs(r), cmap="viridis", vmin=0.0, vmax=1.0)
            axes.grid(visible=False)
            borders = np.flatnonzero(np.diff(kinds[symbol])) + 0.5
            for border in borders:
                axes.axhline(border, color="white", linewidth=1.0)
                axes.axvline(border, color="white", linewidth=1.0)
            if len(r) <= _MOST_NUMBERS:
                ticks = np.arange(len(r))
                axes.set_xticks(ticks, [str(n) for n in ticks], fontsize=7)
                axes.set_yticks(ticks, [str(n) for n in ticks], fontsize=7)
            axes.set_xlabel("symmetry function")
            axes.set_title(f"{symbol}: {len(r)} functions", fontsize=10)
        panels[0].set_ylabel("symmetry function")
        figure.colorbar(image, ax=list(panels), label="|r|", shrink=0.8)

    write_figure(path, (1.4 + 4.6 * len(correlations), 4.9), draw)
