"""Time of symmetry functions with derivatives: 144 atoms of fcc gold, the gold study's basis.

Run ``python benchmarks/symmetry_functions.py``; set OMP_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from ase.build import bulk

from autune.kernels.structure import structure_symmetry_functions
from autune.potential.basis import build_architecture
from autune.potential.descriptors import compute_descriptors, element_indices, symmetry_tables
from autune.potential.neighbours import neighbour_list
from autune.settings import PotentialSettings
from autune.structures import Structure

REPEATS = 21


def gold_cell() -> Structure:
    """144 atoms of fcc gold, displaced by 0.05 Angstrom."""
    atoms = bulk("Au", a=4.17, cubic=True).repeat((4, 3, 3))
    displacement = np.random.default_rng(1).normal(0.0, 0.05, (len(atoms), 3))
    return Structure(atoms.numbers, atoms.positions + displacement, atoms.cell.array)


def milliseconds(function: Callable[[], object]) -> tuple[float, float]:
    """Median and minimum of the time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times)), min(times)


def main() -> None:
    """Print milliseconds per atom."""
    structure = gold_cell()
    architecture = build_architecture(PotentialSettings(elements=("Au",)))
    neighbours = neighbour_list(structure, architecture.r_cutoff)
    table = symmetry_tables(architecture)
    elements = element_indices(structure, architecture)
    steps: dict[str, Callable[[], object]] = {
        "neighbour list": lambda: neighbour_list(structure, architecture.r_cutoff),
        "symmetry functions with derivatives": lambda: structure_symmetry_functions(
            table,
            elements,
            neighbours.first,
            neighbours.index,
            neighbours.vectors,
            neighbours.distances,
            int(table.n_functions.max()),
        ),
        "all of compute_descriptors": lambda: compute_descriptors(structure, architecture),
    }
    n = structure.n_atoms
    print(
        f"{n} atoms, {len(neighbours.index) / n:.1f} neighbours, {table.n_functions[0]} functions"
    )
    for name, function in steps.items():
        median, minimum = milliseconds(function)
        print(f"{name:36s} {median / n:.4f} ms per atom (minimum {minimum / n:.4f})")


if __name__ == "__main__":
    main()
