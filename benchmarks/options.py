"""What the options of the Kalman filter cost: the filter alone, and whole epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from cells import gold_study
from machine import Spread, time_calls
from steps import ONE_BY_ONE, STREAMS, Work, digits, time_epochs

from autune.dataset import Dataset, split_dataset
from autune.errors import TrainingDiverged
from autune.potential.layout import build_networks
from autune.settings import KalmanSettings
from autune.training.optimizer import KalmanFilter, divide_weights
from autune.training.parallel import Serial
from autune.training.prepare import prepare

OPTIONS: dict[str, dict[str, Any]] = {
    "whole covariance": {},
    "single precision": {"precision": "single"},
    "layers decoupled": {"decoupling": "layer"},
    "layers decoupled, single precision": {"decoupling": "layer", "precision": "single"},
    "neurons decoupled": {"decoupling": "neuron"},
}

OPTIONS_HEADER = [
    "covariance",
    "filter, 1 [ms]",
    f"filter, {STREAMS} [ms]",
    "gold epoch, 1 [s]",
    f"gold epoch, {STREAMS} [s]",
    "cells epoch, 1 [s]",
    f"cells epoch, {STREAMS} [s]",
]
"""1 or 32 observations an update; ms an observation, s an epoch of 1000 observations."""


def measure_options(work: Work) -> Iterator[tuple[str, list[Spread | None]]]:
    """Measure each option: the columns of `OPTIONS_HEADER`; None where the training diverges."""
    gold = gold_study()
    dataset = split_dataset(Dataset.read(gold.dataset.path), gold.dataset)
    sets = (({}, prepare(gold, dataset)), (ONE_BY_ONE, work.prepared))
    runs = max(2, work.plan.runs // 2)
    for name, option in OPTIONS.items():
        spreads: list[Spread | None] = [
            time_filter(work, option, streams) for streams in (1, STREAMS)
        ]
        for base, prepared in sets:
            for streams in (1, STREAMS):
                updates = max(1, work.plan.updates // streams)
                settings = gold_study(
                    **base | {"streams": streams, "kalman": option, "updates_per_epoch": updates}
                )
                scale = 1000 / (updates * streams)
                try:
                    spreads.append(time_epochs(settings, prepared, runs, scale))
                except TrainingDiverged:
                    spreads.append(None)
        yield name, spreads


def time_filter(work: Work, option: dict[str, Any], streams: int) -> Spread:
    """Return milliseconds of the filter for an observation."""
    H = np.asfortranarray(work.jacobian.T)
    m = H.shape[1]
    xi = np.random.default_rng(3).normal(0.0, 0.01, m)
    settings = KalmanSettings.model_validate(option)
    ((_, layers),) = divide_weights(build_networks(work.prepared.architecture), per_element=False)
    kalman = KalmanFilter.start(layers, settings, Serial(), 10**6)

    def digest() -> None:
        for k in range(0, m, streams):
            kalman.update(H[:, k : k + streams], xi[k : k + streams])
        kalman.settle()

    return time_calls(digest, work.plan.runs, 1e3 / m)


def option_cells(name: str, spreads: list[Spread | None]) -> list[str]:
    """Return the texts of a line of the table."""
    return [name, *(digits(spread.median) if spread else "diverged" for spread in spreads)]
