"""Adam: the steps of its paper, in trainings as in a loop of plain NumPy."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import TrainingDiverged
from autune.evaluation.loss import score
from autune.potential.layout import build_networks
from autune.settings import AdamSettings, Settings
from autune.structures import FloatArray
from autune.training.adam import Adam
from autune.training.keywords import training_keywords
from autune.training.loop import Trained, train_potential
from autune.training.parallel import Serial
from autune.training.prepare import prepare
from autune.training.shared_set import SharedSet
from autune.training.trainer import Trainer

GOLD = Dataset.read("builtin:gold")


def make_settings(**training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "adam",
            "dataset": {"path": "builtin:gold"},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
                "hidden_layers": [4],
            },
            "training": {"epochs": 3, "updates_per_epoch": 20, "optimizer": "adam", **training},
        }
    )


def run(settings: Settings) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(
        settings, prepare(settings, split_dataset(GOLD, settings.dataset)), judge
    )


class Plain:
    """Algorithm 1 of Kingma and Ba, line by line, with epsilon-hat."""

    def __init__(self, n: int, s: AdamSettings) -> None:
        self.s, self.t, self.m, self.v = s, 0, np.zeros(n), np.zeros(n)

    def step(self, g: FloatArray) -> FloatArray:
        s = self.s
        self.t += 1
        self.m = s.beta1 * self.m + (1 - s.beta1) * g
        self.v = s.beta2 * self.v + (1 - s.beta2) * g * g
        m_hat, v_hat = self.m / (1 - s.beta1**self.t), self.v / (1 - s.beta2**self.t)
        change: FloatArray = (
            -s.eta * m_hat / (np.sqrt(v_hat) + s.epsilon / math.sqrt(1 - s.beta2**self.t))
        )
        return change


def test_steps_are_those_of_the_paper() -> None:
    settings = AdamSettings(eta=0.01, beta1=0.8, beta2=0.95, epsilon=1e-3)
    generator = np.random.default_rng(1)
    adam, plain = Adam.start(5, settings), Plain(5, settings)
    for _ in range(20):
        H, xi = np.asfortranarray(generator.normal(size=(5, 3))), generator.normal(size=3)
        gradient = -sum(xi[k] * H[:, k] for k in range(3))
        np.testing.assert_allclose(adam.update(H, xi), plain.step(gradient), rtol=1e-12)


def test_a_training_is_a_descent_along_the_gradients_of_its_batches() -> None:
    settings = make_settings(streams=3, energy_weight=2.0, force_weight=0.5)
    prepared = prepare(settings, split_dataset(GOLD, settings.dataset))
    networks = build_networks(prepared.architecture)
    w = np.random.default_rng(3).normal(size=networks.first_weight[-1])
    train = SharedSet(prepared.train, networks, Serial())
    arguments = (prepared.structure_weights, settings.training, np.random.default_rng(0), Serial())
    trainer = Trainer(train, w, *arguments)
    plain = Plain(len(w), settings.training.adam)
    for kind, chosen, weight in [
        ("energy", [3, 7, 50], 2.0), ("force", [5, 100, 1000], 0.5), ("energy", [0, 1, 2], 2.0),
    ]:  # fmt: skip
        trainer.update(kind, np.array(chosen))  # type: ignore[arg-type]
        xi, rows = train.observe(kind, np.array(chosen), w)  # type: ignore[arg-type]
        # Of half the sum of squares of weighted errors.
        w = w + plain.step(-(weight**2) * (rows.T @ xi))
        np.testing.assert_allclose(trainer.weights, w, rtol=1e-10)


def test_training_lowers_errors() -> None:
    trained = run(make_settings(updates_per_epoch=200, streams=4, adam={"eta": 0.01}))
    first, last = trained.epochs[0], trained.epochs[-1]
    assert last.test_energy_rmse < 0.5 * first.test_energy_rmse
    assert last.test_force_rmse < 0.7 * first.test_force_rmse


def test_the_section_of_the_other_optimizer_does_not_count() -> None:
    weights = [
        run(make_settings(**other)).potential.weights["Au"]
        for other in ({}, {"kalman": {"per_element": True, "epsilon": 3.0}})
    ]
    np.testing.assert_array_equal(*weights)
    kalman = make_settings(optimizer="kalman", adam={"eta": 0.5})
    np.testing.assert_array_equal(
        run(kalman).potential.weights["Au"],
        run(make_settings(optimizer="kalman")).potential.weights["Au"],
    )


def test_divergence_is_recognised() -> None:
    with pytest.raises(TrainingDiverged):
        run(make_settings(adam={"eta": 1e200}))


def test_exported_keywords_are_those_of_n2p2s_gradient_descent() -> None:
    settings = make_settings(adam={"eta": 0.01, "beta1": 0.8}).training
    words = training_keywords(settings, 10, 100, 0.1)
    assert words["updater_type"] == ["0"]
    assert words["jacobian_mode"] == ["0"]
    assert words["gradient_type"] == ["1"]
    assert words["gradient_adam_eta"] == ["0.01"]
    assert words["gradient_adam_beta1"] == ["0.8"]
    assert not [name for name in words if name.startswith("kalman")]


@pytest.mark.parametrize("optimizer", ["kalman", "adam"])
def test_a_weight_of_energies_is_exported_as_weights_of_all_others(optimizer: str) -> None:
    """What n2p2 gets has a weight for forces alone, and trains the same."""
    c = 3.0
    same = {"optimizer": optimizer, "force_ratio": 0.5, "keep": "last"}
    weighted = make_settings(energy_weight=c, force_weight=6.0, **same)
    words = {k: v[0] for k, v in training_keywords(weighted.training, 9, 9, 0.1).items() if v}
    if optimizer == "kalman":
        names = ("epsilon", "q0", "qmin")
        section = {name: float(words[f"kalman_{name}"]) for name in names}
    else:
        section = {"epsilon": float(words["gradient_adam_epsilon"])}
    assert float(words["force_weight"]) == pytest.approx(2.0)
    exported = make_settings(
        force_weight=float(words["force_weight"]), **same, **{optimizer: section}
    )
    np.testing.assert_allclose(
        run(weighted).potential.weights["Au"],
        run(exported).potential.weights["Au"],
        rtol=1e-8,
        atol=1e-10,
    )
