r"""Symmetry functions with compact support: polynomials that are 0 outside of a range.

Notation: see `autune.kernels.symmetry`; further

==============  ========================================================  ==================
symbol          meaning                                                   unit
==============  ========================================================  ==================
C(a; low, high) core(x), x = |a - (low + high)/2| / ((high - low)/2), 0
                outside of (low, high)
core(x)         1 at 0, flat and 0 at 1; asymmetric: core((2 - x) x)
R_j             C(r_j; low, high)
T_jk            C(r_jk; low, high) in narrow functions, 1 in wide ones
theta, A_jk     angle between u_j and u_k; C(theta; left, right)          radian, 1
Z_j             nuclear charge of j in weighted functions, else 1
==============  ========================================================  ==================

Kinds 20, 23   G = sum_j Z_j R_j
Kinds 21, 24   G = sum_(j<k) Z_j Z_k R_j R_k T_jk A_jk
Kinds 22, 25   G = sum_(j<k) Z_j Z_k R_j R_k A_jk
               dG/dr_j = Z_j Z_k R_k (R'_j T_jk A_jk u_j + R_j T'_jk A_jk (r_j - r_k)/r_jk
                         + R_j T_jk dA/dcos (u_k - cos u_j)/r_j),   dA/dcos = -A'/sin

M. P. Bircher, A. Singraber, C. Dellago, Mach. Learn.: Sci. Technol. 2, 035026 (2021), section 2.
The asymmetric core is for the radial parts alone.

The functions of one window (low, high, core) share its R, and only the neighbours inside take
part: they are few, because windows are narrow.  Functions of the same pairs share their angle,
which is computed where its cosine lies inside an angular range.

Cores: e  exp(1 - 1/(1 - x^2)), p1  (1-x)^2 (1 + 2x), p2  (1-x)^3 (1 + 3x + 6x^2),
p3  (1-x)^4 (1 + 4x + 10x^2 + 20x^3), p4  (1-x)^5 (1 + 5x + 15x^2 + 35x^3 + 70x^4).  These are the
polynomials of `autune.kernels.cutoffs` as products: as sums, which n2p2 has, they cancel near x = 1
and functions of core p4 lose up to five digits.

n2p2 leaves out pairs whose cosine comes out as 1 or -1, which is a matter of rounding; here atoms
in a line take part, so that a function whose range reaches 0 or 180 degrees has no gap there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autune.kernels.cutoffs import exponential
from autune.kernels.jit import njit, njit_inner

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COS_MARGIN = 1e-12
"""Cosines of the ends of an angular range are this much further out than they are."""


class CompactTable(NamedTuple):
    """Compact functions of all elements, as the kernels take them.

    Every element owns a range of distinct windows; a window owns ranges of radial functions and
    of groups; a group is what shares window, neighbours and being narrow, and owns a range of
    angular functions (members).  Elements of neighbours are -1 in weighted functions.  Rows and
    not an array for each column: every array takes a microsecond to hand over from Python.

    Parameters
    ----------
    window_first
        Ranges of the windows of each element, shape (n_elements + 1,).
    ends
        low and high of each window in Angstrom, shape (n_windows, 2).
    windows
        Core as in `window`, whether it is asymmetric, first radial function, first group; one
        more row ends the ranges of the last, shape (n_windows + 1, 4).
    radials
        Column and element of the neighbours, shape (n_radial, 2).
    groups
        Two elements of the neighbours, whether narrow, first member; one more row as in
        ``windows``, shape (n_groups + 1, 4).
    member_column
        Shape (n_members,).
    angles
        left and right in radian, smallest and largest cosine between, shape (n_members, 4).
    """

    window_first: Integers
    ends: Floats
    windows: Integers
    radials: Integers
    groups: Integers
    member_column: Integers
    angles: Floats


class Inside(NamedTuple):
    """The neighbours in a window: place, rows R, R' and Z, ranges per element."""

    place: Integers
    rows: Floats
    start: Integers


@njit
def window(
    core: int, asymmetric: bool | np.bool, a: float, low: float, high: float
) -> tuple[float, float]:
    """Return C(a; low, high) and its derivative.

    Parameters
    ----------
    core
        Place in `autune.architecture.CORES`: exponential, polynomial 1 to 4.
    asymmetric
        Whether core((2 - x) x) takes the place of core(x).
    a, low, high
        In the same unit.
    """
    half = 0.5 * (high - low)
    d = a - 0.5 * (low + high)
    x = abs(d) / half
    if x >= 1.0:
        return 0.0, 0.0
    slope = math.copysign(1.0 / half, d)
    if asymmetric:
        slope *= 2.0 - 2.0 * x
        x = (2.0 - x) * x
    y = 1.0 - x
    f, df_dx = 0.0, 0.0
    if core == 0:
        f, df_dx = exponential(x)
    elif core == 1:
        f = y * y * (1.0 + 2.0 * x)
        df_dx = -6.0 * x * y
    elif core == 2:
        f = y * y * y * (1.0 + x * (3.0 + 6.0 * x))
        df_dx = -30.0 * (x * y) ** 2
    elif core == 3:
        f = (y * y) ** 2 * (1.0 + x * (4.0 + x * (10.0 + 20.0 * x)))
        df_dx = -140.0 * (x * y) ** 3
    elif core == 4:
        f = (y * y) ** 2 * y * (1.0 + x * (5.0 + x * (15.0 + x * (35.0 + 70.0 * x))))
        df_dx = -630.0 * (x * y) ** 4
    return f, df_dx * slope


