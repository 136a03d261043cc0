"""Molecular dynamics of a Morse crystal: what is conserved, what drifts, and what falls apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.md.verlet import VelocityVerlet
from bonded_crystal import Bonds

from autune.errors import PropertyFailed
from autune.properties import (
    Crystal,
    compute_properties,
    property_error,
    property_names,
    run_dynamics,
)
from autune.properties.dynamics import Dynamics
from autune.properties.trajectory import Limits, Trajectory, follow
from autune.report.tables import unit_of
from autune.settings import DynamicsSettings, PropertiesSettings

A = 3.6
# Copper's frequencies, about: sqrt(8 k/m)/2 pi = 7.2 THz, a period of 138 fs.
SHELLS = [(A / math.sqrt(2), 1.7)]
ALPHA = 1.5
NAMES = ["nvt_stable", "nvt_temperature", "nvt_extrapolating", "nve_drift", "nve_fluctuation"]


class Changed(Bonds):
    """Bonds whose forces are changed in supercells."""

    def __init__(self, change):
        super().__init__(SHELLS, ALPHA)
        self.change = change

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(self.atoms) > 1:
            self.results["forces"] = self.change(self, self.results["forces"])


def crystal_of(calculator):
    atoms = bulk("Cu", "fcc", a=A)
    atoms.calc = calculator
    return Crystal("Cu", "fcc", atoms, A, atoms.get_potential_energy())


def run(calculator=None, **changes):
    wanted = {"steps": 250, "timestep": 4.0, "supercell": 2, "coupling_time": 20.0} | changes
    return run_dynamics(crystal_of(calculator or Bonds(SHELLS, ALPHA)), DynamicsSettings(**wanted))


@pytest.fixture(scope="module")
def sound():
    return run()


def test_a_sound_potential(sound):
    assert sound.survived == pytest.approx(250 * 0.004)
    assert sound.mean_temperature == pytest.approx(300.0, rel=0.1)
    assert sound.drift < 0.05
    assert 0.001 < sound.fluctuation < 0.5


def test_the_heat_is_that_of_a_classical_crystal(sound):
    """Kinetic and potential energy are 3/2 k T each at high temperatures (Dulong and Petit)."""
    expected = 3.0 * units.kB * 300.0
    assert sound.nvt.energies[0] == pytest.approx(expected * 31 / 32, rel=1e-3)
    assert sound.nvt.energies[125:].mean() == pytest.approx(expected, rel=0.1)
    kinetic = 1.5 * units.kB * sound.nve.temperatures * 31 / 32
    assert sound.nve.energies.mean() / 2 == pytest.approx(kinetic.mean(), rel=0.1)


def test_the_temperature_is_the_one_asked_for():
    assert run(temperature=100.0).mean_temperature == pytest.approx(100.0, rel=0.1)


def test_the_same_seed_repeats_the_run():
    first, again, other = (run(steps=20, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.nve.energies, again.nve.energies)
    assert first.drift == again.drift
    assert first.drift != other.drift


def test_the_energy_fluctuates_with_the_square_of_the_timestep():
    """E(dt) - E = O(dt^2) of velocity Verlet."""
    fluctuations = [run(timestep=dt, steps=round(400 / dt)).fluctuation for dt in (2.0, 4.0)]
    assert fluctuations[1] / fluctuations[0] == pytest.approx(4.0, rel=0.2)


def test_a_long_timestep_drifts(sound):
    # Verlet is stable to the shortest period over pi, 44 fs, in a harmonic crystal.
    assert run(timestep=30.0, steps=100).drift > 20 * sound.drift


@pytest.mark.parametrize("slope", [0.002, -0.002])
def test_drift_is_the_size_of_a_slope_and_fluctuation_what_is_left(slope):
    times = 0.01 * np.arange(401)
    wave = 0.003 * np.sqrt(2.0) * np.sin(2.0 * np.pi * 10.0 * times)
    energies = -3.0 + slope * times + wave
    run = Trajectory(times, energies, np.full(401, 300.0), None, "")
    found = Dynamics(run, run, 300.0)
    assert found.drift == pytest.approx(2.0, rel=0.03)  # meV/atom/ps
    assert found.fluctuation == pytest.approx(3.0, rel=0.01)  # meV/atom


def test_a_timestep_too_long_ends_the_run():
    ended = run(timestep=60.0, steps=100_000)
    assert ended.survived < 10.0
    assert ended.nve is None
    assert "energy" in ended.nvt.stopped


def swirl(calculator, forces):
    """Add forces that no energy has: they turn around the sites."""
    sites = bulk("Cu", "fcc", a=A, cubic=True) * (2, 2, 2)
    away = calculator.atoms.positions - sites.positions
    return forces + 0.1 * np.cross([0.0, 0.0, 1.0], away - away.mean(axis=0))


def test_forces_that_are_no_gradient_drift(sound):
    broken = run(Changed(swirl))
    assert broken.drift > 20 * sound.drift
    assert broken.drift > 1.0


def test_forces_of_another_size_fluctuate(sound):
    broken = run(Changed(lambda _, forces: 1.1 * forces), steps=100)
    assert broken.fluctuation > 10 * sound.fluctuation


def late(calculator):
    return calculator.n_calculations > 50


def not_a_number(calculator, forces):
    return forces * (np.nan if late(calculator) else 1.0)


def give_up(calculator, forces):
    if late(calculator):
        raise RuntimeError("an atom has\nno neighbours")
    return forces


def push_one(_, forces):
    """Push an atom out of its cage."""
    forces = forces.copy()
    forces[0] += [5.0, 0.0, 0.0]
    return forces


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_a_number, "a force is not finite"),
        (give_up, "RuntimeError: an atom has no neighbours"),
        (push_one, "two atoms are|the potential energy changes|the kinetic energy"),
    ],
)
def test_a_run_that_goes_wrong_ends(change, reason):
    ended = run(Changed(change), steps=100_000)
    assert 0.0 < ended.survived < 1.0
    with pytest.raises(PropertyFailed, match=f"run at 300 K.*({reason})"):
        _ = ended.mean_temperature
    with pytest.raises(PropertyFailed, match=reason):
        _ = ended.drift


class Free(Calculator):
    """No forces at all."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "forces": np.zeros((len(self.atoms), 3))}


