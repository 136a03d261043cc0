"""Phonon frequencies against those of crystals of springs, and against sums over all forces."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.tersoff import Tersoff, TersoffParameters
from bonded_crystal import Bonds

from autune.errors import ConfigError
from autune.evaluation.metrics import metric_names
from autune.properties import (
    Crystal,
    check_properties,
    compute_properties,
    dynamical_matrix,
    find_force_constants,
    frequency,
    phonon_frequencies,
    property_names,
    relax_crystal,
)
from autune.report.tables import unit_of
from autune.settings import PropertiesSettings, Settings

# J. Tersoff, Phys. Rev. B 38, 9902 (1988):
# m, gamma, lambda3, c, d, h, n, beta, lambda2, B, R, D, lambda1, A.
SILICON = TersoffParameters.from_list(
    [
        *(3.0, 1.0, 0.0, 1.0039e5, 16.217, -0.59825, 0.78734, 1.1e-6),
        *(1.7322, 471.18, 2.85, 0.15, 2.4799, 1830.8),
    ]
)


def crystal_of(structure, a, calculator, element="Cu"):
    atoms = bulk(element, structure, a=a)
    atoms.calc = calculator
    return Crystal(element, structure, atoms, a, atoms.get_potential_energy() / len(atoms))


def in_terahertz(k, mass):
    """Return sqrt(k/m) / 2 pi with k in eV/Angstrom^2, m in u; negative for negative k."""
    per_ase_time2 = k / mass  # ASE's time is Angstrom sqrt(u/eV)
    return np.sign(k) * np.sqrt(np.abs(per_ase_time2)) / (2 * np.pi) * units.fs * 1e3


COPPER = 63.546


def test_fcc_of_nearest_neighbours():
    """m omega^2 = sum over the bonds of k n n (1 - cos q R), here with anharmonic bonds."""
    a, k = 3.6, 1.7
    crystal = crystal_of("fcc", a, Bonds([(a / np.sqrt(2), k)], alpha=1.5))
    found = phonon_frequencies(crystal, supercell=2)
    assert found == pytest.approx(
        {
            "phonon_X_T": in_terahertz(4 * k, COPPER),
            "phonon_X_L": in_terahertz(8 * k, COPPER),
            "phonon_L_T": in_terahertz(2 * k, COPPER),
            "phonon_L_L": in_terahertz(8 * k, COPPER),
        },
        rel=2e-4,
    )


@pytest.mark.parametrize("second", [0.6, -0.2], ids=["stable", "unstable"])
def test_bcc_of_two_shells(second):
    a, k = 3.0, 1.7
    crystal = crystal_of("bcc", a, Bonds([(a * np.sqrt(3) / 2, k), (a, second)]))
    found = phonon_frequencies(crystal, supercell=2)
    assert found == pytest.approx(
        {
            "phonon_H": in_terahertz(16 / 3 * k, COPPER),
            "phonon_N_T1": in_terahertz(4 * second, COPPER),  # negative where it is imaginary
            "phonon_N_T2": in_terahertz(8 / 3 * k, COPPER),
            "phonon_N_L": in_terahertz(16 / 3 * k + 4 * second, COPPER),
        },
        rel=2e-4,
    )


def test_simple_cubic_of_two_shells():
    a, k, second = 2.5, 1.7, 0.5
    crystal = crystal_of("sc", a, Bonds([(a, k), (a * np.sqrt(2), second)]))
    assert phonon_frequencies(crystal, supercell=2) == pytest.approx(
        {
            "phonon_X_T": in_terahertz(4 * second, COPPER),
            "phonon_X_L": in_terahertz(4 * k + 8 * second, COPPER),
            "phonon_R": in_terahertz(4 * k, COPPER),
        },
        rel=2e-4,
    )


def all_frequencies(crystal, *wave_vectors):
    """Sum the forces of a displaced atom over a cubic supercell, without symmetry: 3 n values."""
    primitive, a = crystal.atoms, crystal.lattice_constant
    cube = bulk(crystal.element, crystal.structure, a=a, cubic=True) * (2, 2, 2)
    cube.calc = primitive.calc
    # Atoms that are lattice vectors away from each atom of the primitive cell.
    steps = (cube.positions[:, None] - primitive.positions) @ np.linalg.inv(primitive.cell.array)
    kinds = np.abs(steps - steps.round()).sum(axis=2).argmin(axis=1)
    matrices = np.zeros((len(wave_vectors), len(primitive), 3, len(primitive), 3), dtype=complex)
    for one, position in enumerate(primitive.positions):
        site = np.linalg.norm(cube.positions - position, axis=1).argmin()
        phases = np.exp(2j * np.pi / a * (cube.positions - position) @ np.transpose(wave_vectors))
        for axis in range(3):
            response = np.zeros((len(cube), 3))
            for sign in (1.0, -1.0):
                moved = cube.copy()
                moved.calc = cube.calc
                moved.positions[site, axis] += sign * 0.01
                response -= sign * moved.get_forces() / 0.02
            for atom, kind in enumerate(kinds):
                matrices[:, one, axis, kind] += np.outer(phases[atom], response[atom])
    mass = primitive.get_masses()[0]
    size = 3 * len(primitive)
    squares = np.linalg.eigvalsh(matrices.reshape(-1, size, size))
    return in_terahertz(squares, mass)


def test_fcc_with_forces_that_reach_far():
    crystal = relax_crystal(EMT(), "Au", "fcc", 16.9)
    found = phonon_frequencies(crystal, supercell=2)
    expected = all_frequencies(crystal, (0, 0, 1), (0.5, 0.5, 0.5))
    for point, frequencies in zip("XL", expected, strict=True):
        names = [f"phonon_{point}_{branch}" for branch in ("T", "T", "L")]
        assert [found[name] for name in names] == pytest.approx(frequencies, rel=5e-4)
    # A larger supercell changes nothing at points whose waves fit into the smaller one.
    assert phonon_frequencies(crystal, supercell=4) == pytest.approx(found, rel=1e-4)


def test_diamond():
    calculator = Tersoff({("Si", "Si", "Si"): SILICON})
    crystal = relax_crystal(calculator, "Si", "diamond", 20.0)
    found = phonon_frequencies(crystal, supercell=2)
    expected = all_frequencies(crystal, (0, 0, 0), (0, 0, 1), (0.5, 0.5, 0.5))
    # Gamma has three acoustic waves of frequency 0, as finite differences know it.
    assert expected[0][:3] == pytest.approx(0.0, abs=0.05)
    for names, frequencies in [
        (["Gamma_O"] * 3, expected[0][3:]),
        (["X_TA", "X_TA", "X_L", "X_L", "X_TO", "X_TO"], expected[1]),
        (["L_TA", "L_TA", "L_LA", "L_LO", "L_TO", "L_TO"], expected[2]),
    ]:
        values = [found[f"phonon_{name}"] for name in names]
        assert sorted(values) == pytest.approx(frequencies, rel=1e-3)
    assert found["phonon_X_TA"] < found["phonon_X_L"] < found["phonon_X_TO"]
    assert found["phonon_L_TA"] < found["phonon_L_LA"] < found["phonon_L_LO"]


class Tethered(Bonds):
    """Every atom is also tied to its site."""

    def __init__(self, shells, sites, k):
        super().__init__(shells)
        self.sites, self.k = sites, k

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        steps = self.atoms.positions @ np.linalg.inv(self.sites)
        away = (steps - steps.round()) @ self.sites
        self.results["energy"] += self.k / 2 * (away**2).sum()
        self.results["forces"] = self.results["forces"] - self.k * away


def test_acoustic_sum_rule():
    """A crystal that moves as a whole feels nothing, unless the calculator ties it."""

    def at_gamma(crystal):
        constants = find_force_constants(crystal, 2, 0.01)
        return frequency(np.linalg.eigvalsh(dynamical_matrix(constants, (0, 0, 0), crystal)))

    assert at_gamma(relax_crystal(EMT(), "Au", "fcc", 16.9)) == pytest.approx(0.0, abs=1e-3)
    a, k = 3.6, 0.3
    primitive = bulk("Cu", "fcc", a=a).cell.array
    tied = crystal_of("fcc", a, Tethered([(a / np.sqrt(2), 1.7)], primitive, k))
    assert at_gamma(tied) == pytest.approx(in_terahertz(k, COPPER), rel=1e-4)


GOLD = {"phonons": {"supercell": 2}}


def test_a_row_for_every_frequency():
    settings = PropertiesSettings.model_validate(GOLD)
    table = compute_properties(EMT(), settings, ["Au"])
    names = ["phonon_X_T", "phonon_X_L", "phonon_L_T", "phonon_L_L"]
    assert [row.name for row in table.rows] == names == property_names(settings)
    assert {row.unit for row in table.rows} == {"THz"}
    assert not table.failures
    assert all(0.5 < value < 10.0 for value in table.values.values())
    assert unit_of("property.phonon_X_T_std") == "THz"


@pytest.mark.parametrize("crystal", ["fcc", "bcc", "sc", "diamond"])
def test_frequencies_can_be_weighted(crystal):
    settings = PropertiesSettings.model_validate({"crystal": crystal, "phonons": {}})
    names = property_names(settings)
    assert names
    weighted = {"crystal": crystal, "weights": dict.fromkeys(names, 2.0)}
    PropertiesSettings.model_validate(weighted)


class NoNumber(EMT):
    """EMT without forces in a supercell."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(self.atoms) > 1:
            self.results["forces"] = np.full((len(self.atoms), 3), np.nan)