@njit_inner
def find_inside(
    table: CompactTable, w: int, charge: Floats, start: Integers, r: Floats, inside: Inside
) -> None:
    """List the neighbours in window w with R, R' and Z."""
    low, high = table.ends[w, 0], table.ends[w, 1]
    core, asymmetric = table.windows[w, 0], table.windows[w, 1] != 0
    m = 0
    for e in range(len(charge)):
        inside.start[e] = m
        for j in range(start[e], start[e + 1]):
            if low < r[j] < high:
                inside.place[m] = j
                inside.rows[0, m], inside.rows[1, m] = window(core, asymmetric, r[j], low, high)
                inside.rows[2, m] = charge[e]
                m += 1
    inside.start[len(charge)] = m


@njit
def element_range(start: Integers, e: int) -> tuple[int, int]:
    """Return the range of an element, of all for -1."""
    if e < 0:
        return start[0], start[len(start) - 1]
    return start[e], start[e + 1]


@njit_inner
def add_compact_pairs(
    table: CompactTable,
    w: int,
    group: int,
    inside: Inside,
    u: Floats,
    r: Floats,
    G: Floats,
    dG: Floats,
) -> None:
    """Add the functions of a group, which are sums over pairs of the neighbours in window w."""
    low, high = table.ends[w, 0], table.ends[w, 1]
    core, asymmetric = table.windows[w, 0], table.windows[w, 1] != 0
    e1, e2, narrow = table.groups[group, 0], table.groups[group, 1], table.groups[group, 2] != 0
    members = range(table.groups[group, 3], table.groups[group + 1, 3])
    cos_low, cos_high = 1.0, -1.0
    for member in members:
        cos_low = min(cos_low, table.angles[member, 2])
        cos_high = max(cos_high, table.angles[member, 3])
    begin, end = element_range(inside.start, e1)
    first, last = element_range(inside.start, e2)
    R = inside.rows
    for a in range(begin, end):
        j = inside.place[a]
        ux, uy, uz, r_j = u[0, j], u[1, j], u[2, j], r[j]
        for b in range(a + 1 if e1 == e2 else first, last):
            k = inside.place[b]
            vx, vy, vz, r_k = u[0, k], u[1, k], u[2, k], r[k]
            cos = ux * vx + uy * vy + uz * vz
            if not cos_low < cos < cos_high:
                continue
            T, dT = 1.0, 0.0
            dx, dy, dz = r_j * ux - r_k * vx, r_j * uy - r_k * vy, r_j * uz - r_k * vz
            if narrow:
                r_jk = math.sqrt(dx * dx + dy * dy + dz * dz)
                if not low < r_jk < high:
                    continue
                T, dT = window(core, asymmetric, r_jk, low, high)
                dT /= r_jk
            cos = min(1.0, max(-1.0, cos))
            sin = math.sqrt(1.0 - cos * cos)
            theta = math.acos(cos)
            Z = R[2, a] * R[2, b] if e1 < 0 else 1.0
            R_jk = Z * R[0, a] * R[0, b]
            # Of the derivatives: what goes along u_j and u_k, and along r_j - r_k.
            s_j, s_k, t = Z * R[1, a] * R[0, b] * T, Z * R[0, a] * R[1, b] * T, R_jk * dT
            for member in members:
                if not table.angles[member, 2] < cos < table.angles[member, 3]:
                    continue
                # Not False itself: that would be another type, for which window is compiled again.
                A, dA = window(
                    core, np.bool_(False), theta, table.angles[member, 0], table.angles[member, 1]
                )
                # A range that reaches 0 or 180 degrees is flat there.
                q = -R_jk * T * dA / sin if sin > 0.0 else 0.0
                q_j, q_k = q / r_j, q / r_k
                p_j, p_k, c = s_j * A - q_j * cos, s_k * A - q_k * cos, t * A
                column = table.member_column[member]
                G[column] += R_jk * T * A
                dG[j, 0, column] += p_j * ux + q_j * vx + c * dx
                dG[j, 1, column] += p_j * uy + q_j * vy + c * dy
                dG[j, 2, column] += p_j * uz + q_j * vz + c * dz
                dG[k, 0, column] += p_k * vx + q_k * ux - c * dx
                dG[k, 1, column] += p_k * vy + q_k * uy - c * dy
                dG[k, 2, column] += p_k * vz + q_k * uz - c * dz


@njit_inner
def add_compact(
    table: CompactTable,
    element: int,
    charge: Floats,
    start: Integers,
    u: Floats,
    r: Floats,
    inside: Inside,
    G: Floats,
    dG: Floats,
) -> None:
    """Add all compact functions of an atom.

    Parameters
    ----------
    table, element
        Functions of all elements, and the atom's.
    charge
        Nuclear charge of every element, shape (n_elements,).
    start
        Ranges of the elements among the neighbours, shape (n_elements + 1,).
    u, r
        Directions, shape (3, at least n), and distances of the neighbours in Angstrom.
    inside
        Memory for n neighbours.
    G, dG
        As in `autune.kernels.symmetry.atom_symmetry_functions`.
    """
    R = inside.rows
    for w in range(table.window_first[element], table.window_first[element + 1]):
        find_inside(table, w, charge, start, r, inside)
        if inside.start[len(charge)] == 0:
            continue
        for function in range(table.windows[w, 2], table.windows[w + 1, 2]):
            column, e = table.radials[function, 0], table.radials[function, 1]
            first, last = element_range(inside.start, e)
            total = 0.0
            for a in range(first, last):
                j = inside.place[a]
                Z = R[2, a] if e < 0 else 1.0
                total += Z * R[0, a]
                slope = Z * R[1, a]
                for c in range(3):
                    dG[j, c, column] = slope * u[c, j]
            G[column] = total
        for group in range(table.windows[w, 3], table.windows[w + 1, 3]):
            add_compact_pairs(table, w, group, inside, u, r, G, dG)
