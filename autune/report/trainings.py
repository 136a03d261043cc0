"""The trainings of a trial: their history as a table, and which of them gives the potential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autune.dataset import Fold
from autune.properties import PropertyTable
from autune.training.epoch import Epoch
from autune.training.loop import Trained


@dataclass(frozen=True, eq=False)
class Training:
    """One training of a trial, judged.

    Parameters
    ----------
    fold
        What it trained and tested with.
    folder
        Its folder.
    dropped
        Names of symmetry functions without spread.
    trained
        Its potential and its epochs.
    table
        Properties, if they are wanted.
    metrics
        By name; empty when it did not come to its end.
    """

    fold: Fold
    folder: Path
    dropped: tuple[str, ...]
    trained: Trained
    table: PropertyTable | None
    metrics: dict[str, float]


def epochs_of(trainings: Sequence[Training]) -> list[Epoch]:
    """Return the epochs of all trainings, with the number of the training as their seed."""
    return [
        replace(epoch, seed=number)
        for number, training in enumerate(trainings)
        for epoch in training.trained.epochs
    ]


def history(trainings: Sequence[Training]) -> list[dict[str, Any]]:
    """Return a row for each epoch, with cross-validation with the name of its fold.

    Errors of stresses are left out where no stress is known.
    """
    rows = [asdict(epoch) for epoch in epochs_of(trainings)]
    for name in ("train_stress_rmse", "test_stress_rmse"):
        if all(math.isnan(row[name]) for row in rows):
            for row in rows:
                del row[name]
    if not trainings[0].fold.name:
        return rows
    return [{"fold": trainings[row["seed"]].fold.name, **row} for row in rows]


def choose(trainings: Sequence[Training]) -> Training:
    """Return the training with the lowest score; with cross-validation that in the middle.

    The best of several folds is the one with the easiest test, not that with the best potential.
    Of an even number, the better of the two in the middle is taken.
    """
    by_score = sorted(trainings, key=lambda training: training.metrics["score"])
    return by_score[(len(trainings) - 1) // 2 if trainings[0].fold.name else 0]
