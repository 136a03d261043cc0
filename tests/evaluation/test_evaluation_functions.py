"""What is said of symmetry functions: spread, redundancy, cost, sensitivity."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from autune.architecture import Architecture, SymmetryFunction
from autune.evaluation.function_cost import function_costs
from autune.evaluation.functions import evaluate_functions, tabulate_functions
from autune.potential.descriptors import compute_descriptors
from autune.potential.model import Potential
from autune.potential.sensitivity import sensitivities
from autune.structures import Structure

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"


def structures(n: int = 5, symbol: str = "Au") -> list[Structure]:
    generator = np.random.default_rng(4)
    made = []
    for _ in range(n):
        atoms = bulk(symbol, "fcc", a=4.1, cubic=True)
        positions = atoms.positions + generator.normal(0.0, 0.2, atoms.positions.shape)
        made.append(Structure(atoms.numbers, positions, atoms.cell.array))
    return made


def architecture(*functions: SymmetryFunction, elements: tuple[str, ...] = ("Au",)) -> Architecture:
    return Architecture(
        elements=elements,
        symmetry_functions=dict.fromkeys(elements, functions),
        cutoff_type="cos",
        hidden_layers=(3,),
        activations=("tanh", "identity"),
    )


def radial(eta: float, r_shift: float = 0.0, r_cutoff: float = 5.0) -> SymmetryFunction:
    return SymmetryFunction(2, ("Au",), eta, r_shift, r_cutoff)


def test_values_are_those_that_training_has() -> None:
    a = architecture(radial(0.1), radial(0.4), SymmetryFunction(3, ("Au", "Au"), 0.1, 0, 5, 1, 2))
    values = evaluate_functions(a, structures(), 1000)
    G = compute_descriptors(structures(), a).G
    np.testing.assert_array_equal(np.sort(values.G, axis=0), np.sort(G, axis=0))
    np.testing.assert_allclose(
        values.correlation("Au"), np.corrcoef(G, rowvar=False), rtol=0.0, atol=1e-12
    )


def test_rows_name_the_function_most_like_it_and_what_is_kept() -> None:
    a = architecture(radial(0.1), radial(0.11), radial(2.0, 3.0), radial(900.0))
    values = evaluate_functions(a, structures(), 1000)
    kept = {"Au": (radial(0.1),)}
    rows = tabulate_functions(values, kept, {"Au": np.arange(4.0)})
    assert [row.kept for row in rows] == ["yes", "no", "no", "no"]
    assert [row.like for row in rows[:2]] == [1, 0]
    assert rows[0].correlation == rows[1].correlation == pytest.approx(1.0, abs=1e-3)
    assert (rows[3].correlation, rows[3].like) == (None, None)
    assert rows[3].maximum == pytest.approx(0.0, abs=1e-300)
    G = compute_descriptors(structures(), a).G
    assert rows[2].sigma == pytest.approx(G[:, 2].std(ddof=1))
    assert [row.cost for row in rows] == [0.0, 1.0, 2.0, 3.0]
    assert rows[0].sensitivity is None


def test_more_pairs_cost_more() -> None:
    narrow = SymmetryFunction(3, ("Au", "Au"), 0.01, 0.0, 6.0, 1.0, 8.0)
    a = architecture(radial(0.01, 0.0, 6.0), narrow)
    one, other = function_costs(a, structures())["Au"]
    assert 0.0 <= one < other


def test_elements_without_atoms_have_no_rows() -> None:
    a = architecture(radial(0.1), radial(0.4), elements=("Cu", "Au"))
    values = evaluate_functions(a, structures(), 1000)
    costs = function_costs(a, structures())
    assert np.isnan(costs["Cu"]).all()
    rows = tabulate_functions(values, a.symmetry_functions, costs)
    assert {row.element for row in rows} == {"Au"}


def test_sensitivity_is_the_slope_over_the_known_range() -> None:
    """In a network without activation it is the product of the weights."""
    potential = Potential.load(REFERENCE.with_name("act_identity"))
    a = potential.architecture
    symbol = a.elements[0]
    product, begin = np.eye(len(a.symmetry_functions[symbol])), 0
    for n_in, n_out in pairwise(a.layer_sizes(symbol)):
        W = potential.weights[symbol][begin : begin + n_in * n_out].reshape(n_in, n_out)
        product, begin = product @ W, begin + (n_in + 1) * n_out
    assert a.scaling == "scale_center"
    G = potential.scaling[symbol].mean + np.arange(3.0)[:, None]
    found = sensitivities(potential, G, np.zeros(3, dtype=np.int64))[symbol]
    width = a.scale_max - a.scale_min
    np.testing.assert_allclose(found, np.abs(product[:, 0]) * width / a.conv_energy)


def test_a_function_without_weights_has_no_sensitivity() -> None:
    potential = Potential.load(REFERENCE)
    symbol = potential.elements[0]
    n = len(potential.architecture.symmetry_functions[symbol])
    first = potential.architecture.hidden_layers[0]
    weights = potential.weights[symbol].copy()
    weights[first : 2 * first] = 0.0
    deaf = Potential(
        potential.architecture, potential.scaling, {**potential.weights, symbol: weights}
    )
    scaling = potential.scaling[symbol]
    G = scaling.mean[None, :].copy()
    found = sensitivities(deaf, G, np.zeros(1, dtype=np.int64))[symbol]
    assert found[1] == 0.0
    assert (np.delete(found, 1) > 0.0).sum() >= n // 2
    if len(potential.elements) > 1:
        other = potential.elements[1]
        assert np.isnan(sensitivities(deaf, G, np.zeros(1, dtype=np.int64))[other]).all()
