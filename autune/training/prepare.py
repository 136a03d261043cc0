"""What all trainings on one split share: descriptors, scaling, observables."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autune.architecture import Architecture
from autune.dataset import Dataset, check_groups, check_trainable
from autune.formats.tables import Scaling
from autune.potential.basis import build_architecture
from autune.potential.descriptors import (
    Descriptors,
    compute_descriptors,
    drop_functions,
    element_indices,
    functions_without_spread,
    scaling_statistics,
)
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import FloatArray, IntArray, Structure
from autune.training.observables import collect_observables
from autune.training.parallel import Communicator, Serial
from autune.training.shared_set import Part, share_structures
from autune.training.trainer import Shares


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set made ready for training.

    Parameters
    ----------
    architecture
        Without the functions that have no spread; in eV and Angstrom.
    scaling
        Statistics over the training set.
    train, test
        This rank's part of them, in eV and Angstrom.
    structure_weights
        Factor of each training structure's errors.
    shares
        For one filter per element.
    dropped
        Names of the functions without spread.
    identity
        Of settings and structures together: the same identity, the same result.
    """

    architecture: Architecture
    scaling: dict[str, Scaling]
    train: Part
    test: Part
    structure_weights: FloatArray
    shares: Shares | None
    dropped: tuple[str, ...]
    identity: str


def prepare(
    settings: Settings, dataset: Dataset, communicator: Communicator | None = None
) -> Prepared:
    """Compute descriptors, drop functions without spread, scale.

    Every rank needs the values of all symmetry functions for their statistics, but keeps the
    derivatives, which take nearly all memory, of its own structures only.

    Raises
    ------
    ConfigError, DataError
        If data and potential do not fit together.
    """
    architecture = build_architecture(settings.potential)
    check_trainable(dataset, architecture.elements, architecture.r_cutoff)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    ranks = communicator or Serial()
    train = list(dataset.train_structures)
    test = list(dataset.test_structures)
    owner = share_structures([s.n_atoms for s in train], ranks.size)
    descriptors = _describe(train, architecture, owner == ranks.rank)
    scaling = scaling_statistics(descriptors, train, architecture)
    flat = functions_without_spread(scaling, architecture, settings.potential.minimum_spread)
    dropped: list[str] = []
    if any(flat.values()):
        architecture, scaling, dropped = drop_functions(architecture, scaling, flat)
        if ranks.rank == 0:
            warnings.warn(
                f"{len(dropped)} symmetry functions have the same value for all atoms and are "
                f"dropped: {'; '.join(dropped)}",
                UserWarning,
                stacklevel=2,
            )
        descriptors = _describe(train, architecture, owner == ranks.rank)
    test_owner = share_structures([s.n_atoms for s in test], ranks.size)
    test_descriptors = _describe(test, architecture, test_owner == ranks.rank)

    def take_part(
        structures: list[Structure], described: list[Descriptors], owner: IntArray
    ) -> Part:
        mine = np.flatnonzero(owner == ranks.rank)
        data = collect_observables(
            [structures[i] for i in mine], [described[i] for i in mine], architecture, scaling
        )
        return Part(data, np.array([s.n_atoms for s in structures], dtype=np.int64), owner)

    per_element = settings.training.kalman.per_element
    return Prepared(
        architecture=architecture,
        scaling=scaling,
        train=take_part(train, descriptors, owner),
        test=take_part(test, test_descriptors, test_owner),
        structure_weights=np.array(
            [s.weight * settings.training.group_weights.get(s.group, 1.0) for s in train]
        ),
        shares=element_shares(train, architecture) if per_element else None,
        dropped=tuple(dropped),
        identity=f"{settings.identity}-{dataset.fingerprint[:16]}",
    )


def _describe(
    structures: list[Structure], architecture: Architecture, mine: NDArray[np.bool_]
) -> list[Descriptors]:
    """Compute descriptors; keep the derivatives of this rank's structures only."""
    described = []
    for structure, is_mine in zip(structures, mine, strict=True):
        descriptors = compute_descriptors(structure, architecture)
        if not is_mine:
            descriptors = replace(descriptors, dG_dr=np.empty((0, 3, 0)))
        described.append(descriptors)
    return described


def element_shares(structures: list[Structure], architecture: Architecture) -> Shares:
    """Return each element's share of the atoms and of every atom's neighbours."""
    n_elements = len(architecture.elements)
    energy, force = [], []
    for structure in structures:
        element = element_indices(structure, architecture)
        energy.append(np.bincount(element, minlength=n_elements) / structure.n_atoms)
        found = neighbour_list(structure, architecture.r_cutoff)
        of_atom = np.repeat(np.arange(structure.n_atoms), np.diff(found.first))
        counts = np.zeros((structure.n_atoms, n_elements))
        np.add.at(counts, (of_atom, element[found.index]), 1.0)
        force.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
    return Shares(np.array(energy), np.concatenate(force))
