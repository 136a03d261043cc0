"""One training: weights, filters, candidates; update by update and epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from autune.errors import DataError, TrainingDiverged
from autune.kernels.kalman import AnyFloatArray
from autune.kernels.network import Networks
from autune.settings import TrainingSettings
from autune.structures import FloatArray, IntArray
from autune.training.adam import Adam
from autune.training.candidates import (
    Candidates,
    Kind,
    group_observations,
    schedule_updates,
)
from autune.training.optimizer import KalmanFilter, divide_weights
from autune.training.parallel import Communicator
from autune.training.shared_set import SharedSet


@dataclass(frozen=True, eq=False)
class Shares:
    """What an element's own filter sees of an error (N2P2 8.4, update strategy 1).

    Of a stress as much as of an energy: both are of the whole structure.

    Parameters
    ----------
    energy
        Atoms of each element / atoms, shape (n_structures, n_elements).
    force
        Neighbours of each element / neighbours of the atom, shape (n_atoms, n_elements).
    """

    energy: FloatArray
    force: FloatArray


class Optimizer(Protocol):
    """What makes changes of weights out of errors and their derivatives."""

    packed: AnyFloatArray
    schedule: list[float]

    @property
    def n_packed(self) -> int:
        """Numbers of `packed`: all state but that of `schedule`."""

    def update(self, H: FloatArray, xi: FloatArray) -> FloatArray:
        """Return the change of the weights, shape (n_weights,).

        Parameters
        ----------
        H
            Derivatives of the observables, shape (n_weights, m), Fortran order.
        xi
            Errors, shape (m,).
        """

    def settle(self) -> None:
        """Bring the state up to date, as a restart finds it."""


def start_optimizers(
    networks: Networks, settings: TrainingSettings, communicator: Communicator
) -> list[tuple[slice, Optimizer]]:
    """Return what changes the weights, each with its part of them."""
    parts = divide_weights(networks, settings.per_element)
    if settings.optimizer == "adam":
        return [(part, Adam.start(part.stop - part.start, settings.adam)) for part, _ in parts]
    per_epoch = settings.updates_per_epoch
    return [
        (part, KalmanFilter.start(layers, settings.kalman, communicator, per_epoch))
        for part, layers in parts
    ]


class Trainer:
    """The state of a training and what moves it on.

    Parameters
    ----------
    train
        Training set in training units.
    weights
        Initial weights of all elements, shape (n_weights,).
    structure_weights
        Factor of each structure's errors, shape (n_structures,).
    settings
        Training settings.
    generator
        Source of every random choice, the same on all ranks.
    communicator
        Ranks.
    shares
        Needed for one filter per element.
    """

    def __init__(
        self,
        train: SharedSet,
        weights: FloatArray,
        structure_weights: FloatArray,
        settings: TrainingSettings,
        generator: np.random.Generator,
        communicator: Communicator,
        shares: Shares | None = None,
    ) -> None:
        if train.n_structures == 0:
            raise DataError("the training set is empty; lower dataset.test_fraction")
        self.train = train
        self.weights = np.array(weights)
        self.settings = settings
        self.generator = generator
        self.communicator = communicator
        self._shares = shares
        self._factors: dict[Kind, FloatArray] = {
            "energy": structure_weights * settings.energy_weight,
            "force": np.repeat(structure_weights, 3 * train.n_atoms) * settings.force_weight,
            "stress": np.repeat(structure_weights[train.stressed], 6) * settings.stress_weight,
        }
        selection = settings.selection
        self._candidates: dict[Kind, Candidates] = {
            "energy": Candidates(train.n_structures, selection.energy_threshold, selection),
            "force": Candidates(train.n_components, selection.force_threshold, selection),
        }
        if settings.n_stress_updates > 0:
            threshold = selection.stress_threshold
            self._candidates["stress"] = Candidates(train.n_stresses, threshold, selection)
        optimizers = start_optimizers(train.networks, settings, communicator)
        self._parts = [part for part, _ in optimizers]
        self.optimizers = [optimizer for _, optimizer in optimizers]
        self.errors = train.measure(self.weights)

    def run_epoch(self) -> None:
        """Make the updates of one epoch, then measure the training set.

        Raises
        ------
        TrainingDiverged
            If errors or weights are not finite any more.
        """
        s = self.settings
        for kind, candidates in self._candidates.items():
            candidates.begin_epoch(self.generator, self.errors.of_kind(kind))
        for kind in schedule_updates(
            s.updates_per_epoch, s.force_ratio, self.generator, s.stress_ratio
        ):
            self.update(kind, self._choose(kind))
        for optimizer in self.optimizers:
            optimizer.settle()  # a restart begins with a settled covariance
        self.errors = self.train.measure(self.weights)
        if not (np.isfinite(self.errors.energy).all() and np.isfinite(self.errors.force).all()):
            raise TrainingDiverged("the errors of the training set are not finite any more")

    def update(
        self, kind: Kind, chosen: IntArray, groups: Sequence[IntArray] | None = None
    ) -> None:
        """Update the weights with candidates.

        Parameters
        ----------
        kind
            Energies, or components of forces or stresses.
        chosen
            Structures, force components 3 atom + direction, or components 6 n + v of the stress
            of the nth structure that has one.
        groups
            Places in `chosen` that are added up to one observation each; by default as the
            settings say.
        """
        if groups is None:
            owner = self.train.owner(kind)[chosen]
            groups = group_observations(self.settings.multistream, owner)
        xi, rows = self.train.observe(kind, chosen, self.weights)
        factor = self._factors[kind][chosen]
        xi *= factor
        rows *= factor[:, None]
        share = self._share(kind, chosen)
        for e, (part, optimizer) in enumerate(zip(self._parts, self.optimizers, strict=True)):
            seen = xi if share is None else xi * share[:, e]
            if groups is None:
                H, errors = rows[:, part], seen
            else:
                H = np.array([rows[group, part].sum(axis=0) for group in groups])
                errors = np.array([seen[group].sum() for group in groups])
            self.weights[part] += optimizer.update(np.asfortranarray(H.T), errors)

    def _choose(self, kind: Kind) -> IntArray:
        rmse = self.errors.rmse_of_kind(kind)
        present_errors = partial(self.train.present_errors, kind, weights=self.weights)
        return self._candidates[kind].take(self.settings.streams, rmse, present_errors)

    def _share(self, kind: Kind, chosen: IntArray) -> FloatArray | None:
        if self._shares is None or not self.settings.per_element:
            return None
        if kind == "force":
            return self._shares.force[chosen // 3]
        return self._shares.energy[chosen if kind == "energy" else self.train.stressed[chosen // 6]]
