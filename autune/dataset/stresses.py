"""Whether stresses are known where settings need them."""

from __future__ import annotations

from collections.abc import Iterable

from autune.dataset.content import Dataset
from autune.errors import ConfigError
from autune.settings import Settings
from autune.structures import Structure


def knows_stress(structures: Iterable[Structure]) -> bool:
    """Say whether one of the structures has a stress and a cell at least."""
    return any(structure.virial is not None for structure in structures)


def check_stresses(dataset: Dataset, settings: Settings) -> None:
    """Refuse settings that train or count stresses which the data set does not have.

    Raises
    ------
    ConfigError
        If no training structure has one to train, or no test structure one to compare with.
    """
    training = settings.training
    if training.n_stress_updates > 0 and not knows_stress(dataset.train_structures):
        raise ConfigError(
            "training.stress_ratio",
            f"is {training.stress_ratio:g}, and no training structure has a stress and a cell; "
            "add stresses to the data, or leave stress_ratio out",
        )
    counted = settings.evaluation.score.stress_rmse
    if counted is not None and not knows_stress(dataset.test_structures):
        raise ConfigError(
            "evaluation.score.stress_rmse",
            "no test structure has a stress and a cell; add stresses to the data, or leave "
            "stress_rmse out of the score",
        )
