"""Descriptors of structures: symmetry functions, their statistics, and their scaling."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from autune.architecture import Architecture
from autune.errors import DataError
from autune.formats.tables import Scaling
from autune.kernels.structure import merge_images, structure_symmetry_functions
from autune.potential.neighbours import neighbour_list
from autune.potential.symmetry_tables import symmetry_tables
from autune.structures import FloatArray, IntArray, Structure

SMALLEST_SPREAD = 1e-100
"""Less is none: nothing can be divided by it."""


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Symmetry functions of a set of structures.

    Parameters
    ----------
    G
        Values, shape (n_atoms, n_max); 0 beyond the functions of the atom's element.
    dG_dr
        dG_i/dr_k in 1/Angstrom, summed over the periodic images of k, shape (n_pairs, 3, n_max).
    element
        Place of each atom's element in the architecture, shape (n_atoms,).
    first_atom
        The atoms of structure s are first_atom[s]:first_atom[s + 1], shape (n_structures + 1,).
    first_pair
        The pairs in which atom k moves are first_pair[k]:first_pair[k + 1], shape (n_atoms + 1,).
    center
        Atom i that feels it, by element, then by number, k itself among them, shape (n_pairs,).
    dG_dstrain
        dG_i/de of the strains xx, yy, zz, yz, xz, xy, shape (n_atoms, 6, n_max), 0 in structures
        without a stress; without rows where it is not wanted.
    """

    G: FloatArray
    dG_dr: FloatArray
    element: IntArray
    first_atom: IntArray
    first_pair: IntArray
    center: IntArray
    dG_dstrain: FloatArray


def element_indices(structure: Structure, architecture: Architecture) -> IntArray:
    """Place of each atom's element in the architecture, shape (n_atoms,).

    Raises
    ------
    DataError
        If the structure has an element that the potential does not know.
    """
    numbers = np.array([atomic_numbers[symbol] for symbol in architecture.elements])
    indices = np.searchsorted(numbers, structure.numbers)
    known = numbers[np.minimum(indices, len(numbers) - 1)] == structure.numbers
    if not known.all():
        unknown = sorted({chemical_symbols[number] for number in structure.numbers[~known]})
        raise DataError(
            f"{structure.label}: has {', '.join(unknown)}, the potential knows "
            f"{', '.join(architecture.elements)}; add the elements or leave the structure out"
        )
    return indices.astype(np.int64)


def compute_descriptors(
    structures: Sequence[Structure],
    architecture: Architecture,
    single: bool = False,
    strain: bool = False,
) -> Descriptors:
    """Compute the symmetry functions of structures and their derivatives, not scaled.

    All pairs are counted before memory is taken, and every derivative is written to its place at
    once: nothing of that size exists twice.

    Parameters
    ----------
    structures, architecture
        What is described, and by which functions.
    single
        Whether derivatives are kept in single precision.
    strain
        Whether derivatives with respect to strain are wanted of structures with a stress.

    Raises
    ------
    DataError
        If a structure has an unknown element or two atoms at the same place.
    """
    table = symmetry_tables(architecture)
    n_max = int(table.n_functions.max())
    elements = [element_indices(structure, architecture) for structure in structures]
    found = deque(neighbour_list(structure, architecture.reach) for structure in structures)
    pairs = [
        merge_images(neighbours.first, neighbours.index, np.argsort(element, kind="stable"))
        for neighbours, element in zip(found, elements, strict=True)
    ]
    first_atom = _ranges([structure.n_atoms for structure in structures])
    first = _ranges([len(p.center) for p in pairs])
    G = np.zeros((first_atom[-1], n_max))
    kept = np.float32 if single else np.float64
    dG_dr = np.zeros((first[-1], 3, n_max), kept)
    dG_dstrain = np.zeros((first_atom[-1] if strain else 0, 6, n_max), kept)
    for s, element in enumerate(elements):
        neighbours = found.popleft()
        atoms = slice(first_atom[s], first_atom[s + 1])
        strained = slice(0) if structures[s].virial is None else atoms
        structure_symmetry_functions(
            table,
            element,
            neighbours.first,
            neighbours.index,
            neighbours.vectors,
            neighbours.distances,
            pairs[s],
            G[atoms],
            dG_dr[first[s] : first[s + 1]],
            dG_dstrain[strained],
        )
    return Descriptors(
        G=G,
        dG_dr=dG_dr,
        element=_join(elements),
        first_atom=first_atom,
        first_pair=_join([first[:1], *(first[s] + p.first[1:] for s, p in enumerate(pairs))]),
        center=_join([first_atom[s] + p.center for s, p in enumerate(pairs)]),
        dG_dstrain=dG_dstrain,
    )


