"""How far predicted stresses are from DFT, per group of structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autune.evaluation.accuracy import ALL
from autune.structures import FloatArray, Structure
from autune.units import EV_PER_ANGSTROM3_IN_GPA


class Stress(Protocol):
    """What is compared of a prediction."""

    @property
    def virial(self) -> FloatArray:
        """Stress times volume in eV, shape (3, 3)."""


@dataclass(frozen=True)
class GroupStresses:
    """Errors of the stresses of a group, NaN where none is known.

    Parameters
    ----------
    n_stresses
        Components compared, six of a structure.
    stress_rmse, stress_mae
        Root mean square and mean absolute error, GPa.
    """

    n_stresses: int
    stress_rmse: float
    stress_mae: float


def measure_stresses(
    structures: Sequence[Structure], predictions: Sequence[Stress]
) -> dict[str, GroupStresses]:
    """Measure the errors in every group of `autune.evaluation.accuracy.compare`, by its name.

    The errors are those of a training: of the six components xx, yy, zz, yz, xz, xy, each counted
    once.  There are none where no structure has a stress and a cell.
    """
    errors: dict[str, list[FloatArray]] = {}
    for structure, prediction in zip(structures, predictions, strict=True):
        of_group = errors.setdefault(structure.group or "(none)", [])
        if structure.virial is not None:
            predicted = prediction.virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            of_group.append((predicted - structure.virial) / structure.volume)
    errors[ALL] = [error for of_group in errors.values() for error in of_group]
    if not errors[ALL]:
        return {}
    return {name: _measure(of_group) for name, of_group in errors.items()}


def _measure(errors: Sequence[FloatArray]) -> GroupStresses:
    if not errors:
        return GroupStresses(0, float("nan"), float("nan"))
    in_GPa = np.concatenate(errors) * EV_PER_ANGSTROM3_IN_GPA
    rmse, mae = float(np.sqrt(np.mean(in_GPa**2))), float(np.mean(np.abs(in_GPa)))
    return GroupStresses(in_GPa.size, rmse, mae)
