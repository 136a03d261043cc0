"""Marks of compared settings, levels and potentials, told apart also without colour."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.lines import Line2D

from autune.evaluation.confidence import Standing
from autune.report.canvas import COLOURS


class Mark(NamedTuple):
    """How a setting is drawn; shape and filling tell it also without colour."""

    marker: str
    colour: str
    filled: bool

    @property
    def face(self) -> str:
        """Colour of the inside."""
        return self.colour if self.filled else "white"

    def handle(self, label: str, size: float = 8.0) -> Line2D:
        """Return its entry in a legend, with a bar."""
        return Line2D(
            [], [], marker=self.marker, color=self.colour, markersize=size, linewidth=1.8,
            markerfacecolor=self.face, markeredgewidth=1.6, label=label,
        )  # fmt: skip


OF_POTENTIALS = (COLOURS[0], COLOURS[4], COLOURS[5], COLOURS[3], COLOURS[1])
"""Colours of potentials that are compared, the same in all figures."""

BEST = Mark("D", "#000000", True)
SAME = Mark("o", COLOURS[0], True)
WORSE = Mark("s", COLOURS[1], False)
FAILS = Mark("X", "#6e6e6e", True)
MEANINGS = {
    BEST: "best",
    SAME: "cannot be told from it",
    WORSE: "worse",
    FAILS: "fails more often",
}


def mark_of(standing: Standing, best: Standing) -> Mark:
    """Return the mark of a setting beside the best one."""
    if standing is best:
        return BEST
    if standing.failures > best.failures:
        return FAILS
    return SAME if standing.same_as_best else WORSE
