"""Steps of a training at several sizes: times, and what is counted for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
from cells import make_cells
from counts import (
    Count,
    count_descriptors,
    count_filter,
    count_jacobian,
    count_neighbours,
    count_neurons,
    count_prediction,
)
from gold_model import Kind, Model, gold_settings
from machine import Spread, time_calls
from memory import Repeat

from autune.formats.atoms import to_atoms
from autune.kernels.candidates import FORCE, observe_candidates
from autune.kernels.kalman import WAITING, Covariance
from autune.kernels.neurons import Layer, NeuronCovariance
from autune.potential.basis import build_architecture
from autune.potential.descriptors import compute_descriptors
from autune.potential.layout import build_networks
from autune.potential.neighbours import neighbour_list
from autune.structures import FloatArray

Variable = Literal["atoms", "neighbours", "functions", "weights", "streams"]

Item = TypeVar("Item")

NAMES: dict[Variable, str] = {
    "atoms": "atoms of the cell",
    "neighbours": "neighbours per atom",
    "functions": "number of symmetry functions",
    "weights": "weights",
    "streams": "observations at a time",
}

KINDS: tuple[tuple[Kind, str], ...] = (("wide", "moments"), ("narrow", "pairs"))
"""Angular functions of kind 9, integer zeta, and of kind 3."""


@dataclass(frozen=True)
class Plan:
    """The sizes.

    Parameters
    ----------
    repeats
        Cells of growing size, as repeats of the cubic cell of 4 atoms.
    repeat
        The cell where its size does not grow.
    cutoffs
        Cutoff radii, Angstrom.
    grids
        Steps of grids of symmetry functions, 8 functions each, as in `gold_settings`.
    hidden
        Neurons of each of two hidden layers behind 26 inputs.
    streams, stream_neurons
        Observations at a time, for a network with so many neurons in each hidden layer.
    runs
        Of every timing.
    largest
        Working set of the machine's rates, MB.
    """

    repeats: tuple[Repeat, ...] = (
        (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (4, 2, 2),
        (4, 4, 2), (4, 4, 4), (8, 4, 4), (8, 8, 4), (8, 8, 8),
    )  # fmt: skip
    repeat: Repeat = (3, 3, 4)
    cutoffs: tuple[float, ...] = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 9.0)
    grids: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12)
    hidden: tuple[int, ...] = (8, 12, 18, 25, 32, 40, 50, 64)
    streams: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    stream_neurons: int = 25
    runs: int = 7
    largest: float = 256.0


QUICK = Plan(
    repeats=((1, 1, 1), (2, 1, 1), (2, 2, 1)),
    repeat=(2, 2, 1),
    cutoffs=(4.0, 4.5, 5.0),
    grids=(1, 2, 3),
    hidden=(4, 6, 8),
    streams=(1, 2, 4),
    stream_neurons=8,
    runs=1,
    largest=8.0,
)
"""To see that everything runs; its numbers say nothing."""


@dataclass(frozen=True)
class Point:
    """A size, its time in ms, and what is counted for that time."""

    size: float
    time: Spread
    count: Count


@dataclass(frozen=True)
class Series:
    """Times of a step, ms per cell, atom, component or observation, by one variable."""

    variable: Variable
    step: str
    per: str
    points: tuple[Point, ...]


def time_neighbours(model: Model, runs: int) -> Spread:
    """Time the neighbour list of the cell, ms."""
    cutoff = model.architecture.r_cutoff
    return time_calls(lambda: neighbour_list(model.structure, cutoff), runs, 1e3)


def time_descriptors(model: Model, runs: int, per_atom: bool = False) -> Spread:
    """Time neighbour list and symmetry functions of the cell, ms."""
    structures, architecture = [model.structure], model.architecture
    scale = 1e3 / model.n_atoms if per_atom else 1e3
    return time_calls(lambda: compute_descriptors(structures, architecture), runs, scale)


def time_calculator(model: Model, runs: int) -> Spread:
    """Time energy and forces of the cell by the ASE calculator, its atoms moved, ms."""
    atoms = to_atoms(model.structure)
    atoms.calc = model.potential.calculator()

    def calculate() -> None:
        atoms.positions[0, 0] += 1e-7
        atoms.get_potential_energy()
        atoms.get_forces()

    return time_calls(calculate, runs, 1e3)


def time_jacobian(model: Model, runs: int) -> Spread:
    """Time error and derivatives of a force component, ms; atoms and directions by chance."""
    potential, count = model.potential, 32
    weights = potential.weights["Au"]
    networks = build_networks(model.architecture)
    data = model.prepared.train.data
    chosen = np.random.default_rng(2).integers(0, len(data.force), count)
    rows = np.empty((count, len(weights)))
    return time_calls(
        lambda: observe_candidates(data, networks, weights, FORCE, chosen, rows), runs, 1e3 / count
    )


def time_filter(n: int, m: int, runs: int) -> Spread:
    """Time an observation of a filter with n weights and m observations at a time, ms.

    Derivatives are normal deviates: the time does not depend on them.
    """
    generator = np.random.default_rng(3)
    count = max(m, WAITING)
    H: FloatArray = np.asfortranarray(generator.normal(0.0, n**-0.5, (n, count)))
    xi = generator.normal(0.0, 0.01, count)
    return time_updates(Covariance(n, 0.01), H, xi, m, runs)


def time_neurons(layers: Sequence[Layer], m: int, runs: int) -> Spread:
    """Time an observation of a filter with neurons decoupled, ms."""
    generator = np.random.default_rng(3)
    n = sum((n_in + 1) * n_out for n_in, n_out in layers)
    H: FloatArray = np.asfortranarray(generator.normal(0.0, n**-0.5, (n, m)))
    xi = generator.normal(0.0, 0.01, m)
    return time_updates(NeuronCovariance(layers, 0.01), H, xi, m, runs)


def time_updates(
    covariance: Covariance | NeuronCovariance, H: FloatArray, xi: FloatArray, m: int, runs: int
) -> Spread:
    """Time an observation of updates with m of them each, ms."""
    count = len(xi)

    def digest() -> None:
        for k in range(0, count, m):
            covariance.update(H[:, k : k + m], xi[k : k + m], 1.0, 1e-6)

    return time_calls(digest, runs, 1e3 / count)


def measure(plan: Plan) -> Iterator[Series]:
    """Measure all steps, a variable after the other."""
    yield from measure_atoms(plan)
    yield from measure_neighbours(plan)
    yield from measure_functions(plan)
    yield from measure_weights(plan)
    yield from measure_streams(plan)


def measure_atoms(plan: Plan) -> Iterator[Series]:
    """Cells of growing size."""
    models = [Model(make_cells(1, repeat)[0], gold_settings()) for repeat in plan.repeats]
    sizes = [model.n_atoms for model in models]
    for step, time, count in (
        ("neighbour list", time_neighbours, count_neighbours),
        ("symmetry functions", time_descriptors, count_descriptors),
        ("energy and forces", time_calculator, count_prediction),
    ):
        yield _series("atoms", step, "cell", models, sizes, partial(time, runs=plan.runs), count)


def measure_neighbours(plan: Plan) -> Iterator[Series]:
    """Cutoff radii of growing size; the size is the mean number of neighbours."""
    cell = make_cells(1, plan.repeat)[0]
    for kind, name in KINDS:
        models = [Model(cell, gold_settings(cutoff_radius=r, kind=kind)) for r in plan.cutoffs]
        sizes = [model.n_neighbours for model in models]
        yield _series(
            "neighbours", f"symmetry functions, {name}", "atom", models, sizes,
            partial(time_descriptors, runs=plan.runs, per_atom=True),
            partial(count_descriptors, per_atom=True),
        )  # fmt: skip
        if kind == "wide":
            yield _jacobian("neighbours", models, sizes, plan)


def measure_functions(plan: Plan) -> Iterator[Series]:
    """Grids of growing size."""
    cell = make_cells(1, plan.repeat)[0]
    cases: list[tuple[Kind, str, bool]] = [("wide", "radial only", True)]
    cases += [(kind, name, False) for kind, name in KINDS]
    for kind, name, radial_only in cases:
        models = [
            Model(cell, gold_settings(kind=kind, grid=grid, radial_only=radial_only))
            for grid in plan.grids
        ]
        yield _series(
            "functions", f"symmetry functions, {name}", "atom", models,
            [model.n_functions for model in models],
            partial(time_descriptors, runs=plan.runs, per_atom=True),
            partial(count_descriptors, per_atom=True),
        )  # fmt: skip


def measure_weights(plan: Plan) -> Iterator[Series]:
    """Networks of growing size."""
    cell = make_cells(1, plan.repeat)[0]
    models = [Model(cell, gold_settings(neurons=neurons)) for neurons in plan.hidden]
    sizes = [model.n_weights for model in models]
    yield _jacobian("weights", models, sizes, plan)
    for m, name in ((1, "one at a time"), (32, "32 at a time")):
        yield _series(
            "weights", f"filter, {name}", "observation", sizes, sizes,
            partial(time_filter, m=m, runs=plan.runs),
            partial(count_filter, m=m),
        )  # fmt: skip
    layers = [list(pairwise((26, neurons, neurons, 1))) for neurons in plan.hidden]
    yield _series(
        "weights", "filter, neurons decoupled, 32 at a time", "observation", layers, sizes,
        partial(time_neurons, m=32, runs=plan.runs),
        partial(count_neurons, m=32),
    )  # fmt: skip


def measure_streams(plan: Plan) -> Iterator[Series]:
    """Observations at a time."""
    settings = gold_settings(neurons=plan.stream_neurons)
    n = build_architecture(settings.potential).n_weights("Au")
    yield _series(
        "streams", f"filter, {n} weights", "observation", plan.streams, plan.streams,
        lambda m: time_filter(n, m, plan.runs),
        lambda m: count_filter(n, m),
    )  # fmt: skip


def _jacobian(
    variable: Variable, models: Sequence[Model], sizes: Sequence[float], plan: Plan
) -> Series:
    return _series(
        variable, "Jacobian of a force component", "component", models, sizes,
        partial(time_jacobian, runs=plan.runs),
        count_jacobian,
    )  # fmt: skip


def _series(
    variable: Variable,
    step: str,
    per: str,
    items: Sequence[Item],
    sizes: Sequence[float],
    time: Callable[[Item], Spread],
    count: Callable[[Item], Count],
) -> Series:
    points = [
        Point(float(size), time(item), count(item)) for item, size in zip(items, sizes, strict=True)
    ]
    return Series(variable, step, per, tuple(points))
