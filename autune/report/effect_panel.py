"""One metric against a parameter: means with intervals, seeds or trials behind.

Numbers are drawn from left to right at their values.  Choices are drawn from top to bottom,
where their names have room, with the metric from left to right.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autune.evaluation.effects import Effect, Level
from autune.evaluation.quantities import in_signs, name_of_setting, quantity_of, title_of_setting
from autune.report.canvas import COLOURS, use_log_scale
from autune.report.effect_tables import Drawn
from autune.report.marks import BEST, Mark
from autune.report.panel import Panel
from autune.structures import FloatArray

_POINTS = "#9a9a9a"
_MOST_VECTOR_POINTS = 200
"""Points of a level that an SVG holds one by one; more are a picture in it."""
_DECADES = 30.0
"""Ratio of values from which a logarithmic axis is thought of."""
_LONGEST_TITLE, _LONGEST_CHOICE = 26, 18


def panels_of(figure: Figure, effect: Effect, n: int) -> list[Axes]:
    """Make the axes for n metrics, those in a row or column with the same parameter axis."""
    n_rows, n_columns = _grid(effect, n)
    axes = figure.subplots(
        n_rows, n_columns, squeeze=False, sharex=effect.is_number, sharey=not effect.is_number
    )
    for unused in axes.flat[n:]:
        unused.remove()
    for number, here in enumerate(axes.flat[:n]):
        if effect.is_number and number + n_columns >= n:  # the lowest of its column
            here.xaxis.set_tick_params(labelbottom=True)
            here.set_xlabel(title_of_setting(effect.parameter))
        if not effect.is_number and number % n_columns == 0:
            here.set_ylabel(name_of_setting(effect.parameter))
    return list(axes.flat[:n])


def size_of(effect: Effect, n: int) -> tuple[float, float]:
    """Return width and height in inches for n metrics on two columns of a paper, no legend."""
    n_rows, n_columns = _grid(effect, n)
    if effect.is_number:
        return (4.4 if n == 1 else 3.6 * n_columns), 0.5 + 2.5 * n_rows
    height = max(1.5, 0.7 + sum(0.1 + 0.19 * (1 + _shown(x).count("\n")) for x in effect.levels))
    return max(4.6, 1.5 + 2.1 * n_columns), 0.3 + height * n_rows


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw points, intervals and means, and set the scales of both axes."""
    quantity = quantity_of(panel.metric)
    effect, is_upright = panel.effect, panel.effect.is_number
    means = panel.means
    low, high = panel.edges
    if is_upright:
        places = [level.middle for level in effect.levels]
        axes.plot(places, means, color=COLOURS[0], linewidth=0.9, alpha=0.6, zorder=2.5)
    for place, level in enumerate(effect.levels):
        drawn, mark = panel.drawn[place], panel.marks[place]
        values = drawn.values / quantity.scale
        inside = np.isfinite(values) & (values >= low) & (values <= high)
        across = _across(effect, place, drawn)
        _scatter(axes, is_upright, across[inside], values[inside], "o")
        for edge, marker in ((low, "v" if is_upright else "<"), (high, "^" if is_upright else ">")):
            beyond = values < edge if edge == low else values > edge
            _scatter(axes, is_upright, across[beyond], np.full(beyond.sum(), edge), marker)
        found = level.estimates[panel.metric]
        where = level.middle if is_upright else float(place)
        if found.n > 1:
            ends = np.clip(np.array([found.low, found.high]) / quantity.scale, low, high)
            _line(axes, is_upright, [where, where], ends, mark.colour, 1.8)
        mean = means[place]
        if found.n and low <= mean <= high:
            if isinstance(level.value, tuple):
                _line(axes, is_upright, list(level.value), [mean, mean], mark.colour, 0.9)
            x, y = (where, mean) if is_upright else (mean, where)
            axes.plot(
                x, y, mark.marker, color=mark.colour, markersize=_size(effect, mark),
                markerfacecolor=mark.face, markeredgewidth=1.3, zorder=4.0,
            )  # fmt: skip
    _set_scales(axes, panel)
    if not panel.is_log and math.isfinite(low):
        (axes.set_ylim if is_upright else axes.set_xlim)(low, high)


