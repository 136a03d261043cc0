"""Network inputs of a data set: scaled descriptors, and what the scaling comes from.

They depend on structures and symmetry functions, not on networks or training: trials that differ
in those alone have the same inputs, and the last ones are kept for the next trial of the process.
All seeds of a fold come one after the other, so that a trial computes the inputs of each fold once.
Functions are selected before: trials that keep the same ones have the same inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from autune.architecture import Architecture, SymmetryFunction
from autune.dataset import Dataset
from autune.formats.tables import Scaling
from autune.kernels.prediction import EXTRAPOLATION_MARGIN
from autune.potential.descriptors import (
    Descriptors,
    compute_descriptors,
    drop_functions,
    element_indices,
    functions_without_spread,
    scaling_statistics,
)
from autune.settings import FunctionSelectionSettings
from autune.structures import FloatArray, IntArray, Structure
from autune.training.choose import choose_functions
from autune.training.observables import scale_descriptors
from autune.training.parallel import Communicator
from autune.training.shared_set import share_structures


@dataclass(frozen=True, eq=False)
class Share:
    """Structures of a set of which this rank has the descriptors.

    Parameters
    ----------
    structures
        This rank's, in order.
    descriptors
        Of these structures, scaled.
    n_atoms, owner
        Atoms and rank of every structure of the whole set, shapes (n_structures,).
    """

    structures: list[Structure]
    descriptors: Descriptors
    n_atoms: IntArray
    owner: IntArray


@dataclass(frozen=True, eq=False)
class Inputs:
    """Network inputs of a data set.

    Parameters
    ----------
    symmetry_functions
        Per element, those that are selected, without those that have no spread.
    scaling
        Their statistics over the whole training set.
    dropped
        Names of the functions without spread.
    train, test
        This rank's part of them.
    n_outside
        Atoms of the training set with functions outside the range of a given scaling.
    """

    symmetry_functions: dict[str, tuple[SymmetryFunction, ...]]
    scaling: dict[str, Scaling]
    dropped: tuple[str, ...]
    train: Share
    test: Share
    n_outside: int = 0


ALL_FUNCTIONS = FunctionSelectionSettings()

_kept: dict[str, Inputs] = {}
"""The last inputs of this process, under all that they depend on; one entry at most."""


def find_inputs(
    dataset: Dataset,
    architecture: Architecture,
    minimum_spread: float,
    single: bool,
    ranks: Communicator,
    scaling: Mapping[str, Scaling] | None = None,
    selection: FunctionSelectionSettings = ALL_FUNCTIONS,
) -> Inputs:
    """Return the inputs of a data set: the last ones if they are the same, else new ones.

    Parameters
    ----------
    dataset
        Split into training and test.
    architecture
        Supplies the symmetry functions.
    minimum_spread
        Functions with a smaller range are dropped.
    single
        Whether derivatives are kept in single precision.
    ranks
        Each holds its part.
    scaling
        Statistics to scale by; None: those of the training set, without constant functions.
    selection
        Which of the symmetry functions are kept.

    Raises
    ------
    DataError
        If data and symmetry functions do not fit together.
    """
    without_network = replace(
        architecture, hidden_layers=(), activations=(), normalize_nodes=False, atom_energies={},
        mean_energy=0.0, conv_energy=1.0, conv_length=1.0,
    )  # fmt: skip
    if selection.method != "none":
        without_network = choose_functions(
            dataset, without_network, selection, minimum_spread, ranks
        )
    wanted = (without_network, minimum_spread, single, ranks.rank, ranks.size)
    given = {e: np.array(list(vars(s).values())).tobytes() for e, s in (scaling or {}).items()}
    key = repr((dataset.fingerprint, wanted, given))
    inputs = _kept.get(key)
    if inputs is None:
        _kept.clear()  # before the new ones are computed: two sets may not fit into memory
        inputs = _kept[key] = compute_inputs(
            dataset, without_network, minimum_spread, single, ranks, scaling
        )
    return inputs


def compute_inputs(
    dataset: Dataset,
    architecture: Architecture,
    minimum_spread: float,
    single: bool,
    ranks: Communicator,
    given: Mapping[str, Scaling] | None = None,
) -> Inputs:
    """Compute descriptors, drop functions without spread, scale; parameters of `find_inputs`.

    Every rank computes the descriptors of its own structures; the values of all, without the
    derivatives, which take nearly all memory, are gathered for the statistics.  Those to strain
    take 6 numbers where those to positions take 3 for each atom nearby, so they are computed where
    stresses are known, whether these are trained or only compared.
    """
    used = (*dataset.train_structures, *dataset.test_structures)
    strain = any(structure.virial is not None for structure in used)
    train = _describe(dataset.train_structures, architecture, single, strain, ranks)
    element = np.concatenate([element_indices(s, architecture) for s in dataset.train_structures])
    G = np.empty((len(element), train.descriptors.G.shape[1]))
    in_order_of_rank = np.argsort(np.repeat(train.owner, train.n_atoms), kind="stable")
    counts = np.bincount(train.owner, train.n_atoms, ranks.size).astype(np.int64)
    G[in_order_of_rank] = ranks.gather(train.descriptors.G.T, counts).T
    scaling = scaling_statistics(G, element, architecture)
    n_outside = 0
    flat: dict[str, list[int]] = {}
    if given is not None:
        scaling = dict(given)
        n_outside = _count_outside(G, element, scaling, architecture)
    else:
        flat = functions_without_spread(scaling, architecture, minimum_spread)
    dropped: list[str] = []
    if any(flat.values()):
        architecture, scaling, dropped = drop_functions(architecture, scaling, flat)
        del train
        train = _describe(dataset.train_structures, architecture, single, strain, ranks)
    test = _describe(dataset.test_structures, architecture, single, strain, ranks)
    for share in (train, test):
        scale_descriptors(share.descriptors, scaling, architecture)
    functions = architecture.symmetry_functions
    return Inputs(functions, scaling, tuple(dropped), train, test, n_outside)


def _count_outside(
    G: FloatArray, element: IntArray, scaling: Mapping[str, Scaling], architecture: Architecture
) -> int:
    """Count the atoms of which a symmetry function is outside the range of the scaling."""
    n_outside = 0
    for e, symbol in enumerate(architecture.elements):
        s = scaling[symbol]
        values = G[element == e, : len(s.minimum)]
        outside = (values < s.minimum - EXTRAPOLATION_MARGIN) | (
            values > s.maximum + EXTRAPOLATION_MARGIN
        )
        n_outside += int(outside.any(axis=1).sum())
    return n_outside


def _describe(
    structures: tuple[Structure, ...],
    architecture: Architecture,
    single: bool,
    strain: bool,
    ranks: Communicator,
) -> Share:
    n_atoms = np.array([s.n_atoms for s in structures], dtype=np.int64)
    owner = share_structures(n_atoms.tolist(), ranks.size)
    mine = [structures[i] for i in np.flatnonzero(owner == ranks.rank)]
    return Share(mine, compute_descriptors(mine, architecture, single, strain), n_atoms, owner)
