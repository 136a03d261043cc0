"""Gold cells of n2p2's timings, made anew each time: the same cells on every machine.

The n2p2 numbers were taken on 20 gold structures of about 144 atoms.  These are fcc crystals of
3 x 3 x 4 cubic cells (144 atoms), lattice constant 4.06 Angstrom stretched by -3 to 3 %, every
coordinate displaced by a normal deviate of 0.02 to 0.15 Angstrom, energy and forces from ASE's
EMT: no DFT, but a surface of the same kind, and time does not depend on where labels come from.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

from autune.dataset import Dataset
from autune.settings import Settings, read_yaml
from autune.structures import Structure

GOLD_STUDY = Path(__file__).parents[1] / "search_spaces" / "gold_study.yaml"
SEED = 1
LATTICE_CONSTANT = 4.06
"""Of gold in EMT, Angstrom."""


def make_cells(count: int, repeat: tuple[int, int, int] = (3, 3, 4)) -> list[Structure]:
    """Make gold cells with energies and forces."""
    generator = np.random.default_rng(SEED)
    structures = []
    for number in range(count):
        a = LATTICE_CONSTANT * (1.0 + generator.uniform(-0.03, 0.03))
        atoms = bulk("Au", "fcc", a=a, cubic=True).repeat(repeat)
        width = generator.uniform(0.02, 0.15)
        atoms.positions += generator.normal(0.0, width, atoms.positions.shape)
        atoms.calc = EMT()
        structures.append(
            Structure(
                atoms.numbers,
                atoms.positions,
                atoms.cell.array,
                energy=float(atoms.get_potential_energy()),
                forces=atoms.get_forces(),
                group="fcc",
                name=f"fcc-{number:02d}",
            )
        )
    return structures


def split_cells(structures: list[Structure]) -> Dataset:
    """Let every seventh structure test: 3 of 20, as many as n2p2 had."""
    dataset = Dataset.from_structures(structures, "generated gold cells")
    number = np.arange(len(structures))
    is_test = number % 7 == 6 if len(structures) > 6 else number == len(structures) - 1
    return replace(dataset, train=number[~is_test], test=number[is_test])


def gold_study(**training: Any) -> Settings:
    """Return the settings of the gold study with other settings of the training."""
    content = read_yaml(GOLD_STUDY)
    del content["evaluation"]
    content["training"] = {**content["training"], **training}
    return Settings.from_mapping(content)
