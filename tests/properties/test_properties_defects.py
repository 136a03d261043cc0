"""Vacancies and stacking faults against sums over pairs and independent constructions."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.optimize import FIRE

from autune.errors import PropertyFailed
from autune.properties import (
    energy_difference,
    relax_crystal,
    stacking_fault_energy,
    vacancy_formation_energy,
)

MILLIJOULE_PER_M2 = 16021.766208  # in eV/Angstrom^2


@pytest.fixture(scope="module")
def copper():
    return relax_crystal(EMT(), "Cu", "fcc", 11.8)


@pytest.fixture(scope="module")
def pairs():
    """Pairs that reach the second (111) layer, not the third."""
    return relax_crystal(LennardJones(sigma=1.0, epsilon=1.0, rc=2.5), "Ar", "fcc", 0.95)


def area(crystal):
    return np.sqrt(3.0) / 4.0 * crystal.lattice_constant**2


@pytest.mark.parametrize("size", [2, 3])
def test_a_vacancy_among_pairs_costs_the_cohesive_energy(pairs, size):
    # Two half bonds are lost for every neighbour, and one atom's energy is given back.
    found = vacancy_formation_energy(pairs, size, relax=False)
    assert found == pytest.approx(-pairs.energy, rel=1e-9)


def test_a_relaxed_vacancy_by_hand(copper):
    # Another cell around the vacancy, another optimiser: nearly the same energy.
    atoms = bulk("Cu", "fcc", a=copper.lattice_constant).repeat(5)
    whole = EMT()
    atoms.calc = whole
    in_crystal = atoms.get_potential_energy() / len(atoms)
    del atoms[62]
    FIRE(atoms, logfile=None).run(fmax=2e-3, steps=300)
    expected = atoms.get_potential_energy() - len(atoms) * in_crystal
    found = vacancy_formation_energy(copper)
    assert found == pytest.approx(expected, abs=0.01)
    assert found < vacancy_formation_energy(copper, relax=False)
    # Measured: 1.28 eV, P. Ehrhart, Landolt-Boernstein III/25 (1991).
    assert found == pytest.approx(1.28, abs=0.35)


def test_a_larger_cell_has_the_same_vacancy(copper):
    assert vacancy_formation_energy(copper, 2) == pytest.approx(
        vacancy_formation_energy(copper, 3), abs=0.03
    )


def test_vacancies_of_other_crystals():
    for structure, volume in [("bcc", 11.9), ("sc", 14.0)]:
        crystal = relax_crystal(EMT(), "Cu", structure, volume)
        assert 0.0 < vacancy_formation_energy(crystal, 2, relax=False) < 3.0


@pytest.mark.parametrize("layers", [6, 9])
def test_a_fault_between_pairs_is_twice_hcp(pairs, layers):
    # Two pairs of second neighbour layers change their stacking, in hcp one for each layer: with
    # pairs that reach no further gamma = 2 (E_hcp - E_fcc)/A, at ideal c/a and unrelaxed.
    a = pairs.lattice_constant / np.sqrt(2.0)
    hcp = bulk("Ar", "hcp", a=a, c=a * np.sqrt(8.0 / 3.0))
    hcp.calc = pairs.atoms.calc
    difference = hcp.get_potential_energy() / 2.0 - pairs.energy
    expected = 2.0 * difference / area(pairs) * MILLIJOULE_PER_M2
    found = stacking_fault_energy(pairs, layers, relax=False)
    assert found == pytest.approx(expected, rel=1e-6)
    assert abs(expected) > 0.1


def test_the_fault_of_emt_is_that_of_the_annni_model(copper):
    # P. J. H. Denteneer and W. van Haeringen, J. Phys. C 20, L883 (1987), first order.
    annni = 2.0 * energy_difference(copper, "hcp") / 1000.0 / area(copper) * MILLIJOULE_PER_M2
    found = stacking_fault_energy(copper)
    assert found == pytest.approx(annni, abs=0.02 * abs(annni))
    assert stacking_fault_energy(copper, 6) == pytest.approx(found, abs=0.05)
    assert found <= stacking_fault_energy(copper, relax=False) + 1e-6


def test_the_fault_of_a_slab_by_hand(copper):
    # A slab whose upper half is displaced by a<11-2>/6, less the perfect slab.
    def energy(displacement):
        slab = fcc111("Cu", (1, 1, 12), a=copper.lattice_constant, vacuum=8.0)
        upper = slab.positions[:, 2] > slab.positions[:, 2].mean()
        slab.positions[upper] += displacement * (slab.cell[0] + slab.cell[1]) / 3.0
        slab.calc = EMT()
        return slab.get_potential_energy()

    # One of the two directions stacks the layers on top of each other.
    faults = [(energy(d) - energy(0.0)) / area(copper) * MILLIJOULE_PER_M2 for d in (1.0, -1.0)]
    found = stacking_fault_energy(copper, relax=False)
    assert min(faults) == pytest.approx(found, abs=0.05)
    assert max(faults) > 100.0


def test_only_fcc_has_the_fault():
    crystal = relax_crystal(EMT(), "Cu", "bcc", 11.9)
    with pytest.raises(PropertyFailed, match="bcc has no such"):
        stacking_fault_energy(crystal)


def test_a_fault_that_comes_apart(copper):
    class Repelled(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=()):
            super().calculate(atoms, properties, system_changes)
            if len(atoms) > 1:
                self.results["stress"] = np.array([0.0, 0.0, -0.05, 0.0, 0.0, 0.0])

    crystal = relax_crystal(Repelled(), "Cu", "fcc", 11.8)
    with pytest.raises(PropertyFailed, match="height of the cell changes by more than 10 %"):
        stacking_fault_energy(crystal)
