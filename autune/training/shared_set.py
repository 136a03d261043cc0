"""A set of structures of which every rank holds its part.

Candidates are counted through the whole set, the same on all ranks; errors are known to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from autune.kernels.candidates import (
    ENERGY,
    FORCE,
    STRESS,
    Observables,
    observe_candidates,
    predict_all,
    predict_candidates,
)
from autune.kernels.network import Networks
from autune.structures import FloatArray, IntArray
from autune.training.candidates import Kind
from autune.training.parallel import Communicator

CODES: dict[Kind, int] = {"energy": ENERGY, "force": FORCE, "stress": STRESS}


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of a set, reference minus prediction, in training units.

    Parameters
    ----------
    energy
        Per atom, shape (n_structures,).
    force
        Per component, shape (3 n_atoms,).
    virial
        Per atom and component of the virial, shape (6 n_stressed,).
    stress
        Per component of the stress, in training energy/Angstrom^3, shape (6 n_stressed,).
    """

    energy: FloatArray
    force: FloatArray
    virial: FloatArray
    stress: FloatArray

    @cached_property
    def energy_rmse(self) -> float:
        """Root mean square error of the energy per atom; NaN without structures."""
        return _root_mean_square(self.energy)

    @cached_property
    def force_rmse(self) -> float:
        """Root mean square error of force components; NaN without structures."""
        return _root_mean_square(self.force)

    @cached_property
    def stress_rmse(self) -> float:
        """Root mean square error of the six components of stress; NaN where none is known."""
        return _root_mean_square(self.stress)

    def of_kind(self, kind: Kind) -> FloatArray:
        """Return the errors by which candidates of a kind are chosen."""
        return {"energy": self.energy, "force": self.force, "stress": self.virial}[kind]

    def rmse_of_kind(self, kind: Kind) -> float:
        """Return their root mean square."""
        if kind == "energy":
            return self.energy_rmse
        return self.force_rmse if kind == "force" else _root_mean_square(self.virial)


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
    stressed
        Structures of the whole set whose stress is known, shape (n_stressed,).
    volume
        Their volumes in Angstrom^3, shape (n_stressed,).
    """

    data: Observables
    n_atoms: IntArray
    owner: IntArray
    stressed: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    volume: FloatArray = field(default_factory=lambda: np.empty(0))


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
        self.stressed = part.stressed
        self.networks = networks
        self._communicator = communicator
        owner_of_component = np.repeat(part.owner, 3 * part.n_atoms)
        self._owner: dict[Kind, IntArray] = {
            "energy": part.owner,
            "force": owner_of_component,
            "stress": np.repeat(part.owner[part.stressed], 6),
        }
        # Of the components of stress: atoms of the structure, and atoms over volume.
        self._atoms_stressed = np.repeat(part.n_atoms[part.stressed], 6)
        self._density = self._atoms_stressed / np.repeat(part.volume, 6)
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

    @property
    def n_stresses(self) -> int:
        """Components of stress, which are the candidates of kind stress."""
        return 6 * len(self.stressed)

    def owner(self, kind: Kind) -> IntArray:
        """Return the rank that holds each candidate, shape (n_candidates,)."""
        return self._owner[kind]

    def measure(self, weights: FloatArray) -> Errors:
        """Return the errors of all structures."""
        energy, force, virial = predict_all(self.data, self.networks, weights)
        dE = self._spread("energy", self.data.energy - energy)
        dF = self._spread("force", self.data.force - force)
        dW = self._spread("stress", self.data.virial - virial) / self._atoms_stressed
        return Errors(dE / self.n_atoms, dF, dW, dW * self._density)

    def observe(
        self, kind: Kind, chosen: IntArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return errors (m,) and derivatives (m, n_weights) of candidates."""
        local = self._local(kind, chosen)
        rows = np.empty((len(local), len(weights)))
        predicted = observe_candidates(self.data, self.networks, weights, CODES[kind], local, rows)
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
        """Return absolute errors (m,) of candidates, those of energies and virials per atom."""
        local = self._local(kind, chosen)
        predicted = predict_candidates(self.data, self.networks, weights, CODES[kind], local)
        errors = np.zeros(len(chosen))
        errors[self._place[kind][chosen] >= 0] = np.abs(self._reference(kind)[local] - predicted)
        errors = self._communicator.add(errors)
        if kind == "force":
            return errors
        return errors / (self.n_atoms if kind == "energy" else self._atoms_stressed)[chosen]

    def _local(self, kind: Kind, chosen: IntArray) -> IntArray:
        places = self._place[kind][chosen]
        return places[places >= 0]

    def _reference(self, kind: Kind) -> FloatArray:
        if kind == "energy":
            return self.data.energy
        return self.data.force if kind == "force" else self.data.virial

    def _spread(self, kind: Kind, values: FloatArray) -> FloatArray:
        """Tell all ranks what each knows about its own candidates."""
        everything = np.zeros(len(self._owner[kind]))
        everything[self._mine[kind]] = values
        return self._communicator.add(everything)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
