"""All trials by two metrics, for example error against cost, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autune.errors import DataError
from autune.evaluation.confidence import estimate
from autune.evaluation.levels import Sample, values_of
from autune.evaluation.quantities import quantity_of
from autune.report.canvas import COLOURS, use_log_scale, write_figure
from autune.structures import FloatArray

_GREY = "#8c8c8c"
_MOST_LABELS, _LABEL = 8, 9.0
"""Numbers beside points, and the size of words there."""


def plot_fronts(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    y: str,
    path: str | Path,
    labels: Mapping[Any, str] | None = None,
) -> None:
    """Draw all trials by two metrics, lower is better, and the front that none of them beats.

    Parameters
    ----------
    rows
        As from `front_rows`: ``number``, the two metrics, and where known their intervals, as
        NAME_low and NAME_high.  Rows without a finite value of both are left out.
    x, y
        Names of the metrics, for example ``prediction_time`` and ``force_rmse``.
    path
        PNG or SVG to write, as its suffix says.
    labels
        By number of a trial the words beside its point, else its number if it is on the front; by
        name of a metric the title of its axis, else its name with its unit.

    Raises
    ------
    DataError
        If no row has both metrics.
    ConfigError
        If the file cannot be written.
    """
    labels = labels or {}
    kept = [row for row in rows if all(math.isfinite(_number(row.get(key))) for key in (x, y))]
    if not kept:
        raise DataError(f"no trial has {x} and {y} to draw; name metrics of the trials")
    across, up = quantity_of(x), quantity_of(y)
    at = np.array([_number(row[x]) for row in kept]) / across.scale
    over = np.array([_number(row[y]) for row in kept]) / up.scale
    front = pareto_front(at, over, np.ones(len(kept), dtype=bool))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, row in enumerate(kept):
            colour, width = (COLOURS[1], 1.2) if i in front else ("#d6d6d6", 0.8)
            ends = [_number(row.get(f"{x}_{end}")) / across.scale for end in ("low", "high")]
            axes.plot(_cut(ends, at), [over[i]] * 2, color=colour, linewidth=width, zorder=1.5)
            ends = [_number(row.get(f"{y}_{end}")) / up.scale for end in ("low", "high")]
            axes.plot([at[i]] * 2, _cut(ends, over), color=colour, linewidth=width, zorder=1.5)
        beaten = np.setdiff1d(np.arange(len(kept)), front)
        axes.scatter(
            at[beaten], over[beaten], s=22, facecolors="white", edgecolors=_GREY, linewidths=1.1,
            label="trials", zorder=2.0,
        )  # fmt: skip
        axes.step(at[front], over[front], where="post", color=COLOURS[1], linewidth=1.0, zorder=1.8)
        axes.scatter(
            at[front], over[front], s=40, marker="D", color=COLOURS[1], zorder=3.0,
            label="Pareto front (no trial is lower in both)",
        )  # fmt: skip
        use_log_scale(axes, "x")
        use_log_scale(axes, "y")
        numbers = [row.get("number") for row in kept]
        _add_labels(axes, at, over, _chosen(numbers, front, labels))
        axes.set_xlabel(labels.get(x, across.title))
        axes.set_ylabel(labels.get(y, up.title))
        figure.legend(loc="outside upper center", ncols=2, fontsize=9, handletextpad=0.3)

    write_figure(path, (7.2, 4.4), draw)


def front_rows(
    samples: Sequence[Sample], x: str, y: str, confidence: float = 0.95
) -> list[dict[str, Any]]:
    """Make a row for each trial: two metrics with their intervals over the seeds.

    ``on_front`` says whether no other trial is lower in both.
    """
    rows: list[dict[str, Any]] = []
    for sample in samples:
        row: dict[str, Any] = {"number": sample.number}
        for metric in (x, y):
            found = estimate(values_of(sample, metric, len(sample.trainings)), confidence)
            row |= {metric: found.mean, f"{metric}_low": found.low, f"{metric}_high": found.high}
        rows.append(row)
    at, over = (np.array([row[metric] for row in rows]) for metric in (x, y))
    front = pareto_front(at, over, np.isfinite(over)) if rows else []
    return [
        {**row, "on_front": "yes" if i in front else "no"} | dict(samples[i].params)
        for i, row in enumerate(rows)
    ]


def pareto_front(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any]
) -> list[int]:
    """Return the indices, by rising x, of points with no other that is lower in both.

    Parameters
    ----------
    x, y
        What should be low, shape (n,).
    allowed
        Points that count, shape (n,).
    """
    front: list[int] = []
    lowest = math.inf
    for index in np.lexsort((y, x)):
        if allowed[index] and np.isfinite(x[index]) and y[index] < lowest:
            front.append(int(index))
            lowest = float(y[index])
    return front


def _chosen(
    numbers: Sequence[Any], front: Sequence[int], labels: Mapping[Any, str]
) -> dict[int, str]:
    """Return the words beside points: those that were given, else the numbers on the front."""
    given = {i: labels[number] for i, number in enumerate(numbers) if number in labels}
    if given:
        return given
    step = max(1, math.ceil(len(front) / _MOST_LABELS))
    return {i: str(numbers[i]) for i in front[::step] if numbers[i] is not None}


def _add_labels(axes: Axes, x: FloatArray, y: FloatArray, words: Mapping[int, str]) -> None:
    """Write words beside their points, where no others are yet."""
    taken: list[tuple[float, float, float]] = []
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.autoscale_view()
    left, right_end = (edge * 72.0 / figure.dpi for edge in axes.get_window_extent().intervalx)
    for i, text in words.items():
        at, over = axes.transData.transform((x[i], y[i])) * 72.0 / figure.dpi
        width = 0.6 * _LABEL * len(text)
        ends = [
            (at + right - width * (right < 0), over + up, width)
            for up in (5.0, -13.0, 17.0, -25.0, 29.0, -37.0, 41.0, 53.0)
            for right in (6.0, -6.0)
        ]
        ends = [end for end in ends if left <= end[0] and end[0] + width <= right_end] or ends
        free = (end for end in ends if not any(_overlap(end, other) for other in taken))
        place = next(free, ends[0])
        taken.append(place)
        axes.annotate(
            text, (x[i], y[i]), xytext=(place[0] - at, place[1] - over),
            textcoords="offset points", fontsize=_LABEL, zorder=4.0,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.4},
        )  # fmt: skip


def _overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether two lines of words touch; left end, height and width in points."""
    return abs(one[1] - other[1]) < 1.2 * _LABEL and (
        one[0] < other[0] + other[2] and other[0] < one[0] + one[2]
    )


def _cut(ends: Sequence[float], values: FloatArray) -> list[float]:
    """Cut an interval where no value is: one of few seeds can reach below zero."""
    lowest = 0.7 * float(values.min())
    return [max(ends[0], lowest) if lowest > 0.0 else ends[0], ends[1]]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
