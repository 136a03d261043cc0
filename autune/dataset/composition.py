"""What structures are made of: their formulas, and energies of atoms fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols

from autune.errors import DataError
from autune.structures import Structure


class AtomEnergies(NamedTuple):
    """Energy per atom of every element.

    Parameters
    ----------
    energies
        In eV, by symbol, in order of atomic number.
    unique
        False where the compositions leave a choice, as in a set of water alone; then the
        energies with the smallest sum of squares are taken.
    """

    energies: dict[str, float]
    unique: bool


def fit_atom_energies(structures: Sequence[Structure]) -> AtomEnergies:
    """Fit an energy of every element by least squares.

    The sum over structures of ((E - sum_i e(element of i)) / N)^2 is smallest; with one element
    that is the mean energy per atom.

    Parameters
    ----------
    structures
        With energies.

    Raises
    ------
    DataError
        If a structure has no energy, or there is none.
    """
    if not structures:
        raise DataError("atom energies cannot be fitted to no structures; add some")
    energies = []
    for s in structures:
        if s.energy is None:
            raise DataError(f"{s.label}: has no energy, to which atom energies could be fitted")
        energies.append(s.energy / s.n_atoms)
    numbers = np.unique(np.concatenate([s.numbers for s in structures]))
    if len(numbers) == 1:
        return AtomEnergies({chemical_symbols[numbers[0]]: float(np.mean(energies))}, True)
    shares = np.array([[np.mean(s.numbers == number) for number in numbers] for s in structures])
    fitted, _, rank, _ = np.linalg.lstsq(shares, np.array(energies))
    by_symbol = dict(zip((chemical_symbols[n] for n in numbers), fitted.tolist(), strict=True))
    return AtomEnergies(by_symbol, rank == len(numbers))


def composition_of(structure: Structure) -> str:
    """Return the reduced formula, elements by atomic number: Ag3Au."""
    numbers, counts = np.unique(structure.numbers, return_counts=True)
    least = np.gcd.reduce(counts)
    return "".join(
        chemical_symbols[number] + (str(count // least) if count > least else "")
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
    )


def group_by_composition(structures: Sequence[Structure]) -> list[Structure]:
    """Let structures of one composition be a group, which is called as `composition_of` says."""
    return [replace(structure, group=composition_of(structure)) for structure in structures]
