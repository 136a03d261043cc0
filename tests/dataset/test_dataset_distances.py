from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from autune.dataset import Dataset, likely_units, warn_of_distances
from autune.structures import Structure
from autune.units import BOHR

GOLD = Dataset.read("builtin:gold").structures[:8]


def scaled(structure: Structure, factor: float) -> Structure:
    cell = None if structure.cell is None else structure.cell * factor
    return replace(structure, positions=structure.positions * factor, cell=cell)


def test_distances_that_can_be_are_not_mentioned() -> None:
    alone = Structure(np.array([79]), np.zeros((1, 3)), name="atom")
    in_a_box = Structure(np.array([79]), np.zeros((1, 3)), 20.0 * np.eye(3), name="atom in a box")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_distances([*GOLD, alone, in_a_box])


def test_structures_in_another_unit_are_named() -> None:
    odd = scaled(GOLD[2], 2.5)
    near = Structure(np.array([1, 1]), np.array([[0.0] * 3, [0.3, 0.0, 0.0]]), name="near")
    named = rf"2 of 10 structures .*: {odd.name} \(7\.\d+\), near \(0\.3\)"
    with pytest.warns(UserWarning, match=named):
        warn_of_distances([*GOLD, odd, near])


def test_distant_atoms_of_a_cluster_are_named() -> None:
    far = Structure(np.array([79, 79]), np.array([[0.0] * 3, [30.0] * 3]), name="far")
    with pytest.warns(UserWarning, match=r"far \(above 14\).*dataset\.units.*hartree-bohr"):
        warn_of_distances([far])


def test_units_are_proposed_by_the_distances() -> None:
    assert likely_units(GOLD)[0] == "ev-angstrom"
    name, ratios = likely_units([scaled(s, 1.0 / BOHR) for s in GOLD])
    assert name == "hartree-bohr"
    assert 0.9 < ratios["hartree-bohr"] < 1.2 < ratios["ev-angstrom"]
    alone = Structure(np.array([79]), np.zeros((1, 3)))
    assert likely_units([alone])[0] == "ev-angstrom"
