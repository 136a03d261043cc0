from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from autune.architecture import Architecture, ScalingMode, SymmetryFunction
from autune.errors import DataError
from autune.formats.input_data import read_input_data
from autune.formats.input_nn import read_input_nn
from autune.formats.tables import Scaling, read_scaling
from autune.potential.descriptors import (
    Descriptors,
    compute_descriptors,
    drop_functions,
    functions_without_spread,
    scaling_factors,
    scaling_statistics,
)
from autune.structures import FloatArray, Structure
from autune.units import BOHR

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
CASES = sorted(path.name for path in (REFERENCE / "sf").iterdir())
SEEDS = st.integers(0, 2**32 - 1)


def load(case: str) -> tuple[Architecture, list[Structure]]:
    """Architecture of a case and its structures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # negative r_shift
        architecture, _ = read_input_nn(REFERENCE / "sf" / case / "input.nn")
    data = "aucu.data" if case.startswith("aucu") else "au.data"
    return architecture, list(read_input_data(REFERENCE / "structures" / data))


def numbers(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]


def dense(descriptors: Descriptors) -> FloatArray:
    """dG_i/dr_k of all pairs, shape (n_atoms, n_atoms, 3, n_max)."""
    n_atoms, n_max = descriptors.G.shape
    result = np.zeros((n_atoms, n_atoms, 3, n_max))
    k = np.repeat(np.arange(n_atoms), np.diff(descriptors.first_pair))
    result[descriptors.center, k] = descriptors.dG_dr
    return result


MIXED = load("aucu_alltypes")[0]
"""Two elements, all kinds, several cutoff radii, the same functions of both elements."""

CHARGES = np.array([79.0 ** ((f.kind in (12, 23)) + 2 * (f.kind in (13, 24, 25)))
                    for f in MIXED.symmetry_functions["Au"]])  # fmt: skip
"""Largest weight of a term of each function: what numbers are small is relative to it."""


def alloy(seed: int, n: int = 7, cell: bool = True) -> Structure:
    """Gold and copper atoms, no two closer than 1 Angstrom."""
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * 5.0 + rng.uniform(-1.0, 1.0, (3, 3))
    grid = np.array([(x, y, z) for x in range(2) for y in range(2) for z in range(2)]) / 2.0
    positions = (grid[:n] + rng.uniform(-0.1, 0.1, (n, 3))) @ lattice
    return Structure(rng.choice([29, 79], n), positions, lattice if cell else None)


@pytest.mark.parametrize("case", CASES)
def test_values_are_n2p2s(case: str) -> None:
    architecture, structures = load(case)
    descriptors = compute_descriptors(structures, architecture)
    rows = numbers(REFERENCE / "sf" / case / "G.out")
    assert len(rows) == sum(s.n_atoms for s in structures)
    for row in rows:
        functions = architecture.symmetry_functions[row[2]]
        expected = np.array([float(word) for word in row[3:]])
        G = descriptors.G[descriptors.first_atom[int(row[0])] + int(row[1])]
        np.testing.assert_allclose(G, expected, rtol=1e-10, atol=1e-15)
        if case == "aucu_alltypes":
            # n2p2 sums up the polynomial p4, and its digits cancel: 8e-12 from exact arithmetic.
            exact = np.array([f.subtype != "p4" for f in functions])
            np.testing.assert_allclose(G[exact], expected[exact], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize(
    "case", [case for case in CASES if (REFERENCE / "sf" / case / "dGdr.out").exists()]
)
def test_derivatives_are_n2p2s(case: str) -> None:
    architecture, structures = load(case)
    rows = numbers(REFERENCE / "sf" / case / "dGdr.out")
    for s in {int(row[0]) for row in rows}:
        result = dense(compute_descriptors([structures[s]], architecture))
        expected = np.zeros_like(result)
        for row in rows:
            i, k, j = int(row[1]), int(row[2]), int(row[3])
            if int(row[0]) == s:
                expected[i, j, :, k] = [float(word) for word in row[4:]]
        # n2p2 itself is good to 1e-8 for the slope of the cosine cutoff.
        tolerance = 1e-7 if "cut1" in case else 1e-10
        scale = CHARGES if case == "aucu_alltypes" else 1.0
        np.testing.assert_allclose(result / scale, expected / scale, rtol=tolerance, atol=1e-11)


@pytest.mark.parametrize("case", ["cut6", "cut1", "aucu_alltypes"])
def test_statistics_are_nnp_scalings(case: str) -> None:
    architecture, structures = load(case)
    descriptors = compute_descriptors(structures, architecture)
    statistics = scaling_statistics(descriptors.G, descriptors.element, architecture)
    expected = read_scaling(REFERENCE / "sf" / case / "scaling.data", architecture)
    for element in architecture.elements:
        for field in dataclasses.fields(Scaling):
            np.testing.assert_allclose(
                getattr(statistics[element], field.name),
                getattr(expected[element], field.name),
                rtol=1e-9,
            )


@settings(deadline=None, derandomize=True, max_examples=6)
@given(SEEDS, st.booleans())
def test_derivatives_to_strain_are_those_of_strained_structures(seed: int, symmetric: bool) -> None:
    # A cell smaller than the cutoff: atoms see their own images, which strain moves.
    structure = dataclasses.replace(alloy(seed, n=4), stress=np.zeros((3, 3)))
    found = compute_descriptors([structure], MIXED, strain=True)
    assert structure.cell is not None
    for v, (c, d) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        step = np.zeros((3, 3))
        if symmetric:
            step[c, d] = step[d, c] = 1e-5 if c == d else 0.5e-5
        else:
            step[c, d] = 1e-5
        above, below = (
            compute_descriptors(
                [
                    dataclasses.replace(
                        structure,
                        positions=structure.positions @ (np.eye(3) + sign * step).T,
                        cell=structure.cell @ (np.eye(3) + sign * step).T,
                    )
                ],
                MIXED,
            ).G
            for sign in (1.0, -1.0)
        )
        np.testing.assert_allclose(
            found.dG_dstrain[:, v], (above - below) / 2e-5, rtol=1e-5, atol=1e-6
        )


def test_derivatives_to_strain_are_kept_where_they_are_wanted_and_a_stress_is_known() -> None:
    known = dataclasses.replace(alloy(1), stress=np.zeros((3, 3)))
    cluster = dataclasses.replace(alloy(2, cell=False), stress=np.zeros((3, 3)))
    structures = [alloy(3), known, cluster]
    assert len(compute_descriptors(structures, MIXED).dG_dstrain) == 0
    found = compute_descriptors(structures, MIXED, strain=True).dG_dstrain
    n = known.n_atoms
    assert (found[n : 2 * n] != 0.0).any()
    assert (found[:n] == 0.0).all()
    assert (found[2 * n :] == 0.0).all()
    single = compute_descriptors(structures, MIXED, single=True, strain=True).dG_dstrain
    np.testing.assert_array_equal(single, found.astype(np.float32))


@settings(deadline=None, derandomize=True, max_examples=10)
@given(SEEDS, st.booleans())
def test_derivatives_are_finite_differences(seed: int, periodic: bool) -> None:
    structure = alloy(seed, cell=periodic)
    dG_dr = dense(compute_descriptors([structure], MIXED))
    rng = np.random.default_rng(seed)
    k, c, step = int(rng.integers(structure.n_atoms)), int(rng.integers(3)), 1e-5
    sides = []
    for sign in (1.0, -1.0):
        positions = structure.positions.copy()
        positions[k, c] += sign * step
        moved = dataclasses.replace(structure, positions=positions)
        sides.append(compute_descriptors([moved], MIXED).G)
    slope = (sides[0] - sides[1]) / (2 * step)
    np.testing.assert_allclose(dG_dr[:, k, c] / CHARGES, slope / CHARGES, atol=1e-7)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(SEEDS)
def test_rotation_and_translation(seed: int) -> None:
    structure = alloy(seed)
    assert structure.cell is not None
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    if seed % 2:
        turn = turn @ np.diag([1.0, 1.0, -1.0])  # mirrored
    moved = dataclasses.replace(
        structure,
        positions=structure.positions @ turn.T + [1.0, -20.0, 300.0],
        cell=structure.cell @ turn.T,
    )
    before, after = compute_descriptors([structure], MIXED), compute_descriptors([moved], MIXED)
    np.testing.assert_allclose(after.G / CHARGES, before.G / CHARGES, rtol=1e-10, atol=1e-12)
    turned = np.einsum("dc,pcf->pdf", turn, before.dG_dr)
    np.testing.assert_allclose(after.dG_dr / CHARGES, turned / CHARGES, atol=1e-10)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(SEEDS)
def test_permutation(seed: int) -> None:
    structure = alloy(seed)
    order = np.random.default_rng(seed).permutation(structure.n_atoms)
    moved = dataclasses.replace(
        structure, positions=structure.positions[order], numbers=structure.numbers[order]
    )
    before, after = compute_descriptors([structure], MIXED), compute_descriptors([moved], MIXED)
    np.testing.assert_allclose(after.G, before.G[order], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(
        dense(after), dense(before)[np.ix_(order, order)], rtol=1e-9, atol=1e-12
    )


@settings(deadline=None, derandomize=True, max_examples=10)
@given(SEEDS)
def test_translation_of_all_atoms_changes_nothing(seed: int) -> None:
    dG_dr = dense(compute_descriptors([alloy(seed)], MIXED))
    assert np.abs(dG_dr.sum(axis=1) / CHARGES).max() < 1e-11


def test_supercell_has_the_same_atoms() -> None:
    # The primitive cell holds one atom, whose neighbours are all its own images.
    atoms = bulk("Au", a=4.17)
    one = compute_descriptors([Structure(atoms.numbers, atoms.positions, atoms.cell.array)], MIXED)
    many = make_supercell(atoms, [[2, 0, 1], [0, 2, 0], [-1, 0, 3]])
    of_many = compute_descriptors([Structure(many.numbers, many.positions, many.cell.array)], MIXED)
    np.testing.assert_allclose(of_many.G, np.repeat(one.G, len(many), axis=0), rtol=1e-10)
    assert one.center.tolist() == [0]
    assert (one.dG_dr == 0.0).all()


def test_smooth_where_a_neighbour_enters() -> None:
    r_cutoff = MIXED.r_cutoff
    inside, outside = (
        compute_descriptors(
            [
                Structure(
                    np.array([79, 79, 29]),
                    np.array([[0, 0, 0], [0, 0, r], [2.5, 0, 0]], dtype=float),
                )
            ],
            MIXED,
        )
        for r in (r_cutoff - 1e-5, r_cutoff + 1e-5)
    )
    np.testing.assert_allclose(inside.G[0] / CHARGES, outside.G[0] / CHARGES, atol=1e-12)
    slopes = [dense(d)[0] / CHARGES for d in (inside, outside)]
    np.testing.assert_allclose(*slopes, atol=1e-8)


def test_atom_without_neighbours() -> None:
    descriptors = compute_descriptors([Structure(np.array([79]), np.zeros((1, 3)))], MIXED)
    assert (descriptors.G == 0.0).all()
    assert (descriptors.dG_dr == 0.0).all()
    assert descriptors.first_pair.tolist() == [0, 1]


def test_bohr_and_angstrom_agree() -> None:
    in_bohr = dataclasses.replace(
        MIXED,
        length_unit=BOHR,
        symmetry_functions={
            symbol: tuple(
                dataclasses.replace(
                    f,
                    eta=f.eta * BOHR**2,
                    r_shift=f.r_shift / BOHR,
                    r_cutoff=f.r_cutoff / BOHR,
                    r_low=f.r_low / BOHR,
                )
                for f in functions
            )
            for symbol, functions in MIXED.symmetry_functions.items()
        },
    )
    structure = alloy(5)
    one, other = compute_descriptors([structure], MIXED), compute_descriptors([structure], in_bohr)
    np.testing.assert_allclose(one.G, other.G, rtol=1e-10)
    np.testing.assert_allclose(one.dG_dr, other.dG_dr, rtol=1e-9, atol=1e-12)


def test_functions_of_elements_are_padded() -> None:
    fewer = dataclasses.replace(
        MIXED,
        symmetry_functions={
            "Cu": MIXED.symmetry_functions["Cu"][:3],
            "Au": MIXED.symmetry_functions["Au"],
        },
    )
    structure = alloy(2)
    whole, padded = compute_descriptors([structure], MIXED), compute_descriptors([structure], fewer)
    copper = structure.numbers == 29
    assert copper.any()
    assert (padded.G[copper, 3:] == 0.0).all()
    np.testing.assert_array_equal(padded.G[copper, :3], whole.G[copper, :3])
    np.testing.assert_array_equal(padded.G[~copper], whole.G[~copper])
    assert (dense(padded)[copper][..., 3:] == 0.0).all()


def test_unknown_element() -> None:
    structure = Structure(np.array([47]), np.zeros((1, 3)), name="silver")
    with pytest.raises(DataError, match=r"'silver': has Ag.*knows Cu, Au"):
        compute_descriptors([structure], MIXED)


STATISTICS = Scaling(
    np.array([1.0, 0.0]), np.array([3.0, 10.0]), np.array([1.5, 4.0]), np.array([0.5, 2.0])
)
TWO = Architecture(
    elements=("Au",),
    symmetry_functions={
        "Au": tuple(SymmetryFunction(2, ("Au",), eta, 0.0, 6.0) for eta in (0.1, 0.2))
    },
    cutoff_type="cos",
    hidden_layers=(2,),
    activations=("tanh", "identity"),
    scale_min=-1.0,
    scale_max=3.0,
)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", [2.0, 6.0]),
        ("center", [0.5, 2.0]),
        ("scale", [-1.0 + 4.0 * 1.0 / 2.0, -1.0 + 4.0 * 6.0 / 10.0]),
        ("scale_center", [-1.0 + 4.0 * 0.5 / 2.0, -1.0 + 4.0 * 2.0 / 10.0]),
        ("sigma", [-1.0 + 4.0 * 0.5 / 0.5, -1.0 + 4.0 * 2.0 / 2.0]),
    ],
)
def test_scaling_modes(mode: ScalingMode, expected: list[float]) -> None:
    architecture = dataclasses.replace(TWO, scaling=mode)
    shift, factor, offset = scaling_factors({"Au": STATISTICS}, architecture)["Au"]
    assert (np.array([2.0, 6.0]) - shift) * factor + offset == pytest.approx(expected)


def test_constant_function_is_named_and_dropped() -> None:
    constant = dataclasses.replace(STATISTICS, maximum=np.array([1.0 + 1e-10, 10.0]))
    found = functions_without_spread({"Au": constant}, TWO, 1e-8)
    assert found == {"Au": [0]}
    architecture, statistics, names = drop_functions(TWO, {"Au": constant}, found)
    assert names == ["Au G2(Au) eta=0.1 rs=0 rc=6"]
    assert architecture.symmetry_functions == {"Au": TWO.symmetry_functions["Au"][1:]}
    assert statistics["Au"].mean.tolist() == [4.0]


def test_constant_function_cannot_be_scaled() -> None:
    constant = dataclasses.replace(STATISTICS, maximum=np.array([1.0, 10.0]))
    with pytest.raises(DataError, match=r"Au G2\(Au\) eta=0.1 .*same value"):
        scaling_factors({"Au": constant}, TWO)


def test_nothing_left_after_dropping() -> None:
    with pytest.raises(DataError, match="all symmetry functions of Au"):
        drop_functions(TWO, {"Au": STATISTICS}, {"Au": [0, 1]})


def test_a_set_is_its_structures_one_after_the_other() -> None:
    structures = [alloy(1), alloy(2, 5, cell=False), alloy(3)]
    whole = compute_descriptors(structures, MIXED)
    for s, structure in enumerate(structures):
        one = compute_descriptors([structure], MIXED)
        atoms = slice(*whole.first_atom[s : s + 2])
        pairs = slice(*whole.first_pair[whole.first_atom[s : s + 2]])
        assert (whole.G[atoms] == one.G).all()
        assert (whole.element[atoms] == one.element).all()
        assert (whole.dG_dr[pairs] == one.dG_dr).all()
        assert (whole.center[pairs] == one.center + whole.first_atom[s]).all()


def test_pairs_are_ordered_by_the_element_that_feels() -> None:
    d = compute_descriptors([alloy(4)], MIXED)
    for k in range(len(d.element)):
        felt_by = d.center[d.first_pair[k] : d.first_pair[k + 1]]
        assert k in felt_by
        assert (np.lexsort((felt_by, d.element[felt_by])) == np.arange(len(felt_by))).all()


def test_element_that_no_structure_has() -> None:
    gold = Structure(np.array([79]), np.zeros((1, 3)))
    with pytest.raises(DataError, match="no structure has an atom of Cu"):
        scaling_statistics(compute_descriptors([gold], MIXED).G, np.array([1]), MIXED)


@pytest.mark.parametrize("case", ["cut6", "aucu_alltypes"])
def test_kernels_run_as_plain_python(case: str, tmp_path: Path) -> None:
    architecture, structures = load(case)
    data = "aucu.data" if case.startswith("aucu") else "au.data"
    script = f"""
