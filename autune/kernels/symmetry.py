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
G          symmetry function                                              (n_functions,)
dG         dG_i/dr_j for every image j                                    (n, 3, n_functions)
=========  =============================================================  ==================

Kind 2   G = sum_j R_j
Kind 3   G = 1/2 sum_j R_j A_j                       (T_jk with its cutoff)
Kind 9   G = 1/2 sum_j R_j A_j                       (T_jk = 1)
         dG/dr_j = u_j (R'_j A_j - R_j/r_j u_j.B_j) + R_j/r_j B_j + R_j C_j

Kind 2 and 3: J. Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 6 and 8; kind 9: eq. 9.
For neighbours of two elements Y and Z, k runs over Z when j is a Y and over Y when j is a Z.

The radial factor of an angular function depends on one neighbour, so it is computed once per
neighbour and distinct (eta, r_s, r_cutoff); P once per pair and distinct (lambda, zeta).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autune.kernels.cutoffs import cutoff
from autune.kernels.jit import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class SymmetryTable(NamedTuple):
    """Symmetry functions of all elements, ordered for the kernels.

    An element owns a range of radial factors and a range of groups; a group is what shares kind,
    neighbours, lambda and zeta and owns a range of members, one per symmetry function.

    Parameters
    ----------
    cutoff_kind, inner_cutoff
        As in `autune.kernels.cutoffs.cutoff`.
    n_functions
        Symmetry functions per element, shape (n_elements,).
    radial_first
        Ranges of the distinct radial factors, shape (n_elements + 1,).
    eta, r_shift, r_cutoff
        Radial factors, in 1/Angstrom^2 and Angstrom.
    group_first
        Ranges of the groups, shape (n_elements + 1,).
    kind, element_1, element_2, lambda_, zeta
        Groups; element_1 <= element_2, equal for kind 2.
    member_first
        Ranges of the members, shape (n_groups + 1,).
    column, radial
        Members: place of the function among those of its element; its radial factor.
    """

    cutoff_kind: int
    inner_cutoff: float
    n_functions: Integers
    radial_first: Integers
    eta: Floats
    r_shift: Floats
    r_cutoff: Floats
    group_first: Integers
    kind: Integers
    element_1: Integers
    element_2: Integers
    lambda_: Floats
    zeta: Floats
    member_first: Integers
    column: Integers
    radial: Integers


class Scratch(NamedTuple):
    """Memory of `atom_symmetry_functions`, enough for any atom with up to n neighbours."""

    u: Floats
    R: Floats
    dR: Floats
    P: Floats
    dP: Floats
    T: Floats
    dT: Floats
    r: Floats


@njit
def make_scratch(table: SymmetryTable, n: int) -> Scratch:
    """Allocate for atoms with up to n neighbours."""
    n_radials = 1
    for e in range(len(table.n_functions)):
        n_radials = max(n_radials, table.radial_first[e + 1] - table.radial_first[e])
    return Scratch(
        np.empty((3, n)),
        np.empty((n_radials, n)),
        np.empty((n_radials, n)),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@njit
def element_range(neighbour_elements: Integers, element: int) -> tuple[int, int]:
    """Range of an element among sorted elements."""
    start = 0
    while start < len(neighbour_elements) and neighbour_elements[start] < element:
        start += 1
    stop = start
    while stop < len(neighbour_elements) and neighbour_elements[stop] == element:
        stop += 1
    return start, stop


@njit
def radial_factors(table: SymmetryTable, element: int, distances: Floats, scratch: Scratch) -> None:
    """Fill R and dR/dr of all radial factors and neighbours."""
    n = len(distances)
    fc, dfc = scratch.P, scratch.dP
    r_cutoff = -1.0
    start = table.radial_first[element]
    for m in range(start, table.radial_first[element + 1]):
        if table.r_cutoff[m] != r_cutoff:
            r_cutoff = table.r_cutoff[m]
            for j in range(n):
                fc[j], dfc[j] = cutoff(
                    table.cutoff_kind, distances[j], r_cutoff, table.inner_cutoff
                )
        eta, r_shift = table.eta[m], table.r_shift[m]
        R, dR = scratch.R[m - start], scratch.dR[m - start]
        for j in range(n):
            x = distances[j] - r_shift
            gaussian = math.exp(-eta * x * x)
            R[j] = gaussian * fc[j]
            dR[j] = gaussian * (dfc[j] - 2.0 * eta * x * fc[j])


@njit
def angular_factors(
    u: Floats, j: int, start: int, stop: int, lambda_: float, zeta: float, P: Floats, dP: Floats
) -> None:
    """Fill P_jk and dP_jk/dcos for one j and start <= k < stop."""
    for k in range(start, stop):
        cosine = u[0, j] * u[0, k] + u[1, j] * u[1, k] + u[2, j] * u[2, k]
        # Opposite neighbours may give a little less than 0.
        P[k] = max(0.0, 1.0 + lambda_ * cosine)
    scale = 2.0 ** (1.0 - zeta)
    power = int(zeta)
    if power == zeta:
        for k in range(start, stop):
            dP[k] = zeta * lambda_ * scale if P[k] > 0.0 else 0.0
        for _ in range(power - 1):
            for k in range(start, stop):
                dP[k] *= P[k]
        for k in range(start, stop):
            P[k] *= dP[k] / (zeta * lambda_)
    else:
        for k in range(start, stop):
            if P[k] > 0.0:
                dP[k] = zeta * lambda_ * scale * P[k] ** (zeta - 1.0)
                P[k] *= dP[k] / (zeta * lambda_)
            else:
                dP[k] = 0.0
    if start <= j < stop:
        P[j] = 0.0
        dP[j] = 0.0


@njit
def pair_factors(
    table: SymmetryTable, m: int, j: int, start: int, stop: int, distances: Floats, scratch: Scratch
) -> None:
    """Fill T_jk, (dT_jk/dr_jk)/r_jk and r_jk of radial factor m for one j and start <= k < stop."""
    u, r = scratch.u, scratch.r
    for k in range(start, stop):
        x = distances[j] * u[0, j] - distances[k] * u[0, k]
        y = distances[j] * u[1, j] - distances[k] * u[1, k]
        z = distances[j] * u[2, j] - distances[k] * u[2, k]
        r[k] = math.sqrt(x * x + y * y + z * z)
        fc, dfc = cutoff(table.cutoff_kind, r[k], table.r_cutoff[m], table.inner_cutoff)
        x = r[k] - table.r_shift[m]
        gaussian = math.exp(-table.eta[m] * x * x)
        scratch.T[k] = gaussian * fc
        scratch.dT[k] = gaussian * (dfc - 2.0 * table.eta[m] * x * fc) / r[k] if k != j else 0.0


@njit
def angular_function(
    table: SymmetryTable,
    element: int,
    group: int,
    j: int,
    start: int,
    stop: int,
    distances: Floats,
    scratch: Scratch,
    G: Floats,
    dG: Floats,
) -> None:
    """Add the terms of one j with start <= k < stop to all functions of an angular group."""
    u, P, dP, T, dT = scratch.u, scratch.P, scratch.dP, scratch.T, scratch.dT
    angular_factors(u, j, start, stop, table.lambda_[group], table.zeta[group], P, dP)
    narrow = table.kind[group] == 3
    for member in range(table.member_first[group], table.member_first[group + 1]):
        m = table.radial[member]
        local = m - table.radial_first[element]
        R, dR = scratch.R[local], scratch.dR[local]
        if R[j] == 0.0 and dR[j] == 0.0:
            continue
        column = table.column[member]
        A = bx = by = bz = cj = cx = cy = cz = 0.0
        if narrow:
            pair_factors(table, m, j, start, stop, distances, scratch)
            for k in range(start, stop):
                A += P[k] * T[k] * R[k]
                b = dP[k] * T[k] * R[k]
                bx += b * u[0, k]
                by += b * u[1, k]
                bz += b * u[2, k]
                c = P[k] * dT[k] * R[k]
                cj += c
                c *= distances[k]
                cx += c * u[0, k]
                cy += c * u[1, k]
                cz += c * u[2, k]
        else:
            for k in range(start, stop):
                A += P[k] * R[k]
                b = dP[k] * R[k]
                bx += b * u[0, k]
                by += b * u[1, k]
                bz += b * u[2, k]
        G[column] += 0.5 * R[j] * A
        along_u = u[0, j] * bx + u[1, j] * by + u[2, j] * bz
        q = R[j] / distances[j]
        s = dR[j] * A - q * along_u + R[j] * cj * distances[j]
        dG[j, 0, column] += s * u[0, j] + q * bx - R[j] * cx
        dG[j, 1, column] += s * u[1, j] + q * by - R[j] * cy
        dG[j, 2, column] += s * u[2, j] + q * bz - R[j] * cz


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
    G[:] = 0.0
    dG[:n] = 0.0
    u = scratch.u
    for j in range(n):
        for c in range(3):
            u[c, j] = vectors[j, c] / distances[j]
    radial_factors(table, element, distances, scratch)
    for group in range(table.group_first[element], table.group_first[element + 1]):
        start_1, stop_1 = element_range(neighbour_elements, table.element_1[group])
        if table.kind[group] == 2:
            for member in range(table.member_first[group], table.member_first[group + 1]):
                column = table.column[member]
                m = table.radial[member] - table.radial_first[element]
                for j in range(start_1, stop_1):
                    G[column] += scratch.R[m, j]
                    for c in range(3):
                        dG[j, c, column] += scratch.dR[m, j] * u[c, j]
            continue
        start_2, stop_2 = element_range(neighbour_elements, table.element_2[group])
        for j in range(start_1, stop_1):
            angular_function(table, element, group, j, start_2, stop_2, distances, scratch, G, dG)
        if table.element_1[group] != table.element_2[group]:
            for j in range(start_2, stop_2):
                angular_function(
                    table, element, group, j, start_1, stop_1, distances, scratch, G, dG
                )


@njit
def merge_images(first: Integers, neighbour: Integers) -> tuple[Integers, Integers, Integers]:
    """List the distinct pairs of atoms behind a list of periodic images.

    Parameters
    ----------
    first
        Ranges of the images per atom, shape (n_atoms + 1,).
    neighbour
        Atom of which each image is one, shape (n_images,).

    Returns
    -------
    pair_first, pair_neighbour, pair_of_image
        Ranges of the pairs per atom, shape (n_atoms + 1,); second atom of each pair, ascending
        per atom, the atom itself always among them; pair of each image.
    """
    n_atoms = len(first) - 1
    pair_first = np.zeros(n_atoms + 1, np.int64)
    pair_neighbour = np.empty(len(neighbour) + n_atoms, np.int64)
    pair_of_image = np.empty(len(neighbour), np.int64)
    pair_of_atom = np.empty(n_atoms, np.int64)
    n_pairs = 0
    for i in range(n_atoms):
        start, stop = first[i], first[i + 1]
        atoms = np.empty(stop - start + 1, np.int64)
        atoms[: stop - start] = neighbour[start:stop]
        atoms[stop - start] = i
        atoms.sort()
        last = -1
        for k in atoms:
            if k != last:
                pair_neighbour[n_pairs] = k
                pair_of_atom[k] = n_pairs
                n_pairs += 1
                last = k
        for image in range(start, stop):
            pair_of_image[image] = pair_of_atom[neighbour[image]]
        pair_first[i + 1] = n_pairs
    return pair_first, pair_neighbour[:n_pairs].copy(), pair_of_image


@njit
def structure_symmetry_functions(
    table: SymmetryTable,
    elements: Integers,
    first: Integers,
    neighbour: Integers,
    vectors: Floats,
    distances: Floats,
    n_max: int,
) -> tuple[Floats, Floats, Integers, Integers]:
    """Symmetry functions of all atoms, derivatives merged over periodic images.

    Parameters
    ----------
    table
        Symmetry functions of all elements.
    elements
        Element of each atom, shape (n_atoms,).
    first, neighbour, vectors, distances
        Neighbour list: ranges per atom, shape (n_atoms + 1,); atom, vector and distance
        (Angstrom) of each image; the images of an atom ordered by element.
    n_max
        Width of the result, not less than any number of functions.

    Returns
    -------
    G
        Values, shape (n_atoms, n_max), 0 beyond an element's functions.
    dG_dr
        dG_i/dr_k in 1/Angstrom, shape (n_pairs, 3, n_max), summed over the images of k.
    pair_first, pair_neighbour
        The pairs, as in `merge_images`.
    """
    n_atoms = len(elements)
    pair_first, pair_neighbour, pair_of_image = merge_images(first, neighbour)
    G = np.zeros((n_atoms, n_max))
    dG_dr = np.zeros((len(pair_neighbour), 3, n_max))
    n = 1
    for i in range(n_atoms):
        n = max(n, first[i + 1] - first[i])
    scratch = make_scratch(table, n)
    dG = np.empty((n, 3, n_max))
    neighbour_elements = np.empty(n, np.int64)
    for i in range(n_atoms):
        start, stop = first[i], first[i + 1]
        for image in range(start, stop):
            neighbour_elements[image - start] = elements[neighbour[image]]
        atom_symmetry_functions(
            table,
            elements[i],
            neighbour_elements[: stop - start],
            vectors[start:stop],
            distances[start:stop],
            scratch,
            G[i],
            dG,
        )
        itself = pair_first[i]
        while pair_neighbour[itself] != i:
            itself += 1
        for image in range(start, stop):
            pair = pair_of_image[image]
            # Moving atom i moves its own images along: nothing changes.
            if pair == itself:
                continue
            for c in range(3):
                for f in range(n_max):
                    dG_dr[pair, c, f] += dG[image - start, c, f]
                    dG_dr[itself, c, f] -= dG[image - start, c, f]
    return G, dG_dr, pair_first, pair_neighbour
