"""The schedules of the Kalman filter (N2P2 8.5), internal units, weights of structures."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.settings import KalmanSettings, Settings
from autune.training.candidates import schedule_updates
from autune.training.loop import Trained, train_potential
from autune.training.optimizer import KalmanFilter
from autune.training.parallel import Serial
from autune.training.prepare import prepare

GOLD = Dataset.read("builtin:gold")
SETTINGS = Settings.from_mapping(
    {
        "name": "small",
        "dataset": {"path": "builtin:gold"},
        "potential": {
            "elements": ["Au"],
            "cutoff_radius": 4.5,
            "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
            "hidden_layers": [4],
        },
        "training": {"epochs": 1, "updates_per_epoch": 10, "keep": "last"},
    }
)


def run(dataset: Dataset, settings: Settings = SETTINGS) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings, prepare(settings, dataset), judge)


def one_weight(settings: KalmanSettings, n: int) -> tuple[list[float], KalmanFilter]:
    """Changes of a single weight by n updates with h = 1 and error 1, four in an epoch."""
    kalman = KalmanFilter.start([(0, 1)], settings, Serial(), 4)
    H, xi = np.ones((1, 1), order="F"), np.ones(1)
    return [float(kalman.update(H, xi)[0]) for _ in range(n)], kalman


def test_eta_grows_before_its_use_and_q_decays_after() -> None:
    settings = KalmanSettings(
        epsilon=0.5, q0=0.3, qtau=2.0, qmin=0.1, eta=0.1, etatau=3.0, etamax=0.4
    )
    p, q, eta = 1 / 0.5, 0.3, 0.1
    expected = []
    for _ in range(8):
        if eta < 0.4:
            eta *= math.exp(3.0 / 4)
        gain = p / (p + 1 / eta)
        expected.append(gain)
        p = p - gain * p + q
        if q > 0.1:
            q *= math.exp(-2.0 / 4)
    found, kalman = one_weight(settings, 8)
    assert found == pytest.approx(expected, rel=1e-12)
    # Both stop one factor beyond their ends.
    assert kalman.eta == pytest.approx(0.1 * math.exp(3.0 / 4) ** 2)
    assert kalman.q == pytest.approx(0.3 * math.exp(-2.0 / 4) ** 3)


def test_fading_memory_forgets_less_and_less() -> None:
    settings = KalmanSettings.model_validate(
        {"kind": "fading", "epsilon": 0.5, "lambda": 0.9, "nue": 0.8, "q0": 0.0}
    )
    p, forgetting = 1 / 0.5, 0.9
    expected = []
    for _ in range(6):
        gain = p / (p + forgetting)
        expected.append(gain)
        p = (p - gain * p) / forgetting
        forgetting = 0.8 * forgetting + 0.2
    assert one_weight(settings, 6)[0] == pytest.approx(expected, rel=1e-12)


def test_schedule_rounds() -> None:
    assert schedule_updates(10, 0.37, np.random.default_rng(1)).count("force") == 4
    assert schedule_updates(10, 0.0, np.random.default_rng(1)) == ["energy"] * 10
    assert schedule_updates(10, 1.0, np.random.default_rng(1)) == ["force"] * 10


def test_initial_forces_have_unit_deviation_in_units_by_force() -> None:
    # With normalization force both references and first predictions have the deviation 1: the
    # first forces are as large as those of the reference.
    dataset = split_dataset(GOLD, SETTINGS.dataset)
    silent = SETTINGS.model_copy(
        update={
            "training": SETTINGS.training.model_copy(
                update={"kalman": KalmanSettings(epsilon=1e30, q0=0.0, qmin=0.0)}
            )
        }
    )
    potential = run(dataset, silent).potential  # its weights have not moved
    predicted = np.concatenate([potential.predict(s).forces.ravel() for s in GOLD.structures])
    reference = np.concatenate([s.forces.ravel() for s in GOLD.structures if s.forces is not None])
    assert predicted.std(ddof=1) == pytest.approx(reference.std(ddof=1), rel=1e-9)


def test_weights_of_structures_count() -> None:
    dataset = split_dataset(GOLD, SETTINGS.dataset)
    heavy = replace(dataset, structures=tuple(replace(s, weight=3.0) for s in GOLD.structures))
    grouped = SETTINGS.model_copy(
        update={
            "training": SETTINGS.training.model_copy(
                update={"group_weights": dict.fromkeys(GOLD.groups, 3.0)}
            )
        }
    )
    plain = run(dataset).potential.weights["Au"]
    weighted = run(heavy).potential.weights["Au"]
    assert not np.allclose(plain, weighted)
    np.testing.assert_array_equal(weighted, run(dataset, grouped).potential.weights["Au"])
