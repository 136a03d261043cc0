"""A quantity over another one, beside its reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """A calculated curve and the points of its reference.

    Attributes
    ----------
    name
        Name, as in the settings, with what tells it from its like: ``equation_of_state_fcc``.
    x_label, x_unit
        What is on the horizontal axis, and its unit.
    y_label, y_unit
        What is on the vertical axis, and its unit.
    x, y
        Calculated points, by rising x; empty if nothing could be calculated.
    reference_x, reference_y
        Points of the reference in the same units; empty without one.
    reason
        Why there are no points, or why some are missing; empty when all are there.
    """

    name: str
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    reference_x: tuple[float, ...] = ()
    reference_y: tuple[float, ...] = ()
    reason: str = ""

    def to_dicts(self) -> list[dict[str, str | float | None]]:
        """Return a plain dictionary for every point, for tables.

        ``source`` says whether a point is calculated or of the reference. A curve without
        calculated points has one row for its reason.
        """
        of_curve: dict[str, str | float | None] = {
            "curve": self.name,
            "x_label": self.x_label,
            "x_unit": self.x_unit,
            "y_label": self.y_label,
            "y_unit": self.y_unit,
        }
        calculated: list[tuple[float | None, float | None]] = [*zip(self.x, self.y, strict=True)]
        return [
            {**of_curve, "source": source, "x": x, "y": y, "reason": reason}
            for source, points, reason in (
                ("calculated", calculated or [(None, None)], self.reason),
                ("reference", zip(self.reference_x, self.reference_y, strict=True), ""),
            )
            for x, y in points
        ]
