"""The shapes of symmetry functions beside a scan of their centre, and error against cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from autune.architecture import RADIAL
from autune.evaluation.effects import Effect
from autune.evaluation.levels import Sample, are_numbers, label_of
from autune.evaluation.quantities import name_of_setting, quantity_of
from autune.page.blocks import Drawing, Section
from autune.page.energies import ENERGY, trains_energies
from autune.page.gathered import Gathered
from autune.page.samples import COST, cost_varies, samples_of
from autune.potential.basis import build_architecture
from autune.report.front_figure import front_rows, plot_fronts
from autune.report.symmetry_figure import draw_symmetry_functions, symmetry_rows
from autune.units import UNIT_SYSTEMS

MOST_SHAPES = 7
MOST_NAMED = 3
"""Settings by which a trial on the front is named."""
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
    unit = UNIT_SYSTEMS[potential.units].length  # the figure is in Angstrom
    what = (
        [place * unit for place in chosen],
        etas[len(etas) // 2] / unit**2,
        potential.cutoff_type,
        potential.cutoff_radius * unit,
    )
    draw = partial(
        draw_symmetry_functions,
        r_shifts=what[0], eta=what[1], cutoff_type=what[2], r_cutoff=what[3],
    )  # fmt: skip
    return Shapes(draw, symmetry_rows(*what))


def cost_section(gathered: Gathered) -> Section:
    """Draw errors against the time of a prediction, where trials differ in it."""
    samples = samples_of(gathered)
    if not cost_varies(gathered, samples):
        return Section("cost", "Error against cost", [])
    samples = [_with_shortest(sample) for sample in samples if _shortest(sample) < math.inf]
    drawings = []
    for metric in ("force_rmse", ENERGY) if trains_energies(gathered) else ("force_rmse",):
        rows = front_rows(samples, COST, metric)
        if len(rows) < 2:
            continue
        shown = sorted(rows, key=lambda row: row["on_front"] != "yes")[:MOST_DRAWN]
        label = quantity_of(metric).label
        drawings.append(
            Drawing(
                f"cost_{metric}",
                f"{label[0].upper()}{label[1:]} against the time of a prediction, the shortest "
                "that a seed had: other work on the machine lengthens it. No trial is lower in "
                "both than those of the Pareto front.",
                f"{label} against prediction time of {len(rows)} trials.",
                partial(plot_fronts, shown, COST, metric, labels=_names_on_front(rows, samples)),
                rows,
            )
        )
    return Section("cost", "Error against cost", drawings)


def _shortest(sample: Sample) -> float:
    return min((one.get(COST, math.inf) for one in sample.trainings), default=math.inf)


def _with_shortest(sample: Sample) -> Sample:
    """Give all trainings of a trial the same time: their potentials differ in weights only."""
    time = _shortest(sample)
    return replace(sample, trainings=tuple({**one, COST: time} for one in sample.trainings))


def _names_on_front(
    rows: Sequence[Mapping[str, Any]], samples: Sequence[Sample]
) -> dict[int, str] | None:
    """Name the trials of a front by their settings; None, by their numbers, where these are many.

    Of functions that are thinned out their number is named.
    """
    if any(len(sample.params) > MOST_NAMED for sample in samples):
        return None
    by_number = {sample.number: sample for sample in samples}
    on_front = [by_number[row["number"]] for row in rows if row["on_front"] == "yes"]
    return {sample.number: ", ".join(_words_of(sample)) for sample in on_front}


def _words_of(sample: Sample) -> Iterator[str]:
    for key, value in sample.params.items():
        n_functions = sample.trainings[0].get("n_symmetry_functions")
        if key.endswith(".every") and n_functions is not None:
            yield f"{n_functions:g} functions"
        elif are_numbers([value]):
            yield f"{name_of_setting(key)} {label_of(value, key)}"
        else:
            yield label_of(value, key)