def legend_of(panels: Sequence[Panel], meanings: dict[Mark, str]) -> list[Line2D]:
    """Return the entries: marks that were drawn, with their meanings, points, failures."""
    effect = panels[0].effect
    used = {mark for panel in panels for mark in panel.marks}
    handles = [mark.handle(words, 7.0) for mark, words in meanings.items() if mark in used]
    percent = f"{100.0 * effect.confidence:.3g} %"
    points = "seeds" if effect.in_pairs else "trials"
    if effect.others == "unbalanced":
        points += ", which differ in other parameters too"
    bar = Line2D([], [], marker="|", linestyle="", color="black", markersize=9, markeredgewidth=1.8)
    bar.set_label(f"{percent} interval of the mean")
    dots = Line2D([], [], marker="o", linestyle="", color=_POINTS, markersize=4, label=points)
    handles += [bar, dots]
    if any(panel.is_cut for panel in panels):
        arrow = "v" if effect.is_number else "<"
        handles.append(
            Line2D(
                [], [], marker=arrow, linestyle="", color=_POINTS, markersize=5,
                label=f"{points.partition(',')[0]} beyond the axis",
            )
        )  # fmt: skip
    if effect.is_number and any(np.isnan(d.values).any() for p in panels for d in p.drawn):
        handles.append(
            Line2D(
                [], [], marker="x", linestyle="", color="black", markersize=5,
                label="trainings failed",
            )
        )  # fmt: skip
    return handles


def _grid(effect: Effect, n: int) -> tuple[int, int]:
    n_columns = min(n, 2 if effect.is_number else 3)
    if n == 4:
        n_columns = 2
    return math.ceil(n / n_columns), n_columns


def _across(effect: Effect, place: int, drawn: Drawn) -> FloatArray:
    """Return where points lie along the parameter: beside each other where it is a choice."""
    if effect.is_number:
        return drawn.places
    return place - 0.32 * np.linspace(1.0, 0.25, max(1, len(drawn.values)))[: len(drawn.values)]


def _scatter(axes: Axes, is_upright: bool, p: FloatArray, q: FloatArray, marker: str) -> None:
    if len(p):
        x, y = (p, q) if is_upright else (q, p)
        axes.scatter(
            x, y, s=11 if marker == "o" else 22, color=_POINTS, marker=marker, linewidths=0,
            alpha=0.8, zorder=2.0, clip_on=marker == "o", rasterized=len(p) > _MOST_VECTOR_POINTS,
        )  # fmt: skip


def _line(axes: Axes, is_upright: bool, p: Any, q: Any, colour: str, width: float) -> None:
    x, y = (p, q) if is_upright else (q, p)
    axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="butt", zorder=3.0)


def _size(effect: Effect, mark: Mark) -> float:
    return (4.5 if len(effect.levels) > 12 else 6.0) + (1.0 if mark == BEST else 0.0)


def _set_scales(axes: Axes, panel: Panel) -> None:
    effect = panel.effect
    title = "\n".join(textwrap.wrap(quantity_of(panel.metric).title, _LONGEST_TITLE))
    if panel.is_log:
        use_log_scale(axes, "y" if effect.is_number else "x")
    if not effect.is_number:
        axes.set_xlabel(title)
        axes.set_yticks(range(len(effect.levels)), [_shown(level) for level in effect.levels])
        axes.set_ylim(len(effect.levels) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        return
    axes.set_ylabel(title)
    failed = [
        level.middle
        for level, drawn in zip(effect.levels, panel.drawn, strict=True)
        if np.isnan(drawn.values).any()
    ]
    if failed:
        axes.plot(
            failed, [0.025] * len(failed), "x", color="black", markersize=5,
            transform=axes.get_xaxis_transform(), zorder=5.0, clip_on=False,
        )  # fmt: skip
    if _lie_in_decades(np.concatenate([drawn.places for drawn in panel.drawn])):
        use_log_scale(axes, "x")


def _lie_in_decades(values: FloatArray) -> bool:
    """Whether positive values are spread more evenly on a logarithmic axis than on a linear one."""
    low, middle, high = float(values.min()), float(np.median(values)), float(values.max())
    if not (low > 0.0 and high > _DECADES * low):
        return False
    linear = (middle - low) / (high - low)
    logarithmic = math.log(middle / low) / math.log(high / low)
    return abs(logarithmic - 0.5) < abs(linear - 0.5)


def _shown(level: Level) -> str:
    """Write a choice for an axis: lists without brackets, long ones in lines; failures below."""
    words = level.label
    if words.startswith("["):
        words = ", ".join(map(str, json.loads(words))) or "none"
    lines = textwrap.wrap(in_signs(words), _LONGEST_CHOICE)
    if level.n_failed:
        failed = f"({level.n_failed} failed)"
        if len(lines[-1]) + 1 + len(failed) > _LONGEST_CHOICE:
            lines.append(failed)
        else:
            lines[-1] += f" {failed}"
    return "\n".join(lines)
