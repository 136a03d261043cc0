"""What a prediction costs: its measured time, and the sizes that decide it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from autune.potential.model import Potential
from autune.structures import Structure

MOST_ATOMS = 200
"""Atoms that are timed, unless the first structure has more: 10 ms at 50 microseconds an atom."""

REPEATS = 5
LONGEST = 0.05
"""Seconds after which no further repeat begins."""


def cost_metrics(potential: Potential, structures: Sequence[Structure]) -> dict[str, float]:
    """Measure and count what a prediction costs.

    ``prediction_time`` is measured: it depends on the machine and on what else runs there, so it
    differs from run to run, and a search that has it as an objective is not repeated bit for bit.
    The counts are always the same.

    Parameters
    ----------
    potential
        What predicts.
    structures
        Some structures, of which `predict` is called; at least one.

    Returns
    -------
    dict
        prediction_time [microseconds/atom], of energy and forces, neighbours included; n_weights,
        of the networks of all elements; n_symmetry_functions, of all elements, those without
        spread not counted.
    """
    return {
        "prediction_time": prediction_time(potential, structures),
        "n_weights": float(sum(len(weights) for weights in potential.weights.values())),
        "n_symmetry_functions": float(
            sum(len(functions) for functions in potential.architecture.symmetry_functions.values())
        ),
    }


def prediction_time(potential: Potential, structures: Sequence[Structure]) -> float:
    """Return the time of a prediction of energy and forces, microseconds/atom.

    The median of up to five repeats over the same structures, as many of them as have 200 atoms
    together; less repeats where one takes long.
    """
    timed = _few(structures)
    n_atoms = sum(structure.n_atoms for structure in timed)
    potential.predict(timed[0])  # loads what is compiled and allocates: not a cost per atom
    began = time.perf_counter()
    seconds: list[float] = []
    while len(seconds) < REPEATS and (not seconds or time.perf_counter() - began < LONGEST):
        start = time.perf_counter()
        for structure in timed:
            potential.predict(structure)
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds) / n_atoms


def _few(structures: Sequence[Structure]) -> list[Structure]:
    """Return the first structures, which have `MOST_ATOMS` atoms at most, but one at least."""
    few, n_atoms = list(structures[:1]), structures[0].n_atoms
    for structure in structures[1:]:
        n_atoms += structure.n_atoms
        if n_atoms > MOST_ATOMS:
            break
        few.append(structure)
    return few
