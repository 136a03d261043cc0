"""Bytes and operations of the steps of a training.

Counts are of the least that the method needs, in double precision; an addition or a
multiplication is one operation, an exponential with the radial factor made of it `RADIAL_FACTOR`.

Neighbour list: 8 operations for each pair of atoms that is looked at (difference, square, test),
which are `LOOKED_AT` as many as neighbours; 48 bytes written for each neighbour.

Symmetry functions of an atom with n neighbours, their list not counted.  Operations for each
neighbour: `RADIAL_FACTOR` for each distinct radial factor; 10 for each radial function (sum,
gradient, merging of images); for each angular function as a polynomial of degree zeta, with M(z)
monomials up to degree z, 2 M(zeta) for its value, 6 M(zeta - 1) for its gradient and 31 to put
both together, and 2 M(zeta_max) for the moments of each radial factor with angular functions.  As
a sum over pairs: for each of the n partners 35 + zeta for each distinct (lambda, zeta) and
`RADIAL_FACTOR` + 22 for each function.  Bytes: 40 for each neighbour, and 24 for each function and
atom that is felt, the derivatives written once.

Energy and forces: as the symmetry functions, 6 n operations for each function to contract its
derivatives, and 4 for each weight; bytes 80 for each neighbour (written and read once).

Jacobian of a force component: 6 operations for each weight and row, rows being the value and the
tangent of every atom that feels the component; bytes 8 for each input of each row and 16 for each
weight.

Filter with n weights and m observations at a time, per observation: 2 n^2 operations for P H, n^2
for the product that is subtracted, 3 n m for what lies between; bytes 4 n^2 / m (half of P is read
once an update) and 8 n^2 / max(m, `WAITING`) (half of P is read and written once in so many).
With neurons decoupled n^2 is the sum of the squares of the weights of each neuron, and P is read
twice and written once an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, pi

from gold_model import Model

from autune.architecture import ANGULAR_NARROW, RADIAL, Architecture
from autune.kernels.kalman import WAITING
from autune.kernels.neurons import Layer

RADIAL_FACTOR = 45
"""Operations: 34 of the exponential, 11 of argument, cutoff function and derivative."""

LOOKED_AT = 27.0 / (4.0 * pi / 3.0)
"""A cube of three cutoff radii over the sphere, by volume."""


@dataclass(frozen=True)
class Count:
    """Operations, bytes moved, and bytes of the memory in which they lie."""

    operations: float
    moved: float
    working_set: float


def count_functions(architecture: Architecture, n: float) -> float:
    """Return the operations of the symmetry functions of an atom with n neighbours."""
    functions = architecture.symmetry_functions["Au"]
    radial = [f for f in functions if f.kind == RADIAL]
    narrow = [f for f in functions if f.kind == ANGULAR_NARROW]
    wide = [f for f in functions if f not in radial and f not in narrow]
    zeta_max: dict[tuple[float, float], int] = {}
    for f in wide:
        factor = (f.eta, f.r_shift)
        zeta_max[factor] = max(zeta_max.get(factor, 0), int(f.zeta))
    each = RADIAL_FACTOR * len({(f.eta, f.r_shift) for f in functions}) + 10 * len(radial)
    each += sum(2 * comb(zeta + 3, 3) for zeta in zeta_max.values())
    each += sum(2 * comb(int(f.zeta) + 3, 3) + 6 * comb(int(f.zeta) + 2, 3) + 31 for f in wide)
    pair = sum(35 + zeta for _, zeta in {(f.lambda_, f.zeta) for f in narrow})
    pair += (RADIAL_FACTOR + 22) * len(narrow)
    return n * each + n**2 * pair


def count_neighbours(model: Model) -> Count:
    """Count the neighbour list of a cell."""
    found = model.n_atoms * model.n_neighbours
    return Count(8.0 * LOOKED_AT * found, 48.0 * found, 48.0 * found)


def count_descriptors(model: Model, per_atom: bool = False) -> Count:
    """Count the symmetry functions of the cell."""
    n, n_atoms = model.n_neighbours, 1 if per_atom else model.n_atoms
    written = 24.0 * model.n_functions * model.n_felt
    return Count(
        n_atoms * count_functions(model.architecture, n),
        n_atoms * (written + 40.0 * n),
        model.n_atoms * written,
    )


def count_prediction(model: Model) -> Count:
    """Count energy and forces of a cell."""
    n, n_atoms = model.n_neighbours, model.n_atoms
    functions = count_functions(model.architecture, n) + 6.0 * n * model.n_functions
    bytes_ = n_atoms * 80.0 * n
    return Count(n_atoms * (functions + 4.0 * model.n_weights), bytes_, bytes_)


def count_jacobian(model: Model) -> Count:
    """Count one force component."""
    rows = 2.0 * model.n_felt
    moved = 8.0 * rows * model.n_functions + 16.0 * model.n_weights
    working_set = 24.0 * model.n_functions * model.n_felt * model.n_atoms
    return Count(6.0 * rows * model.n_weights, moved, working_set)


def count_filter(n: int, m: int) -> Count:
    """Count one observation of a filter with n weights and m observations at a time."""
    moved = 4.0 * n**2 / m + 8.0 * n**2 / max(m, WAITING)
    return Count(3.0 * n**2 + 3.0 * n * m, moved, 4.0 * n**2)


def count_neurons(layers: Sequence[Layer], m: int) -> Count:
    """Count one observation of a filter with neurons decoupled."""
    n = sum((n_in + 1) * n_out for n_in, n_out in layers)
    squares = sum((n_in + 1) ** 2 * n_out for n_in, n_out in layers)
    return Count(3.0 * squares + 3.0 * n * m, 24.0 * squares / m, 8.0 * squares)
