"""What the kernels of symmetry functions take: all functions as arrays, and memory.

Notation: see `autune.kernels.symmetry`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autune.kernels.compact import CompactTable, Inside
from autune.kernels.jit import njit
from autune.kernels.moments import N_MONOMIALS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class SymmetryTable(NamedTuple):
    """Symmetry functions of all elements, as the kernels take them.

    Every element owns a range of distinct radial factors and ranges of radial functions, weighted
    radial functions, polynomial functions (kind 9 by moments) and groups; a group is what shares
    kind, neighbours, lambda and zeta and owns a range of members, one per function summed over
    pairs.  Elements of neighbours are -1 in weighted functions.
    ``column`` is the place of a function among those of its element.

    Parameters
    ----------
    cutoff_kind, inner_cutoff
        As in `autune.kernels.cutoffs.cutoff`.
    n_functions
        Symmetry functions per element, shape (n_elements,).
    charge
        Nuclear charges, shape (n_elements,).
    factor_first, eta, r_shift, r_cutoff, factor_zeta
        Radial factors, in 1/Angstrom^2 and Angstrom; largest zeta of the polynomial functions
        that use them, 0 for none.
    radial_first, radial_column, radial_factor, radial_element
        Radial functions: column, radial factor, element of the neighbours.
    weighted_first, weighted_column, weighted_factor
        Weighted radial functions.
    polynomial_first, polynomial_column, polynomial_factor, polynomial_elements
        Polynomial functions; polynomial_elements has shape (n, 2).
    polynomial_zeta, polynomial_coefficients, polynomial_self
        zeta; K_a, shape (n, N_MONOMIALS); P_jj.
    group_first, group_kind, group_elements, lambda_, zeta
        Groups; group_elements has shape (n_groups, 2).
    member_first, member_column, member_factor
        Members of the groups.
    compact
        Functions with compact support.
    """

    cutoff_kind: int
    inner_cutoff: float
    n_functions: Integers
    charge: Floats
    factor_first: Integers
    eta: Floats
    r_shift: Floats
    r_cutoff: Floats
    factor_zeta: Integers
    radial_first: Integers
    radial_column: Integers
    radial_factor: Integers
    radial_element: Integers
    weighted_first: Integers
    weighted_column: Integers
    weighted_factor: Integers
    polynomial_first: Integers
    polynomial_column: Integers
    polynomial_factor: Integers
    polynomial_elements: Integers
    polynomial_zeta: Integers
    polynomial_coefficients: Floats
    polynomial_self: Floats
    group_first: Integers
    group_kind: Integers
    group_elements: Integers
    lambda_: Floats
    zeta: Floats
    member_first: Integers
    member_column: Integers
    member_factor: Integers
    compact: CompactTable


class Scratch(NamedTuple):
    """Memory of `atom_symmetry_functions` for any atom with up to n neighbours.

    Rows of ``row``: fc, dfc, for one function A, B, or for one j P, P', fc, dfc, r_jk.
    """

    u: Floats
    inverse: Floats
    R: Floats
    dR: Floats
    U: Floats
    M: Floats
    T: Floats
    dT: Floats
    row: Floats
    start: Integers
    inside: Inside


@njit
def make_scratch(table: SymmetryTable, n: int) -> Scratch:
    """Allocate for atoms with up to n neighbours."""
    n_elements = len(table.n_functions)
    n_factors = 0
    for e in range(n_elements):
        n_factors = max(n_factors, table.factor_first[e + 1] - table.factor_first[e])
    return Scratch(
        np.empty((3, n)),
        np.empty(n),
        np.empty((n_factors, n)),
        np.empty((n_factors, n)),
        np.empty((N_MONOMIALS, n)),
        np.zeros((n_factors, n_elements, N_MONOMIALS)),
        np.empty((1, n)),
        np.empty((1, n)),
        np.empty((6, n)),
        np.empty(n_elements + 1, np.int64),
        Inside(np.empty(n, np.int64), np.empty((3, n)), np.empty(n_elements + 1, np.int64)),
    )
