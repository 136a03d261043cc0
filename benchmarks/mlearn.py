"""Potentials of the search mlearn beside the published n2p2 potentials, side by side.

    python benchmarks/mlearn.py Cu [--data ../shared/data/mlearn] [--results results]

After ``make mlearn ELEMENT=Cu``: the potential of the trial with the best score; the one of the
confirmed winner, which is of the fresh seed with the median score, and shows what seeds do; and of
all trials the fastest one that is at least as good as the published potential in test energies,
test forces and elastic constants.  Cost is the time of `Potential.predict` (energy and
forces, neighbours included) of one core over the test structures, for all in autune: of the
published potential where its files are at hand (Mo), else of one with symmetry functions and
network of the same kinds and numbers.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autune.architecture import Architecture, SymmetryFunction
from autune.dataset import Dataset, split_dataset
from autune.evaluation.accuracy import measure
from autune.evaluation.cost import prediction_time
from autune.formats.tables import Scaling
from autune.potential.model import Potential
from autune.properties import compute_properties
from autune.properties.reference import read_reference
from autune.settings import DatasetSettings, Settings
from autune.structures import Structure
from autune.units import BOHR

SHARED = Path(__file__).parents[2] / "shared"
SEARCH_SPACES = Path(__file__).parents[1] / "search_spaces"


@dataclass(frozen=True)
class Row:
    """What is said of a potential: meV/atom, eV/Angstrom, GPa."""

    energy_mae: float
    energy_rmse: float
    force_mae: float
    force_rmse: float
    C11: float
    C12: float
    C44: float


PUBLISHED = {
    "Cu": Row(1.15, 1.68, 0.026, 0.063, 183.0, 125.0, 76.0),
    "Mo": Row(3.65, 5.43, 0.125, 0.204, 441.0, 193.0, 114.0),
}
"""Measured on the same test files, README of the data."""


def main() -> None:
    """Print the table of an element."""
    arguments = _arguments()
    element = arguments.element
    folder = arguments.results / f"mlearn_{element}"
    settings = DatasetSettings(path=str(arguments.data), elements=(element,), split="file")
    test = split_dataset(Dataset.read(arguments.data), settings).test_structures
    fixed = Settings.read(next(iter(sorted(folder.glob("trials/*/settings.yaml")))))
    found = {
        "best trial": Potential.load(folder / "trials" / f"{best_trial(folder):04d}" / "potential"),
        "confirmed, median seed": Potential.load(folder / "best"),
        "fastest that is as good": fastest(folder, element, test),
    }
    print(f"{len(test)} test structures; errors of elastic constants beyond the ranges of DFT")
    rows = {"published": row_of_published(element, test)}
    for name, potential in found.items():
        if potential is not None:
            rows[name] = row_of(potential, test, fixed)
    for row in rows.values():
        row["error of C (%)"] = round(elastic_error(row, element), 2)
    print(pd.DataFrame(rows).to_string(float_format="{:.4g}".format))


def row_of(potential: Potential, test: Sequence[Structure], settings: Settings) -> dict[str, Any]:
    """Measure a potential."""
    errors = measure(test, [potential.predict(structure) for structure in test])[-1]
    assert settings.evaluation.properties is not None
    table = compute_properties(
        potential.calculator(), settings.evaluation.properties, potential.elements
    )
    values = {row.name: row.value for row in table.rows}
    a = potential.architecture
    return {
        "energy_mae": 1e3 * errors.energy_mae, "energy_rmse": 1e3 * errors.energy_rmse,
        "force_mae": errors.force_mae, "force_rmse": errors.force_rmse,
        "lattice_constant": values["lattice_constant"],
        **{name: values[name] for name in ("C11", "C12", "C44")},
        **size_of(a), "us/atom": prediction_time(potential, test),
    }  # fmt: skip


def row_of_published(element: str, test: Sequence[Structure]) -> dict[str, Any]:
    """Return what is known of the published potential, and its cost here."""
    files = SHARED / "reference" / "n2p2" / "mlearn" / element
    potential = Potential.load(files, "hartree-bohr") if files.is_dir() else stand_in()
    p = PUBLISHED[element]
    return {
        **p.__dict__,
        **size_of(potential.architecture),
        "us/atom": prediction_time(potential, test),
    }


def size_of(architecture: Architecture) -> dict[str, Any]:
    """Return functions, network and cutoff radius (Angstrom)."""
    (functions,) = architecture.symmetry_functions.values()
    layers = architecture.layer_sizes(architecture.elements[0])
    return {
        "functions": len(functions),
        "network": "-".join(map(str, layers)),
        "r_cutoff": round(architecture.reach, 2),
    }


def stand_in() -> Potential:
    """Return a potential of the form of the published one of copper, with weights that are drawn.

    3 radial functions, 24 narrow angular ones as those of molybdenum (3 widths, both lambdas, 4
    zetas), cutoff 4.1 Angstrom, network 8-8, cutoff function cos.
    """
    r_c, etas = 4.1, (0.01, 0.02, 0.05)
    functions = [SymmetryFunction(2, ("Cu",), 0.05 / BOHR**2, r_s, r_c) for r_s in (0.0, 1.0, 2.0)]
    functions += [
        SymmetryFunction(3, ("Cu", "Cu"), eta / BOHR**2, 0.0, r_c, lambda_, zeta)
        for eta, lambda_, zeta in product(etas, (-1.0, 1.0), (1.0, 2.0, 4.0, 16.0))
    ]
    functions.sort(key=lambda f: f.sort_key)
    architecture = Architecture(
        ("Cu",), {"Cu": tuple(functions)}, "cos", (8, 8), ("tanh", "tanh", "identity")
    )
    n = len(functions)
    zero, one = np.zeros(n), np.ones(n)
    weights = np.random.default_rng(1).normal(size=architecture.n_weights("Cu"))
    return Potential(architecture, {"Cu": Scaling(zero, one, zero, one)}, {"Cu": weights})


def best_trial(folder: Path) -> int:
    """Return the number of the trial with the lowest score."""
    trials = pd.read_csv(folder / "trials.csv")
    return int(trials["number"][trials["score"].idxmin()])


def fastest(folder: Path, element: str, test: Sequence[Structure]) -> Potential | None:
    """Return the fastest of all trials that is nowhere worse than the published potential.

    All that are are timed again, one after the other: in the search two ran at a time.
    """
    trials = pd.read_csv(folder / "trials.csv")
    p = PUBLISHED[element]
    limit = elastic_error(p.__dict__, element)
    records = trials.rename(columns=lambda name: name.removeprefix("property.")).to_dict("records")
    good = [
        Potential.load(folder / "trials" / f"{row['number']:04d}" / "potential")
        for row in records
        if row["energy_rmse"] <= 1e-3 * p.energy_rmse
        and row["force_rmse"] <= p.force_rmse
        and elastic_error(row, element) <= limit
    ]
    return min(good, key=lambda potential: prediction_time(potential, test), default=None)


def elastic_error(row: Mapping[Any, Any], element: str) -> float:
    """Return the mean absolute error of the elastic constants beyond their ranges, in percent."""
    ranges = read_reference(SEARCH_SPACES / f"mlearn_{element}.json")
    errors = [
        100.0 * max(abs(row[name] - dft.value) - dft.uncertainty, 0.0) / dft.value
        for name, dft in ranges.items()
    ]
    return float(np.mean(errors))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("element", choices=sorted(PUBLISHED))
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "mlearn")
    parser.add_argument("--results", type=Path, default=Path("results"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
