from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from autune.errors import DataError
from autune.evaluation.accuracy import accuracy_of, compare, compare_elements, measure
from autune.structures import Structure


@dataclass
class Predicted:
    energy: float
    forces: np.ndarray


def structure(n, energy, forces, group, name) -> Structure:
    positions = np.arange(3.0 * n).reshape(n, 3)
    return Structure(np.full(n, 79), positions, None, energy, forces, group=group, name=name)


@pytest.fixture
def pairs():
    zero = np.zeros((2, 3))
    structures = [
        structure(2, -6.0, zero, "fcc", "fcc-1"),
        structure(1, -3.0, np.zeros((1, 3)), "bcc", "bcc-1"),
        structure(2, -6.0, None, "fcc", "fcc-2"),
        structure(2, None, zero, "fcc", "fcc-3"),
    ]
    force = zero.copy()
    force[1, 2] = -0.6
    predictions = [
        Predicted(-6.0 + 0.02, zero),  # 10 meV/atom
        Predicted(-3.0 - 0.04, np.full((1, 3), 0.3)),  # 40 meV/atom
        Predicted(-6.0 - 0.06, zero + 9.0),  # 30 meV/atom; forces do not count
        Predicted(99.0, force),  # energy does not count
    ]
    return structures, predictions


def test_errors_per_group_by_hand(pairs):
    fcc, bcc, everything = measure(*pairs)

    assert (fcc.group, bcc.group, everything.group) == ("fcc", "bcc", "all")
    assert (fcc.n_structures, fcc.n_atoms, fcc.n_energies, fcc.n_forces) == (3, 6, 2, 12)
    assert fcc.energy_rmse == pytest.approx(np.sqrt((0.01**2 + 0.03**2) / 2))
    assert fcc.energy_mae == pytest.approx(0.02)
    assert fcc.force_rmse == pytest.approx(np.sqrt(0.36 / 12))
    assert fcc.force_mae == pytest.approx(0.05)
    assert (fcc.energy_largest, fcc.energy_largest_in) == (pytest.approx(0.03), "fcc-2")
    assert (fcc.force_largest, fcc.force_largest_in) == (pytest.approx(0.6), "fcc-3")

    assert bcc.force_rmse == pytest.approx(0.3)
    assert everything.energy_rmse == pytest.approx(np.sqrt((0.01**2 + 0.04**2 + 0.03**2) / 3))
    assert everything.force_rmse == pytest.approx(np.sqrt((0.36 + 3 * 0.09) / 15))
    assert everything.energy_largest_in == "bcc-1"
    assert (everything.n_structures, everything.n_atoms, everything.n_forces) == (4, 7, 15)


def test_a_group_without_forces_has_nan(pairs):
    structures, predictions = pairs
    (only,) = [a for a in measure(structures[2:3], predictions[2:3]) if a.group == "fcc"]
    assert np.isnan(only.force_rmse)
    assert only.force_largest_in == ""
    assert only.energy_mae == pytest.approx(0.03)


def test_comparison_keeps_reference_and_prediction_apart(pairs):
    everything = compare(*pairs)[-1]
    assert everything.energy_reference == pytest.approx([-3.0, -3.0, -3.0])
    assert everything.energy_predicted == pytest.approx([-2.99, -3.04, -3.03])
    assert everything.force_names == ("fcc-1", "fcc-1", "bcc-1", "fcc-3", "fcc-3")


def test_structures_without_groups_are_one_table_row():
    atoms = structure(1, -1.0, None, "", "")
    (row,) = measure([atoms], [Predicted(-1.0, np.zeros((1, 3)))])
    assert row.group == "all"


def test_nothing_to_compare_with_is_refused(pairs):
    structures, predictions = pairs
    bare = structure(2, None, None, "fcc", "bare")
    with pytest.raises(DataError, match=r"'bare' \(number 2\) has neither energy nor forces"):
        measure([structures[0], bare], predictions[:2])
    with pytest.raises(DataError, match="no structures"):
        measure([], [])


def test_forces_on_the_atoms_of_every_element(pairs):
    assert compare_elements(*pairs) == [], "all atoms are of one element"
    forces = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, -3.0]])
    mixed = Structure(np.array([79, 47, 79]), np.eye(3), None, -9.0, forces, name="mixed")
    without_forces = Structure(np.array([47]), np.zeros((1, 3)), None, -1.0, None)
    wrong = forces + np.array([[0.3, 0.0, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, -0.9]])
    predictions = [Predicted(-9.0, wrong), Predicted(-1.0, np.ones((1, 3)))]
    silver, gold = map(accuracy_of, compare_elements([mixed, without_forces], predictions))
    assert (silver.group, gold.group) == ("atoms of Ag", "atoms of Au")
    assert (silver.n_structures, silver.n_atoms, silver.n_energies, silver.n_forces) == (2, 2, 0, 3)
    assert silver.force_rmse == pytest.approx(0.6 / np.sqrt(3))
    assert gold.force_rmse == pytest.approx(np.sqrt((0.3**2 + 0.9**2) / 6))
    assert (gold.force_largest, gold.force_largest_in) == (pytest.approx(0.9), "mixed")
