"""What is drawn of one metric against a parameter, before it is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autune.evaluation.effects import Effect
from autune.evaluation.quantities import quantity_of
from autune.report.effect_tables import Drawn
from autune.report.marks import Mark
from autune.structures import FloatArray

_FAR_OUT = 2.0
"""Widths of the middle 80 % of all points beyond these, from which a point is drawn at the edge."""
_NEAR_ZERO = 5.0
"""Where a logarithmic axis begins, below the lowest mean: sizes of errors can be close to zero."""


@dataclass(frozen=True, eq=False)
class Panel:
    """What is drawn on a pair of axes.

    Parameters
    ----------
    effect
        Of a parameter.
    metric
        What is drawn against it.
    marks
        Of each level.
    drawn
        Points of each level.
    log
        Whether the metric's axis is logarithmic if all values are positive.
    """

    effect: Effect
    metric: str
    marks: tuple[Mark, ...]
    drawn: tuple[Drawn, ...]
    log: bool

    @property
    def points(self) -> FloatArray:
        """Finite values of all points, in the unit that is shown."""
        scale = quantity_of(self.metric).scale
        values: FloatArray = np.concatenate([drawn.values / scale for drawn in self.drawn])
        return values[np.isfinite(values)]

    @property
    def means(self) -> FloatArray:
        """Means of all levels, in the unit that is shown."""
        scale = quantity_of(self.metric).scale
        return np.array([level.estimates[self.metric].mean / scale for level in self.effect.levels])

    @property
    def is_log(self) -> bool:
        """Whether the metric's axis is logarithmic."""
        return self.log and len(self.points) > 0 and bool(self.points.min() > 0.0)

    @property
    def edges(self) -> tuple[float, float]:
        """Values beyond which points are drawn at the edge; infinite where there is none."""
        if not self.is_log:
            return _edges(self.points)
        lowest = float(np.nanmin(self.means)) / _NEAR_ZERO
        return max(float(self.points.min()), lowest), math.inf

    @property
    def is_cut(self) -> bool:
        """Whether a point lies beyond the edges."""
        low, high = self.edges
        return bool(((self.points < low) | (self.points > high)).any())


def _edges(finite: FloatArray) -> tuple[float, float]:
    """Return where a linear axis ends if one seed is so far out that it would hide all others."""
    if len(finite) < 3:
        return -math.inf, math.inf
    bottom, top = np.quantile(finite, [0.1, 0.9])
    width = _FAR_OUT * (top - bottom)
    low, high = float(bottom - width), float(top + width)
    if width > 0.0 and (finite.min() < low or finite.max() > high):
        margin = 0.1 * width
        return max(low, float(finite.min()) - margin), min(high, float(finite.max()) + margin)
    return -math.inf, math.inf
