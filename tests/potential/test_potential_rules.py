"""Sets of symmetry functions that follow from a resolution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from autune.architecture import SymmetryFunction
from autune.potential.basis import build_architecture
from autune.settings import PotentialSettings


def functions(
    elements: tuple[str, ...] = ("Au",), r_cutoff: float = 6.0, **rule: Any
) -> tuple[SymmetryFunction, ...]:
    settings = PotentialSettings.model_validate(
        {"elements": elements, "cutoff_radius": r_cutoff, "symmetry_functions": {"rule": rule}}
    )
    return build_architecture(settings).symmetry_functions[elements[0]]


def test_linear_centred_grid_is_that_of_gastegger() -> None:
    made = functions(radial="centred", angular="none", resolution=5, r_first=0.5)
    distances = np.array([5.5, 4.25, 3.0, 1.75, 0.5])
    assert [f.eta for f in made] == pytest.approx(1.0 / (2.0 * distances**2))
    assert {f.r_shift for f in made} == {0.0}


def test_linear_shifted_grid_is_as_wide_as_its_steps() -> None:
    made = functions(radial="shifted", angular="none", resolution=6, r_first=1.0, r_last=6.0)
    assert [f.r_shift for f in made] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert [f.eta for f in made] == pytest.approx([0.5] * 6)


def test_geometric_grid_is_that_of_imbalzano() -> None:
    made = functions(radial="both", angular="none", resolution=4, spacing="geometric")
    R = 6.0 / 4.0 ** (np.arange(5) / 4)
    centred = [(1.0 / R[m] ** 2, 0.0) for m in range(4)]
    shifted = [(1.0 / (R[m] - R[m + 1]) ** 2, R[m]) for m in range(4)]
    found = [(f.eta, f.r_shift) for f in made]
    assert np.array(found) == pytest.approx(np.array(sorted(centred + shifted)))
    assert all(outer[0] < inner[0] for outer, inner in pairwise(shifted))


def test_angular_functions_have_doubling_exponents_and_both_signs() -> None:
    made = functions(radial="none", resolution=8, angular="narrow", r_last=6.0, r_first=2.0)
    assert len(made) == 4 * 2 * 2
    assert {f.kind for f in made} == {3}
    assert {(f.zeta, f.lambda_) for f in made} == {
        (zeta, lambda_) for zeta in (1.0, 2.0, 4.0, 8.0) for lambda_ in (1.0, -1.0)
    }
    assert sorted({f.eta for f in made}) == pytest.approx([1 / 72, 1 / 32])


@pytest.mark.parametrize("spacing", ["linear", "geometric"])
@pytest.mark.parametrize("resolution", [2, 3, 6, 12, 40])
def test_resolution_alone_says_how_many(spacing: str, resolution: int) -> None:
    made = functions(resolution=resolution, spacing=spacing)
    n_zeta, n_eta = min(5, (resolution + 1) // 2), (resolution + 3) // 4
    assert len(made) == len(set(made)) == 2 * resolution + 2 * n_zeta * n_eta


def test_counts_take_the_place_of_the_resolution() -> None:
    made = functions(radial="shifted", n_radial=7, n_zeta=1, n_eta=3, angular="both")
    assert [sum(f.kind == kind for f in made) for kind in (2, 3, 9)] == [7, 6, 6]


def test_every_combination_of_elements() -> None:
    made = functions(("Au", "Cu"), resolution=4, radial="centred")
    assert len(made) == 2 * 4 + 3 * 2 * 2
    assert {f.neighbours for f in made if f.kind == 9} == {
        ("Cu", "Cu"), ("Cu", "Au"), ("Au", "Au"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"rule": {"radial": "none", "angular": "none"}}, "there are no functions"),
        ({"rule": {"r_first": 3.0, "r_last": 2.0}}, r"r_last \(2\) must be larger than r_first"),
        ({"rule": {"r_last": 7.0}}, "from 1 to 7 Angstrom and must grow and end at 6"),
        ({"rule": {"r_first": 5.6}}, "change r_first, r_last or cutoff_radius"),
        ({"rule": {}, "every": 2}, "every changes none"),
        ({"rule": {}, "radial": {"eta": [0.1]}}, "radial changes none"),
        ({"rule": {"resolution": 1}}, "greater than or equal to 2"),
    ],
)
def test_what_cannot_be_meant_is_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PotentialSettings.model_validate({"elements": ["Au"], "symmetry_functions": rules})


def test_rule_needs_no_basis_and_stands_beside_no_list() -> None:
    beside = {"basis": None, "rule": {"resolution": 3}}
    settings = {"elements": ["Au"], "symmetry_functions": beside}
    assert (
        functions(resolution=3)
        == (build_architecture(PotentialSettings.model_validate(settings)).symmetry_functions["Au"])
    )
    beside["explicit"] = ["Au 2 Au 0.1 0.0 6.0"]
    with pytest.raises(
        ValidationError, match="explicit makes all functions, and rule changes none"
    ):
        PotentialSettings.model_validate(settings)
