from __future__ import annotations

import itertools

import numpy as np
import pytest

from autune.errors import DataError
from autune.potential.neighbours import neighbour_list
from autune.structures import FloatArray, Structure

CELLS = {
    "one atom, fcc": (1, [[0.0, 2.04, 2.04], [2.04, 0.0, 2.04], [2.04, 2.04, 0.0]]),
    "left-handed": (2, [[4.0, 0.0, 0.0], [0.0, 0.0, 4.5], [0.0, 5.0, 0.0]]),
    "skewed": (3, [[4.0, 0.0, 0.0], [7.0, 4.0, 0.0], [-6.0, 5.0, 9.0]]),
    "large": (6, [[14.0, 1.0, 0.0], [0.0, 13.0, 0.5], [0.0, 0.0, 15.0]]),
}


def brute_force(structure: Structure, r_cutoff: float) -> list[FloatArray]:
    """Sorted distances of every atom, over all images up to the 12th."""
    assert structure.cell is not None
    shifts = np.array(list(itertools.product(range(-12, 13), repeat=3))) @ structure.cell
    found = []
    for position in structure.positions:
        vectors = structure.positions[None] + shifts[:, None] - position
        distances = np.sort(np.linalg.norm(vectors, axis=2).ravel())
        found.append(distances[(distances > 1e-9) & (distances < r_cutoff)])
    return found


@pytest.mark.parametrize("name", CELLS)
def test_periodic_neighbours_are_all_found(name: str) -> None:
    n_atoms, cell = CELLS[name]
    rng = np.random.default_rng(3)
    positions = rng.random((n_atoms, 3)) @ np.array(cell) + 30.0  # outside the cell
    structure = Structure(np.full(n_atoms, 79), positions, np.array(cell))
    found = neighbour_list(structure, 6.0)
    expected = brute_force(structure, 6.0)
    for i in range(n_atoms):
        mine = slice(found.first[i], found.first[i + 1])
        assert np.sort(found.distances[mine]) == pytest.approx(expected[i], abs=1e-10)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(found.distances)


def test_neighbours_are_ordered_by_element() -> None:
    rng = np.random.default_rng(1)
    numbers = np.array([79, 29, 79, 47, 29, 47, 79, 29])
    structure = Structure(numbers, rng.random((8, 3)) * 5.0, np.eye(3) * 5.0)
    found = neighbour_list(structure, 6.0)
    for i in range(8):
        of_atom = numbers[found.index[found.first[i] : found.first[i + 1]]]
        assert (np.diff(of_atom) >= 0).all()


def test_cluster_has_no_images() -> None:
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 6.0], [50.0, 0.0, 0.0]])
    found = neighbour_list(Structure(np.full(4, 79), positions), 6.0)
    assert np.diff(found.first).tolist() == [1, 2, 1, 0]  # 6.0 is not below the radius
    assert found.vectors[0] == pytest.approx([0.0, 0.0, 3.0])


def test_atom_alone() -> None:
    found = neighbour_list(Structure(np.array([79]), np.zeros((1, 3))), 6.0)
    assert found.first.tolist() == [0, 0]
    assert found.vectors.shape == (0, 3)


@pytest.mark.parametrize("cell", [None, np.eye(3) * 4.0])
def test_two_atoms_at_one_place(cell: FloatArray | None) -> None:
    positions = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]) * (cell is not None)
    with pytest.raises(DataError, match=r"'twins': atoms . and . are .* apart; remove one"):
        neighbour_list(Structure(np.full(2, 79), positions, cell, name="twins"), 6.0)
