"""Symmetry functions as the arrays that kernels take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from autune.architecture import (
    ANGULAR_WIDE,
    COMPACT_NARROW,
    CORES,
    CUTOFF_TYPES,
    RADIAL,
    WEIGHTED_COMPACT_NARROW,
    WEIGHTED_RADIAL,
    Architecture,
    SymmetryFunction,
)
from autune.kernels.compact import COS_MARGIN, CompactTable
from autune.kernels.moments import N_MONOMIALS, ZETA_MAX, coefficients
from autune.kernels.symmetry_table import SymmetryTable
from autune.structures import IntArray

ZETAS = range(1, ZETA_MAX + 1)


def symmetry_tables(architecture: Architecture) -> SymmetryTable:
    """Symmetry functions as arrays for the kernels, in Angstrom."""
    unit = architecture.length_unit
    place = {symbol: index for index, symbol in enumerate(architecture.elements)}
    factors: list[tuple[float, float, float]] = []
    factor_zeta: list[int] = []
    radials: list[tuple[int, int, int]] = []
    weighted: list[tuple[int, int]] = []
    polynomials: list[tuple[int, int, int, int, int]] = []
    lambdas: list[float] = []
    groups: list[tuple[int, int, int, float, float]] = []
    members: list[tuple[int, int]] = []
    factor_first, radial_first, polynomial_first, group_first = [0], [0], [0], [0]
    weighted_first, member_first = [0], [0]
    for symbol in architecture.elements:
        functions = architecture.symmetry_functions[symbol]
        gaussians = [(column, f) for column, f in enumerate(functions) if not f.is_compact]
        # By cutoff radius, because the kernel keeps the last cutoff function.
        distinct = sorted({(f.r_cutoff, f.eta, f.r_shift) for _, f in gaussians})
        factors += distinct
        factor_zeta += [0] * len(distinct)
        in_group: dict[tuple[int, int, int, float, float], list[tuple[int, int]]] = {}
        for column, f in gaussians:
            factor = factor_first[-1] + distinct.index((f.r_cutoff, f.eta, f.r_shift))
            e1, e2 = _neighbours(f, place)
            if f.kind == RADIAL:
                radials.append((column, factor, e1))
            elif f.kind == WEIGHTED_RADIAL:
                weighted.append((column, factor))
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
        weighted_first.append(len(weighted))
        polynomial_first.append(len(polynomials))
        group_first.append(len(groups))
    r_cutoff, eta, r_shift = _columns(factors, 3, np.float64)
    radial = _columns(radials, 3, np.int64)
    weight = _columns(weighted, 2, np.int64)
    polynomial = _columns(polynomials, 5, np.int64)
    lambda_, zeta = _columns([key[3:] for key in groups], 2, np.float64)
    member = _columns(members, 2, np.int64)
    return SymmetryTable(
        cutoff_kind=CUTOFF_TYPES.index(architecture.cutoff_type),
        inner_cutoff=float(architecture.inner_cutoff),
        n_functions=_integers(
            [len(architecture.symmetry_functions[symbol]) for symbol in architecture.elements]
        ),
        charge=np.array([float(atomic_numbers[symbol]) for symbol in architecture.elements]),
        factor_first=_integers(factor_first),
        eta=eta / unit**2,
        r_shift=r_shift * unit,
        r_cutoff=r_cutoff * unit,
        factor_zeta=_integers(factor_zeta),
        radial_first=_integers(radial_first),
        radial_column=radial[0],
        radial_factor=radial[1],
        radial_element=radial[2],
        weighted_first=_integers(weighted_first),
        weighted_column=weight[0],
        weighted_factor=weight[1],
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
        compact=_compact_table(architecture, place),
    )


Window = tuple[float, float, int, int]
"""Inner and outer radius, core, whether it is asymmetric."""


def _compact_table(architecture: Architecture, place: dict[str, int]) -> CompactTable:
    windows: list[Window] = []
    radials: list[tuple[int, int]] = []
    groups: list[tuple[int, int, int]] = []
    members: list[tuple[int, float, float]] = []
    window_first, radial_first, group_first, member_first = [0], [0], [0], [0]
    for symbol in architecture.elements:
        in_window: dict[Window, list[tuple[int, SymmetryFunction]]] = {}
        for column, f in enumerate(architecture.symmetry_functions[symbol]):
            if f.is_compact:
                core = CORES.index(f.subtype.removesuffix("a"))
                shape = (f.r_low, f.r_cutoff, core, int(f.subtype.endswith("a")))
                in_window.setdefault(shape, []).append((column, f))
        for shape, of_window in in_window.items():
            windows.append(shape)
            in_group: dict[tuple[int, int, int], list[tuple[int, float, float]]] = {}
            for column, f in of_window:
                e1, e2 = _neighbours(f, place)
                if not f.is_angular:
                    radials.append((column, e1))
                    continue
                narrow = int(f.kind in (COMPACT_NARROW, WEIGHTED_COMPACT_NARROW))
                member = (column, math.radians(f.left), math.radians(f.right))
                in_group.setdefault((e1, e2, narrow), []).append(member)
            for group, of_group in in_group.items():
                groups.append(group)
                members += of_group
                member_first.append(len(members))
            radial_first.append(len(radials))
            group_first.append(len(groups))
        window_first.append(len(windows))
    unit = architecture.length_unit
    low, high, core_, asymmetric = _columns(windows, 4, np.float64)
    radial = _columns(radials, 2, np.int64)
    group_ = _columns(groups, 3, np.int64)
    column_, left, right = _columns(members, 3, np.float64)
    return CompactTable(
        window_first=_integers(window_first),
        low=low * unit,
        high=high * unit,
        core=core_.astype(np.int64),
        asymmetric=asymmetric.astype(np.int64),
        radial_first=_integers(radial_first),
        radial_column=radial[0],
        radial_element=radial[1],
        group_first=_integers(group_first),
        group_elements=group_[:2].T.copy(),
        group_narrow=group_[2],
        member_first=_integers(member_first),
        member_column=column_.astype(np.int64),
        left=left,
        right=right,
        cos_low=np.cos(np.minimum(right, math.pi)) - COS_MARGIN,
        cos_high=np.cos(np.maximum(left, 0.0)) + COS_MARGIN,
    )


def _neighbours(function: SymmetryFunction, place: dict[str, int]) -> tuple[int, int]:
    """Return the places of the neighbours' elements, the same twice for one, -1 for all."""
    symbols = function.neighbours
    return (place[symbols[0]], place[symbols[-1]]) if symbols else (-1, -1)


def _columns(rows: Sequence[tuple[float, ...]], width: int, dtype: type) -> NDArray[Any]:
    return np.array(rows, dtype=dtype).reshape(-1, width).T.copy()


def _integers(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)
