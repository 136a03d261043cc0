"""Values against independent calculations with ASE's EMT and Lennard-Jones."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import add_vacuum, bulk, fcc111, hcp0001
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.tersoff import Tersoff, TersoffParameters
from ase.eos import EquationOfState
from ase.optimize import FIRE
from scipy.optimize import minimize_scalar

from autune.errors import PropertyFailed
from autune.properties import (
    Crystal,
    elastic_constants,
    energy_difference,
    equation_of_state,
    relax_crystal,
    surface_energy,
)


def emt_crystal(element: str, structure: str = "fcc", volume: float | None = None):
    guess = {"Au": 16.9, "Cu": 11.8}[element]
    return relax_crystal(EMT(), element, structure, volume or guess)


@pytest.fixture(scope="module")
def copper():
    return emt_crystal("Cu")


@pytest.fixture(scope="module")
def gold():
    return emt_crystal("Au")


def cubic_cell_energy(element: str, cell: np.ndarray) -> float:
    atoms = bulk(element, "fcc", a=4.0, cubic=True)
    atoms.set_cell(cell, scale_atoms=True)
    atoms.calc = EMT()
    return atoms.get_potential_energy()


@pytest.mark.parametrize("element", ["Au", "Cu"])
def test_lattice_constant_is_the_minimum_of_the_energy(element, copper, gold):
    crystal = {"Au": gold, "Cu": copper}[element]
    start = crystal.lattice_constant
    found = minimize_scalar(
        lambda a: cubic_cell_energy(element, np.eye(3) * a),
        bounds=(0.95 * start, 1.05 * start),
        options={"xatol": 1e-7},
    )
    assert crystal.lattice_constant == pytest.approx(found.x, abs=1e-5)
    assert crystal.energy == pytest.approx(found.fun / 4.0, abs=1e-9)
    assert crystal.volume == pytest.approx(found.x**3 / 4.0, rel=1e-5)


def test_known_values_of_emt(copper, gold):
    # To which EMT was fitted: Jacobsen, Stoltze, Norskov, Surf. Sci. 366, 394 (1996).
    assert copper.lattice_constant == pytest.approx(3.59, abs=0.005)
    assert gold.lattice_constant == pytest.approx(4.056, abs=0.005)
    assert equation_of_state(copper).bulk_modulus == pytest.approx(134.0, rel=0.05)


@pytest.mark.parametrize("change", [-0.03, -0.011, 0.0, 0.02, 0.03])
def test_start_does_not_matter(change, copper):
    volume = copper.volume * (1.0 + change) ** 3
    again = emt_crystal("Cu", volume=volume)
    assert again.lattice_constant == pytest.approx(copper.lattice_constant, abs=1e-7)
    assert again.energy == pytest.approx(copper.energy, abs=1e-10)


@pytest.mark.parametrize("element", ["Au", "Cu"])
def test_elastic_constants_are_second_differences_of_the_energy(element, copper, gold):
    crystal = {"Au": gold, "Cu": copper}[element]
    a = crystal.lattice_constant
    step = 0.004

    def energy(e1=0.0, e2=0.0, e4=0.0):
        strain = np.diag([e1, e2, 0.0])
        strain[1, 2] = strain[2, 1] = e4 / 2.0
        return cubic_cell_energy(element, a * (np.eye(3) + strain))

    to_gpa = 1.0 / (step**2 * a**3 * units.GPa)
    at_rest = energy()
    c11 = (energy(e1=step) + energy(e1=-step) - 2 * at_rest) * to_gpa
    c44 = (energy(e4=step) + energy(e4=-step) - 2 * at_rest) * to_gpa
    c12 = (
        (energy(step, step) - energy(step, -step) - energy(-step, step) + energy(-step, -step))
        * to_gpa
        / 4.0
    )
    found = elastic_constants(crystal)
    constants = [found.C11, found.C12, found.C44]
    assert constants == pytest.approx([c11, c12, c44], rel=5e-3)
    assert found.bulk_modulus == pytest.approx((c11 + 2 * c12) / 3, rel=5e-3)


def test_bulk_modulus_agrees_with_an_equation_of_state(copper):
    a = copper.lattice_constant
    edges = a * np.linspace(0.98, 1.02, 9)
    eos = EquationOfState(
        edges**3, [cubic_cell_energy("Cu", np.eye(3) * edge) for edge in edges], eos="vinet"
    )
    volume, energy, modulus = eos.fit()
    found = equation_of_state(copper)
    assert found.bulk_modulus == pytest.approx(modulus / units.GPa, rel=0.01)
    assert found.volume == pytest.approx(volume / 4, rel=1e-3)
    assert found.energy == pytest.approx(energy / 4, abs=1e-3)
    assert elastic_constants(copper).bulk_modulus == pytest.approx(found.bulk_modulus, rel=0.01)


def test_surface_energy_by_hand(copper):
    # A larger cell, another optimiser, more vacuum: the same surface energy.
    slab = fcc111("Cu", (2, 1, 7), a=copper.lattice_constant, orthogonal=False, vacuum=9.0)
    slab.calc = EMT()
    FIRE(slab, logfile=None).run(fmax=1e-3, steps=500)
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    excess = slab.get_potential_energy() - 14 * copper.energy
    joule_per_m2 = units.kJ / 1000.0 / units.m**2
    expected = excess / (2 * area) / joule_per_m2
    assert surface_energy(copper, "111") == pytest.approx(expected, abs=1e-5)


def test_relaxation_lowers_the_surface_energy(copper):
    slab = bulk("Cu", "fcc", a=copper.lattice_constant, cubic=True).repeat((1, 1, 5))
    area = copper.lattice_constant**2
    add_vacuum(slab, 12.0)
    slab.calc = EMT()
    excess = slab.get_potential_energy() - 20 * copper.energy
    unrelaxed = excess / (2 * area) * units.m**2 / (units.kJ / 1000.0)
    relaxed = surface_energy(copper, "100", layers=10)
    assert 0.97 * unrelaxed < relaxed < unrelaxed


def test_surface_energies_of_fcc_follow_the_broken_bonds(copper):
    energies = [surface_energy(copper, facet, 9) for facet in ("111", "100", "110")]
    assert energies == sorted(energies)
    # More layers: the same surface.
    assert surface_energy(copper, "111", 12) == pytest.approx(energies[0], rel=2e-3)


def test_energy_difference_is_that_of_the_minima(copper):
    def bcc(a):
        atoms = bulk("Cu", "bcc", a=a)
        atoms.calc = EMT()
        return atoms.get_potential_energy()

    minimum = minimize_scalar(bcc, bounds=(2.7, 3.0), options={"xatol": 1e-7}).fun
    found = energy_difference(copper, "bcc")
    assert found == pytest.approx(1000 * (minimum - copper.energy), abs=1e-3)
    assert found > 0.0


def test_hcp_relaxes_both_axes(copper):
    found = energy_difference(copper, "hcp")
    energies = []
    crystal = relax_crystal(EMT(), "Cu", "hcp", copper.volume)
    for da, dc in [(0, 0), (0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)]:
        atoms = hcp0001("Cu", (1, 1, 2), a=crystal.lattice_constant + da)
        c = crystal.atoms.cell.cellpar()[2] + dc
        atoms.set_cell([*atoms.cell[:2], [0, 0, c]])
        atoms.set_scaled_positions([[0, 0, 0.25], [1 / 3, 1 / 3, 0.75]])
        atoms.pbc = True
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy() / 2)
    assert min(energies) == energies[0]
    assert found == pytest.approx(1000 * (energies[0] - copper.energy), abs=1e-3)


def test_ions_relax_under_strain():
    # In diamond, shear moves the sublattices against each other. J. Tersoff, Phys. Rev. B 38,
    # 9902 (1988): silicon has C44 = 69 GPa, with fixed ions 119 GPa.
    # m, gamma, lambda3, c, d, h, n, beta, lambda2, B, R, D, lambda1, A.
    parameters = TersoffParameters.from_list(
        [
            *(3.0, 1.0, 0.0, 1.0039e5, 16.217, -0.59825, 0.78734, 1.1e-6),
            *(1.7322, 471.18, 2.85, 0.15, 2.4799, 1830.8),
        ]
    )
    calculator = Tersoff({("Si", "Si", "Si"): parameters})
    crystal = relax_crystal(calculator, "Si", "diamond", volume=20.5)
    assert crystal.lattice_constant == pytest.approx(5.432, abs=0.001)
    assert crystal.energy == pytest.approx(-4.63, abs=0.005)
    found = elastic_constants(crystal)
    np.testing.assert_allclose([found.C11, found.C12, found.C44], [143.0, 75.0, 69.0], atol=0.6)
    assert equation_of_state(crystal).bulk_modulus == pytest.approx(98.0, abs=0.6)


def test_lennard_jones_argon():
    # Truncated at a distance that takes in all but a small rest of the sums.
    # -8.610 epsilon per atom, neighbours at 1.090 sigma: Kittel, Introduction to Solid State
    # Physics, ch. 3.
    calculator = LennardJones(sigma=3.4, epsilon=0.0104, rc=6 * 3.4)
    crystal = relax_crystal(calculator, "Ar", "fcc", volume=(5.3**3) / 4)
    assert crystal.lattice_constant == pytest.approx(1.0902 * np.sqrt(2) * 3.4, rel=2e-3)
    assert crystal.energy == pytest.approx(-8.610 * 0.0104, rel=0.01)
    constants = elastic_constants(crystal)
    # Cauchy's relation of central forces.
    difference = constants.C12 - constants.C44
    assert difference == pytest.approx(0.0, abs=1e-3 * constants.C44)


def test_no_slab_of_diamond_is_a_failure(copper):
    crystal = emt_crystal("Cu", "diamond", volume=17.8)
    with pytest.raises(PropertyFailed, match=r"no \(100\) slab of diamond"):
        surface_energy(crystal, "100")


@pytest.mark.parametrize("energy", [lambda v: v, lambda v: 0.0, lambda v: -((v - 11.8) ** 2)])
def test_no_equation_of_state_without_a_minimum(energy, copper):
    class OfVolume(Calculator):
        implemented_properties = ("energy",)

        def calculate(self, atoms=None, properties=(), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": energy(atoms.get_volume())}

    atoms = copper.atoms.copy()
    atoms.calc = OfVolume()
    crystal = Crystal("Cu", "fcc", atoms, copper.lattice_constant, 0.0)
    with np.errstate(all="ignore"), pytest.raises(PropertyFailed, match="Birch-Murnaghan"):
        equation_of_state(crystal)
    with pytest.raises(PropertyFailed, match="Birch-Murnaghan"):
        equation_of_state(crystal)
