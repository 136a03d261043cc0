"""Symmetry functions outside the range of the training set: which atom, which, how far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from autune import Committee, Potential
from autune.architecture import Architecture, SymmetryFunction
from autune.evaluation.extrapolation import (
    describe_extrapolation,
    extrapolation_rows,
    furthest_outside,
)
from autune.formats.atoms import from_atoms
from autune.formats.tables import Scaling
from autune.kernels.prediction import EXTRAPOLATION_MARGIN
from autune.potential.descriptors import compute_descriptors, scaling_statistics

R_CUTOFF = 5.0
FUNCTIONS = {
    "Cu": (
        SymmetryFunction(2, ("Cu",), 0.3, 2.0, R_CUTOFF),
        SymmetryFunction(2, ("Au",), 0.3, 2.0, R_CUTOFF),
    ),
    "Au": (
        SymmetryFunction(2, ("Cu",), 0.1, 0.0, R_CUTOFF),
        SymmetryFunction(2, ("Au",), 0.1, 0.0, R_CUTOFF),
        SymmetryFunction(9, ("Au", "Cu"), 0.01, 0.0, R_CUTOFF, -1.0, 2.0),
    ),
}
DISPLACED = 5


def crystal(rattle: float, seed: int) -> Atoms:
    atoms = bulk("Au", "fcc", a=3.9, cubic=True) * (2, 1, 1)
    atoms.numbers[[0, 3, 6]] = 29
    atoms.rattle(rattle, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def potential() -> Potential:
    """Of random weights, and the ranges of three crystals."""
    architecture = Architecture(("Cu", "Au"), FUNCTIONS, "cos", (3,), ("tanh", "identity"))
    training = [from_atoms(crystal(0.05, seed)) for seed in range(3)]
    found = compute_descriptors(training, architecture)
    generator = np.random.default_rng(7)
    return Potential(
        architecture,
        scaling_statistics(found.G, found.element, architecture),
        {e: generator.normal(size=architecture.n_weights(e)) for e in ("Cu", "Au")},
    )


@pytest.fixture
def atoms() -> Atoms:
    """A crystal of the training set of which one atom was moved."""
    atoms = crystal(0.05, 0)
    atoms.positions[DISPLACED] += [0.5, 0.2, 0.0]
    return atoms


def equation(atoms: Atoms, i: int, f: SymmetryFunction) -> float:
    """The function as its paper writes it, over explicit images."""
    images = atoms * (5, 9, 9)
    center = i + len(atoms) * (2 * 81 + 4 * 9 + 4)
    vectors = np.delete(images.positions - images.positions[center], center, axis=0)
    symbols = np.delete(images.get_chemical_symbols(), center)
    r = np.linalg.norm(vectors, axis=1)
    near = r < f.r_cutoff
    vectors, symbols, r = vectors[near], symbols[near], r[near]
    g = np.exp(-f.eta * (r - f.r_shift) ** 2) * 0.5 * (np.cos(np.pi * r / f.r_cutoff) + 1)
    if f.kind == 2:
        return float(g[symbols == f.neighbours[0]].sum())
    unit = vectors / r[:, None]
    terms = 2 ** (1 - f.zeta) * (1 + f.lambda_ * unit @ unit.T) ** f.zeta * np.outer(g, g)
    return float(terms[np.ix_(symbols == f.neighbours[0], symbols == f.neighbours[1])].sum())


def test_atoms_of_the_training_set_are_inside(potential):
    for seed in range(3):
        found = potential.predict(crystal(0.05, seed))
        assert found.list_extrapolations() == []
        assert not found.extrapolations.any()
        assert not found.excess.any()


def test_displaced_atom_is_named_with_values_of_an_independent_computation(potential, atoms):
    prediction = potential.predict(atoms)
    found = prediction.list_extrapolations()
    expected, largest = [], np.zeros(len(atoms))
    for i, element in enumerate(atoms.get_chemical_symbols()):
        s = potential.scaling[element]
        for k, f in enumerate(FUNCTIONS[element]):
            value = equation(atoms, i, f)
            outside = max(s.minimum[k] - value, value - s.maximum[k])
            if outside > 0:
                excess = outside / (s.maximum[k] - s.minimum[k])
                expected.append((i, element, f, k, value, s.minimum[k], s.maximum[k], excess))
                largest[i] = max(largest[i], excess)
    assert DISPLACED in {atom for atom, *_ in expected}
    assert {f.kind for _, _, f, *_ in expected} == {2, 9}
    assert [(e.atom, e.element, e.function, e.place) for e in found] == [e[:4] for e in expected]
    for e, (*_, value, minimum, maximum, excess) in zip(found, expected, strict=True):
        assert (e.minimum, e.maximum) == (minimum, maximum)
        assert e.value == pytest.approx(value, rel=1e-10)
        assert e.excess == pytest.approx(excess, rel=1e-8)
    np.testing.assert_allclose(prediction.excess, largest, rtol=1e-8)
    counts = np.bincount([e[0] for e in expected], minlength=len(atoms))
    np.testing.assert_array_equal(prediction.extrapolations, counts)


def test_permutation_of_atoms_permutes(potential, atoms):
    order = np.random.default_rng(1).permutation(len(atoms))
    before, after = potential.predict(atoms), potential.predict(atoms[order])
    np.testing.assert_allclose(after.excess, before.excess[order], rtol=1e-9)
    np.testing.assert_array_equal(after.extrapolations, before.extrapolations[order])
    moved = {(order[e.atom], e.function): e.value for e in after.list_extrapolations()}
    assert moved == pytest.approx(
        {(e.atom, e.function): e.value for e in before.list_extrapolations()}
    )


def test_function_that_is_constant_in_the_training_set_has_a_finite_excess(potential, atoms):
    scaling = {}
    for element, s in potential.scaling.items():
        scaling[element] = Scaling(s.mean, s.mean, s.mean, s.sigma)
    constant = replace(
        potential, scaling=scaling, architecture=replace(potential.architecture, scaling="center")
    )
    found = constant.predict(atoms)
    assert (found.extrapolations > 0).all()
    assert np.isfinite(found.excess).all()
    first = found.list_extrapolations()[0]
    assert first.excess == pytest.approx(
        abs(first.value - first.minimum) / EXTRAPOLATION_MARGIN, rel=1e-6
    )


def test_committee_takes_the_member_that_is_furthest_outside(potential, atoms):
    narrow = {e: replace(s, maximum=0.9 * s.maximum) for e, s in potential.scaling.items()}
    other = Potential(
        replace(potential.architecture, hidden_layers=(2,)),
        potential.scaling,
        {e: np.ones(potential.architecture.layer_sizes(e)[0] * 2 + 5) for e in ("Cu", "Au")},
    )
    members = (potential, replace(potential, scaling=narrow), other)
    alone = [member.predict(atoms) for member in members]
    found = Committee(members).predict(atoms)
    np.testing.assert_array_equal(found.excess, np.max([p.excess for p in alone], axis=0))
    listed = {(e.atom, e.place): e.excess for e in found.list_extrapolations()}
    assert len(listed) == len(found.list_extrapolations())
    of_each = [{(e.atom, e.place): e.excess for e in p.list_extrapolations()} for p in alone]
    assert of_each[0] == of_each[2]
    assert len(of_each[1]) > len(of_each[0]) > 0
    assert listed == {
        key: max(of_member.get(key, 0.0) for of_member in of_each)
        for key in {key for of_member in of_each for key in of_member}
    }
    assert list(listed) == sorted(listed)
    for mine, theirs in zip(found.members, alone, strict=True):
        assert mine.list_extrapolations() == theirs.list_extrapolations()


@pytest.mark.parametrize("committee", [False, True])
def test_calculator_carries_it_through_ase(potential, atoms, committee, tmp_path: Path):
    of = Committee((potential, potential)) if committee else potential
    atoms.calc = calculator = of.calculator()
    expected = of.predict(atoms)
    energy = atoms.get_potential_energy()
    for name, values in (
        ("extrapolations", expected.extrapolations), ("extrapolation_excess", expected.excess)
    ):  # fmt: skip
        assert name in calculator.implemented_properties
        np.testing.assert_array_equal(calculator.results[name], values)
        np.testing.assert_array_equal(calculator.get_property(name, atoms), values)
    np.testing.assert_array_equal(calculator.extrapolations, expected.extrapolations)
    for file in ("a.extxyz", "a.traj", "a.json"):
        write(tmp_path / file, atoms)
        assert read(tmp_path / file).get_potential_energy() == pytest.approx(energy)
    assert set(calculator.export_properties()) == {
        "energy", "free_energy", "energies", "forces", "stress", "natoms"
    }  # fmt: skip
    SinglePointCalculator(atoms, **{
        name: calculator.results[name] for name in ("energy", "forces", "stress")
    })  # fmt: skip
    # A user's own file may hold them as columns.
    atoms.arrays["excess"] = calculator.results["extrapolation_excess"]
    write(tmp_path / "b.extxyz", atoms)
    np.testing.assert_allclose(
        read(tmp_path / "b.extxyz").arrays["excess"], expected.excess, atol=1e-8
    )
    atoms.positions[DISPLACED] -= [0.5, 0.2, 0.0]
    assert not calculator.get_property("extrapolation_excess", atoms).any()
    assert not calculator.extrapolations.any()


def test_tables_of_a_set_of_structures(potential, atoms):
    far = atoms.copy()
    far.positions[DISPLACED] += [0.3, 0.0, 0.0]
    structures = [
        replace(from_atoms(a), name=name, group="fcc")
        for a, name in ((crystal(0.05, 1), "inside"), (atoms, "near"), (far, "far"))
    ]
    predictions = [potential.predict(s) for s in structures]
    all_rows = list(extrapolation_rows(structures, predictions))
    assert len(all_rows) == sum(int(p.extrapolations.sum()) for p in predictions)
    assert {(row["index"], row["structure"], row["group"]) for row in all_rows} == {
        (1, "near", "fcc"), (2, "far", "fcc")
    }  # fmt: skip
    shown = furthest_outside(structures, predictions)
    assert [row["structure"] for row in shown] == ["far", "near"]
    assert len(furthest_outside(structures, predictions, n_rows=1)) == 1
    for row in shown:
        assert row["excess_percent"] == max(
            r["excess_percent"] for r in all_rows if r["index"] == row["index"]
        )
        atom = row["atom"]
        assert row["element"] == atoms.get_chemical_symbols()[atom]
        assert row["symmetry_function"] in {str(f) for f in FUNCTIONS[row["element"]]}
        assert row["atoms_outside"].endswith(" of 8")
    n = sum(int((p.extrapolations > 0).sum()) for p in predictions)
    sentence = describe_extrapolation(structures, predictions)
    assert sentence.startswith(f"{n} of 24 atoms, in 2 of 3 structures, have symmetry functions")
    assert describe_extrapolation(structures[:1], predictions[:1]).startswith("all symmetry fun")
