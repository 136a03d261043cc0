from __future__ import annotations

import pytest
from pydantic import ValidationError

from autune.errors import ConfigError
from autune.formats.input_nn import input_nn_text
from autune.potential.basis import build_architecture
from autune.settings import PotentialSettings

# GOLD_STUDY, Table 1: eta 0.000357, rising by 0.005; three of each (zeta, lambda).
GOLD_RADIAL = [0.006428 * 2**n for n in range(8)]
GOLD_ANGULAR = [
    (0.000357 + 0.005 * n, zeta, lambda_)
    for n, (zeta, lambda_) in enumerate(
        (zeta, lambda_) for zeta in (2, 3, 4) for lambda_ in (1, -1) for _ in range(3)
    )
]


def potential(elements: tuple[str, ...] = ("Au",), **rules: object) -> PotentialSettings:
    return PotentialSettings.model_validate({"elements": elements, "symmetry_functions": rules})


def test_gold_study_is_its_table() -> None:
    functions = build_architecture(potential()).symmetry_functions["Au"]
    assert len(functions) == 26
    assert [f.kind for f in functions] == [2] * 8 + [9] * 18
    assert [f.eta for f in functions[:8]] == pytest.approx(GOLD_RADIAL, rel=1e-12)
    for f, (eta, zeta, lambda_) in zip(functions[8:], GOLD_ANGULAR, strict=True):
        assert (f.eta, f.zeta, f.lambda_) == pytest.approx((eta, zeta, lambda_), rel=1e-12)
        assert f.neighbours == ("Au", "Au")
    assert {(f.r_cutoff, f.r_shift) for f in functions} == {(6.0, 0.0)}


def test_printed_gold_study_differs_in_four_etas() -> None:
    intended = build_architecture(potential()).symmetry_functions["Au"]
    printed = build_architecture(potential(basis="gold_study_printed")).symmetry_functions["Au"]
    only_printed = {(f.kind, f.eta) for f in set(printed) - set(intended)}
    assert len(printed) == 26
    assert only_printed == {(2, 0.010357), (9, 0.60357), (9, 0.65357), (9, 0.70357)}


def test_every_combination_of_elements() -> None:
    architecture = build_architecture(potential(("Au", "Cu", "Ag")))
    assert architecture.elements == ("Cu", "Ag", "Au")
    for symbol in architecture.elements:
        functions = architecture.symmetry_functions[symbol]
        assert len(functions) == 3 * 8 + 6 * 18
        assert list(functions) == sorted(functions, key=lambda f: f.sort_key)
        assert {f.neighbours for f in functions if f.kind == 9} == {
            ("Cu", "Cu"), ("Cu", "Ag"), ("Cu", "Au"), ("Ag", "Ag"), ("Ag", "Au"), ("Au", "Au"),
        }  # fmt: skip


def test_rules_take_the_place_of_the_basis() -> None:
    functions = build_architecture(
        potential(
            r_shift=0.5,
            radial={"eta": [1.0, 0.1], "r_shift": -2.0, "eta_factor": 2.0},
            angular={"kind": "narrow", "functions": [[0.2, -1, 1.5]], "eta_factor": 3.0},
        )
    ).symmetry_functions["Au"]
    assert [(f.kind, f.r_shift) for f in functions] == [(2, -2.0), (2, -2.0), (3, 0.5)]
    assert [f.eta for f in functions] == pytest.approx([0.2, 2.0, 0.6])
    assert (functions[2].lambda_, functions[2].zeta) == (-1.0, 1.5)


@pytest.mark.parametrize(("common", "angular"), [(-6.0, 0.0), (-0.5, 0.0), (0.0, 0.0), (0.5, 0.5)])
def test_common_shift_moves_angular_functions_as_far_as_n2p2_applies_it(
    common: float, angular: float
) -> None:
    architecture = build_architecture(potential(r_shift=common))
    shifts = {(f.kind, f.r_shift) for f in architecture.symmetry_functions["Au"]}
    assert shifts == {(2, common), (9, angular)}
    lines = [line.split() for line in input_nn_text(architecture, {}).splitlines()]
    functions = [words for words in lines if words and words[0] == "symfunction_short"]
    written = {(words[2], float(words[5 if words[2] == "2" else -1])) for words in functions}
    assert written == {("2", common), ("9", angular)}


def test_explicit_shift_of_angular_functions_is_not_negative() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        potential(r_shift=-1.0, angular={"r_shift": -1.0})
    functions = build_architecture(potential(r_shift=-1.0, angular={"r_shift": 0.3}))
    assert {f.r_shift for f in functions.symmetry_functions["Au"]} == {-1.0, 0.3}


def test_every_thins_both_kinds_to_nested_subsets() -> None:
    sets = [
        set(build_architecture(potential(every=n)).symmetry_functions["Au"]) for n in (1, 2, 4, 99)
    ]
    assert [len(functions) for functions in sets] == [26, 13, 7, 2]
    assert sets[0] > sets[1] > sets[2] > sets[3]
    listed = potential(every=2, radial={"eta": [0.1, 0.2, 0.3]}, angular={"functions": []})
    thinned = build_architecture(listed).symmetry_functions["Au"]
    assert [f.eta for f in thinned] == [0.1, 0.3]


def test_networks() -> None:
    settings = PotentialSettings.model_validate(
        {"elements": ["Au"], "hidden_layers": [7, 5], "activation": "softplus"}
    )
    architecture = build_architecture(settings)
    assert architecture.activations == ("softplus", "softplus", "identity")
    assert architecture.layer_sizes("Au") == (26, 7, 5, 1)


def test_unknown_element() -> None:
    with pytest.raises(ConfigError, match=r"potential\.elements: 'Ax' .* nearest is A"):
        build_architecture(potential(("Ax",)))


def test_equal_functions() -> None:
    with pytest.raises(ConfigError, match=r"there twice, the first is G2\(Au\) eta=0.1"):
        build_architecture(potential(radial={"eta": [0.1, 0.2, 0.1]}))
