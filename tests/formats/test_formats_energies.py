"""Which energy is read of files with two, and GPAW's output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from autune.dataset import Dataset, read_dataset
from autune.formats.atoms import read_atoms_file
from autune.settings import DatasetSettings

GPAW = """\

  ___ ___ ___ _ _ _
 |   |   |_  | | | |
 | | | | | . | | | |
 |__ |  _|___|_____|  24.1.0
 |___|_|

Reference energy: -1000.0

positions:
   0 Au     0.000000    0.000000    0.000000    ( 0.0000,  0.0000,  0.0000)

Unit cell:
           periodic     x           y           z      points  spacing
  1. axis:    yes    4.000000    0.000000    0.000000    20     0.2000
  2. axis:    yes    0.000000    4.000000    0.000000    20     0.2000
  3. axis:    yes    0.000000    0.000000    4.000000    20     0.2000

Energy contributions relative to reference atoms: (reference = -1000.000000)

Kinetic:         +5.000000
Potential:       -8.000000
Entropy (-ST):   -0.400000
--------------------------
Free energy:     -3.400000
Extrapolated:    -3.200000

Forces in eV/Ang:
  0 Au    0.10000   -0.20000    0.30000

"""


def atoms_with(**results: float) -> Atoms:
    atoms = Atoms("Au", cell=[4.0] * 3, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, forces=np.zeros((1, 3)), **results)
    return atoms


def test_gpaw(tmp_path: Path) -> None:
    (tmp_path / "gold.txt").write_text(GPAW)
    (s,) = read_atoms_file(tmp_path / "gold.txt")
    assert s.energy == -3.4
    np.testing.assert_array_equal(s.forces, [[0.1, -0.2, 0.3]])
    np.testing.assert_array_equal(s.cell, 4.0 * np.eye(3))
    assert read_atoms_file(tmp_path, "e0")[0].energy == -3.2


@pytest.mark.parametrize("name", ["a.traj", "a.extxyz", "a.db", "a.json"])
def test_files_with_both_energies(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, atoms_with(energy=-3.0, free_energy=-3.5))
    for choice, energy in (("free", -3.5), ("e0", -3.0)):
        settings = DatasetSettings.model_validate({"path": str(tmp_path / name), "energy": choice})
        assert read_dataset(settings).structures[0].energy == energy


def test_one_energy_is_taken_whatever_is_wanted(tmp_path: Path) -> None:
    write(tmp_path / "a.traj", atoms_with(energy=-3.0))
    assert read_atoms_file(tmp_path, "e0")[0].energy == -3.0
    assert read_atoms_file(tmp_path, "free")[0].energy == -3.0


def test_energies_of_two_kinds_are_mentioned(tmp_path: Path) -> None:
    write(tmp_path / "a.traj", atoms_with(energy=-3.0, free_energy=-3.5))
    write(tmp_path / "b.traj", atoms_with(energy=-3.0))
    with pytest.warns(UserWarning, match="1 structures have a free energy and another .* 1 have"):
        read_atoms_file(tmp_path)


def test_folder_of_n2p2_or_runner(tmp_path: Path) -> None:
    atom = "atom 0 0 0 Au 0 0 0 0 0"
    (tmp_path / "input.data").write_text(f"begin\n{atom}\nenergy -2.0\ncharge 0\nend\n")
    (tmp_path / "input.nn").write_text("elements Au\n")
    write(tmp_path / "other.traj", atoms_with(energy=-3.0))
    assert [s.energy for s in Dataset.read(tmp_path).structures] == [-2.0]
    found = Dataset.read(tmp_path, "hartree-bohr").structures
    assert found[0].energy == pytest.approx(-2.0 * 27.211386245988)
