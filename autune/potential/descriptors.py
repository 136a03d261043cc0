"""Descriptors of structures: symmetry functions, their statistics, and their scaling."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from autune.architecture import ANGULAR_WIDE, CUTOFF_TYPES, RADIAL, Architecture
from autune.errors import DataError
from autune.formats.tables import Scaling
from autune.kernels.moments import N_MONOMIALS, ZETA_MAX, coefficients
from autune.kernels.structure import merge_images, structure_symmetry_functions
from autune.kernels.symmetry import SymmetryTable
from autune.potential.neighbours import neighbour_list
from autune.structures import FloatArray, IntArray, Structure

SMALLEST_SPREAD = 1e-100
"""Less is none: nothing can be divided by it."""

ZETAS = range(1, ZETA_MAX + 1)


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


def symmetry_tables(architecture: Architecture) -> SymmetryTable:
    """Symmetry functions as arrays for the kernels, in Angstrom."""
    unit = architecture.length_unit
    place = {symbol: index for index, symbol in enumerate(architecture.elements)}
    factors: list[tuple[float, float, float]] = []
    factor_zeta: list[int] = []
    radials: list[tuple[int, int, int]] = []
    polynomials: list[tuple[int, int, int, int, int]] = []
    lambdas: list[float] = []
    groups: list[tuple[int, int, int, float, float]] = []
    members: list[tuple[int, int]] = []
    factor_first, radial_first, polynomial_first, group_first = [0], [0], [0], [0]
    member_first = [0]
    for symbol in architecture.elements:
        functions = architecture.symmetry_functions[symbol]
        # By cutoff radius, because the kernel keeps the last cutoff function.
        distinct = sorted({(f.r_cutoff, f.eta, f.r_shift) for f in functions})
        factors += distinct
        factor_zeta += [0] * len(distinct)
        in_group: dict[tuple[int, int, int, float, float], list[tuple[int, int]]] = {}
        for column, f in enumerate(functions):
            factor = factor_first[-1] + distinct.index((f.r_cutoff, f.eta, f.r_shift))
            e1, e2 = place[f.neighbours[0]], place[f.neighbours[-1]]
            if f.kind == RADIAL:
                radials.append((column, factor, e1))
            elif f.kind == ANGULAR_WIDE and f.zeta in ZETAS and abs(f.lambda_) == 1.0:
                polynomials.append((column, factor, e1, e2, int(f.zeta)))
                lambdas.append(f.lambda_)
                factor_zeta[factor] = max(factor_zeta[factor], int(f.zeta))
            else:
                key = (f.kind, e1, e2, f.lambda_, f.zeta)
                in_group.setdefault(key, []).append((column, factor))
        for key, of_group in in_group.items():
            groups.append(key)
            members += of_group
            member_first.append(len(members))
        factor_first.append(len(factors))
        radial_first.append(len(radials))
        polynomial_first.append(len(polynomials))
        group_first.append(len(groups))
    r_cutoff, eta, r_shift = _columns(factors, 3, np.float64)
    radial = _columns(radials, 3, np.int64)
    polynomial = _columns(polynomials, 5, np.int64)
    lambda_, zeta = _columns([key[3:] for key in groups], 2, np.float64)
    member = _columns(members, 2, np.int64)
    return SymmetryTable(
        cutoff_kind=CUTOFF_TYPES.index(architecture.cutoff_type),
        inner_cutoff=float(architecture.inner_cutoff),
        n_functions=_integers(
            [len(architecture.symmetry_functions[symbol]) for symbol in architecture.elements]
        ),
        factor_first=_integers(factor_first),
        eta=eta / unit**2,
        r_shift=r_shift * unit,
        r_cutoff=r_cutoff * unit,
        factor_zeta=_integers(factor_zeta),
        radial_first=_integers(radial_first),
        radial_column=radial[0],
        radial_factor=radial[1],
        radial_element=radial[2],
        polynomial_first=_integers(polynomial_first),
        polynomial_column=polynomial[0],
        polynomial_factor=polynomial[1],
        polynomial_elements=polynomial[2:4].T.copy(),
        polynomial_zeta=polynomial[4],
        polynomial_coefficients=np.array(
            [coefficients(sign, p[4]) for sign, p in zip(lambdas, polynomials, strict=True)]
        ).reshape(-1, N_MONOMIALS),
        polynomial_self=np.array([1.0 + sign for sign in lambdas], dtype=np.float64),
        group_first=_integers(group_first),
        group_kind=_integers([key[0] for key in groups]),
        group_elements=_columns([key[1:3] for key in groups], 2, np.int64).T.copy(),
        lambda_=lambda_,
        zeta=zeta,
        member_first=_integers(member_first),
        member_column=member[0],
        member_factor=member[1],
    )


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
    found = deque(
        neighbour_list(structure, architecture.r_cutoff * architecture.length_unit)
        for structure in structures
    )
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


def _columns(rows: Sequence[tuple[float, ...]], width: int, dtype: type) -> NDArray[Any]:
    return np.array(rows, dtype=dtype).reshape(-1, width).T.copy()


def _ranges(counts: Sequence[int]) -> IntArray:
    return np.cumsum([0, *counts], dtype=np.int64)


def _join(arrays: Sequence[IntArray]) -> IntArray:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])


def _integers(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)
