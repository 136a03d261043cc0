"""Predictions: n2p2's numbers, finite differences, invariances, files that come back."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100
from ase.calculators.calculator import PropertyNotImplementedError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from autune.errors import ConfigError, DataError, ExportMismatch, FormatError
from autune.formats.atoms import from_atoms
from autune.formats.input_data import read_input_data
from autune.potential.export import compare_potentials, export_potential
from autune.potential.lammps_inputs import lammps_input
from autune.potential.model import Potential
from autune.structures import Structure
from autune.units import BOHR, HARTREE

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
CASES = sorted([*(REFERENCE / "sf").iterdir(), *(REFERENCE / "net").iterdir()])
MOLYBDENUM = Path(__file__).parents[3] / "shared" / "reference" / "n2p2" / "mlearn" / "Mo"


def read_predictions(path: Path) -> list[tuple[float, np.ndarray]]:
    """Energy and forces of every structure of a predict.out."""
    structures: list[tuple[float, list[list[float]]]] = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[0] == "E":
            structures.append((float(words[4]), []))
        elif words[0] == "F":
            structures[-1][1].append([float(word) for word in words[3:6]])
    return [(energy, np.array(forces)) for energy, forces in structures]


def load(case: Path) -> Potential:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # negative r_shift, tested elsewhere
        return Potential.load(case)


@pytest.fixture(scope="module")
def gold() -> Potential:
    return load(REFERENCE / "sf" / "cut6")


def distorted_gold(n: int = 2) -> Atoms:
    atoms = bulk("Au", "fcc", a=4.1, cubic=True) * (n, 1, 1)
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.05 * np.tri(3)), scale_atoms=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def test_functions_in_another_order_are_written_in_that_of_n2p2(tmp_path: Path) -> None:
    """As those of a file with negative r_shift, which counts for its order alone."""
    (tmp_path / "before").mkdir()
    case = REFERENCE / "sf" / "cut6"
    for path in case.iterdir():
        (tmp_path / "before" / path.name).write_bytes(path.read_bytes())
    lines = (case / "input.nn").read_text().splitlines()
    angular = [k for k, line in enumerate(lines) if line.split()[:2] == ["symfunction_short", "Au"]]
    angular = [k for k in angular if lines[k].split()[2] == "9"]
    # All of one eta, so that r_shift decides, and the last in order comes first.
    for place, k in enumerate(angular):
        words = lines[k].split()
        words[5] = "0.02"
        words[9:] = [str(-1.0 - place)]
        lines[k] = " ".join(words)
    (tmp_path / "before" / "input.nn").write_text("\n".join(lines) + "\n")
    read = load(tmp_path / "before")
    functions = read.architecture.symmetry_functions["Au"]
    assert list(functions) != sorted(functions, key=lambda f: f.sort_key)
    read.save(tmp_path / "after")
    compare_potentials(read, Potential.load(tmp_path / "after"), [from_atoms(distorted_gold())])


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_predictions_are_those_of_n2p2(case: Path) -> None:
    potential = load(case)
    data = "aucu.data" if case.name.startswith("aucu") else "au.data"
    structures = read_input_data(REFERENCE / "structures" / data)
    expected = read_predictions(case / "predict.out")
    for structure, (energy, forces) in zip(structures, expected, strict=True):
        prediction = potential.predict(structure)
        assert prediction.energy == pytest.approx(energy, rel=1e-10)
        np.testing.assert_allclose(prediction.forces, forces, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("elements", "lattice", "relaxed"),
    [
        (("Au",), "fcc 4.0800", "iso"),
        (("Fe",), "bcc 2.8700", "iso"),
        (("Po",), "sc 3.3500", "iso"),
        (("Si",), "diamond 5.4300", "iso"),
        (("Ti",), "hcp 2.9500", "aniso"),
        (("H", "O"), "fcc 1.8668", "iso"),  # no crystal: spheres of oxygen, the larger, touch
        (("Li", "O", "Ti"), "bcc 3.4900", "iso"),
    ],
)
def test_lammps_input_begins_with_a_crystal(
    elements: tuple[str, ...], lattice: str, relaxed: str
) -> None:
    text = lammps_input(SimpleNamespace(elements=elements, r_cutoff=6.0))  # type: ignore[arg-type]
    lines = [" ".join(line.partition("#")[0].split()) for line in text.splitlines()]
    assert f"lattice {lattice}" in lines
    assert f"fix relax all box/relax {relaxed} 0.0" in lines
    assert f"create_box {len(elements)} box" in lines
    assert [line.split()[1] for line in lines if line.startswith("mass")] == [
        str(i + 1) for i in range(len(elements))
    ]
    # One of n atoms becomes type n, then one of n - 1 left becomes type n - 1, ...
    shares = [line.split()[4:6] for line in lines if line.startswith("set type 1 type/ratio")]
    assert [int(kind) for kind, _ in shares] == list(range(len(elements), 1, -1))
    assert [float(share) for _, share in shares] == pytest.approx(
        [1 / n for n in range(len(elements), 1, -1)], abs=1e-6
    )
    assert f"pair_coeff * * {' '.join(elements)}" in lines


@pytest.mark.skipif(not MOLYBDENUM.is_dir(), reason="published potential not at hand")
def test_published_molybdenum_predicts_as_in_n2p2() -> None:
    potential = Potential.load(MOLYBDENUM, "Hartree,Bohr")
    structures = read_input_data(MOLYBDENUM / "structures.data", BOHR, HARTREE)
    expected = read_predictions(MOLYBDENUM / "predict.out")
    extrapolations = []
    for structure, (energy, forces) in zip(structures, expected, strict=True):
        prediction = potential.predict(structure)
        assert prediction.energy == pytest.approx(energy * HARTREE, rel=1e-10)
        np.testing.assert_allclose(prediction.forces, forces * HARTREE / BOHR, rtol=0, atol=1e-8)
        extrapolations.append(int(prediction.extrapolations.sum()))
    assert extrapolations == [0, 0, 0, 54, 0]


def test_forces_are_finite_differences(gold: Potential) -> None:
    structure = from_atoms(distorted_gold())
    forces = gold.predict(structure).forces
    step = 1e-5
    for atom, direction in [(0, 0), (3, 1), (7, 2)]:
        energies = []
        for sign in (-1.0, 1.0):
            positions = structure.positions.copy()
            positions[atom, direction] += sign * step
            energies.append(
                gold.predict(Structure(structure.numbers, positions, structure.cell)).energy
            )
        derivative = (energies[1] - energies[0]) / (2 * step)
        assert forces[atom, direction] == pytest.approx(-derivative, abs=1e-7)


@pytest.mark.parametrize("atoms", [distorted_gold(), bulk("Au", "fcc", a=4.1)], ids=["8", "1"])
def test_stress_of_the_calculator_is_a_finite_difference(gold: Potential, atoms: Atoms) -> None:
    atoms = atoms.copy()
    atoms.calc = gold.calculator()
    stress = atoms.get_stress(voigt=False)
    step = 1e-5
    for a, b in [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2)]:
        energies = []
        for sign in (-1.0, 1.0):
            strain = np.eye(3)
            strain[a, b] += 0.5 * sign * step
            strain[b, a] += 0.5 * sign * step
            strained = atoms.copy()
            strained.calc = gold.calculator()
            strained.set_cell(atoms.cell @ strain, scale_atoms=True)
            energies.append(strained.get_potential_energy())
        derivative = (energies[1] - energies[0]) / (2 * step * atoms.get_volume())
        assert stress[a, b] == pytest.approx(derivative, abs=1e-8)


def test_calculator_offers_all_energies(gold: Potential) -> None:
    atoms = distorted_gold()
    atoms.calc = gold.calculator()
    energy = atoms.get_potential_energy()
    assert atoms.get_potential_energy(force_consistent=True) == energy
    assert atoms.get_potential_energies().sum() == pytest.approx(energy)
    assert atoms.get_forces().sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-10)
    cluster = Atoms("Au2", [[0, 0, 0], [0, 0, 2.7]], calculator=gold.calculator())
    cluster.get_forces()
    with pytest.raises(PropertyNotImplementedError):
        cluster.get_stress()


def test_slab_with_open_boundary_equals_slab_with_vacuum(gold: Potential) -> None:
    slab = fcc100("Au", (2, 1, 3), a=4.1, vacuum=8.0)
    slab.rattle(0.05, seed=1)
    closed = slab.copy()
    closed.pbc = True
    slab.calc, closed.calc = gold.calculator(), gold.calculator()
    assert slab.get_potential_energy() == pytest.approx(closed.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(slab.get_stress(), closed.get_stress(), atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_energy_does_not_change_with_pose_or_order(gold: Potential, seed: int) -> None:
    generator = np.random.default_rng(seed)
    s = from_atoms(distorted_gold())
    assert s.cell is not None
    rotation = Rotation.random(random_state=seed).as_matrix()
    order = generator.permutation(s.n_atoms)
    moved = Structure(
        s.numbers[order],
        (s.positions[order] + generator.normal(size=3) * 10) @ rotation.T,
        s.cell @ rotation.T,
    )
    expected, found = gold.predict(s), gold.predict(moved)
    assert found.energy == pytest.approx(expected.energy, rel=1e-11)
    np.testing.assert_allclose(found.forces, expected.forces[order] @ rotation.T, atol=1e-9)
    assert found.stress is not None
    assert expected.stress is not None
    np.testing.assert_allclose(found.stress, rotation @ expected.stress @ rotation.T, atol=1e-10)


def test_energy_is_extensive(gold: Potential) -> None:
    one, many = distorted_gold(1), distorted_gold(1) * (2, 1, 3)
    single, several = gold.predict(one), gold.predict(many)
    assert several.energy == pytest.approx(6 * single.energy, rel=1e-12)
    np.testing.assert_allclose(several.forces, np.tile(single.forces, (6, 1)), atol=1e-10)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_saved_potential_predicts_the_same(case: Path, tmp_path: Path) -> None:
    potential = load(case)
    export_potential(potential, tmp_path / "out")
    assert load(tmp_path / "out").architecture == potential.architecture
    radius = {"aucu_alltypes": "5.51"}.get(case.name, "6.01")
    assert f"pair_style      hdnnp {radius}" in (tmp_path / "out" / "in.lammps").read_text()


def test_export_converts_the_lengths_of_all_types(tmp_path: Path) -> None:
    original = Potential.load(REFERENCE / "sf" / "aucu_alltypes", "Hartree,Bohr")
    export_potential(original, tmp_path)  # compares energies and forces
    words = [line.split()[1:] for line in (tmp_path / "input.nn").read_text().splitlines()]
    radii = [
        [float(x) / BOHR for x in line[3:5]] for line in words if line[:3] == ["Au", "20", "Cu"]
    ]
    np.testing.assert_allclose(radii, [[1.5, 5.0], [0.5, 5.5]], rtol=1e-15)


@pytest.mark.skipif(not MOLYBDENUM.is_dir(), reason="published potential not at hand")
def test_export_converts_units(tmp_path: Path) -> None:
    export_potential(Potential.load(MOLYBDENUM, "Hartree,Bohr"), tmp_path)
    converted = Potential.load(tmp_path)
    assert converted.r_cutoff == pytest.approx(5.2, abs=1e-3)
    energy = converted.predict(bulk("Mo", "bcc", a=3.16)).energy
    original = Potential.load(MOLYBDENUM, "Hartree,Bohr").predict(bulk("Mo", "bcc", a=3.16)).energy
    assert energy == pytest.approx(original, rel=1e-10)


def test_different_potential_is_refused(gold: Potential) -> None:
    weights = {"Au": gold.weights["Au"] + 1e-8}
    other = Potential(gold.architecture, gold.scaling, weights)
    with pytest.raises(ExportMismatch, match="do not use it"):
        compare_potentials(gold, other, [from_atoms(distorted_gold())])


def test_mistakes_are_named(gold: Potential, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has Cu, the potential knows Au"):
        gold.predict(bulk("Cu"))
    with pytest.raises(FormatError, match=r"input\.nn"):
        Potential.load(tmp_path)
    gold.save(tmp_path)
    lines = (tmp_path / "weights.079.data").read_text().splitlines()
    (tmp_path / "weights.079.data").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(FormatError, match="expected 74 weights, found 73"):
        Potential.load(tmp_path)


def test_export_keeps_away_from_a_potential_of_other_elements(
    gold: Potential, tmp_path: Path
) -> None:
    (tmp_path / "weights.029.data").write_text("1.0\n")
    with pytest.raises(ConfigError, match=r"other elements \(weights\.029\.data\)"):
        export_potential(gold, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.029.data"]


def test_predictions_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    source = REFERENCE / "net" / "act_softplus"
    for path in source.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / "weights.079.data").read_text().splitlines()
    for n, line in enumerate(lines):
        words = line.split()
        if words[1] == "b" or words[3] == "1":  # biases, and weights of the output
            lines[n] = " ".join(["1e200", *words[1:]])
    (tmp_path / "weights.079.data").write_text("\n".join(lines))
    potential = Potential.load(tmp_path)
    crystal = Structure(np.array([79]), np.zeros((1, 3)), 2.9 * np.eye(3), name="sc")
    with pytest.raises(DataError, match=r"structure 'sc': the potential predicts .* not finite"):
        potential.predict(crystal)


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "\ud800", "..", ""])
def test_names_that_no_potential_has(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="expected a potential"):
        Potential.load(tmp_path / "inside" / name)
