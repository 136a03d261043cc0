"""A set of structures of which every rank holds its part.

Candidates are counted through the whole set, the same on all ranks; errors are known to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autune.kernels.candidates import (
    Observables,
    all_energies_and_forces,
    observe_candidates,
    predict_candidates,
)
from autune.kernels.network import Networks
from autune.structures import FloatArray, IntArray
from autune.training.candidates import Kind
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


@dataclass(frozen=True, eq=False)
class Part:
    """What this rank holds of a set.

    Parameters
    ----------
    data
        Its structures, in order.
    n_atoms
        Atoms of every structure of the whole set, shape (n_structures,).
    owner
        Rank that holds each structure, shape (n_structures,).
    """

    data: Observables
    n_atoms: IntArray
    owner: IntArray


def share_structures(n_atoms: Sequence[int], size: int) -> IntArray:
    """Give every structure to a rank, the largest first, each to the rank with fewest atoms."""
    owner = np.zeros(len(n_atoms), dtype=np.int64)
    atoms = [0] * size
    for structure in np.argsort(-np.asarray(n_atoms), kind="stable"):
        rank = atoms.index(min(atoms))
        owner[structure] = rank
        atoms[rank] += n_atoms[structure]
    return owner


class SharedSet:
    """Predictions and derivatives of a set, whoever holds the structures.

    Parameters
    ----------
    part
        What this rank holds, in training units.
    networks
        Shapes of the networks.
    communicator
        Ranks.
    """

    def __init__(self, part: Part, networks: Networks, communicator: Communicator) -> None:
        self.data = part.data
        self.n_atoms = part.n_atoms
        self.networks = networks
        self._communicator = communicator
        owner_of_component = np.repeat(part.owner, 3 * part.n_atoms)
        self._owner: dict[Kind, IntArray] = {"energy": part.owner, "force": owner_of_component}
        self._mine = {
            kind: np.flatnonzero(owner == communicator.rank) for kind, owner in self._owner.items()
        }
        self._place: dict[Kind, IntArray] = {}
        for kind, mine in self._mine.items():
            self._place[kind] = np.full(len(self._owner[kind]), -1)
            self._place[kind][mine] = np.arange(len(mine))

    @property
    def n_structures(self) -> int:
        """Structures, which are the candidates of kind energy."""
        return len(self.n_atoms)

    @property
    def n_components(self) -> int:
        """Force components, which are the candidates of kind force."""
        return 3 * int(self.n_atoms.sum())

    def owner(self, kind: Kind) -> IntArray:
        """Return the rank that holds each candidate, shape (n_candidates,)."""
        return self._owner[kind]

    def measure(self, weights: FloatArray) -> Errors:
        """Return the errors of all structures."""
        energy, force = all_energies_and_forces(self.data, self.networks, weights)
        dE = self._spread("energy", self.data.energy - energy)
        return Errors(dE / self.n_atoms, self._spread("force", self.data.force - force))

    def observe(
        self, kind: Kind, chosen: IntArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return errors (m,) and derivatives (m, n_weights) of candidates."""
        local = self._local(kind, chosen)
        rows = np.empty((len(local), len(weights)))
        predicted = observe_candidates(
            self.data, self.networks, weights, kind == "force", local, rows
        )
        xi = self._reference(kind)[local] - predicted
        if self._communicator.size == 1:
            return xi, rows
        gather = self._communicator.gather
        owner = self._owner[kind][chosen]
        counts = np.bincount(owner, minlength=self._communicator.size)
        # They come in order of rank: every candidate has its place among those of its owner.
        place = np.argsort(np.argsort(owner, kind="stable"))
        return gather(xi[None, :], counts)[0, place], gather(rows.T, counts).T[place]

    def present_errors(self, kind: Kind, chosen: IntArray, weights: FloatArray) -> FloatArray:
        """Return absolute errors (m,) of candidates, those of energies per atom."""
        local = self._local(kind, chosen)
        predicted = predict_candidates(self.data, self.networks, weights, kind == "force", local)
        errors = np.zeros(len(chosen))
        errors[self._place[kind][chosen] >= 0] = np.abs(self._reference(kind)[local] - predicted)
        errors = self._communicator.add(errors)
        return errors if kind == "force" else errors / self.n_atoms[chosen]

    def _local(self, kind: Kind, chosen: IntArray) -> IntArray:
        places = self._place[kind][chosen]
        return places[places >= 0]

    def _reference(self, kind: Kind) -> FloatArray:
        return self.data.energy if kind == "energy" else self.data.force

    def _spread(self, kind: Kind, values: FloatArray) -> FloatArray:
        """Tell all ranks what each knows about its own candidates."""
        everything = np.zeros(len(self._owner[kind]))
        everything[self._mine[kind]] = values
        return self._communicator.add(everything)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
