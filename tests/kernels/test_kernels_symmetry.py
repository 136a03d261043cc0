from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from ase.data import atomic_numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from autune.architecture import CUTOFF_TYPES, Architecture, SymmetryFunction
from autune.kernels.cutoffs import cutoff
from autune.kernels.moments import ZETA_MAX
from autune.kernels.radial import fill_radial
from autune.kernels.structure import merge_images
from autune.kernels.symmetry import atom_symmetry_functions
from autune.kernels.symmetry_table import make_scratch
from autune.potential.symmetry_tables import symmetry_tables
from autune.structures import FloatArray, IntArray
from autune.symmetry_lines import SUBTYPES

ELEMENTS = ("Cu", "Ag", "Au")
PAIRS = (("Au", "Au"), ("Cu", "Au"), ("Ag", "Cu"))


def basis() -> tuple[SymmetryFunction, ...]:
    """All kinds, small and large and fractional zeta, several cutoff radii, shared factors."""
    functions = [
        SymmetryFunction(2, (symbol,), eta, shift, r_cutoff)
        for symbol in ("Cu", "Au")
        for eta, shift, r_cutoff in ((0.05, 0.0, 6.0), (0.8, 2.5, 5.0), (0.05, -1.0, 6.0))
    ]
    functions += [
        SymmetryFunction(kind, pair, eta, shift, r_cutoff, lambda_, zeta)
        for kind in (3, 9)
        for pair in PAIRS
        for eta, shift, r_cutoff in ((0.02, 0.0, 6.0), (0.1, 1.0, 4.5))
        for lambda_ in (-1.0, 1.0)
        for zeta in (1.0, 2.0, 3.0, 4.0, 1.5, 8.0)
    ]
    functions += [
        SymmetryFunction(12, (), 0.1, 1.0, 5.0),
        SymmetryFunction(13, (), 0.05, 0.5, 6.0, -1.0, 2.0),
        SymmetryFunction(13, (), 0.05, -1.0, 4.5, 1.0, 1.5),
    ]
    functions += [
        SymmetryFunction(kind, neighbours, 0.0, 0.0, r_cutoff, r_low=r_low, subtype=subtype)
        for kind, neighbours in ((20, ("Cu",)), (20, ("Au",)), (23, ()))
        for r_low, r_cutoff in ((1.0, 5.0), (-6.0, 6.0))
        for subtype in SUBTYPES
    ]
    functions += [
        SymmetryFunction(
            kind, pair, 0.0, 0.0, 6.0, r_low=r_low, left=left, right=right, subtype=subtype
        )
        for kind in (21, 22, 24, 25)
        for pair in (PAIRS if kind < 23 else ((),))
        for r_low, subtype in ((0.5, "p1"), (0.5, "p2a"), (-6.0, "p3"), (2.0, "p4"), (0.0, "e"))
        for left, right in ((0.0, 180.0), (30.0, 120.0), (-90.0, 90.0), (100.0, 260.0))
    ]
    return tuple(sorted(functions, key=lambda f: f.sort_key))


FUNCTIONS = basis()
WEIGHTS = np.array([79.0 ** ((f.kind in (12, 23)) + 2 * (f.kind in (13, 24, 25)))
                    for f in FUNCTIONS])  # fmt: skip
"""Largest weight of a term of each function: what is small is so in relation to it."""
ARCHITECTURE = Architecture(
    elements=ELEMENTS,
    symmetry_functions=dict.fromkeys(ELEMENTS, FUNCTIONS),
    cutoff_type="poly2",
    hidden_layers=(2,),
    activations=("tanh", "identity"),
)


def kernel(vectors: FloatArray, elements: IntArray) -> tuple[FloatArray, FloatArray]:
    """G and dG of an Ag atom."""
    table = symmetry_tables(ARCHITECTURE)
    n = len(vectors)
    G = np.full(len(FUNCTIONS), np.nan)
    dG = np.full((n, 3, len(FUNCTIONS)), np.nan)
    r = np.linalg.norm(vectors, axis=1)
    atom_symmetry_functions(table, 1, elements, vectors, r, make_scratch(table, n + 3), G, dG)
    return G, dG


POLYNOMIALS = {
    "p1": {2: -3, 3: 2},
    "p2": {3: -10, 4: 15, 5: -6},
    "p3": {4: -35, 5: 84, 6: -70, 7: 20},
    "p4": {5: -126, 6: 420, 7: -540, 8: 315, 9: -70},
}


def core(name: str, x: float) -> float:
    """1 at 0, 0 from 1 on; sums of powers, exact, because they cancel."""
    if x >= 1.0:
        return 0.0
    if name == "e":
        return math.exp(1.0 - 1.0 / (1.0 - x * x))
    return float(1 + sum(c * Fraction(x) ** power for power, c in POLYNOMIALS[name].items()))