@pytest.mark.parametrize(
    ("velocity", "reason"), [(0.2, "Angstrom from all others"), (-0.2, "Angstrom apart")]
)
def test_an_atom_that_leaves_or_falls_into_another(velocity, reason):
    atoms = Atoms("Cu3", [[0, 0, 0], [2.5, 0, 0], [5, 0, 0]], cell=[40, 40, 40], pbc=True)
    atoms.calc = Free()
    atoms.set_velocities([[0, 0, 0], [0, 0, 0], [velocity, 0, 0]])
    limits = Limits(energy=0.0, distance=2.5, temperature=10_000.0)
    ended = follow(VelocityVerlet(atoms, 1.0), 1000, limits)
    assert reason in ended.stopped
    assert len(ended.energies) < 30


class Knows(Bonds):
    """A calculator that tells which atoms are outside its training range."""

    def __init__(self):
        super().__init__(SHELLS, ALPHA)
        self.extrapolations = np.zeros(0, dtype=int)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.extrapolations = np.zeros(len(self.atoms), dtype=int)
        self.extrapolations[:2] = 5  # of two atoms, however many symmetry functions


def test_share_of_atoms_that_extrapolate():
    assert run(Knows(), steps=20).extrapolating == pytest.approx(100.0 * 2 / 32)


def wanted(**changes):
    return PropertiesSettings.model_validate(
        {"dynamics": {"steps": 50, "supercell": 2, **changes}, "lattice_constant_start": A}
    )


def test_a_row_for_every_result():
    settings = wanted()
    calculator = Bonds(SHELLS, ALPHA)
    table = compute_properties(calculator, settings, ["Cu"])
    assert [row.name for row in table.rows] == NAMES == property_names(settings)
    assert [row.unit for row in table.rows] == ["ps", "K", "%", "meV/atom/ps", "meV/atom"]
    assert table.failures == {
        "nvt_extrapolating": "the calculator does not know its training range"
    }
    assert table["nvt_stable"].value == pytest.approx(0.1)
    assert property_error(table, settings) == 0.0
    # One run for all rows.
    assert calculator.n_calculations < 2 * 50 + 50
    PropertiesSettings.model_validate({"weights": dict.fromkeys(NAMES, 1.0)})


def test_rows_of_a_run_that_ends_early():
    table = compute_properties(Changed(not_a_number), wanted(steps=1000), ["Cu"])
    assert table["nvt_stable"].value < 2.0
    assert all(
        "the run at 300 K ends after" in table.failures[name]
        for name in ("nvt_temperature", "nve_drift", "nve_fluctuation")
    )


def test_rows_of_a_calculator_without_supercells():
    def refuse(calculator, forces):
        raise RuntimeError("no supercells")

    table = compute_properties(Changed(refuse), wanted(), ["Cu"])
    assert table.failures == dict.fromkeys(NAMES, "RuntimeError: no supercells")


@pytest.mark.parametrize(
    ("name", "unit"),
    [("property.nve_drift", "meV/atom/ps"), ("nvt_temperature_std", "K"), ("nvt_stable", "ps")],
)
def test_units(name, unit):
    assert unit_of(name) == unit
