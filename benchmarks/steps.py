"""The steps of a training that are timed, and the table they are written into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from cells import gold_study, make_cells, split_cells
from machine import Limits, Spread, time_calls
from memory import Repeat, bytes_of, peak_resident

from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.formats.atoms import to_atoms
from autune.kernels.candidates import FORCE, Observables, observe_candidates
from autune.kernels.kalman import Covariance
from autune.kernels.structure import merge_images, structure_symmetry_functions
from autune.potential.descriptors import (
    element_indices,
    symmetry_tables,
)
from autune.potential.layout import build_networks
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import FloatArray
from autune.training.initial import initial_weights
from autune.training.loop import Trained, train_potential
from autune.training.prepare import Prepared, prepare

ONE_BY_ONE = {"streams": 1, "force_ratio": 0.95, "selection": {"mode": "random"}}
"""As n2p2 was timed: standard Kalman filter, candidates at random."""

STREAMS = 32


@dataclass(frozen=True)
class Plan:
    """How much is measured: cells, repeats of the cubic cell, updates of an epoch, runs."""

    n_cells: int = 20
    repeat: Repeat = (3, 3, 4)
    updates: int = 1000
    observations: int = 320
    runs: int = 7
    resident_cells: tuple[int, int] | None = (4, 12)


QUICK = Plan(n_cells=3, repeat=(2, 2, 2), updates=32, observations=64, runs=2, resident_cells=None)
"""To see that everything runs; its numbers say nothing."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    step, unit
        What was measured.
    n2p2, reach
        n2p2 v2.3.0 on one core of an EPYC Milan class machine, and what we want; None: not known.
    measured
        Here.
    floor
        Time at the rates of a large copy and a large dgemm; None: not known.
    """

    step: str
    unit: str
    n2p2: float | None
    reach: float | None
    measured: Spread
    floor: float | None = None

    @property
    def cells(self) -> list[str]:
        """Texts of a line of the table."""
        m = self.measured
        ratio = None if self.n2p2 is None else self.n2p2 / m.median
        return [
            self.step,
            self.unit,
            digits(self.n2p2),
            digits(self.reach),
            digits(m.median),
            f"{digits(m.minimum)} - {digits(m.maximum)}",
            digits(ratio),
            digits(self.floor),
        ]


HEADER = ["step", "unit", "n2p2", "reach", "autune", "min - max", "n2p2/autune", "floor"]


class Work:
    """Cells and settings that several steps share."""

    def __init__(self, plan: Plan, limits: Limits) -> None:
        self.plan = plan
        self.limits = limits
        self.settings = gold_study(**ONE_BY_ONE, updates_per_epoch=plan.updates)
        self.structures = make_cells(plan.n_cells, plan.repeat)
        self.dataset = split_cells(self.structures)

    @cached_property
    def prepared(self) -> Prepared:
        """The cells, ready for training."""
        return prepare(self.settings, self.dataset)

    @cached_property
    def observables(self) -> Observables:
        """The training cells as training looks at them, in eV and Angstrom."""
        return self.prepared.train.data

    @cached_property
    def jacobian(self) -> FloatArray:
        """Derivatives of force components at the initial weights, shape (m, n_weights)."""
        rows = np.empty((self.plan.observations, len(self.weights)))
        self.observe(rows)
        return rows

    @cached_property
    def weights(self) -> FloatArray:
        """Initial weights."""
        generator = np.random.default_rng(1)
        initialization = self.settings.training.initialization
        return initial_weights(self.prepared.architecture, "Au", initialization, generator)

    def observe(self, rows: FloatArray) -> None:
        """Fill rows with derivatives of force components drawn at random."""
        data = self.observables
        chosen = np.random.default_rng(2).integers(0, len(data.force), len(rows))
        networks = build_networks(self.prepared.architecture)
        observe_candidates(data, networks, self.weights, FORCE, chosen, rows)


def measure(work: Work) -> Iterator[Row]:
    """Measure everything, line by line."""
    yield from measure_descriptors(work)
    yield measure_jacobian(work)
    yield from measure_filter(work)
    yield from measure_epochs(work)
    yield measure_calculator(work)
    yield from measure_memory(work)


def measure_descriptors(work: Work) -> Iterator[Row]:
    """Neighbour list, and symmetry functions with derivatives."""
    structure = work.structures[0]
    architecture = work.prepared.architecture
    found = neighbour_list(structure, architecture.r_cutoff)
    table = symmetry_tables(architecture)
    elements = element_indices(structure, architecture)
    pairs = merge_images(found.first, found.index, np.arange(structure.n_atoms))
    n_max = int(table.n_functions.max())

    def compute() -> None:
        structure_symmetry_functions(
            table,
            elements,
            found.first,
            found.index,
            found.vectors,
            found.distances,
            pairs,
            np.zeros((structure.n_atoms, n_max)),
            np.zeros((len(pairs.center), 3, n_max)),
            np.zeros((0, 6, n_max)),
        )

    runs = 3 * work.plan.runs
    yield Row(
        "neighbour list, a cell of 144 atoms",
        "ms",
        2.8,
        None,
        time_calls(lambda: neighbour_list(structure, architecture.r_cutoff), runs, 1e3),
    )
    yield Row(
        "symmetry functions with derivatives, per atom",
        "ms",
        0.5,
        0.09,
        time_calls(compute, runs, 1e3 / structure.n_atoms),
    )


def measure_jacobian(work: Work) -> Row:
    """Error and derivatives of one force component.

    Three products of matrices (forward, backward, derivatives), two operations for each weight
    and row; values and tangents of every atom that feels the component are rows.
    """
    rows = np.empty_like(work.jacobian)
    data = work.observables
    n_rows = 2.0 * len(data.center) / len(data.element)
    operations = 3.0 * 2.0 * n_rows * len(work.weights)
    return Row(
        "Jacobian of one force component",
        "ms",
        27.0,
        0.2,
        time_calls(lambda: work.observe(rows), work.plan.runs, 1e3 / len(rows)),
        1e-6 * operations / work.limits.dgemm.median,
    )


def measure_filter(work: Work) -> Iterator[Row]:
    """Kalman filter alone: observations one at a time, and 32 per update.

    One at a time half of P is read for P h, and the subtraction, n^2 operations, is gathered.
    In streams P H takes 2 n^2 operations an observation and the subtraction n^2.
    """
    H = np.asfortranarray(work.jacobian.T)
    n, m = H.shape
    xi = np.random.default_rng(3).normal(0.0, 0.01, m)
    epsilon = work.settings.training.kalman.epsilon
    limits = work.limits
    copied, multiplied = 1e6 * limits.copy.median, 1e6 * limits.dgemm.median
    for streams, peer, reach, floor in (
        (1, 3.4, 0.7, 4.0 * n**2 / copied + n**2 / multiplied),
        (STREAMS, 0.3, 0.2, 3.0 * n**2 / multiplied),
    ):
        covariance = Covariance(n, epsilon)

        def digest(covariance: Covariance = covariance, streams: int = streams) -> None:
            for k in range(0, m, streams):
                covariance.update(H[:, k : k + streams], xi[k : k + streams], 1.0, 1e-6)
            covariance.settle()

        name = "one observation at a time" if streams == 1 else f"{streams} observations per update"
        yield Row(
            f"filter, {name}, per observation",
            "ms",
            peer,
            reach,
            time_calls(digest, work.plan.runs, 1e3 / m),
            floor,
        )


def measure_epochs(work: Work) -> Iterator[Row]:
    """Whole epochs, errors of both sets included, scaled to 1000 updates or observations."""
    plan = work.plan
    yield Row(
        "epoch of 1000 updates, 95 % forces, one at a time",
        "s",
        29.0,
        1.0,
        time_epochs(work.settings, work.prepared, plan.runs, 1000 / plan.updates),
    )
    gold = gold_study(updates_per_epoch=plan.updates)
    dataset = split_dataset(Dataset.read(gold.dataset.path), gold.dataset)
    yield Row(
        "epoch of 1000 updates on the gold set, as in the gold study",
        "s",
        3.6,
        0.6,
        time_epochs(gold, prepare(gold, dataset), plan.runs, 1000 / plan.updates),
    )
    updates = plan.updates // STREAMS
    streams = gold_study(**ONE_BY_ONE | {"streams": STREAMS}, updates_per_epoch=updates)
    yield Row(
        f"epoch of 1000 observations in streams of {STREAMS}",
        "s",
        25.0,
        0.5,
        time_epochs(streams, work.prepared, plan.runs, 1000 / (updates * STREAMS)),
    )


def time_epochs(settings: Settings, prepared: Prepared, runs: int, scale: float) -> Spread:
    """Return seconds of an epoch times `scale`; the first epoch is not counted."""
    trained = train(settings, prepared, 1 + runs)
    seconds = np.diff([epoch.seconds for epoch in trained.epochs])[1:]
    return Spread.of((scale * seconds).tolist())


def train(settings: Settings, prepared: Prepared, epochs: int) -> Trained:
    """Train so many epochs."""
    training = settings.training.model_copy(update={"epochs": epochs})
    judge = partial(score, settings=settings.evaluation.score)
    return train_potential(settings.model_copy(update={"training": training}), prepared, judge)


def measure_calculator(work: Work) -> Row:
    """Energy and forces by ASE's calculator, atoms moved before every call."""
    short = gold_study(**ONE_BY_ONE | {"streams": STREAMS}, updates_per_epoch=4)
    atoms = to_atoms(work.structures[0])
    atoms.calc = train(short, work.prepared, 1).potential.calculator()

    def calculate() -> None:
        atoms.positions[0, 0] += 1e-7
        atoms.get_potential_energy()
        atoms.get_forces()

    return Row(
        "energy and forces by the ASE calculator, per atom",
        "ms",
        0.55,
        0.08,
        time_calls(calculate, 3 * work.plan.runs, 1e3 / len(atoms)),
    )


def measure_memory(work: Work) -> Iterator[Row]:
    """Memory for 105 cells: of the arrays, and of a process that trains."""
    data = work.observables
    n_weights = len(work.weights)
    arrays = bytes_of(data) / len(data.energy) * 105 + 8 * n_weights**2
    yield Row(
        "memory for 105 cells of 144 atoms, arrays of one set and covariance",
        "GB",
        0.6,
        0.5,
        Spread.of([1e-9 * arrays]),
    )
    counts = work.plan.resident_cells
    if counts is None:
        return
    for derivatives in ("double", "single"):
        resident = peak_resident(counts, work.plan.repeat, derivatives)
        if resident is None:
            continue
        without, per_cell = resident
        precision = "" if derivatives == "double" else ", derivatives in single precision"
        yield Row(
            f"memory for 105 cells of 144 atoms, resident set at its peak{precision}",
            "GB",
            0.6,
            0.5,
            Spread.of([1e-9 * (without + 105 * per_cell)]),
            1e-9 * without,
        )


def digits(value: float | None) -> str:
    """Write three digits."""
    if value is None:
        return ""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
