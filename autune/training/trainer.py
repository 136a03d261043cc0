"""One training: weights, filters, candidates; update by update and epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from autune.errors import DataError, TrainingDiverged
from autune.kernels.candidates import (
    Observables,
    all_energies_and_forces,
    observe_candidates,
    predict_candidates,
)
from autune.kernels.network import Networks
from autune.settings import TrainingSettings
from autune.structures import FloatArray, IntArray
from autune.training.candidates import Candidates, Kind, schedule_updates
from autune.training.optimizer import KalmanFilter
from autune.training.parallel import Communicator


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of a set, reference minus prediction, in training units.

    Parameters
    ----------
    energy
        Per atom, shape (n_structures,).
    force
        Per component, shape (3 n_atoms,).
    """

    energy: FloatArray
    force: FloatArray

    @cached_property
    def energy_rmse(self) -> float:
        """Root mean square error of the energy per atom; NaN without structures."""
        return _root_mean_square(self.energy)

    @cached_property
    def force_rmse(self) -> float:
        """Root mean square error of force components; NaN without structures."""
        return _root_mean_square(self.force)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


@dataclass(frozen=True, eq=False)
class Shares:
    """What an element's own filter sees of an error (N2P2 8.4, update strategy 1).

    Parameters
    ----------
    energy
        Atoms of each element / atoms, shape (n_structures, n_elements).
    force
        Neighbours of each element / neighbours of the atom, shape (n_atoms, n_elements).
    """

    energy: FloatArray
    force: FloatArray


class Trainer:
    """The state of a training and what moves it on.

    Parameters
    ----------
    data
        Training set in training units.
    networks
        Shapes of the networks.
    weights
        Initial weights of all elements, shape (n_weights,).
    structure_weights
        Factor of each structure's errors, shape (n_structures,).
    settings
        Training settings.
    generator
        Source of every random choice.
    communicator
        Ranks.
    shares
        Needed for one filter per element.
    """

    def __init__(
        self,
        data: Observables,
        networks: Networks,
        weights: FloatArray,
        structure_weights: FloatArray,
        settings: TrainingSettings,
        generator: np.random.Generator,
        communicator: Communicator,
        shares: Shares | None = None,
    ) -> None:
        if len(data.energy) == 0:
            raise DataError("the training set is empty; lower dataset.test_fraction")
        self.data = data
        self.networks = networks
        self.weights = np.array(weights)
        self.settings = settings
        self.generator = generator
        self._communicator = communicator
        self._shares = shares
        n_atoms = np.diff(data.first_atom)
        self._n_atoms = n_atoms
        self._factors: dict[Kind, FloatArray] = {
            "energy": structure_weights,
            "force": np.repeat(structure_weights, 3 * n_atoms) * settings.force_weight,
        }
        selection = settings.selection
        self._candidates: dict[Kind, Candidates] = {
            "energy": Candidates(len(data.energy), selection.energy_threshold, selection),
            "force": Candidates(len(data.force), selection.force_threshold, selection),
        }
        first = networks.first_weight
        self._parts = (
            [slice(first[e], first[e + 1]) for e in range(len(first) - 1)]
            if settings.kalman.per_element
            else [slice(0, int(first[-1]))]
        )
        self.filters = [
            KalmanFilter.start(part.stop - part.start, settings.kalman) for part in self._parts
        ]
        self.errors = self.measure(data)

    def measure(self, data: Observables) -> Errors:
        """Return the errors of a set with the present weights."""
        energy, force = all_energies_and_forces(data, self.networks, self.weights)
        return Errors((data.energy - energy) / np.diff(data.first_atom), data.force - force)

    def run_epoch(self) -> None:
        """Make the updates of one epoch, then measure the training set.

        Raises
        ------
        TrainingDiverged
            If errors or weights are not finite any more.
        """
        s = self.settings
        self._candidates["energy"].begin_epoch(self.generator, self.errors.energy)
        self._candidates["force"].begin_epoch(self.generator, self.errors.force)
        for kind in schedule_updates(s.updates_per_epoch, s.force_ratio, self.generator):
            self.update(kind, self._choose(kind))
        for kalman_filter in self.filters:
            kalman_filter.covariance.settle()  # a restart begins with a settled covariance
        self.errors = self.measure(self.data)
        if not (np.isfinite(self.errors.energy).all() and np.isfinite(self.errors.force).all()):
            raise TrainingDiverged("the errors of the training set are not finite any more")

    def update(
        self, kind: Kind, chosen: IntArray, groups: Sequence[IntArray] | None = None
    ) -> None:
        """Update the weights with candidates.

        Parameters
        ----------
        kind
            Energies or force components.
        chosen
            Structures, or force components 3 atom + direction.
        groups
            Places in `chosen` that are added up to one observation each; by default as the
            settings say.
        """
        if groups is None and self.settings.multistream != "full":
            groups = [np.arange(len(chosen))]
        xi, rows = self._observe(kind, chosen)
        share = self._share(kind, chosen)
        for e, (part, kalman_filter) in enumerate(zip(self._parts, self.filters, strict=True)):
            seen = xi if share is None else xi * share[:, e]
            if groups is None:
                H, errors = rows[:, part], seen
            else:
                H = np.array([rows[group, part].sum(axis=0) for group in groups])
                errors = np.array([seen[group].sum() for group in groups])
            H = np.asfortranarray(self._communicator.gather(H.T))
            self.weights[part] += kalman_filter.update(
                H, errors, self.settings.kalman, self.settings.updates_per_epoch
            )

    def _observe(self, kind: Kind, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return weighted errors (m,) and derivatives (m, n_weights) of candidates."""
        rows = np.empty((len(chosen), len(self.weights)))
        predicted = observe_candidates(
            self.data, self.networks, self.weights, kind == "force", chosen, rows
        )
        xi = self._reference(kind)[chosen] - predicted
        factor = self._factors[kind][chosen]
        rows *= factor[:, None]
        return xi * factor, rows

    def _choose(self, kind: Kind) -> IntArray:
        rmse = self.errors.energy_rmse if kind == "energy" else self.errors.force_rmse
        present_error = partial(self._present_error, kind)
        return self._candidates[kind].take(self.settings.streams, rmse, present_error)

    def _present_error(self, kind: Kind, candidate: int) -> float:
        """Return the absolute error of a candidate with the present weights, energies per atom."""
        chosen = np.array([candidate])
        predicted = predict_candidates(
            self.data, self.networks, self.weights, kind == "force", chosen
        )
        error = float(abs(self._reference(kind)[candidate] - predicted[0]))
        return error if kind == "force" else error / float(self._n_atoms[candidate])

    def _reference(self, kind: Kind) -> FloatArray:
        return self.data.energy if kind == "energy" else self.data.force

    def _share(self, kind: Kind, chosen: IntArray) -> FloatArray | None:
        if self._shares is None or not self.settings.kalman.per_element:
            return None
        if kind == "energy":
            return self._shares.energy[chosen]
        return self._shares.force[chosen // 3]
