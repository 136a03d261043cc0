"""What an epoch of training reports, and the one thing that may be answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """Errors after an epoch; epoch 0 is before the first update.

    Parameters
    ----------
    seed
        Which of the trainings of a trial, from 0.
    number
        Epoch, from 0.
    train_energy_rmse, test_energy_rmse
        Root mean square error of the energy per atom, eV/atom; NaN without structures.
    train_force_rmse, test_force_rmse
        Root mean square error over force components, eV/Angstrom; NaN without structures.
    score
        Scalar score of the test errors.
    seconds
        Wall time since the training began, s.
    train_stress_rmse, test_stress_rmse
        Root mean square error over the six components of stress, GPa; NaN where none is known.
    """

    seed: int
    number: int
    train_energy_rmse: float
    test_energy_rmse: float
    train_force_rmse: float
    test_force_rmse: float
    score: float
    seconds: float
    train_stress_rmse: float = math.nan
    test_stress_rmse: float = math.nan


@dataclass(frozen=True)
class Judged:
    """A training of a trial at its end, with the properties of its potential.

    Parameters
    ----------
    seed
        Which of the trainings of a trial, from 0.
    score
        Scalar score of the test errors and the property error.
    """

    seed: int
    score: float


Report = Callable[[Epoch | Judged], bool]
"""Called after every epoch and after every training of a trial; False stops the trial."""


def go_on(_: Epoch | Judged) -> bool:
    """Let every training run to its end."""
    return True
