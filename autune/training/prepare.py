"""What all trainings on one split share: descriptors, scaling, observables."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autune.architecture import Architecture
from autune.dataset import (
    Dataset,
    check_groups,
    check_stresses,
    check_trainable,
    fit_atom_energies,
)
from autune.formats.tables import Scaling
from autune.kernels.jit import say_if_kernels_compile
from autune.potential.basis import build_architecture
from autune.potential.descriptors import element_indices
from autune.potential.model import Potential
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import FloatArray, Structure
from autune.training.candidates import warn_of_no_updates
from autune.training.inputs import ALL_FUNCTIONS, Share, find_inputs
from autune.training.observables import collect_observables
from autune.training.parallel import Communicator, Serial
from autune.training.shared_set import Part
from autune.training.start import identity_of, left_out, load_start, warn_of_range
from autune.training.trainer import Shares


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set made ready for training.

    Parameters
    ----------
    architecture
        With the functions that are selected and have spread; in the units of the settings.
    scaling
        Statistics over the training set.
    train, test
        This rank's part of them, in eV and Angstrom.
    structure_weights
        Factor of each training structure's errors.
    shares
        For one filter per element.
    dropped
        Names of the functions without spread, or that the potential does not have from which the
        training goes on.
    identity
        Of settings and structures together, and of the functions that are selected, where another
        processor may round otherwise: the same identity, the same result.
    start
        Potential with the initial weights; None: they are drawn.
    """

    architecture: Architecture
    scaling: dict[str, Scaling]
    train: Part
    test: Part
    structure_weights: FloatArray
    shares: Shares | None
    dropped: tuple[str, ...]
    identity: str
    start: Potential | None = None


def prepare(
    settings: Settings, dataset: Dataset, communicator: Communicator | None = None
) -> Prepared:
    """Find the network inputs, and put energies, forces and weights beside them.

    Raises
    ------
    ConfigError, DataError
        If data and potential do not fit together.
    """
    start = load_start(settings)
    architecture = start.architecture if start else build_architecture(settings.potential)
    check_trainable(dataset, architecture.elements, architecture.reach)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    check_stresses(dataset, settings)
    ranks = communicator or Serial()
    if ranks.rank == 0:
        warn_of_no_updates(settings.training)
        say_if_kernels_compile()
    single = settings.training.derivatives == "single"
    functions = settings.potential.symmetry_functions
    inputs = find_inputs(
        dataset,
        architecture,
        settings.potential.minimum_spread,
        single,
        ranks,
        scaling=start.scaling if start else None,
        selection=ALL_FUNCTIONS if start else functions.selection,  # its own, and no others
    )
    architecture = replace(architecture, symmetry_functions=inputs.symmetry_functions)
    dropped = left_out(settings, start) if start else inputs.dropped
    if dropped and ranks.rank == 0:
        why = (
            f"are not in {settings.training.start_from}, from which training goes on, and are left "
            "out"
            if start
            else "have the same value for all atoms and are dropped"
        )
        warnings.warn(
            f"{len(dropped)} symmetry functions {why}: {'; '.join(dropped)}",
            UserWarning,
            stacklevel=2,
        )
    if start and ranks.rank == 0:
        n_atoms = sum(s.n_atoms for s in dataset.train_structures)
        warn_of_range(inputs.n_outside, n_atoms, str(settings.training.start_from))
    if start is None and settings.potential.atom_energies == "fit":
        architecture = _with_fitted_energies(architecture, dataset, ranks)
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
        dropped=dropped,
        identity=f"{identity_of(settings, dataset)}{_chosen(settings, architecture)}",
        start=start,
    )


def _chosen(settings: Settings, architecture: Architecture) -> str:
    if settings.potential.symmetry_functions.selection.method == "none":
        return ""
    functions = repr(architecture.symmetry_functions)
    return f"-{hashlib.sha256(functions.encode()).hexdigest()[:16]}"


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


def _with_fitted_energies(
    architecture: Architecture, dataset: Dataset, ranks: Communicator
) -> Architecture:
    """Give the atoms the energies that fit the training structures best."""
    fitted = fit_atom_energies(dataset.train_structures)
    if not fitted.unique and ranks.rank == 0:
        warnings.warn(
            "the compositions of the training structures leave the atom energies of "
            f"{', '.join(fitted.energies)} open; the smallest are taken, and energies of other "
            "compositions will be wrong",
            UserWarning,
            stacklevel=3,
        )
    energies = {e: fitted.energies[e] / architecture.energy_unit for e in architecture.elements}
    return replace(architecture, atom_energies=energies)


def element_shares(structures: list[Structure], architecture: Architecture) -> Shares:
    """Return each element's share of the atoms and of every atom's neighbours."""
    n_elements = len(architecture.elements)
    energy, force = [], []
    for structure in structures:
        element = element_indices(structure, architecture)
        energy.append(np.bincount(element, minlength=n_elements) / structure.n_atoms)
        found = neighbour_list(structure, architecture.reach)
        of_atom = np.repeat(np.arange(structure.n_atoms), np.diff(found.first))
        counts = np.zeros((structure.n_atoms, n_elements))
        np.add.at(counts, (of_atom, element[found.index]), 1.0)
        force.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
    return Shares(np.array(energy), np.concatenate(force))
