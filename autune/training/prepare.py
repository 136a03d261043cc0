"""What all trainings on one split share: descriptors, scaling, observables."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autune.architecture import Architecture
from autune.dataset import Dataset, check_groups, check_stresses, check_trainable
from autune.formats.tables import Scaling
from autune.potential.basis import build_architecture
from autune.potential.descriptors import element_indices
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import FloatArray, Structure
from autune.training.inputs import Share, find_inputs
from autune.training.observables import collect_observables
from autune.training.parallel import Communicator, Serial
from autune.training.shared_set import Part
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
    """Find the network inputs, and put energies, forces and weights beside them.

    Raises
    ------
    ConfigError, DataError
        If data and potential do not fit together.
    """
    architecture = build_architecture(settings.potential)
    check_trainable(dataset, architecture.elements, architecture.r_cutoff)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    check_stresses(dataset, settings)
    ranks = communicator or Serial()
    single = settings.training.derivatives == "single"
    inputs = find_inputs(dataset, architecture, settings.potential.minimum_spread, single, ranks)
    architecture = replace(architecture, symmetry_functions=inputs.symmetry_functions)
    if inputs.dropped and ranks.rank == 0:
        warnings.warn(
            f"{len(inputs.dropped)} symmetry functions have the same value for all atoms and are "
            f"dropped: {'; '.join(inputs.dropped)}",
            UserWarning,
            stacklevel=2,
        )
    train, test = (
        _part(structures, share, architecture)
        for structures, share in (
            (dataset.train_structures, inputs.train),
            (dataset.test_structures, inputs.test),
        )
    )
    structures = list(dataset.train_structures)
    group_weights = settings.training.group_weights
    per_element = settings.training.per_element
    return Prepared(
        architecture=architecture,
        scaling=inputs.scaling,
        train=train,
        test=test,
        structure_weights=np.array(
            [s.weight * group_weights.get(s.group, 1.0) for s in structures]
        ),
        shares=element_shares(structures, architecture) if per_element else None,
        dropped=inputs.dropped,
        identity=f"{settings.identity}-{dataset.fingerprint[:16]}",
    )


def _part(structures: Sequence[Structure], share: Share, architecture: Architecture) -> Part:
    """Put what a rank has of a set beside what it knows of all its structures."""
    stressed = [s for s, structure in enumerate(structures) if structure.virial is not None]
    return Part(
        collect_observables(share.structures, share.descriptors, architecture),
        share.n_atoms,
        share.owner,
        np.array(stressed, dtype=np.int64),
        np.array([structures[s].volume for s in stressed], dtype=np.float64),
    )


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
