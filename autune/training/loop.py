"""The training of one potential, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from autune.errors import TrainingDiverged
from autune.potential.layout import build_networks, join_weights, split_weights
from autune.potential.model import Potential
from autune.settings import Settings, TrainingSettings
from autune.training.checkpoint import Checkpoint, Progress
from autune.training.epoch import Epoch, Report, go_on
from autune.training.initial import initial_weights
from autune.training.keywords import training_keywords
from autune.training.normalization import training_units
from autune.training.observables import convert_to_training_units
from autune.training.parallel import Communicator, Serial
from autune.training.prepare import Prepared
from autune.training.shared_set import SharedSet
from autune.training.stopping import has_stalled
from autune.training.trainer import Trainer
from autune.units import EV_PER_ANGSTROM3_IN_GPA

Score = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training.

    Parameters
    ----------
    potential
        With the weights of the kept epoch.
    epochs
        All epochs, epoch 0 (before the first update) first.
    kept
        Number of the kept epoch.
    finished
        False when a report stopped the training.
    stopped_early
        Whether it is finished before its last epoch, because test errors had ceased to fall.
    """

    potential: Potential
    epochs: tuple[Epoch, ...]
    kept: int
    finished: bool
    stopped_early: bool = False


def train_potential(
    settings: Settings,
    prepared: Prepared,
    score: Score,
    seed: int = 0,
    report: Report = go_on,
    communicator: Communicator | None = None,
    checkpoint: Path | None = None,
) -> Trained:
    """Train one potential.

    Parameters
    ----------
    settings
        All settings.
    prepared
        Data made ready by `prepare`.
    score
        From energy_rmse, force_rmse and, where stresses are known, stress_rmse to the scalar that
        decides which epoch is best.
    seed
        Added to `training.seed`, from 0; the epochs bear it.
    report
        Called after every epoch by the first rank; False ends the training.
    communicator
        Ranks; None: one.
    checkpoint
        File for the state; a training that finds its own state goes on from there, with the
        same numbers as if it had never stopped.

    Raises
    ------
    TrainingDiverged
        If errors or weights are not finite any more.
    """
    # Matrices this small lose time to threads; ranks and trials are where cores belong.
    with threadpool_limits(limits=1, user_api="blas"):
        start = _Start(settings, prepared, seed, communicator or Serial())
        return _train(start, settings, prepared, score, seed, report, checkpoint)


def _train(
    start: _Start,
    settings: Settings,
    prepared: Prepared,
    score: Score,
    seed: int,
    report: Report,
    checkpoint: Path | None,
) -> Trained:
    trainer = start.trainer
    store = Checkpoint(checkpoint, f"{prepared.identity}-{seed}", trainer)
    progress = store.load()
    if progress is None:
        first = start.measure(0, 0.0, score)
        progress = Progress([first], trainer.weights.copy(), 0)
    finished = True
    for epoch in _epochs(start, settings, progress, score):
        ranks = trainer.communicator
        go = ranks.agree(report(epoch) if ranks.rank == 0 else True)
        # Who stops it may not know that it has stalled; that no epoch is left, everyone knows.
        if not go and epoch.number < settings.training.epochs:
            store.save(progress)
            finished = False
            break
        if _is_over(progress.epochs, settings.training):
            store.finish(progress)
        elif store.is_due():
            store.save(progress)
    keep_best = settings.training.keep == "best"
    kept = progress.best_epoch if keep_best else progress.epochs[-1].number
    if finished and not math.isfinite(progress.epochs[kept].score):
        raise TrainingDiverged(
            "the errors of the test set are not finite "
            + ("in any epoch" if keep_best else "after the last epoch")
        )
    weights = progress.best_weights if keep_best else trainer.weights
    return Trained(
        potential=start.potential(weights),
        epochs=tuple(progress.epochs),
        kept=kept,
        finished=finished,
        stopped_early=finished and progress.epochs[-1].number < settings.training.epochs,
    )


