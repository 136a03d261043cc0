"""One metric against a parameter: means with intervals, seeds or trials behind.

Numbers are drawn from left to right at their values.  Choices are drawn from top to bottom,
where their names have room, with the metric from left to right.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autune.evaluation.effects import Effect, Level
from autune.evaluation.quantities import in_signs, name_of_setting, quantity_of, title_of_setting
from autune.report.canvas import COLOURS, FONT_SIZE, size_in_inches, use_log_scale
from autune.report.marks import BEST, Mark
from autune.report.panel import Panel, is_ranked, lie_in_decades
from autune.structures import FloatArray

_POINTS = "#9a9a9a"
_MOST_VECTOR_POINTS = 1000
"""Points of a panel that an SVG holds one by one; more are a picture in it."""
_WIDTH = 9.8
"""Of a figure of several panels, inches: words of 11 points have 7.6 on two columns of a paper."""
_LETTER, _SHORTEST_TITLE = 0.085, 16
"""Mean width of a letter in inches, and letters of a title that are not parted in any case."""
_NARROW, _SMALL = 1.6, 9.0
"""Width in inches below which the numbers of the metric's axis are small, and their size."""
_LONGEST_CHOICE = 24
_EVENLY = " (evenly spaced)"
_MOST_LEVEL = 6
"""Numbers at equal distances whose labels do not stand upright."""


def panels_of(
    figure: Figure, effect: Effect, n: int, n_before: int = 0
) -> tuple[list[Axes], Axes | None]:
    """Make the axes for n metrics, those in a row or column with the same parameter axis.

    Parameters
    ----------
    figure
        That is empty.
    effect
        What is drawn.
    n
        Number of metrics.
    n_before
        Axes before them that have another parameter axis.

    Returns
    -------
    list of Axes
        Those before, then one for each metric.
    Axes or None
        Empty, at the end of the first row: the last row is a full one.
    """
    n_rows, n_columns = _grid(effect, n + n_before)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    n_spare = grid.size - n - n_before
    spare = list(grid[0, n_columns - n_spare :])
    used = [axes for axes in grid.flat if axes not in spare]
    lowest, leftmost = set(grid[-1]), set(grid[:, 0])
    first = used[n_before]
    for here in used[n_before:]:
        if effect.is_number:
            if here is not first:
                here.sharex(first)
            if here in lowest:
                title = title_of_setting(effect.parameter, effect.units)
                here.set_xlabel(title + _EVENLY * is_ranked(effect))
            else:
                here.tick_params(labelbottom=False)
        else:
            if here is not first:
                here.sharey(first)
            if here in leftmost:
                here.set_ylabel(name_of_setting(effect.parameter))
            else:
                here.tick_params(labelleft=False)
    for axes in spare[1:]:
        axes.remove()
    if spare:
        spare[0].axis("off")
    return used, spare[0] if spare else None


def size_of(effect: Effect, n: int) -> tuple[float, float]:
    """Return width and height in inches of n panels, no legend."""
    n_rows, n_columns = _grid(effect, n)
    if effect.is_number:
        height = {1: 3.0, 2: 2.7}.get(n_columns, 2.4)
        height += 0.3 * is_ranked(effect)  # its numbers stand upright
        return (5.0 if n == 1 else _WIDTH), 0.4 + height * n_rows
    height = max(1.2, sum(0.1 + 0.19 * (1 + _shown(x).count("\n")) for x in effect.levels))
    height += 0.7 if n_columns < 4 else 1.2  # titles of narrow panels have several lines
    return (4.8 if n == 1 else _WIDTH * min(1.0, 0.25 + 0.25 * n_columns)), 0.3 + height * n_rows


