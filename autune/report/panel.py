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
_CROWDED, _MOST_RANKED = 0.03, 20
"""Smallest gap of two numbers in their range below which they are drawn at equal distances, and
how many numbers at most."""
_DECADES = 30.0
"""Ratio of numbers from which a logarithmic axis is thought of."""
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
    def places(self) -> FloatArray:
        """Where the levels are drawn along the parameter, shape (n_levels,)."""
        if not self.effect.is_number or is_ranked(self.effect):
            return np.arange(len(self.effect.levels), dtype=np.float64)
        return np.array([level.middle for level in self.effect.levels])

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


def is_ranked(effect: Effect) -> bool:
    """Whether numbers are drawn at equal distances: some are too close to each other.

    As 0.98, 0.99 and 1 beside 0 and 0.1, which no logarithm would part.
    """
    n = len(effect.levels)
    if not effect.is_number or not effect.in_pairs or not 2 < n <= _MOST_RANKED:
        return False
    middles = np.array([level.middle for level in effect.levels])
    is_crowded = np.diff(middles).min() < _CROWDED * (middles[-1] - middles[0])
    return bool(is_crowded) and not lie_in_decades(middles)


def lie_in_decades(values: FloatArray) -> bool:
    """Whether positive values are spread more evenly on a logarithmic axis than on a linear one."""
    low, middle, high = float(values.min()), float(np.median(values)), float(values.max())
    if not (low > 0.0 and high > _DECADES * low):
        return False
    linear = (middle - low) / (high - low)
    logarithmic = math.log(middle / low) / math.log(high / low)
    return abs(logarithmic - 0.5) < abs(linear - 0.5)


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