def _epochs(start: _Start, settings: Settings, progress: Progress, score: Score) -> Iterator[Epoch]:
    """Go through the epochs that are left; keep the history and the best weights."""
    trainer = start.trainer
    began = time.monotonic() - progress.epochs[-1].seconds
    while not _is_over(progress.epochs, settings.training):
        number = len(progress.epochs)
        trainer.run_epoch()
        epoch = start.measure(number, time.monotonic() - began, score)
        if epoch.score < progress.epochs[progress.best_epoch].score:
            progress.best_epoch = number
            progress.best_weights = trainer.weights.copy()
        progress.epochs.append(epoch)
        yield epoch


def _is_over(epochs: Sequence[Epoch], settings: TrainingSettings) -> bool:
    """Say whether no epoch is left, or the score has not fallen for too long."""
    if epochs[-1].number >= settings.epochs:
        return True
    stop = settings.stop_early
    return stop is not None and has_stalled((epoch.score for epoch in epochs), stop)


class _Start:
    """A training before its first epoch: initial weights, internal units, trainer."""

    def __init__(
        self, settings: Settings, prepared: Prepared, seed: int, communicator: Communicator
    ) -> None:
        training = settings.training
        entropy = training.seed + seed
        weights_generator = np.random.default_rng([entropy, 0])
        architecture = prepared.architecture
        networks = build_networks(architecture)
        parts = (prepared.train, prepared.test)
        if prepared.start is not None:
            weights = join_weights(prepared.start.weights, architecture)
            units = (
                architecture.mean_energy * architecture.energy_unit,
                architecture.conv_energy / architecture.energy_unit,
                architecture.conv_length / architecture.length_unit,
            )
        else:
            weights = join_weights(
                {
                    e: initial_weights(architecture, e, training.initialization, weights_generator)
                    for e in architecture.elements
                },
                architecture,
            )
            units = training_units(parts, networks, weights, training.normalization, communicator)
        train, test = (
            SharedSet(
                replace(part, data=convert_to_training_units(part.data, *units)),
                networks,
                communicator,
            )
            for part in parts
        )
        self.seed = seed
        self.scaling = prepared.scaling
        self.internal = units
        self.architecture = (
            architecture
            if prepared.start is not None
            else replace(
                architecture,
                mean_energy=units[0] / architecture.energy_unit,
                conv_energy=units[1] * architecture.energy_unit,
                conv_length=units[2] * architecture.length_unit,
            )
        )
        self.keywords = training_keywords(
            training, train.n_structures, train.n_components, settings.dataset.test_fraction
        )
        self.test = test
        self.trainer = Trainer(
            train,
            weights,
            prepared.structure_weights,
            training,
            np.random.default_rng([entropy, 1]),
            communicator,
            prepared.shares,
        )

    def measure(self, number: int, seconds: float, score: Score) -> Epoch:
        """Return the errors of both sets in physical units."""
        train, test = self.trainer.errors, self.test.measure(self.trainer.weights)
        _, conv_energy, conv_length = self.internal
        to_eV, to_force = 1.0 / conv_energy, conv_length / conv_energy
        to_GPa = to_eV * EV_PER_ANGSTROM3_IN_GPA
        errors = {
            "energy_rmse": test.energy_rmse * to_eV,
            "force_rmse": test.force_rmse * to_force,
        }
        if self.test.n_stresses > 0:
            errors["stress_rmse"] = test.stress_rmse * to_GPa
        return Epoch(
            seed=self.seed,
            number=number,
            train_energy_rmse=train.energy_rmse * to_eV,
            test_energy_rmse=errors["energy_rmse"],
            train_force_rmse=train.force_rmse * to_force,
            test_force_rmse=errors["force_rmse"],
            score=score(errors),
            seconds=seconds,
            train_stress_rmse=train.stress_rmse * to_GPa,
            test_stress_rmse=errors.get("stress_rmse", math.nan),
        )

    def potential(self, weights: np.ndarray) -> Potential:
        """Return a potential with these weights."""
        by_element = split_weights(weights, self.architecture)
        return Potential(self.architecture, self.scaling, by_element, self.keywords)
