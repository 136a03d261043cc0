"""Structures on which a potential can go wrong in LAMMPS: cells, images, surfaces, elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from autune.structures import FloatArray, Structure

_SITES = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
_BOND = 2.1
"""Nearest neighbour distance over the covalent radius."""

_OFF_SITES = 0.08
"""Standard deviation of displacements in Angstrom."""

_VACUUM = 12.0
_STRAIN = np.array([[0.03, 0.04, -0.02], [-0.05, 0.02, 0.03], [0.04, 0.05, -0.03]])
_SUMS = np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [-1.0, -1.0, 1.0]])
"""Of lattice vectors: other vectors of the same lattice, inclined by more than LAMMPS likes."""


def example_structures(elements: Sequence[str]) -> list[Structure]:
    """Make small structures of some elements, atoms off their sites.

    A primitive cell of one atom of each element (it is surrounded by its own images), then, with
    atoms of all elements: a cubic cell, inclined cells, right- and left-handed, a slab along each
    axis, and a cluster. They are the same whenever the elements are.

    Parameters
    ----------
    elements
        Chemical symbols.
    """
    numbers = np.array([atomic_numbers[element] for element in elements])
    edge = np.sqrt(2.0) * _BOND * float(covalent_radii[numbers].mean())
    generator = np.random.default_rng(1)

    def made(name: str, cell: FloatArray | None, positions: FloatArray) -> Structure:
        kinds = numbers[np.arange(len(positions)) % len(numbers)]
        off = generator.normal(0.0, _OFF_SITES, positions.shape)
        return Structure(generator.permutation(kinds), positions + off, cell, name=name)

    primitive = edge * _SITES[1:]
    structures = [
        Structure(
            numbers[i : i + 1], np.full((1, 3), 0.3), primitive, name=f"one atom of {element}"
        )
        for i, element in enumerate(elements)
    ]
    structures.append(made("cubic cell", edge * np.eye(3), edge * _SITES))
    strained = np.eye(3) + _STRAIN
    positions = _repeat(edge * _SITES, edge * np.eye(3), (2, 1, 1)) @ strained
    inclined = _SUMS @ np.diag([2.0 * edge, edge, edge]) @ strained
    structures.append(made("inclined cell", inclined, positions))
    structures.append(made("left-handed cell", inclined[[1, 0, 2]], positions))
    for axis, name in enumerate("xyz"):
        repeats = np.ones(3, dtype=int)
        repeats[axis] = 2
        cell = edge * np.diag(repeats.astype(float))
        cell[axis, axis] += _VACUUM
        slab = _repeat(edge * _SITES, edge * np.eye(3), tuple(repeats))
        structures.append(made(f"slab along {name}", cell, slab))
    structures.append(made("cluster", None, _repeat(edge * _SITES, edge * np.eye(3), (2, 2, 1))))
    return structures


def _repeat(positions: FloatArray, cell: FloatArray, repeats: Sequence[int]) -> FloatArray:
    """Repeat positions along the lattice vectors."""
    shifts = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1)
    return (positions + (shifts.reshape(-1, 1, 3) @ cell)).reshape(-1, 3)
