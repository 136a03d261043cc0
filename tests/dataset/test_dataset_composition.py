from __future__ import annotations

import numpy as np
import pytest

from autune.dataset import fit_atom_energies
from autune.errors import DataError
from autune.structures import Structure


def molecule(numbers: list[int], energy: float | None) -> Structure:
    positions = np.arange(3.0 * len(numbers)).reshape(-1, 3)
    return Structure(np.array(numbers), positions, energy=energy, name="molecule")


def test_energies_of_elements_are_found_again() -> None:
    wanted = {1: -13.0, 6: -150.0, 8: -430.0}
    compositions = [[1, 1], [1, 1, 8], [6, 8], [6, 8, 8], [6, 1, 1, 1, 1]]
    fitted = fit_atom_energies([molecule(n, sum(wanted[i] for i in n)) for n in compositions])
    assert fitted.unique
    assert fitted.energies == pytest.approx({"H": -13.0, "C": -150.0, "O": -430.0})


def test_every_structure_counts_the_same() -> None:
    """Energies per atom are fitted, so that large structures weigh no more than small ones."""
    fitted = fit_atom_energies([molecule([79], -1.0), molecule([79] * 9, -27.0)])
    assert fitted.energies == {"Au": -2.0}


def test_one_composition_leaves_a_choice() -> None:
    fitted = fit_atom_energies([molecule([1, 1, 8], -3.0), molecule([1, 1, 1, 1, 8, 8], -6.0)])
    assert not fitted.unique
    assert 2 * fitted.energies["H"] + fitted.energies["O"] == pytest.approx(-3.0)


def test_energies_must_be_there() -> None:
    with pytest.raises(DataError, match="'molecule': has no energy"):
        fit_atom_energies([molecule([1], None)])
    with pytest.raises(DataError, match="fitted to no structures"):
        fit_atom_energies([])
