r"""Symmetry functions and their derivatives with respect to the positions of the neighbours.

Notation
--------
=========  =============================================================  ==================
symbol     meaning                                                        shape, unit
=========  =============================================================  ==================
i; j, k    central atom; its neighbours, periodic images counted singly
r_j, u_j   vector from i to j and its direction                           (n, 3) Angstrom, 1
r_jk       distance between two neighbours                                Angstrom
R_j        radial factor exp(-eta (r_j - r_s)^2) fc(r_j)
T_jk       exp(-eta (r_jk - r_s)^2) fc(r_jk) in kind 3, 1 in kind 9
P_jk       2^(1-zeta) (1 + lambda u_j.u_k)^zeta, 0 for j = k
A_j, B_j   sum_k P_jk T_jk R_k;  sum_k P'_jk T_jk R_k u_k, P' = dP/du_j.u_k
C_j        sum_k P_jk T'_jk R_k (r_j - r_k) / r_jk
Z_j        nuclear charge of j
G          symmetry function                                              (n_functions,)
dG         dG_i/dr_j for every image j                                    (n, 3, n_functions)
=========  =============================================================  ==================

Kind 2   G = sum_j R_j
Kind 3   G = 1/2 sum_j R_j A_j                       (T_jk with its cutoff)
Kind 9   G = 1/2 sum_j R_j A_j                       (T_jk = 1)
         dG/dr_j = u_j (R'_j A_j - R_j/r_j u_j.B_j) + R_j/r_j B_j + R_j C_j

Kind 12  G = sum_j Z_j R_j                           (over all elements)
Kind 13  G = 1/2 sum_j R_j A_j, P_jk times Z_j Z_k   (over all elements, T_jk as in kind 3)

Kind 2 and 3: J. Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 6 and 8; kind 9: eq. 9; kinds 12
and 13: M. Gastegger et al., J. Chem. Phys. 148, 241709 (2018), section II; kinds 20 to 25:
`autune.kernels.compact`.
For neighbours of two elements Y and Z, k runs over Z when j is a Y and over Y when j is a Z.

The radial factor of an angular function depends on one neighbour: it is computed once per
neighbour and distinct (eta, r_s, r_cutoff).  Kind 9 with small integer zeta needs no pairs at all
(`autune.kernels.moments`); the rest sums over them (`autune.kernels.pairs`).  Inner loops run
over neighbours, which are the longest dimension and contiguous; their bounds are unsigned, so
that indices need no test for being negative.  No function that is called once per symmetry
function takes the table, and inner ones take no views of rows: numba counts references to every
array handed on, which took as long as the arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autune.kernels.compact import add_compact, element_range
from autune.kernels.jit import njit, njit_inner
from autune.kernels.moments import (
    count_monomials,
    fill_moments,
    fill_monomials,
    fill_polynomial,
)
from autune.kernels.pairs import (
    add_narrow,
    add_wide,
    fill_angular,
    fill_pair_distances,
    multiply_charges,
)
from autune.kernels.radial import fill_cutoffs, fill_radial
from autune.kernels.symmetry_table import Scratch, SymmetryTable

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit_inner
def find_ranges(neighbour_elements: Integers, start: Integers) -> None:
    """Fill the ranges start[e]:start[e + 1] of the elements among sorted neighbours."""
    j = 0
    for e in range(len(start)):
        while j < len(neighbour_elements) and neighbour_elements[j] < e:
            j += 1
        start[e] = j


@njit_inner
def fill_factors(table: SymmetryTable, element: int, r: Floats, scratch: Scratch) -> None:
    """Fill R and dR of all radial factors of an element, and the moments that are needed."""
    n = len(r)
    fc, dfc = scratch.row[0], scratch.row[1]
    first, last = table.factor_first[element], table.factor_first[element + 1]
    # A plain 0 would be a type of its own, and what takes it compiled twice.
    zeta = begin = int(np.int64(0))
    for m in range(first, last):
        zeta = max(zeta, table.factor_zeta[m])
    if zeta > 0:
        fill_monomials(scratch.u, n, count_monomials(zeta), scratch.U)
    for m in range(first, last):
        # Factors are sorted by cutoff radius.
        if m == first or table.r_cutoff[m] != table.r_cutoff[m - 1]:
            fill_cutoffs(
                table.cutoff_kind, table.r_cutoff[m], table.inner_cutoff, begin, n, r, fc, dfc
            )
        fill_radial(
            table.eta[m],
            table.r_shift[m],
            begin,
            n,
            r,
            fc,
            dfc,
            m - first,
            scratch.R,
            scratch.dR,
        )
        if table.factor_zeta[m] > 0:
            n_monomials = count_monomials(table.factor_zeta[m])
            for e in range(len(table.n_functions)):
                start, stop = scratch.start[e], scratch.start[e + 1]
                fill_moments(
                    scratch.U, scratch.R, m - first, e, start, stop, n_monomials, scratch.M
                )


@njit_inner
def add_radial(table: SymmetryTable, element: int, scratch: Scratch, G: Floats, dG: Floats) -> None:
    """Add the functions of kind 2."""
    u, R, dR = scratch.u, scratch.R, scratch.dR
    for function in range(table.radial_first[element], table.radial_first[element + 1]):
        column = table.radial_column[function]
        m = table.radial_factor[function] - table.factor_first[element]
        e = table.radial_element[function]
        total = 0.0
        for j in range(np.uint64(scratch.start[e]), np.uint64(scratch.start[e + 1])):
            total += R[m, j]
            dG[j, 0, column] = dR[m, j] * u[0, j]
            dG[j, 1, column] = dR[m, j] * u[1, j]
            dG[j, 2, column] = dR[m, j] * u[2, j]
        G[column] = total


@njit_inner
def add_weighted(
    table: SymmetryTable, element: int, scratch: Scratch, G: Floats, dG: Floats
) -> None:
    """Add the functions of kind 12."""
    u, R, dR = scratch.u, scratch.R, scratch.dR
    for function in range(table.weighted_first[element], table.weighted_first[element + 1]):
        column = table.weighted_column[function]
        m = table.weighted_factor[function] - table.factor_first[element]
        for e in range(len(table.charge)):
            Z, total = table.charge[e], 0.0
            for j in range(np.uint64(scratch.start[e]), np.uint64(scratch.start[e + 1])):
                total += R[m, j]
                dG[j, 0, column] = Z * dR[m, j] * u[0, j]
                dG[j, 1, column] = Z * dR[m, j] * u[1, j]
                dG[j, 2, column] = Z * dR[m, j] * u[2, j]
            G[column] += Z * total


@njit_inner
def add_polynomials(
    table: SymmetryTable, element: int, scratch: Scratch, G: Floats, dG: Floats
) -> None:
    """Add the functions of kind 9 that need no pairs."""
    R, dR, u, S, inverse = scratch.R, scratch.dR, scratch.u, scratch.row, scratch.inverse
    for function in range(table.polynomial_first[element], table.polynomial_first[element + 1]):
        column = table.polynomial_column[function]
        m = table.polynomial_factor[function] - table.factor_first[element]
        for side in range(2):
            e = table.polynomial_elements[function, side]
            partner = table.polynomial_elements[function, 1 - side]
            if side == 1 and e == partner:
                continue
            start, stop = scratch.start[e], scratch.start[e + 1]
            fill_polynomial(
                scratch.U,
                table.polynomial_coefficients,
                function,
                scratch.M,
                m,
                partner,
                table.polynomial_zeta[function],
                start,
                stop,
                S,
            )
            itself = table.polynomial_self[function] if e == partner else 0.0
            first, last = np.uint64(start), np.uint64(stop)
            total = 0.0
            # Short loops with one result each: in longer ones the compiler cannot rule out that
            # arrays overlap and gives up vector instructions.
            for j in range(first, last):
                S[0, j] -= itself * R[m, j]
            for j in range(first, last):
                total += R[m, j] * S[0, j]
            for j in range(first, last):
                S[4, j] = S[1, j] * u[0, j] + S[2, j] * u[1, j] + S[3, j] * u[2, j]
            for j in range(first, last):
                S[5, j] = R[m, j] * inverse[j]
            for j in range(first, last):
                S[4, j] = dR[m, j] * S[0, j] - S[5, j] * S[4, j]
            for c in range(3):
                for j in range(first, last):
                    S[1 + c, j] = S[4, j] * u[c, j] + S[5, j] * S[1 + c, j]
            G[column] += 0.5 * total
            for j in range(first, last):
                dG[j, 0, column] = S[1, j]
                dG[j, 1, column] = S[2, j]
                dG[j, 2, column] = S[3, j]


@njit_inner
def add_pairs(
    table: SymmetryTable,
    element: int,
    r: Floats,
    scratch: Scratch,
    G: Floats,
    dG: Floats,
) -> None:
    """Add the functions that are sums over pairs of neighbours."""
    u, R, dR, P = scratch.u, scratch.R, scratch.dR, scratch.row
    fc, dfc, r_pair, T, dT = scratch.row[2], scratch.row[3], scratch.row[4], scratch.T, scratch.dT
    for group in range(table.group_first[element], table.group_first[element + 1]):
        for side in range(2):
            e, partner = table.group_elements[group, side], table.group_elements[group, 1 - side]
            if side == 1 and e == partner:
                continue
            begin, end = element_range(scratch.start, e)
            start, stop = element_range(scratch.start, partner)
            for j in range(begin, end):
                fill_angular(u, j, start, stop, table.lambda_[group], table.zeta[group], P)
                if e < 0:
                    multiply_charges(table.charge, scratch.start, j, P)
                if table.group_kind[group] != 9:
                    fill_pair_distances(u, r, j, start, stop, r_pair)
                r_cutoff = 0.0
                for member in range(table.member_first[group], table.member_first[group + 1]):
                    column, factor = table.member_column[member], table.member_factor[member]
                    m = factor - table.factor_first[element]
                    if r[j] >= table.r_cutoff[factor]:
                        continue
                    if table.group_kind[group] == 9:
                        add_wide(j, start, stop, u, r, m, R, dR, P, column, G, dG)
                        continue
                    if table.r_cutoff[factor] != r_cutoff:
                        r_cutoff = table.r_cutoff[factor]
                        fill_cutoffs(
                            table.cutoff_kind,
                            r_cutoff,
                            table.inner_cutoff,
                            start,
                            stop,
                            r_pair,
                            fc,
                            dfc,
                        )
                    fill_radial(
                        table.eta[factor],
                        table.r_shift[factor],
                        start,
                        stop,
                        r_pair,
                        fc,
                        dfc,
                        int(np.int64(0)),
                        T,
                        dT,
                    )
                    add_narrow(j, start, stop, u, r, m, R, dR, P, r_pair, T, dT, column, G, dG)


@njit
def atom_symmetry_functions(
    table: SymmetryTable,
    element: int,
    neighbour_elements: Integers,
    vectors: Floats,
    distances: Floats,
    scratch: Scratch,
    G: Floats,
    dG: Floats,
) -> None:
    """Symmetry functions of one atom and their derivatives.

    Parameters
    ----------
    table
        Symmetry functions of all elements.
    element
        Element of the central atom: position in the table.
    neighbour_elements
        Elements of the neighbours, shape (n,), ascending.
    vectors, distances
        From the atom to its neighbours in Angstrom, shapes (n, 3) and (n,).
    scratch
        From `make_scratch` for at least n neighbours.
    G, dG
        Filled: values, shape (n_max,), and derivatives with respect to the positions of the
        neighbours, shape (at least n, 3, n_max); 0 beyond the element's functions.
    """
    n = len(distances)
    for f in range(len(G)):
        G[f] = 0.0
    for j in range(n):
        scratch.inverse[j] = 1.0 / distances[j]
        for c in range(3):
            for f in range(len(G)):
                dG[j, c, f] = 0.0
        for c in range(3):
            scratch.u[c, j] = vectors[j, c] * scratch.inverse[j]
    find_ranges(neighbour_elements, scratch.start)
    fill_factors(table, element, distances, scratch)
    add_radial(table, element, scratch, G, dG)
    add_weighted(table, element, scratch, G, dG)
    add_polynomials(table, element, scratch, G, dG)
    add_pairs(table, element, distances, scratch, G, dG)
    add_compact(
        table.compact,
        element,
        table.charge,
        scratch.start,
        scratch.u,
        distances,
        scratch.inside,
        G,
        dG,
    )
