"""Committees: means and spreads, the calculator, folders, export whole or not at all."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import read, write

from autune import Committee, Potential
from autune.architecture import Architecture
from autune.errors import ConfigError, DataError, ExportMismatch, FormatError
from autune.formats.atoms import from_atoms
from autune.formats.tables import Scaling
from autune.potential import export
from autune.potential.basis import build_architecture
from autune.potential.export import export_committee
from autune.settings import PotentialSettings
from autune.structures import Structure

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"


def load(case: str) -> Potential:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Potential.load(REFERENCE / case)


def other_weights(potential: Potential, seed: int) -> Potential:
    generator = np.random.default_rng(seed)
    return replace(
        potential,
        weights={e: w + generator.normal(0.0, 0.1, w.shape) for e, w in potential.weights.items()},
    )


@pytest.fixture(scope="module")
def alloy() -> Potential:
    settings = PotentialSettings.model_validate({"elements": ["Cu", "Au"], "hidden_layers": [4]})
    architecture = build_architecture(settings)
    generator = np.random.default_rng(4)
    scaling, weights = {}, {}
    for element in architecture.elements:
        low, high = np.zeros((2, len(architecture.symmetry_functions[element])))
        high += 2.0
        scaling[element] = Scaling(low, high, 0.5 * high, 0.2 * high)
        weights[element] = generator.normal(0.0, 0.5, architecture.n_weights(element))
    return Potential(architecture, scaling, weights)


@pytest.fixture(scope="module")
def gold() -> Potential:
    return load("sf/cut6")


@pytest.fixture(scope="module")
def members(gold: Potential) -> list[Potential]:
    """Two that are alike, one with other functions between them, one with other statistics."""
    statistics = {
        element: replace(s, mean=s.mean * 1.1, maximum=s.maximum * 0.9)
        for element, s in gold.scaling.items()
    }
    units = Architecture(**{**gold.architecture.__dict__, "mean_energy": -2.0, "conv_energy": 3.0})
    return [
        gold,
        load("sf/cut2"),
        other_weights(gold, 1),
        replace(gold, architecture=units, scaling=statistics),
    ]


@pytest.fixture(scope="module")
def committee(members: list[Potential]) -> Committee:
    return Committee(tuple(members))


@pytest.fixture
def atoms() -> Atoms:
    atoms = bulk("Au", "fcc", a=4.1, cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def test_prediction_is_mean_and_spread_of_what_each_member_says(
    committee: Committee, members: list[Potential], atoms: Atoms
) -> None:
    alone = [member.predict(atoms) for member in members]
    found = committee.predict(atoms)
    energies = np.array([p.energy for p in alone])
    forces = np.array([p.forces for p in alone])
    assert np.ptp(energies) > 0.1
    assert found.energy == pytest.approx(energies.sum() / 4, rel=1e-12)
    assert found.energy_std == pytest.approx(np.sqrt(energies.var() * 4 / 3), rel=1e-9)
    np.testing.assert_allclose(found.forces, forces.sum(axis=0) / 4, atol=1e-12)
    np.testing.assert_allclose(found.forces_std, forces.std(axis=0, ddof=1), atol=1e-12)
    distances = np.linalg.norm(forces - forces.mean(axis=0), axis=2)
    np.testing.assert_allclose(found.atom_forces_std, np.sqrt((distances**2).sum(axis=0) / 3))
    for name in ("virial", "atomic_energies"):
        values = np.array([getattr(p, name) for p in alone])
        np.testing.assert_allclose(getattr(found, name), values.mean(axis=0), rtol=1e-10)
        spread = getattr(found, f"{name}_std")
        np.testing.assert_allclose(spread, values.std(axis=0, ddof=1), rtol=1e-8, atol=1e-12)
    assert found.stress is not None
    np.testing.assert_allclose(found.stress, found.virial / atoms.get_volume(), rtol=1e-12)
    outside = np.array([p.extrapolations for p in alone])
    assert (outside.max(axis=0) > outside.min(axis=0)).any()
    np.testing.assert_array_equal(found.extrapolations, outside.max(axis=0))
    for mine, theirs in zip(found.members, alone, strict=True):
        assert mine.energy == pytest.approx(theirs.energy, rel=1e-12)
        np.testing.assert_allclose(mine.forces, theirs.forces, atol=1e-12)


def test_committee_of_one_potential_twice_does_not_disagree(gold: Potential, atoms: Atoms) -> None:
    twice, once = Committee((gold, gold)).predict(atoms), gold.predict(atoms)
    assert (twice.energy, twice.energy_std) == (once.energy, 0.0)
    np.testing.assert_array_equal(twice.forces, once.forces)
    assert not twice.forces_std.any()


def test_two_elements(alloy: Potential, atoms: Atoms) -> None:
    pair = (alloy, other_weights(alloy, 2))
    atoms.numbers[:2] = 29
    alone = [member.predict(atoms) for member in pair]
    found = Committee(pair).predict(atoms)
    assert found.energy == pytest.approx(np.mean([p.energy for p in alone]), rel=1e-12)
    np.testing.assert_allclose(found.forces, (alone[0].forces + alone[1].forces) / 2, atol=1e-12)


def test_forces_and_stress_are_derivatives_of_the_mean_energy(
    committee: Committee, atoms: Atoms
) -> None:
    atoms.calc = committee.calculator()
    forces, stress, step = atoms.get_forces(), atoms.get_stress(voigt=False), 1e-4
    for atom, axis in ((0, 0), (2, 1), (3, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(committee.predict(moved).energy)
        slope = -(energies[0] - energies[1]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(slope, abs=1e-6)
    strained = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.set_cell(atoms.cell * (1 + sign * step), scale_atoms=True)
        strained.append(committee.predict(moved).energy)
    derivative = (strained[0] - strained[1]) / (2 * step) / atoms.get_volume()
    assert np.trace(stress) == pytest.approx(derivative, rel=1e-5)


def test_calculator_gives_the_spread(committee: Committee, atoms: Atoms, tmp_path: Path) -> None:
    atoms.calc = calculator = committee.calculator()
    expected = committee.predict(atoms)
    assert calculator.committee is committee
    assert atoms.get_potential_energy() == expected.energy
    assert calculator.get_property("energy_std") == expected.energy_std
    np.testing.assert_array_equal(calculator.get_property("forces_std"), expected.forces_std)
    np.testing.assert_array_equal(
        calculator.get_property("energies_std", atoms), expected.atomic_energies_std
    )
    np.testing.assert_array_equal(calculator.extrapolations, expected.extrapolations)
    assert {"energy_std", "forces_std", "energies_std"} < set(calculator.implemented_properties)
    # ASE writes what it knows and is not confused by the rest.
    for name in ("a.traj", "a.extxyz"):
        write(tmp_path / name, atoms)
        assert read(tmp_path / name).get_potential_energy() == pytest.approx(expected.energy)
    assert calculator.calculate_properties(atoms, ["energy"])["energy"] == expected.energy
    atoms.positions[0, 0] += 0.2
    assert calculator.get_property("energy_std", atoms) != expected.energy_std


def test_cluster_has_no_stress(committee: Committee) -> None:
    cluster = Atoms("Au2", [[0, 0, 0], [0, 0, 2.7]], calculator=committee.calculator())
    assert cluster.get_forces().shape == (2, 3)
    assert committee.predict(cluster).stress is None
    with pytest.raises(PropertyNotImplementedError):
        cluster.get_stress()


def test_saved_committee_comes_back_in_order(gold: Potential, atoms: Atoms, tmp_path: Path) -> None:
    committee = Committee(tuple(other_weights(gold, seed) for seed in range(11)))
    committee.save(tmp_path / "new" / "committee")
    back = Committee.load(tmp_path / "new" / "committee")
    assert len(back) == 11
    for mine, theirs in zip(back.members, committee.members, strict=True):
        np.testing.assert_array_equal(mine.weights["Au"], theirs.weights["Au"])
    assert back.elements == ("Au",)
    assert back.r_cutoff == gold.r_cutoff
    Committee(committee.members[:2]).save(tmp_path / "new" / "committee")
    assert len(Committee.load(tmp_path / "new" / "committee")) == 2, "none of the old is left"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["committee"]


def test_training_with_several_seeds_is_a_committee(gold: Potential, tmp_path: Path) -> None:
    for seed in (0, 2):
        other_weights(gold, seed).save(tmp_path / f"seed-{seed}" / "potential")
    (tmp_path / "seed-1").mkdir()  # diverged
    (tmp_path / "settings.yaml").write_text("")
    found = Committee.load(tmp_path)
    expected = [other_weights(gold, seed).weights["Au"] for seed in (0, 2)]
    np.testing.assert_array_equal([m.weights["Au"] for m in found.members], expected)


def test_potential_says_that_a_folder_is_a_committee(gold: Potential, tmp_path: Path) -> None:
    Committee((gold, gold)).save(tmp_path / "two")
    with pytest.raises(FormatError, match=r"a committee of 2: load it with Committee\.load, or "):
        Potential.load(tmp_path / "two")
    Potential.load(tmp_path / "two" / "seed-1")
    gold.save(tmp_path / "one" / "seed-0")
    with pytest.raises(FormatError, match=r"there is one in .*seed-0$"):
        Potential.load(tmp_path / "one")


def test_what_is_no_committee_is_refused(gold: Potential, alloy: Potential, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two members or more, found 1"):
        Committee((gold,))
    with pytest.raises(DataError, match="the first knows Au, number 1 Cu, Au"):
        Committee((gold, alloy))
    gold.save(tmp_path / "one" / "seed-0")
    for folder, found in ((tmp_path / "one", 1), (tmp_path / "nothing", 0)):
        with pytest.raises(FormatError, match=f"expected a committee .* found {found}"):
            Committee.load(folder)
    gold.save(tmp_path / "potential")
    with pytest.raises(FormatError, match="found 0"):
        Committee.load(tmp_path / "potential")


def test_committee_keeps_away_from_what_is_no_committee(gold: Potential, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else than a committee; name another"):
        Committee((gold, gold)).save(tmp_path)
    with pytest.raises(ConfigError, match="something else"):
        export_committee([gold, gold], tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_export_replaces_only_what_an_export_wrote(gold: Potential, tmp_path: Path) -> None:
    Committee((gold, gold, gold)).save(tmp_path / "trained")
    with pytest.raises(ConfigError, match="seed-0 holds a potential that no export wrote"):
        export_committee([gold, gold], tmp_path / "trained")
    assert len(Committee.load(tmp_path / "trained")) == 3
    for _ in range(2):
        export_committee([gold, gold], tmp_path / "exported")


def test_export_writes_every_member(
    gold: Potential, members: list[Potential], atoms: Atoms, tmp_path: Path
) -> None:
    bohr = replace(
        gold, architecture=Architecture(**{**gold.architecture.__dict__, "length_unit": 1.1})
    )
    export_committee([*members, bohr], tmp_path / "out")
    back = Committee.load(tmp_path / "out")
    assert (tmp_path / "out" / "seed-4" / "in.lammps").is_file()
    assert back.members[4].architecture.length_unit == 1.0
    expected = np.mean([p.predict(atoms).energy for p in [*members, bohr]])
    assert back.predict(atoms).energy == pytest.approx(expected, rel=1e-9)


def test_export_is_whole_or_not_at_all(
    gold: Potential, atoms: Atoms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, compare = other_weights(gold, 9), export.compare_potentials

    def refuse_bad(original: Potential, copy: Potential, structures: list[Structure]) -> None:
        if original is bad:
            raise ExportMismatch("differs")
        compare(original, copy, structures)

    monkeypatch.setattr(export, "compare_potentials", refuse_bad)
    with pytest.raises(ExportMismatch, match="member 2 of the committee: differs"):
        export_committee([gold, gold, bad], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    export_committee([gold, gold], tmp_path / "out", [from_atoms(atoms)])
    with pytest.raises(ExportMismatch):
        export_committee([gold, gold, bad], tmp_path / "out")
    assert len(Committee.load(tmp_path / "out")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