import dataclasses
import numpy as np
from autune.formats.input_nn import read_input_nn
from autune.formats.input_data import read_input_data
from autune.potential.descriptors import compute_descriptors
architecture, _ = read_input_nn({str(REFERENCE / "sf" / case / "input.nn")!r})
structures = list(read_input_data({str(REFERENCE / "structures" / data)!r}))
smallest = min(structures, key=lambda s: s.n_atoms)
strained = dataclasses.replace(smallest, stress=np.zeros((3, 3)))
d = compute_descriptors([strained], architecture, strain=True)
np.savez({str(tmp_path / "plain.npz")!r}, G=d.G, dG_dr=d.dG_dr, dG_dstrain=d.dG_dstrain)
"""
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True
    )
    smallest = min(structures, key=lambda s: s.n_atoms)
    strained = dataclasses.replace(smallest, stress=np.zeros((3, 3)))
    compiled = compute_descriptors([strained], architecture, strain=True)
    with np.load(tmp_path / "plain.npz") as plain:
        np.testing.assert_allclose(plain["G"], compiled.G, rtol=1e-12)
        np.testing.assert_allclose(plain["dG_dr"], compiled.dG_dr, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(plain["dG_dstrain"], compiled.dG_dstrain, rtol=1e-9, atol=1e-12)
