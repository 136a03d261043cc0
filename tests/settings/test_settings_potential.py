from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autune.errors import ConfigError
from autune.potential.basis import build_architecture
from autune.settings import Settings
from autune.space import SearchSpace

LINES = [
    "Cu 2 Au 0.1 0.0 5.0",
    "Au 2 Au 0.2 1.0 6.0",
    "Au 2 Cu 0.1 0.0 6.0",
    "Au 9 Cu Au 0.01 -1 2 4.5",
]


def content(**potential: Any) -> dict[str, Any]:
    return {
        "name": "alloy",
        "dataset": {"path": "none"},
        "potential": {"elements": ["Au", "Cu"], **potential},
    }


def explicit(lines: list[Any], **rules: Any) -> Settings:
    return Settings.from_mapping(content(symmetry_functions={"explicit": lines, **rules}))


def test_functions_one_by_one() -> None:
    settings = explicit(LINES)
    architecture = build_architecture(settings.potential)
    assert {s: list(map(str, f)) for s, f in architecture.symmetry_functions.items()} == {
        "Cu": ["G2(Au) eta=0.1 rs=0 rc=5"],
        "Au": [
            "G2(Cu) eta=0.1 rs=0 rc=6",
            "G2(Au) eta=0.2 rs=1 rc=6",
            "G9(Cu, Au) eta=0.01 rs=0 lambda=-1 zeta=2 rc=4.5",
        ],
    }
    assert architecture.r_cutoff == 6.0
    again = Settings.from_mapping(settings.model_dump(mode="json", by_alias=True))
    assert again == settings


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Au 2 Au 0.1 0.0", "expected X 2 Y eta rs rc, found 'Au 2 Au 0.1 0.0'"),
        ("Au 3 Au Au 0.1 3 1 6.0", "expected lambda -1 or 1, found 3, in the line 'Au 3 Au Au"),
        ("Au 9 Au Au 0.1 1 1 6 -1", "expected rs of 0 or more, found -1; n2p2 and LAMMPS take 0"),
        ("Au 2 Xy 0.1 0 6", "expected chemical symbols, found 'Xy', in the line"),
        ("symfunction_short Au 2 Au 0.1 0 6", "expected a number, found 'Au', in the line"),
        ("", "found 'nothing'"),
        (7, "must be text"),
    ],
)
def test_lines_that_are_wrong(line: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explicit([*LINES, line])
    assert str(caught.value).startswith("potential.symmetry_functions.explicit.4: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*LINES, "Au 2 Ag 1 0 6"], "explicit.4: expected one of the elements Cu Au, found 'Ag'"),
        (LINES[1:], "explicit: Cu has no symmetry function; add lines 'Cu ...'"),
        ([*LINES, LINES[0]], "there twice, the first is G2(Au) eta=0.1 rs=0 rc=5"),
    ],
)
def test_lines_that_do_not_fit_the_elements(lines: list[str], message: str) -> None:
    settings = explicit(lines)
    with pytest.raises(ConfigError) as caught:
        build_architecture(settings.potential)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [{"r_shift": 0.5}, {"every": 2}, {"radial": {"eta": [1.0]}}, {"angular": {"r_shift": 1}}],
)
def test_functions_one_by_one_and_a_rule(rule: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=f"explicit makes all functions, and {next(iter(rule))} changes none"
    ):
        explicit(LINES, **rule)


def test_networks_per_element() -> None:
    settings = Settings.from_mapping(content(hidden_layers={"Au": [9, 8], "Cu": [4, 3]}))
    architecture = build_architecture(settings.potential)
    assert architecture.layer_sizes("Au")[1:] == (9, 8, 1)
    assert architecture.layer_sizes("Cu")[1:] == (4, 3, 1)
    assert architecture.activations == ("tanh", "tanh", "identity")
    assert Settings.from_mapping(settings.model_dump(mode="json", by_alias=True)) == settings
    one = Settings.from_mapping(content(hidden_layers={"Au": [9, 8], "Cu": [9, 8]}))
    assert build_architecture(one.potential).hidden_layers == (9, 8)


@pytest.mark.parametrize(
    ("layers", "key", "message"),
    [
        ({"Au": [9]}, "", "expected sizes of each of Au, Cu, found them of Au"),
        ({"Au": [9], "Cu": [9], "Ag": [9]}, "", "found them of Au, Cu, Ag"),
        ({"Au": [9], "Cu": [9, 9]}, "", "expected as many layers of each element, found 1 of Au"),
        ({"Au": [9], "Cu": []}, ".Cu", "must have at least 1 item"),
        ({"Au": [9, 0], "Cu": [9, 9]}, ".Au.1", "greater than or equal to 1; found 0"),
        ({"Au": [9], "Cu": 4}, ".Cu", "must be a list in brackets; found 4"),
        ({"Au": [True], "Cu": [4]}, "", "must be a number, not true or false"),
        ([9, 0], ".1", "greater than or equal to 1; found 0"),
        ([], "", "must have at least 1 item"),
        (7, "", "must be a list in brackets; found 7"),
    ],
)
def test_networks_that_are_wrong(layers: Any, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_mapping(content(hidden_layers=layers))
    assert str(caught.value).startswith(f"potential.hidden_layers{key}: ")
    assert message in str(caught.value)


def test_energies_of_other_elements() -> None:
    with pytest.raises(ConfigError, match=r"potential\.atom_energies: .* found one of Ag"):
        Settings.from_mapping(content(atom_energies={"Au": -1.0, "Ag": -2.0}))


def test_default_cutoff_is_of_angstrom() -> None:
    with pytest.raises(ConfigError, match="cutoff_radius must be given with units hartree-bohr"):
        Settings.from_mapping(content(units="hartree-bohr"))
    lines = {"explicit": ["Au 2 Au 0.1 0.0 12.0", "Cu 2 Au 0.1 0.0 12.0"]}
    for given in ({"cutoff_radius": 12.0}, {"symmetry_functions": lines}):
        Settings.from_mapping(content(units="hartree-bohr", **given))


def test_both_can_be_searched() -> None:
    forms = [{"Au": [9], "Cu": [4]}, [7]]
    space = SearchSpace.from_mapping(
        content(
            hidden_layers={"choice": forms},
            symmetry_functions={"explicit": {"choice": [LINES, LINES[:3]]}},
        )
    )
    found = {
        (str(potential.hidden_layers), len(potential.symmetry_functions.explicit))
        for potential in (space.apply(point).potential for point in space.grid())
    }
    assert found == {(sizes, n) for sizes in ("{'Au': (9,), 'Cu': (4,)}", "(7,)") for n in (4, 3)}
    of_one = content(hidden_layers={"Au": [{"int": [2, 9]}], "Cu": [4]})
    space = SearchSpace.from_mapping(of_one)
    assert [p.key for p in space.parameters] == ["potential.hidden_layers.Au.0"]
    sizes = space.apply(space.sample(np.random.default_rng(1))).potential.hidden_layers
    assert isinstance(sizes, dict)
    assert sizes["Cu"] == (4,)
    with pytest.raises(ConfigError, match=r"potential\.hidden_layers: .* found them of chioce"):
        SearchSpace.from_mapping(content(hidden_layers={"chioce": [[5]]}))
