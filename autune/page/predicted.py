"""What the potential of the best trial says about the structures it was trained and tested with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autune.dataset import Dataset, make_folds
from autune.errors import AutuneError
from autune.page.gathered import Gathered
from autune.potential.model import Potential, Prediction
from autune.structures import Structure

MOST_ATOMS = 30_000
"""Atoms that are predicted for a page; of larger sets a part of the structures is drawn."""


@dataclass(frozen=True, eq=False)
class Side:
    """Training or test set, with predictions.

    Parameters
    ----------
    name
        training or test.
    structures
        Those that are predicted.
    predictions
        One for each.
    n_all
        Structures of the set, of which a part may be predicted.
    """

    name: str
    structures: tuple[Structure, ...]
    predictions: tuple[Prediction, ...]
    n_all: int


def predict_sides(gathered: Gathered) -> list[Side]:
    """Predict test and training set by the potential of the best trial.

    The holdout is left out: only a confirmation looks at it.

    Returns
    -------
    list of Side
        Test and training set; empty where potential or structures are missing.
    """
    shown, dataset = gathered.shown, gathered.dataset
    if shown is None or shown.chosen is None or dataset is None:
        return []
    try:
        potential = Potential.load(shown.chosen)
        split = _fold(gathered, dataset, shown.fold)
        sides = [("test", split.test_structures), ("training", split.train_structures)]
        return [_predict(name, potential, structures) for name, structures in sides if structures]
    except AutuneError:  # damaged, or of another program
        return []


def test_set(gathered: Gathered) -> list[Structure]:
    """Return the structures of the test that are predicted; none where they are missing.

    Raises
    ------
    ConfigError, DataError
        If the settings do not fit the structures.
    """
    if gathered.shown is None or gathered.dataset is None:
        return []
    split = _fold(gathered, gathered.dataset, gathered.shown.fold)
    return _draw_some(_with_references(split.test_structures))


def _fold(gathered: Gathered, dataset: Dataset, folder: str) -> Dataset:
    """Return the split by which the potential was trained."""
    folds = make_folds(dataset.without_holdout(), gathered.shown_settings)
    return next((fold.dataset for fold in folds if fold.folder == folder), folds[0].dataset)


def _predict(name: str, potential: Potential, structures: Sequence[Structure]) -> Side:
    chosen = _draw_some(_with_references(structures))
    predictions = tuple(potential.predict(structure) for structure in chosen)
    return Side(name, tuple(chosen), predictions, len(structures))


def _with_references(structures: Sequence[Structure]) -> list[Structure]:
    return [s for s in structures if s.energy is not None or s.forces is not None]


def _draw_some(structures: Sequence[Structure]) -> list[Structure]:
    """Take structures by chance, always the same ones, until there are enough atoms."""
    sizes = np.array([structure.n_atoms for structure in structures], dtype=np.int64)
    if sizes.sum() <= MOST_ATOMS:
        return list(structures)
    order = np.random.default_rng(0).permutation(len(structures))
    n_kept = max(1, int(np.searchsorted(np.cumsum(sizes[order]), MOST_ATOMS)))
    return [structures[i] for i in sorted(order[:n_kept])]
