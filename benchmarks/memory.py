"""Memory of a training: bytes of its arrays, and the resident set of a process that runs it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from cells import gold_study, make_cells

from autune.dataset import Dataset
from autune.evaluation.loss import score
from autune.kernels.candidates import Observables
from autune.training.loop import train_potential
from autune.training.prepare import prepare

Repeat = tuple[int, int, int]


def bytes_of(data: Observables) -> int:
    """Return the bytes of all arrays of a set."""
    return sum(np.asarray(array).nbytes for array in data)


def peak_resident(
    counts: tuple[int, int], repeat: Repeat, derivatives: str
) -> tuple[float, float] | None:
    """Return the peak resident set of a training, bytes: without cells, and per training cell.

    Derivatives of symmetry functions are kept in ``double`` or ``single`` precision.

    A straight line through two trainings with different numbers of cells, each in a process of
    its own; None where the system does not tell.
    """
    if not Path("/proc/self/status").is_file():
        return None
    context = multiprocessing.get_context("spawn")
    peaks = []
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            peaks.append(pool.submit(train_and_look, count, repeat, derivatives).result())
    per_cell = (peaks[1] - peaks[0]) / (counts[1] - counts[0])
    return peaks[0] - per_cell * counts[0], per_cell


def train_and_look(count: int, repeat: Repeat, derivatives: str) -> float:
    """Train one short epoch on `count` cells (and one to test); return the peak in bytes."""
    dataset = Dataset.from_structures(make_cells(count + 1, repeat))
    dataset = replace(dataset, train=np.arange(count), test=np.array([count]))
    settings = gold_study(epochs=1, updates_per_epoch=10, derivatives=derivatives)
    judge = partial(score, settings=settings.evaluation.score)
    train_potential(settings, prepare(settings, dataset), judge)
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return 1024.0 * float(line.split()[1])
    raise OSError("/proc/self/status has no VmHWM")