def equation(f: SymmetryFunction, vectors: FloatArray, symbols: list[str]) -> float:
    """The function as its paper writes it, over unordered pairs."""

    def radial(r: float) -> float:
        fc, _ = cutoff(CUTOFF_TYPES.index("poly2"), r, f.r_cutoff, 0.0)
        return math.exp(-f.eta * (r - f.r_shift) ** 2) * fc

    def compact(a: float, low: float, high: float, asymmetric: bool) -> float:
        x = abs(a - 0.5 * (low + high)) / (0.5 * (high - low))
        if asymmetric and x < 1.0:
            x = (2.0 - x) * x
        return core(f.subtype.removesuffix("a"), x)

    def factor(r: float) -> float:
        if not f.subtype:
            return radial(r)
        return compact(r, f.r_low, f.r_cutoff, f.subtype.endswith("a"))

    def angular(cos: float) -> float:
        if not f.subtype:
            return 2.0 ** (1.0 - f.zeta) * max(0.0, 1.0 + f.lambda_ * cos) ** f.zeta
        theta = math.degrees(math.acos(min(1.0, max(-1.0, cos))))
        return compact(theta, f.left, f.right, False)

    Z = [float(atomic_numbers[symbol]) if not f.neighbours else 1.0 for symbol in symbols]
    r = [float(np.linalg.norm(v)) for v in vectors]
    total = 0.0
    for j in range(len(r)):
        if f.kind in (2, 12, 20, 23):
            total += Z[j] * factor(r[j]) * (f.neighbours in ((), (symbols[j],)))
            continue
        for k in range(j):
            pair = tuple(sorted((symbols[j], symbols[k]), key=atomic_numbers.__getitem__))
            if f.neighbours not in ((), pair):
                continue
            cos = float(vectors[j] @ vectors[k]) / (r[j] * r[k])
            term = Z[j] * Z[k] * factor(r[j]) * factor(r[k]) * angular(cos)
            if f.kind in (3, 13, 21, 24):
                term *= factor(float(np.linalg.norm(vectors[j] - vectors[k])))
            total += term
    return total


def environment(seed: int, n: int) -> tuple[FloatArray, IntArray]:
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return directions * rng.uniform(1.5, 6.5, (n, 1)), np.sort(rng.integers(0, 3, n))


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_values_are_those_of_the_equations(seed: int, n: int) -> None:
    vectors, elements = environment(seed, n)
    symbols = [ELEMENTS[e] for e in elements]
    G, _ = kernel(vectors, elements)
    expected = np.array([equation(f, vectors, symbols) for f in FUNCTIONS])
    np.testing.assert_allclose(G / WEIGHTS, expected / WEIGHTS, rtol=1e-10, atol=1e-14)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_derivatives_are_finite_differences(seed: int, n: int) -> None:
    vectors, elements = environment(seed, n)
    _, dG = kernel(vectors, elements)
    step = 1e-5
    rng = np.random.default_rng(seed)
    for j, c in zip(rng.integers(0, n, 4), rng.integers(0, 3, 4), strict=True):
        sides = []
        for sign in (1.0, -1.0):
            moved = vectors.copy()
            moved[j, c] += sign * step
            sides.append(kernel(moved, elements)[0])
        slope = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(dG[j, c] / WEIGHTS, slope / WEIGHTS, atol=2e-8)


@pytest.mark.parametrize("direction", [(0.0, 0.0, 1.0), (1.0, 2.0, -3.0), (0.3, 0.1, 0.7)])
def test_atoms_in_a_line(direction: tuple[float, float, float]) -> None:
    unit = np.array(direction) / np.linalg.norm(direction)
    vectors = np.outer([-5.0, -2.5, 2.5, 5.0], unit)
    elements = np.array([0, 0, 2, 2])
    G, dG = kernel(vectors, elements)
    symbols = [ELEMENTS[e] for e in elements]
    expected = np.array([equation(f, vectors, symbols) for f in FUNCTIONS])
    np.testing.assert_allclose(G / WEIGHTS, expected / WEIGHTS, rtol=1e-10, atol=1e-14)
    # Nothing but zeta = 1, whose cone has a tip, may push across the line.
    smooth = [place for place, f in enumerate(FUNCTIONS) if not f.is_angular or f.zeta != 1.0]
    across = dG - np.einsum("jcf,c,d->jdf", dG, unit, unit)
    assert np.isfinite(dG).all()
    assert np.abs((across / WEIGHTS)[:, :, smooth]).max() < 1e-8


def test_no_neighbours() -> None:
    G, _ = kernel(np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert (G == 0.0).all()


def test_both_ways_to_sum_are_covered() -> None:
    table = symmetry_tables(ARCHITECTURE)
    assert set(table.polynomial_zeta.tolist()) == set(range(1, ZETA_MAX + 1))
    assert {(kind, z) for kind, z in zip(table.group_kind, table.zeta, strict=True)} >= {
        (3, 2.0), (9, 1.5), (9, 8.0),
    }  # fmt: skip


def test_exponentials() -> None:
    r = np.concatenate([np.linspace(0.0, 30.0, 1001), [40.0, 1e3, 1e6]])
    one, zero = np.ones_like(r), np.zeros_like(r)
    R, dR = np.empty((1, len(r))), np.empty((1, len(r)))
    fill_radial(0.8, 0.5, 0, len(r), r, one, zero, 0, R, dR)
    expected = np.exp(-0.8 * (r - 0.5) ** 2)
    np.testing.assert_allclose(R[0], expected, rtol=5e-14, atol=1e-303)
    large = expected > 1e-17
    np.testing.assert_allclose(R[0, large], expected[large], rtol=3e-15)
    assert R[0, -1] < 1e-303


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 4), max_size=9), min_size=5, max_size=5))
def test_merged_images(images: list[list[int]]) -> None:
    first = np.cumsum([0, *(len(of_atom) for of_atom in images)])
    neighbour = np.array([k for of_atom in images for k in of_atom], dtype=np.int64)
    by_element = np.array([3, 0, 4, 1, 2])
    pairs = merge_images(first, neighbour, by_element)
    for k in range(5):
        felt_by = pairs.center[pairs.first[k] : pairs.first[k + 1]].tolist()
        assert felt_by == [i for i in by_element if i == k or k in images[i]]
        assert pairs.first[k] <= pairs.of_atom[k] < pairs.first[k + 1]
    assert (pairs.center[pairs.of_atom] == np.arange(5)).all()
    moved = np.repeat(np.arange(5), np.diff(pairs.first))
    assert (moved[pairs.of_image] == neighbour).all()
    assert (pairs.center[pairs.of_image] == np.repeat(np.arange(5), np.diff(first))).all()
