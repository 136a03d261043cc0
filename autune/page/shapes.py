"""The shapes of symmetry functions beside a scan of their centre, and error against cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autune.architecture import RADIAL
from autune.evaluation.effects import Effect
from autune.evaluation.quantities import quantity_of
from autune.page.blocks import Drawing, Section
from autune.page.energies import ENERGY, trains_energies
from autune.page.gathered import Gathered
from autune.page.samples import COST, cost_varies, samples_of
from autune.potential.basis import build_architecture
from autune.report.front_figure import front_rows, plot_fronts
from autune.report.symmetry_figure import draw_symmetry_functions, symmetry_rows

MOST_SHAPES = 7
MOST_DRAWN = 300
"""Trials of a front's figure: all that are on it, and others to fill up; its CSV has all."""


@dataclass(frozen=True)
class Shapes:
    """A radial symmetry function at some centres of a scan of r_shift.

    Parameters
    ----------
    draw
        Draws it on the axes of a figure.
    rows
        The numbers that are drawn.
    """

    draw: Callable[..., None]
    rows: list[dict[str, Any]]


def shapes_of(gathered: Gathered, effect: Effect) -> Shapes | None:
    """Return the radial symmetry function of a scan of r_shift; None of other scans."""
    if not effect.parameter.endswith("r_shift") or not effect.is_number:
        return None
    potential = gathered.settings.potential
    functions = build_architecture(potential).symmetry_functions
    etas = sorted(
        {f.eta for of_element in functions.values() for f in of_element if f.kind == RADIAL}
    )
    if not etas:
        return None
    places = [level.middle for level in effect.levels]
    chosen = sorted({places[i] for i in np.linspace(0, len(places) - 1, MOST_SHAPES).astype(int)})
    what = (chosen, etas[len(etas) // 2], potential.cutoff_type, potential.cutoff_radius)
    draw = partial(
        draw_symmetry_functions,
        r_shifts=what[0], eta=what[1], cutoff_type=what[2], r_cutoff=what[3],
    )  # fmt: skip
    return Shapes(draw, symmetry_rows(*what))


def cost_section(gathered: Gathered) -> Section:
    """Draw errors against the time of a prediction, where trials differ in it."""
    samples = samples_of(gathered)
    if not cost_varies(gathered, samples):
        samples = []
    drawings = []
    for metric in ("force_rmse", ENERGY) if trains_energies(gathered) else ("force_rmse",):
        rows = front_rows(samples, COST, metric) if samples else []
        if not rows:
            continue
        shown = sorted(rows, key=lambda row: row["on_front"] != "yes")[:MOST_DRAWN]
        label = quantity_of(metric).label
        drawings.append(
            Drawing(
                f"cost_{metric}",
                f"{label} against the time of a prediction; no trial is lower in both than those "
                "of the Pareto front.",
                f"{label} against prediction time of {len(rows)} trials.",
                partial(plot_fronts, shown, COST, metric),
                rows,
            )
        )
    return Section("cost", "Error against cost", drawings)
