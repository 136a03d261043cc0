"""What all trainings on one split share: descriptors, scaling, observables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autune.architecture import Architecture
from autune.dataset import Dataset, check_groups, check_trainable
from autune.formats.tables import Scaling
from autune.kernels.candidates import Observables
from autune.potential.basis import build_architecture
from autune.potential.descriptors import (
    compute_descriptors,
    drop_functions,
    element_indices,
    functions_without_spread,
    scaling_statistics,
)
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import FloatArray, Structure
from autune.training.observables import collect_observables
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
        Observables in eV and Angstrom.
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
    train: Observables
    test: Observables
    structure_weights: FloatArray
    shares: Shares | None
    dropped: tuple[str, ...]
    identity: str


def prepare(settings: Settings, dataset: Dataset) -> Prepared:
    """Compute descriptors, drop functions without spread, scale.

    Raises
    ------
    ConfigError, DataError
        If data and potential do not fit together.
    """
    architecture = build_architecture(settings.potential)
    check_trainable(dataset, architecture.elements, architecture.r_cutoff)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    train = [dataset.structures[i] for i in dataset.train]
    test = [dataset.structures[i] for i in dataset.test]
    descriptors = [compute_descriptors(structure, architecture) for structure in train]
    scaling = scaling_statistics(descriptors, train, architecture)
    flat = functions_without_spread(scaling, architecture, settings.potential.minimum_spread)
    dropped: list[str] = []
    if any(flat.values()):
        architecture, scaling, dropped = drop_functions(architecture, scaling, flat)
        descriptors = [compute_descriptors(structure, architecture) for structure in train]
    per_element = settings.training.kalman.per_element
    return Prepared(
        architecture=architecture,
        scaling=scaling,
        train=collect_observables(train, descriptors, architecture, scaling),
        test=collect_observables(
            test, [compute_descriptors(s, architecture) for s in test], architecture, scaling
        ),
        structure_weights=np.array(
            [s.weight * settings.training.group_weights.get(s.group, 1.0) for s in train]
        ),
        shares=element_shares(train, architecture) if per_element else None,
        dropped=tuple(dropped),
        identity=f"{settings.identity}-{dataset.fingerprint[:16]}",
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