def test_what_cannot_be_calculated_has_a_reason():
    settings = PropertiesSettings.model_validate({**GOLD, "lattice_constant": {}})
    table = compute_properties(NoNumber(), settings, ["Au"])
    assert set(table.values) == {"lattice_constant"}
    assert set(table.failures.values()) == {"a force is not finite"}

    class Broken(Calculator):
        implemented_properties = ("energy", "forces", "stress")

    table = compute_properties(Broken(), settings, ["Au"])
    assert table.failures["phonon_L_T"].startswith("no lattice constant")


def test_phonopy_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    settings = PropertiesSettings.model_validate(GOLD)
    for check in (
        lambda: check_properties(settings, ["Au"]),
        lambda: compute_properties(EMT(), settings, ["Au"]),
    ):
        with pytest.raises(ConfigError, match=r"properties.phonons.*pip install 'autune\[phonons"):
            check()
    check_properties(PropertiesSettings(), ["Au"])


@pytest.mark.parametrize("supercell", [0, 3, 14])
def test_the_waves_must_fit_into_the_supercell(supercell):
    with pytest.raises(ValueError, match="supercell"):
        PropertiesSettings.model_validate({"phonons": {"supercell": supercell}})


def test_frequencies_are_metrics_of_a_search():
    settings = Settings.from_mapping(
        {
            "name": "gold",
            "dataset": {"path": "builtin:gold"},
            "potential": {"elements": ["Au"]},
            "evaluation": {"properties": {"phonons": {}, "dynamics": {}}},
        }
    )
    names = metric_names(settings)
    assert {"property.phonon_X_T", "property.nve_drift", "property.nvt_stable"} <= set(names)
