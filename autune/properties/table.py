"""Properties beside their reference values, and one number from all their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autune.properties.curve import Curve
from autune.properties.reference import Reference, unit_of
from autune.settings import PropertiesSettings


@dataclass(frozen=True)
class PropertyRow:
    """A property that was asked for.

    Attributes
    ----------
    name
        Name, as in the reference table.
    value
        Calculated value; None if it could not be calculated.
    unit
        Unit of value, reference, uncertainty and error.
    reference
        Reference value, None without one.
    uncertainty
        Uncertainty of the reference value, None without a reference.
    reason
        Why there is no value; empty when there is one.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    uncertainty: float | None = None
    reason: str = ""

    @property
    def error(self) -> float | None:
        """Value - reference, in the row's unit."""
        if self.value is None or self.reference is None:
            return None
        return self.value - self.reference

    @property
    def error_percent(self) -> float | None:
        """Error over the size of the reference [%]."""
        if self.error is None or self.reference is None:
            return None
        return 100.0 * self.error / abs(self.reference)

    @property
    def excess_percent(self) -> float | None:
        """Size of the error beyond the uncertainty, over the size of the reference [%]."""
        if self.error is None or self.reference is None:
            return None
        excess = max(0.0, abs(self.error) - (self.uncertainty or 0.0))
        return 100.0 * excess / abs(self.reference)


@dataclass(frozen=True)
class PropertyTable:
    """All properties that were asked for, in the order of their calculation.

    Attributes
    ----------
    rows
        Properties that are a number.
    curves
        Properties that are a curve.
    """

    rows: tuple[PropertyRow, ...]
    curves: tuple[Curve, ...] = ()

    def __getitem__(self, name: str) -> PropertyRow:
        """Return the row of a property.

        Raises
        ------
        KeyError
            If it was not asked for.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    @property
    def values(self) -> dict[str, float]:
        """Calculated values by name, without those that failed."""
        return {row.name: row.value for row in self.rows if row.value is not None}

    @property
    def failures(self) -> dict[str, str]:
        """Reasons by name of what could not be calculated."""
        return {row.name: row.reason for row in self.rows if row.value is None}

    def to_dicts(self) -> list[dict[str, str | float | None]]:
        """Return the rows as plain dictionaries, for tables and JSON."""
        return [
            {
                "name": row.name,
                "value": row.value,
                "unit": row.unit,
                "reference": row.reference,
                "uncertainty": row.uncertainty,
                "error": row.error,
                "error_percent": row.error_percent,
                "excess_percent": row.excess_percent,
                "reason": row.reason,
            }
            for row in self.rows
        ]


def make_row(
    name: str, value: float | None, reason: str, references: Mapping[str, Reference]
) -> PropertyRow:
    """Put a calculated value beside its reference."""
    known = references.get(name)
    return PropertyRow(
        name=name,
        value=value,
        unit=unit_of(name),
        reference=known.value if known else None,
        uncertainty=known.uncertainty if known else None,
        reason=reason,
    )


def property_error(table: PropertyTable, settings: PropertiesSettings) -> float:
    """Make one number from the errors of all properties [%].

    Weighted root mean square of `PropertyRow.excess_percent` over the properties that have a
    reference: errors within the uncertainty of the reference count as none. A property that
    failed counts `failure_penalty`, and so does one whose error is larger, so that an absurd
    value is no worse than none. The result is finite; 0 if nothing has a reference.

    Parameters
    ----------
    table
        Calculated properties.
    settings
        Weights and the penalty of a failure.
    """
    penalty = settings.failure_penalty
    compared = [row for row in table.rows if row.reference is not None]
    weights = np.array([settings.weights.get(row.name, 1.0) for row in compared])
    if not weights.sum() > 0.0:
        return 0.0
    terms = np.array(
        [penalty if row.excess_percent is None else row.excess_percent for row in compared]
    )
    return float(np.sqrt(np.average(np.minimum(terms, penalty) ** 2, weights=weights)))
