"""Training runs of n2p2, candidate by candidate: the same weights."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers

from autune.formats.input_data import read_input_data
from autune.formats.input_nn import read_input_nn
from autune.formats.tables import read_scaling, read_weights
from autune.potential.descriptors import compute_descriptors
from autune.potential.layout import build_networks, join_weights
from autune.settings import KalmanSettings, TrainingSettings
from autune.training.observables import (
    collect_observables,
    convert_to_training_units,
    scale_descriptors,
)
from autune.training.parallel import Serial
from autune.training.prepare import element_shares
from autune.training.shared_set import Part, SharedSet
from autune.training.trainer import Trainer

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
CASES = sorted(
    path.name
    for path in (REFERENCE / "train").iterdir()
    if not path.name.startswith("init_") and "threshold" not in path.name
)


def read_log(path: Path) -> list[tuple[int, str, list[list[int]]]]:
    """Epoch, kind and [rank, structure, atom, direction] of the candidates of every update."""
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    updates = []
    for (kind, epoch, _), group in groupby(lines, key=lambda words: tuple(words[:3])):
        rows = [[int(words[3]), int(words[6]), *map(int, words[8:10])] for words in group]
        updates.append((int(epoch), "energy" if kind == "E" else "force", rows))
    return updates


def read_epoch_weights(case: Path, elements: tuple[str, ...], epoch: int) -> np.ndarray:
    names = [f"weights.{atomic_numbers[element]:03d}.{epoch:06d}.out" for element in elements]
    return np.concatenate([np.loadtxt(case / name, comments="#", usecols=0) for name in names])


def make_trainer(case: Path) -> tuple[Trainer, tuple[str, ...], str]:
    architecture, words = read_input_nn(case / "input.nn")
    value = {keyword: arguments[0] for keyword, arguments in words.items() if arguments}
    name = "aucu.data" if len(architecture.elements) > 1 else "au.data"
    structures = list(read_input_data(REFERENCE / "structures" / name))
    descriptors = compute_descriptors(structures, architecture)
    scale_descriptors(descriptors, read_scaling(case / "scaling.data", architecture), architecture)
    data = collect_observables(structures, descriptors, architecture)
    data = convert_to_training_units(
        data, architecture.mean_energy, architecture.conv_energy, architecture.conv_length
    )
    fading = value["kalman_type"] == "1"
    kalman = KalmanSettings.model_validate(
        {
            "kind": "fading" if fading else "standard",
            "per_element": value["update_strategy"] == "1",
            **{key: float(value[f"kalman_{key}"]) for key in ("epsilon", "q0", "qtau", "qmin")},
            **(
                {
                    "lambda": float(value["kalman_lambda_short"]),
                    "nue": float(value["kalman_nue_short"]),
                }
                if fading
                else {k: float(value[f"kalman_{k}"]) for k in ("eta", "etatau", "etamax")}
            ),
        }
    )
    updates = read_log(case / "train-log.out")
    per_epoch = sum(epoch == updates[0][0] for epoch, _, _ in updates)
    settings = TrainingSettings(
        updates_per_epoch=per_epoch,
        force_weight=float(value.get("force_weight", "1")),
        kalman=kalman,
    )
    weights = {
        element: read_weights(
            case / f"weights.{atomic_numbers[element]:03d}.data", architecture.n_weights(element)
        )
        for element in architecture.elements
    }
    networks = build_networks(architecture)
    n_atoms = np.array([structure.n_atoms for structure in structures])
    part = Part(data, n_atoms, np.zeros_like(n_atoms))
    trainer = Trainer(
        SharedSet(part, networks, Serial()),
        join_weights(weights, architecture),
        np.ones(len(structures)),
        settings,
        np.random.default_rng(0),
        Serial(),
        element_shares(structures, architecture),
    )
    return trainer, architecture.elements, value["jacobian_mode"]


@pytest.mark.parametrize("name", CASES)
def test_training_of_n2p2_is_reproduced(name: str) -> None:
    case = REFERENCE / "train" / name
    trainer, elements, mode = make_trainer(case)
    first_atom = trainer.train.data.first_atom
    for epoch, group in groupby(read_log(case / "train-log.out"), key=lambda update: update[0]):
        for _, kind, rows in group:
            rank, structure, atom, direction = np.array(
                [row if len(row) == 4 else [*row, 0, 0] for row in rows]
            ).T
            chosen = (
                structure if kind == "energy" else 3 * (first_atom[structure] + atom) + direction
            )
            everything = np.arange(len(rows))
            groups = {
                "0": [everything],
                "1": [everything[rank == r] for r in np.unique(rank)],
                "2": list(everything[:, None]),
            }[mode]
            trainer.update(kind, chosen, groups)
        expected = read_epoch_weights(case, elements, epoch)
        # In the largest weight's unit: force_full_element is ill-conditioned (weights up to 114).
        size = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(trainer.weights, expected, rtol=0, atol=1e-9 * size)


def test_errors_are_those_of_the_learning_curve() -> None:
    case = REFERENCE / "train" / "replay_batch1_std"
    trainer, _, _ = make_trainer(case)
    lines = (case / "learning-curve.out").read_text().splitlines()
    row = np.array([_number(word) for word in next(x for x in lines if x[0] != "#").split()])
    errors = trainer.errors
    np.testing.assert_allclose([errors.energy_rmse, errors.force_rmse], row[[1, 9]], rtol=1e-8)


def _number(text: str) -> float:
    return float(text.replace("-NAN", "nan"))
