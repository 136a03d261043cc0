"""How far the members of a committee disagree, in the units of their errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autune.evaluation.accuracy import ALL
from autune.evaluation.confidence import estimate
from autune.properties.table import PropertyRow, PropertyTable
from autune.structures import FloatArray, Structure


class Spread(Protocol):
    """What is looked at of a committee's prediction."""

    @property
    def energy_std(self) -> float:
        """Standard deviation of the total energy in eV."""

    @property
    def forces_std(self) -> FloatArray:
        """Standard deviation of force components in eV/Angstrom, shape (n_atoms, 3)."""


@dataclass(frozen=True)
class GroupSpread:
    """Spread in a group; NaN where it has nothing to compare with.

    Root mean squares, over the energies and force components that have a reference: of members
    that differ as much as they err, these are about the root mean square errors.

    Parameters
    ----------
    group
        Name of the group, or `ALL`.
    energy_spread
        Of energies per atom, eV/atom.
    force_spread
        Of force components, eV/Angstrom.
    """

    group: str
    energy_spread: float
    force_spread: float


@dataclass(frozen=True)
class PropertySpread:
    """A property over the members of a committee.

    Parameters
    ----------
    mean
        Its row with the mean over the members that have it as value, and the first reason of
        those that have not.
    std
        Standard deviation over these members (n - 1) in the row's unit; NaN of fewer than two.
    n_failed
        Members that do not have it.
    """

    mean: PropertyRow
    std: float
    n_failed: int

    def to_dict(self) -> dict[str, str | float | None]:
        """Return a plain dictionary, for tables."""
        row = self.mean
        return {
            "name": row.name,
            "mean": row.value,
            "std": self.std,
            "unit": row.unit,
            "reference": row.reference,
            "uncertainty": row.uncertainty,
            "error": row.error,
            "error_percent": row.error_percent,
            "error_percent_std": 100.0 * self.std / abs(row.reference) if row.reference else None,
            "failed": self.n_failed or None,
            "reason": row.reason,
        }


def measure_spread(
    structures: Sequence[Structure], predictions: Sequence[Spread]
) -> dict[str, GroupSpread]:
    """Measure the spread in every group of `autune.evaluation.accuracy.compare`, by its name."""
    pairs = list(zip(structures, predictions, strict=True))
    names = dict.fromkeys(s.group or "(none)" for s in structures)
    groups = {name: [(s, p) for s, p in pairs if (s.group or "(none)") == name] for name in names}
    return {name: _measure(name, group) for name, group in (groups | {ALL: pairs}).items()}


def summarize_properties(tables: Sequence[PropertyTable]) -> list[PropertySpread]:
    """Return mean and standard deviation of every property over the members' tables.

    Parameters
    ----------
    tables
        One for each member, of the same properties.
    """
    found = []
    for rows in zip(*(table.rows for table in tables), strict=True):
        values = [row.value for row in rows if row.value is not None]
        over = estimate(values)
        reason = next((row.reason for row in rows if row.value is None), "")
        mean = dataclasses.replace(rows[0], value=over.mean if values else None, reason=reason)
        found.append(PropertySpread(mean, over.std, len(rows) - len(values)))
    return found


def _measure(name: str, pairs: Sequence[tuple[Structure, Spread]]) -> GroupSpread:
    energies = [p.energy_std / s.n_atoms for s, p in pairs if s.energy is not None]
    forces = [p.forces_std.ravel() for s, p in pairs if s.forces is not None]
    return GroupSpread(
        name, _root_mean_square(np.array(energies)), _root_mean_square(np.hstack([[], *forces]))
    )


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
