"""The selection of symmetry functions by their values in a training set.

The values of all functions of a pool are needed only for their correlations, which are small: the
last ones are kept, so that trials that differ in how many functions they keep compute them once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autune.architecture import Architecture
from autune.dataset import Dataset
from autune.potential.descriptors import SMALLEST_SPREAD
from autune.potential.pool import (
    AtomSample,
    correlate,
    keep_functions,
    sample_atoms,
    sample_values,
    spread_of,
)
from autune.potential.selection import select_functions
from autune.settings import FunctionSelectionSettings
from autune.structures import FloatArray, IntArray
from autune.training.parallel import Communicator


@dataclass(frozen=True, eq=False)
class Pool:
    """What a selection needs to know of the functions of an element.

    Parameters
    ----------
    candidates
        Places of the functions that have spread.
    correlation
        Between them, shape (n_candidates, n_candidates).
    """

    candidates: IntArray
    correlation: FloatArray


_kept: dict[str, dict[str, Pool]] = {}
"""The last pools of this process, under all that they depend on; one entry at most."""


def choose_functions(
    dataset: Dataset,
    architecture: Architecture,
    selection: FunctionSelectionSettings,
    minimum_spread: float,
    ranks: Communicator,
) -> Architecture:
    """Return the architecture with the symmetry functions that are selected.

    Parameters
    ----------
    dataset
        Its training structures alone are looked at.
    architecture
        With the pool of functions.
    selection
        How many, by which method; `none` keeps all that have spread.
    minimum_spread
        Functions with a smaller range over the sampled atoms are no candidates.
    ranks
        Share the structures; all make the same choice.

    Raises
    ------
    DataError
        If structures and symmetry functions do not fit together.
    """
    key = repr((dataset.fingerprint, architecture, selection.atoms, minimum_spread))
    pools = _kept.get(key)
    if pools is None:
        pools = find_pools(dataset, architecture, selection.atoms, minimum_spread, ranks)
        _kept.clear()
        _kept[key] = pools
    kept = {}
    for symbol in architecture.elements:
        pool = pools[symbol]
        if selection.method == "none":
            kept[symbol] = pool.candidates.tolist()
        elif len(pool.candidates):
            places = select_functions(
                pool.correlation, selection.method, selection.number, selection.max_correlation
            )
            kept[symbol] = pool.candidates[places].tolist()
        else:  # the scaling says what is wrong
            kept[symbol] = list(range(len(architecture.symmetry_functions[symbol])))
    return keep_functions(architecture, kept)


def find_pools(
    dataset: Dataset,
    architecture: Architecture,
    most: int,
    minimum_spread: float,
    ranks: Communicator,
) -> dict[str, Pool]:
    """Compute the functions over at most so many atoms of each element, and their correlations."""
    structures = dataset.train_structures
    sample = sample_atoms(structures, architecture, most)
    owner = sample.structure % ranks.size
    mine = owner == ranks.rank
    part = AtomSample(sample.structure[mine], sample.atom[mine], sample.element[mine])
    values = sample_values(structures, architecture, part)
    G = np.empty((len(owner), values.shape[1]))
    counts = np.bincount(owner, minlength=ranks.size).astype(np.int64)
    G[np.argsort(owner, kind="stable")] = ranks.gather(values.T, counts).T
    pools = {}
    for e, symbol in enumerate(architecture.elements):
        of_element = G[sample.element == e, : len(architecture.symmetry_functions[symbol])]
        candidates = np.flatnonzero(spread_of(of_element) > max(minimum_spread, SMALLEST_SPREAD))
        r = correlate(of_element[:, candidates]) if len(candidates) else np.empty((0, 0))
        pools[symbol] = Pool(candidates, r)
    return pools