def scaling_statistics(
    G: FloatArray, element: IntArray, architecture: Architecture
) -> dict[str, Scaling]:
    """Minimum, maximum, mean and standard deviation (n - 1) of every symmetry function.

    Over all atoms of an element, as nnp-scaling does.

    Parameters
    ----------
    G
        Values, not scaled, shape (n_atoms, n_max).
    element
        Place of each atom's element in the architecture, shape (n_atoms,).
    architecture
        Elements and their symmetry functions.

    Raises
    ------
    DataError
        If an element of the potential has no atom.
    """
    statistics = {}
    for e, symbol in enumerate(architecture.elements):
        n_functions = len(architecture.symmetry_functions[symbol])
        of_element = G[element == e, :n_functions]
        if len(of_element) == 0:
            raise DataError(
                f"no structure has an atom of {symbol}: take {symbol} out of potential.elements "
                "or add structures with it"
            )
        one = len(of_element) == 1
        statistics[symbol] = Scaling(
            of_element.min(axis=0),
            of_element.max(axis=0),
            of_element.mean(axis=0),
            np.zeros(n_functions) if one else of_element.std(axis=0, ddof=1),
        )
    return statistics


def scaling_factors(
    scaling: Mapping[str, Scaling], architecture: Architecture
) -> dict[str, tuple[FloatArray, FloatArray, float]]:
    """Per element (shift, factor, offset): network inputs are (G - shift) factor + offset.

    Raises
    ------
    DataError
        If a function is constant, so that its factor would be infinite.
    """
    mode = architecture.scaling
    width = architecture.scale_max - architecture.scale_min
    factors = {}
    for symbol in architecture.elements:
        s = scaling[symbol]
        zero, one = np.zeros_like(s.mean), np.ones_like(s.mean)
        if mode in ("none", "center"):
            factors[symbol] = (zero if mode == "none" else s.mean, one, 0.0)
            continue
        spread = s.sigma if mode == "sigma" else s.maximum - s.minimum
        if not (spread > SMALLEST_SPREAD).all():
            function = architecture.symmetry_functions[symbol][int(np.argmin(spread))]
            raise DataError(
                f"symmetry function {symbol} {function} has the same value for all atoms and "
                "cannot be scaled; drop it (potential.minimum_spread)"
            )
        shift = s.minimum if mode == "scale" else s.mean
        factors[symbol] = (shift, width / spread, architecture.scale_min)
    return factors


def functions_without_spread(
    statistics: Mapping[str, Scaling], architecture: Architecture, minimum_spread: float
) -> dict[str, list[int]]:
    """Places of the functions of each element whose range is not larger than minimum_spread."""
    return {
        symbol: np.flatnonzero(
            ~(statistics[symbol].maximum - statistics[symbol].minimum > minimum_spread)
        ).tolist()
        for symbol in architecture.elements
    }


def drop_functions(
    architecture: Architecture, statistics: Mapping[str, Scaling], dropped: Mapping[str, list[int]]
) -> tuple[Architecture, dict[str, Scaling], list[str]]:
    """Take functions out of an architecture and its statistics.

    Parameters
    ----------
    architecture, statistics
        Before.
    dropped
        Places per element, as from `functions_without_spread`.

    Returns
    -------
    architecture, statistics, names
        After; the names of the functions that were dropped.

    Raises
    ------
    DataError
        If an element would have no function left.
    """
    functions, reduced, names = {}, {}, []
    for symbol in architecture.elements:
        before = architecture.symmetry_functions[symbol]
        places = set(dropped.get(symbol, []))
        kept = [place for place in range(len(before)) if place not in places]
        if not kept:
            raise DataError(
                f"all symmetry functions of {symbol} have the same value for all its atoms: "
                "the structures do not differ, or potential.cutoff_radius is too small"
            )
        functions[symbol] = tuple(before[place] for place in kept)
        names += [f"{symbol} {before[place]}" for place in sorted(places)]
        s = statistics[symbol]
        reduced[symbol] = Scaling(s.minimum[kept], s.maximum[kept], s.mean[kept], s.sigma[kept])
    return dataclasses.replace(architecture, symmetry_functions=functions), reduced, names


def _ranges(counts: Sequence[int]) -> IntArray:
    return np.cumsum([0, *counts], dtype=np.int64)


def _join(arrays: Sequence[IntArray]) -> IntArray:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])
