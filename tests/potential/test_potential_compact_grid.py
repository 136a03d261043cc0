from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autune.errors import ConfigError
from autune.formats.input_nn import input_nn_text, read_input_nn
from autune.kernels.compact import window
from autune.potential.basis import build_architecture
from autune.settings import Settings
from autune.space import SearchSpace


def content(**rules: Any) -> dict[str, Any]:
    return {
        "name": "compact",
        "dataset": {"path": "none"},
        "potential": {"elements": ["Au", "Cu"], "symmetry_functions": rules},
    }


def functions(**rules: Any) -> list[str]:
    settings = Settings.from_mapping(content(**rules))
    of_elements = build_architecture(settings.potential).symmetry_functions
    assert of_elements["Au"] == of_elements["Cu"]
    return list(map(str, of_elements["Au"]))


def test_ranges_overlap_by_half() -> None:
    compact = {"n_radial": 4, "n_angles": 3, "n_distances": 1, "core": "p3", "asymmetric": True}
    found = functions(compact=compact)
    assert found[:4] == [
        "G20(Cu) p3a rl=1 rc=3", "G20(Cu) p3a rl=2 rc=4", "G20(Cu) p3a rl=3 rc=5",
        "G20(Cu) p3a rl=4 rc=6",
    ]  # fmt: skip
    assert found[8:11] == [
        "G22(Cu, Cu) p3a rl=1 rc=6 left=-90 right=90",
        "G22(Cu, Cu) p3a rl=1 rc=6 left=0 right=180",
        "G22(Cu, Cu) p3a rl=1 rc=6 left=90 right=270",
    ]
    assert len(found) == 2 * 4 + 3 * 3
    narrow = functions(compact={**compact, "angular": "narrow", "n_radial": 0, "n_distances": 2})
    assert len(narrow) == 3 * 3 * 2
    assert all(name.startswith("G21(") for name in narrow)
    assert len(functions(compact={"n_angles": 0})) == 2 * 8


@pytest.mark.parametrize("core", [1, 2, 3, 4])
def test_polynomials_of_a_grid_add_up_to_one(core: int) -> None:
    settings = Settings.from_mapping(content(compact={"n_radial": 5, "n_angles": 6}))
    found = build_architecture(settings.potential).symmetry_functions["Au"]
    radial = [f for f in found if f.kind == 20 and f.neighbours == ("Au",)]
    angular = [f for f in found if f.neighbours == ("Au", "Au") and f.r_low == radial[0].r_low]
    for r in np.linspace(radial[0].r_low + 1.0, radial[-1].r_cutoff - 1.0, 7):
        total = sum(window(core, False, r, f.r_low, f.r_cutoff)[0] for f in radial)
        assert total == pytest.approx(1.0, abs=1e-12)
    for theta in np.linspace(0.0, 180.0, 9):
        total = sum(window(core, False, theta, f.left, f.right)[0] for f in angular)
        assert total == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n_angles", range(2, 60))
def test_every_grid_of_angles_is_what_n2p2_takes(n_angles: int, tmp_path: Any) -> None:
    settings = Settings.from_mapping(content(compact={"n_angles": n_angles}))
    architecture = build_architecture(settings.potential)
    (tmp_path / "input.nn").write_text(input_nn_text(architecture, {}))
    assert read_input_nn(tmp_path / "input.nn")[0] == architecture


def test_weighted_functions_do_not_grow_with_the_elements() -> None:
    compact = functions(compact={"n_radial": 3, "n_angles": 4, "n_distances": 2}, weighted=True)
    assert [name[:4] for name in compact] == ["G23 "] * 3 + ["G25 "] * 8
    narrow = {"kind": "narrow", "functions": [[0.01, 1, 2], [0.01, -1, 2]]}
    gaussian = functions(basis=None, radial={"eta": [0.1, 0.2]}, angular=narrow, weighted=True)
    assert gaussian == [
        "G12 eta=0.1 rs=0 rc=6",
        "G12 eta=0.2 rs=0 rc=6",
        "G13 eta=0.01 rs=0 lambda=-1 zeta=2 rc=6",
        "G13 eta=0.01 rs=0 lambda=1 zeta=2 rc=6",
    ]
    radial = functions(basis=None, radial={"eta": [0.1]}, angular={"functions": []}, weighted=True)
    assert radial == ["G12 eta=0.1 rs=0 rc=6"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"weighted": True}, "no weighted function is wide (type 9); set angular.kind to narrow"),
        ({"weighted": True, "rule": {}}, "no weighted function is wide (type 9); set rule.angular"),
        ({"compact": {}, "rule": {}}, "compact makes all functions, and rule changes none"),
        ({"compact": {}, "r_shift": 0.5}, "compact makes all functions, and r_shift changes none"),
        ({"compact": {}, "radial": {"eta": [1.0]}}, "and radial changes none of them; leave one"),
        ({"explicit": ["Au 12 1 0 6"], "weighted": True}, "explicit makes all functions, and weig"),
        ({"explicit": ["Au 12 1 0 6"], "compact": {}}, "explicit makes all functions, and compact"),
        ({"compact": {"n_angles": 1}}, "n_angles must be 0 (no angular functions) or 2 or more"),
        ({"compact": {"n_angles": 0, "n_radial": 0}}, "there are no functions; n_radial or n_ang"),
        (
            {"compact": {"r_first": 6.0}},
            "compact.r_first (6) must be smaller than cutoff_radius (6)",
        ),
        ({"compact": {"core": "p5"}}, "must be 'e', 'p1', 'p2', 'p3' or 'p4'; found 'p5'"),
    ],
)
def test_rules_that_contradict_each_other(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_mapping(content(**rules))
    assert message in str(caught.value)


def test_grids_can_be_searched() -> None:
    space = SearchSpace.from_mapping(
        content(
            compact={"core": {"choice": ["p2", "e"]}, "n_radial": {"int": [4, 6]}},
            weighted={"choice": [False, True]},
        )
    )
    found = [space.apply(point).potential for point in space.grid()]
    counts = {len(build_architecture(p).symmetry_functions["Au"]) for p in found}
    assert counts == {n * r + m for r, m in ((2, 42), (1, 14)) for n in (4, 5, 6)}