def has_spare(effect: Effect, n: int) -> bool:
    """Whether the first row has room for a legend."""
    n_rows, n_columns = _grid(effect, n)
    return n < n_rows * n_columns


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw points, intervals and means, and set the scales of both axes."""
    quantity = quantity_of(panel.metric)
    is_upright = panel.effect.is_number
    means, places = panel.means, panel.places
    low, high = panel.edges
    if is_upright:
        axes.plot(places, means, color=COLOURS[0], linewidth=0.9, alpha=0.6, zorder=2.5)
    across = np.concatenate([_across(panel, number) for number in range(len(places))])
    values = np.concatenate([drawn.values for drawn in panel.drawn]) / quantity.scale
    inside = (values >= low) & (values <= high)
    _scatter(axes, is_upright, across[inside], values[inside], "o")
    for edge, marker in ((low, "v" if is_upright else "<"), (high, "^" if is_upright else ">")):
        beyond = values < edge if edge == low else values > edge
        _scatter(axes, is_upright, across[beyond], np.full(beyond.sum(), edge), marker)
    for mark in dict.fromkeys(panel.marks):
        _draw_means(axes, panel, mark)
    _set_scales(axes, panel)
    if not panel.is_log and math.isfinite(low):
        (axes.set_ylim if is_upright else axes.set_xlim)(low, high)


def _draw_means(axes: Axes, panel: Panel, mark: Mark) -> None:
    """Draw the means and intervals of all levels with a mark."""
    scale, effect = quantity_of(panel.metric).scale, panel.effect
    is_upright, (low, high) = effect.is_number, panel.edges
    chosen = [i for i, one in enumerate(panel.marks) if one == mark]
    found = [effect.levels[i].estimates[panel.metric] for i in chosen]
    places, means = panel.places[chosen], panel.means[chosen]
    ends = np.array([(one.low, one.high) for one in found]) / scale
    has_interval = np.isfinite(ends).all(axis=1)
    draw = axes.vlines if is_upright else axes.hlines
    draw(
        places[has_interval], *np.clip(ends[has_interval], low, high).T, color=mark.colour,
        linewidth=1.8, zorder=3.0,
    )  # fmt: skip
    shown = (means >= low) & (means <= high)
    ranges = [effect.levels[i].value for i in np.array(chosen)[shown].tolist()]
    if effect.is_binned:
        spans = np.array([one if isinstance(one, tuple) else (one, one) for one in ranges])
        axes.hlines(means[shown], *spans.T, color=mark.colour, linewidth=0.9, zorder=3.0)
    x, y = (places[shown], means[shown]) if is_upright else (means[shown], places[shown])
    axes.plot(
        x, y, mark.marker, color=mark.colour, markersize=_size(effect, mark),
        markerfacecolor=mark.face, markeredgewidth=1.3, zorder=4.0,
    )  # fmt: skip


def legend_of(panels: Sequence[Panel], meanings: dict[Mark, str]) -> list[Line2D]:
    """Return the entries: marks that were drawn, with their meanings, points, failures."""
    effect = panels[0].effect
    used = {mark for panel in panels for mark in panel.marks}
    handles = [mark.handle(words, 7.0) for mark, words in meanings.items() if mark in used]
    percent = f"{100.0 * effect.confidence:.3g} %"
    points = effect.points
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
    """Return rows and columns: few wide panels, or many narrow ones."""
    if effect.is_number:
        most = 3 if is_ranked(effect) or n in (5, 6, 9) else 4
        n_columns = n if n < 4 else 2 if n == 4 else most
    else:
        n_columns = n if n < 5 else 3 if n == 6 else 4 if n in (7, 8) else 5
    return math.ceil(n / n_columns), n_columns


def _across(panel: Panel, number: int) -> FloatArray:
    """Return where points of a level lie: beside each other where it is a choice."""
    drawn, place = panel.drawn[number], float(panel.places[number])
    if panel.effect.is_number:
        return np.full(len(drawn.values), place) if panel.effect.in_pairs else drawn.places
    beside = np.linspace(1.0, 0.25, max(1, len(drawn.values)))[: len(drawn.values)]
    places: FloatArray = place - 0.32 * beside
    return places


def _scatter(axes: Axes, is_upright: bool, p: FloatArray, q: FloatArray, marker: str) -> None:
    if len(p):
        x, y = (p, q) if is_upright else (q, p)
        axes.scatter(
            x, y, s=11 if marker == "o" else 22, color=_POINTS, marker=marker, linewidths=0,
            alpha=0.8, zorder=2.0, clip_on=marker == "o", rasterized=len(p) > _MOST_VECTOR_POINTS,
        )  # fmt: skip


def _size(effect: Effect, mark: Mark) -> float:
    return (4.5 if len(effect.levels) > 12 else 6.0) + (1.0 if mark == BEST else 0.0)


def _set_scales(axes: Axes, panel: Panel) -> None:
    effect = panel.effect
    room = size_in_inches(axes)[1 if effect.is_number else 0]
    points = FONT_SIZE if room > _NARROW or effect.is_number else _SMALL
    axes.tick_params(axis="x", labelsize=points)
    longest = max(_SHORTEST_TITLE, int(room / _LETTER))
    title = "\n".join(textwrap.wrap(quantity_of(panel.metric).title, longest))
    if panel.is_log:
        use_log_scale(axes, "y" if effect.is_number else "x", points)
    if not effect.is_number:
        axes.set_xlabel(title)
        if not panel.is_log:
            axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.set_yticks(range(len(effect.levels)), [_shown(level) for level in effect.levels])
        axes.set_ylim(len(effect.levels) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        return
    axes.set_ylabel(title)
    failed = [
        place
        for place, drawn in zip(panel.places.tolist(), panel.drawn, strict=True)
        if np.isnan(drawn.values).any()
    ]
    if failed:
        axes.plot(
            failed, [0.025] * len(failed), "x", color="black", markersize=5,
            transform=axes.get_xaxis_transform(), zorder=5.0, clip_on=False,
        )  # fmt: skip
    if is_ranked(effect):
        labels = [f"{level.middle:g}".replace("-", "−") for level in effect.levels]
        axes.set_xticks(panel.places, labels, rotation=90 if len(labels) > _MOST_LEVEL else 0)
    elif lie_in_decades(np.concatenate([drawn.places for drawn in panel.drawn])):
        use_log_scale(axes, "x")


def _shown(level: Level) -> str:
    """Write a choice for an axis, long ones in lines; failures below."""
    lines = textwrap.wrap(in_signs(level.label), _LONGEST_CHOICE)
    if level.n_failed:
        failed = f"({level.n_failed} failed)"
        if len(lines[-1]) + 1 + len(failed) > _LONGEST_CHOICE:
            lines.append(failed)
        else:
            lines[-1] += f" {failed}"
    return "\n".join(lines)
