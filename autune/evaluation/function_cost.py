"""What every symmetry function costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autune.architecture import Architecture, SymmetryFunction
from autune.kernels.structure import values_of_atoms
from autune.potential.descriptors import element_indices
from autune.potential.neighbours import neighbour_list
from autune.potential.symmetry_tables import symmetry_tables
from autune.structures import FloatArray, IntArray, Structure

MOST_TIMED = 100
"""Atoms of an element for which each function is timed, unless its first structure has more."""
ROUNDS = 10
"""Times that each atom is gone through in a call, which itself takes as long as a few atoms."""
REPEATS = 5


@dataclass(frozen=True, eq=False)
class Timed:
    """A structure with its neighbours, ready for the kernel.

    Parameters
    ----------
    elements, first, index, vectors, distances, atoms
        As `autune.kernels.structure.values_of_atoms` takes them; every atom is there `ROUNDS`
        times.
    """

    elements: IntArray
    first: IntArray
    index: IntArray
    vectors: FloatArray
    distances: FloatArray
    atoms: IntArray


def function_costs(
    architecture: Architecture, structures: Sequence[Structure]
) -> dict[str, FloatArray]:
    """Measure what every symmetry function costs by itself, in microseconds/atom.

    Of each the shortest of five times is taken, less that of a table without functions.  It is
    measured: it depends on the machine, and on what else runs there.

    Parameters
    ----------
    architecture
        With the functions.
    structures
        The first ones are timed.

    Returns
    -------
    dict
        Per element, shape (n_functions,); NaN for an element without atoms.
    """
    costs = {}
    for e, symbol in enumerate(architecture.elements):
        functions = architecture.symmetry_functions[symbol]
        timed = _prepare(architecture, structures, e)
        n_atoms = sum(len(one.atoms) for one in timed)
        if n_atoms == 0:
            costs[symbol] = np.full(len(functions), np.nan)
            continue
        _seconds(architecture, symbol, functions[:1], timed)  # loads what is compiled
        shared = _seconds(architecture, symbol, (), timed)
        alone = [_seconds(architecture, symbol, (f,), timed) for f in functions]
        costs[symbol] = 1e6 * np.maximum(0.0, np.array(alone) - shared) / n_atoms
    return costs


def _seconds(
    architecture: Architecture,
    symbol: str,
    functions: tuple[SymmetryFunction, ...],
    timed: Sequence[Timed],
) -> float:
    """Return the shortest time of some functions of an element, in s."""
    none: dict[str, tuple[SymmetryFunction, ...]] = dict.fromkeys(architecture.elements, ())
    table = symmetry_tables(replace(architecture, symmetry_functions=none | {symbol: functions}))
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for t in timed:
            G = np.empty((len(t.atoms), len(functions)))
            values_of_atoms(table, t.elements, t.first, t.index, t.vectors, t.distances, t.atoms, G)
        times.append(time.perf_counter() - began)
    return min(times)


def _prepare(
    architecture: Architecture, structures: Sequence[Structure], element: int
) -> list[Timed]:
    """Take the first structures with `MOST_TIMED` atoms of the element at most, one at least."""
    timed: list[Timed] = []
    n_atoms = 0
    for structure in structures:
        elements = element_indices(structure, architecture)
        atoms = np.flatnonzero(elements == element)
        if not len(atoms):
            continue
        n_atoms += len(atoms)
        if timed and n_atoms > MOST_TIMED:
            break
        found = neighbour_list(structure, architecture.reach)
        timed.append(
            Timed(
                elements,
                found.first,
                found.index,
                found.vectors,
                found.distances,
                np.tile(atoms, ROUNDS),
            )
        )
    return timed
