"""Figures of what a parameter does: to errors, and to the values of properties beside DFT."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from autune.errors import DataError
from autune.evaluation.effects import Effect, Sample
from autune.evaluation.quantities import name_of_setting
from autune.report.canvas import write_figure
from autune.report.effect_panel import draw_panel, has_spare, legend_of, panels_of, size_of
from autune.report.effect_tables import drawn_of
from autune.report.marks import BEST, MEANINGS, SAME, WORSE, Mark, mark_of
from autune.report.panel import Panel

_BAND = "#cfcfcf"


def plot_effect(
    effect: Effect,
    samples: Sequence[Sample],
    metrics: Sequence[str],
    path: str | Path,
    *,
    log: bool = True,
    before: Callable[[Axes], None] | None = None,
) -> None:
    """Draw metrics against a parameter, each in its own panel.

    Where levels are compared in pairs, the mark says how a level stands: the best one, those that
    cannot be told from it (filled) and those that are worse (open).

    Parameters
    ----------
    effect
        Of the parameter; the numbers drawn are those of `effect_tables.effect_rows`.
    samples
        Those from which the effect was found; see `effect_tables.point_rows`.
    metrics
        Those of the effect to draw.
    path
        PNG or SVG to write, as its suffix says.
    log
        Logarithmic axes for metrics of which all values are positive.
    before
        Draws a panel of its own before all others.

    Raises
    ------
    DataError
        If no training has one of the metrics.
    ConfigError
        If the file cannot be written.
    """
    panels = [
        Panel(effect, metric, _marks(effect, metric), tuple(drawn_of(effect, samples, metric)), log)
        for metric in _known(effect, metrics)
    ]
    if not effect.in_pairs:
        what = "mean of the trials" + (" in a range of values" if effect.is_binned else "")
        meanings = {SAME: what}
    elif any(effect.standings.get(panel.metric) for panel in panels):
        meanings = MEANINGS | {BEST: "best mean"}
    else:
        meanings = {SAME: f"mean over the {effect.points}"}

    _write(path, panels, legend_of(panels, meanings), draw_panel, before)


def plot_property_effect(
    effect: Effect,
    samples: Sequence[Sample],
    references: Mapping[str, tuple[float, float]],
    path: str | Path,
) -> None:
    """Draw values of properties against a parameter, each beside DFT's with its uncertainty.

    A level is filled if DFT's value, give or take its uncertainty, lies in the interval of its
    mean.

    Parameters
    ----------
    effect
        Of the parameter, found with the metrics ``property.NAME``.
    samples
        Those from which the effect was found.
    references
        Value and uncertainty by name of the property, for example
        ``{"surface_energy_100": (0.8724, 0.004)}``, in its unit.
    path
        PNG or SVG to write, as its suffix says.

    Raises
    ------
    DataError
        If no training has one of the properties.
    ConfigError
        If the file cannot be written.
    """
    panels = []
    for metric in _known(effect, [f"property.{name}" for name in references]):
        value, uncertainty = references[metric.removeprefix("property.")]
        marks = tuple(
            SAME
            if level.estimates[metric].n < 2
            or (
                level.estimates[metric].low <= value + uncertainty
                and level.estimates[metric].high >= value - uncertainty
            )
            else WORSE
            for level in effect.levels
        )
        panels.append(Panel(effect, metric, marks, tuple(drawn_of(effect, samples, metric)), False))
    meanings = {SAME: "agrees with DFT within the interval", WORSE: "differs from DFT"}

    def draw_beside_dft(axes: Axes, panel: Panel) -> None:
        draw_panel(axes, panel)
        value, uncertainty = references[panel.metric.removeprefix("property.")]
        line, span = (
            (axes.axhline, axes.axhspan) if effect.is_number else (axes.axvline, axes.axvspan)
        )
        span(value - uncertainty, value + uncertainty, color=_BAND, zorder=0.6)
        line(value, color="black", linewidth=1.0, linestyle="--", zorder=0.8)

    dft = Line2D([], [], color="black", linewidth=1.0, linestyle="--", label="DFT")
    band = Patch(color=_BAND, label="its uncertainty")
    _write(path, panels, [dft, band, *legend_of(panels, meanings)], draw_beside_dft)


def _known(effect: Effect, metrics: Sequence[str]) -> list[str]:
    """Return those of which a level has a value.

    Raises
    ------
    DataError
        If there are none.
    """
    known = [
        metric
        for metric in metrics
        if any(metric in level.estimates and level.estimates[metric].n for level in effect.levels)
    ]
    if not known:
        raise DataError(
            f"no training has any of {', '.join(metrics) or 'no metrics'}, nothing to draw against "
            f"{name_of_setting(effect.parameter)}; name metrics of the trials"
        )
    return known


def _marks(effect: Effect, metric: str) -> tuple[Mark, ...]:
    standings = effect.standings.get(metric, ())
    if not standings:
        return (SAME,) * len(effect.levels)
    by_level = {standing.setting: standing for standing in standings}
    return tuple(mark_of(by_level[i], standings[0]) for i in range(len(effect.levels)))


def _write(
    path: str | Path,
    panels: Sequence[Panel],
    handles: Sequence[Line2D | Patch],
    draw_one: Callable[[Axes, Panel], None],
    before: Callable[[Axes], None] | None = None,
) -> None:
    """Draw all panels below a legend, or beside it where the first row has room."""
    effect = panels[0].effect
    n_before = int(before is not None)
    width, height = size_of(effect, len(panels) + n_before)
    lengths = np.array([0.55 + 0.062 * len(str(h.get_label())) for h in handles])  # inches, about
    # As matplotlib does: filled from top to bottom, the first ones with one more.
    n_columns = next(
        (n for n in range(len(handles), 1, -1)
         if sum(part.max() for part in np.array_split(lengths, n)) < width),
        1,
    )  # fmt: skip
    if not has_spare(effect, len(panels) + n_before):
        height += 0.19 * math.ceil(len(handles) / n_columns)

    def draw(figure: Figure) -> None:
        drawn, spare = panels_of(figure, effect, len(panels), n_before)
        if before is not None:
            before(drawn[0])
        for axes, panel in zip(drawn[n_before:], panels, strict=True):
            draw_one(axes, panel)
        style: dict[str, Any] = {"fontsize": 9, "columnspacing": 1.4, "handletextpad": 0.5}
        if spare is None:
            figure.legend(handles=handles, loc="outside upper center", ncols=n_columns, **style)
        else:
            spare.legend(
                handles=handles, loc="upper left", borderaxespad=0.0, labelspacing=0.9, **style
            ).set_in_layout(False)

    write_figure(path, (width, height), draw)
