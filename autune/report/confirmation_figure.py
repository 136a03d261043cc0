"""The figure of a confirmation: seeds, means and intervals of every setting."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autune.evaluation.confidence import Standing
from autune.report.canvas import use_log_scale, write_figure
from autune.report.confirmation import UNITS, Confirmation, ConfirmedSetting
from autune.report.marks import MEANINGS, mark_of
from autune.structures import FloatArray


def plot_confirmation(confirmation: Confirmation, path: str | Path) -> None:
    """Draw score and errors of every setting: seeds as points, mean and its interval beside.

    Parameters
    ----------
    confirmation
        Its best setting comes first.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If there are no settings, or not as many seeds of each.
    ConfigError
        If the file cannot be written.
    """
    ranked = confirmation.ranked
    metrics = confirmation.metrics or ["score"]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            label, unit = UNITS[metric]
            floor, wide = _floor(np.hstack([s.values(metric) for _, s in ranked]) / unit)
            for place, (standing, setting) in enumerate(ranked):
                _draw_setting(axes, place, confirmation, standing, setting, metric, floor)
            best = confirmation.estimate(ranked[0][1], metric).mean / unit
            if math.isfinite(best):
                axes.axvline(best, color="black", linewidth=0.8, linestyle=":", zorder=1.0)
            if wide:
                use_log_scale(axes, "x")
            axes.set_xlabel(label.replace("Angstrom", "Å"))
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(ranked)), [_label(standing) for standing, _ in ranked])
        panels[0].set_ylim(len(ranked) - 0.5, -0.5)
        figure.legend(
            handles=_legend(confirmation), loc="outside upper center", ncols=len(metrics) + 1,
            columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip

    write_figure(path, (1.2 + 3.0 * len(metrics), 1.5 + 0.55 * max(2, len(ranked))), draw)


def _floor(seeds: FloatArray) -> tuple[float, bool]:
    """Return where intervals are cut on the left, and whether the axis is logarithmic.

    Errors are positive, intervals of few seeds or of one that is far out may not be.  One seed
    can hide all differences: a property that is absurd counts 100 % or so.
    """
    seeds = seeds[np.isfinite(seeds)]
    if not len(seeds) or seeds.min() <= 0.0:
        return -math.inf, False
    wide = bool(seeds.max() > 8.0 * seeds.min())
    return (0.7 * float(seeds.min()) if wide else 0.0), wide


def _draw_setting(
    axes: Axes,
    place: int,
    confirmation: Confirmation,
    standing: Standing,
    setting: ConfirmedSetting,
    metric: str,
    floor: float,
) -> None:
    mark = mark_of(standing, confirmation.standings[0])
    unit = UNITS[metric][1]
    seeds = setting.values(metric) / unit
    # The seeds above, in their order from top to bottom, mean and interval below them.
    heights = place - 0.04 - 0.3 * np.linspace(1.0, 0.0, len(seeds))
    axes.scatter(seeds, heights, s=16, color=mark.colour, alpha=0.55, linewidths=0)
    found = confirmation.estimate(setting, metric)
    if found.n == 0:
        return
    y = place + 0.2
    if found.n > 1:
        ends = [max(found.low / unit, floor), found.high / unit]
        axes.plot(ends, [y, y], color=mark.colour, linewidth=1.8)
    axes.plot(
        found.mean / unit, y, mark.marker, color=mark.colour, markersize=8,
        markerfacecolor=mark.face, markeredgewidth=1.6,
    )  # fmt: skip


def _label(standing: Standing) -> str:
    label = f"trial {standing.setting}"
    if standing.failures:
        label += f"\n{standing.failures} of {standing.n_seeds} failed"
    return label


def _legend(confirmation: Confirmation) -> list[Line2D]:
    standings = confirmation.standings
    marks = {mark_of(standing, standings[0]) for standing in standings}
    handles = [mark.handle(label) for mark, label in MEANINGS.items() if mark in marks]
    points = Line2D([], [], marker="o", linestyle="", color="#8c8c8c", markersize=4)
    points.set_label(f"seeds; bar: interval of the mean ({confirmation.percent})")
    return [*handles, points]
