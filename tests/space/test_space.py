from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from autune.errors import ConfigError, short
from autune.settings import Settings, read_yaml
from autune.space import SearchSpace

BASE = {
    "name": "gold",
    "dataset": {"path": "builtin:gold"},
    "potential": {"elements": ["Au"]},
    "training": {"epochs": 5},
}


def make(changes: dict) -> SearchSpace:
    raw = copy.deepcopy(BASE)
    for key, value in changes.items():
        place = raw
        *path, last = key.split(".")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return SearchSpace.from_mapping(raw)


CONDITIONAL = {
    "training.selection.mode": {"choice": ["random", "sorted", "threshold"]},
    "training.selection.force_threshold": {
        "uniform": [0.5, 2.0],
        "when": {"training.selection.mode": ["sorted", "threshold"]},
    },
    "training.selection.energy_threshold": {
        "loguniform": ["1e-3", 1],
        "when": {"training.selection.mode": "threshold"},
        "otherwise": 0.25,
    },
    "potential.hidden_layers": {"choice": [[10], [10, 10]]},
    "potential.scale_min": {"int": [-4, 0], "step": 2, "when": {"potential.hidden_layers": [[10]]}},
}


def test_a_value_is_drawn_only_where_its_condition_holds():
    space = make(CONDITIONAL)
    generator = np.random.default_rng(3)
    modes = set()
    for _ in range(60):
        params = space.sample(generator)
        selection = space.apply(params).training.selection
        modes.add(selection.mode)
        assert ("training.selection.force_threshold" in params) == (selection.mode != "random")
        if selection.mode == "random":
            assert selection.force_threshold == 1.0  # the settings' default
        else:
            assert 0.5 <= selection.force_threshold <= 2.0
        if selection.mode == "threshold":
            assert 1e-3 <= selection.energy_threshold <= 1.0
        else:
            assert selection.energy_threshold == 0.25
        one_layer = params["potential.hidden_layers"] == "[10]"
        assert ("potential.scale_min" in params) == one_layer
        assert space.apply(params).potential.scale_min in ((-4, -2, 0) if one_layer else (0,))
    assert modes == {"random", "sorted", "threshold"}


def test_apply_changes_nothing_and_gives_the_same_again():
    raw = {**copy.deepcopy(BASE), "training": {"group_weights": {"a": {"uniform": [1.0, 2.0]}}}}
    before = copy.deepcopy(raw)
    space = SearchSpace.from_mapping(raw)
    params = {"training.group_weights.a": 1.5}
    first = space.apply(params)
    assert space.apply({"training.group_weights.a": 2.0}).training.group_weights == {"a": 2.0}
    assert space.apply(params) == first
    assert first.training.group_weights == {"a": 1.5}
    assert raw == before == space.template


def test_a_condition_looks_at_fixed_values_and_defaults():
    leaf = {"uniform": [0.5, 2.0], "when": {"training.selection.mode": "threshold"}}
    assert make({"training.selection.force_threshold": leaf}).sample(np.random.default_rng(0))
    fixed = make({"training.selection.force_threshold": leaf, "training.selection.mode": "random"})
    assert fixed.sample(np.random.default_rng(0)) == {}


def test_lists_may_hold_distributions_and_grow():
    space = make(
        {
            "potential.hidden_layers": [
                {"int": [5, 6]},
                {"int": [7, 8], "when": {"potential.hidden_layers.0": 6}},
            ]
        }
    )
    found = {space.apply(point).potential.hidden_layers for point in space.grid()}
    assert found == {(5,), (6, 7), (6, 8)}


def test_a_section_may_be_chosen():
    space = make({"evaluation.properties": {"choice": [None, {"lattice_constant": {}}]}})
    with_and_without = [space.apply(p).evaluation.properties is None for p in space.grid()]
    assert with_and_without == [True, False]


def test_the_grid_has_every_point_once():
    space = make(
        {
            "training.epochs": {"int": [1, 5], "step": 2},
            "training.force_ratio": {
                "uniform": [0.1, 0.3],
                "step": 0.1,
                "when": {"training.epochs": [3, 5]},
            },
        }
    )
    points = space.grid()
    assert len(points) == len({tuple(p.items()) for p in points}) == 1 + 3 + 3
    ratios = {p["training.force_ratio"] for p in points if "training.force_ratio" in p}
    assert ratios == {0.1, 0.2, 0.3}
    with pytest.raises(ConfigError, match="uniform has no finite grid"):
        make({"training.force_ratio": {"uniform": [0, 1]}}).grid()
    with pytest.raises(ConfigError, match=r"training.seed: 10001 values are too many for a grid"):
        make({"training.seed": {"int": [0, 10_000]}}).grid()


@pytest.mark.parametrize(
    ("key", "leaf", "message"),
    [
        ("training.force_ratio", {"unifrm": [0, 1]}, "did you mean uniform"),
        ("training.force_ratio", {"uniform": [1, 0]}, "smallest value must come first"),
        ("training.force_ratio", {"uniform": [0, 0]}, "smallest value must come first"),
        ("training.force_ratio", {"uniform": [0, "much"]}, "expected a finite number"),
        ("training.force_ratio", {"uniform": [0, float("nan")]}, "expected a finite number"),
        ("training.force_ratio", {"uniform": [0, 1, 2]}, r"expected \[smallest, largest\]"),
        ("training.force_ratio", {"uniform": [0, 1], "step": 0.3}, "must be a multiple"),
        ("training.force_ratio", {"uniform": [0, 1], "int": [0, 1]}, "found uniform and int"),
        ("training.force_ratio", {"uniform": [0, 10**400]}, "expected a finite number"),
        ("training.force_ratio", {"uniform": [-1e308, 1e308]}, "is too wide"),
        ("training.force_ratio", {"uniform": [0, 1], "step": 1e-12}, "make 1e.09 steps at most"),
        ("training.force_ratio", {"uniform": [0, 1e300], "step": 1e-300}, "steps at most"),
        ("training.force_ratio", {"choice": [0.1, float("nan")]}, "finite numbers.*found nan"),
        ("training.epochs", {"int": [1, 2**60]}, r"int: expected numbers up to 2\^53"),
        ("training.epochs", {"int": [1, 10**400]}, "expected a whole number"),
        ("training.epochs", {"choice": list(range(1, 1002))}, "at most 1000 values, found 1001"),
        ("potential.hidden_layers", {"choice": [[b"a"]]}, "expected text, finite numbers"),
        ("training.force_ratio", {"uniform": [0, 1.5]}, "less than or equal to 1; found 1.5"),
        ("training.force_ratio", {"choice": [0.5, 7]}, "less than or equal to 1; found 7"),
        ("training.force_ratio", {"choice": []}, "expected a list of values"),
        ("training.force_ratio", {"choice": [1, 1.0]}, "appears twice"),
        ("training.kalman.epsilon", {"loguniform": [0, 1]}, "must be above 0"),
        ("training.epochs", {"int": [1, 2.5]}, "expected a whole number"),
        ("training.epochs", {"int": [True, 3]}, "expected a whole number"),
        ("training.epochs", {"int": [0, 3]}, "greater than or equal to 1; found 0"),
        (
            "training.seed",
            {"int": [0, 3], "when": {"training.epoch": 5}},
            "did you mean training.e",
        ),
        ("training.seed", {"int": [0, 3], "when": "always"}, "expected {dotted.key"),
        ("training.seed", {"int": [0, 3], "otherwise": 5}, "otherwise needs a when"),
        ("training.seed", {"int": [0, 3], "when": {"training.seed": 1}}, "in a circle"),
        ("search.trials", {"int": [1, 3]}, "cannot be searched"),
        ("name", {"choice": ["a", "b"]}, "cannot be searched"),
        ("training.epoch", {"int": [1, 3]}, "did you mean epochs"),
        ("potential.scale_min", {"uniform": [0.0, 1.0]}, "the value 1.0 cannot be used"),
    ],
)
def test_mistakes_are_found_before_a_search_begins(key, leaf, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make({key: leaf})
    assert key in str(caught.value)


def test_a_condition_that_never_holds_is_a_mistake():
    with pytest.raises(ConfigError, match="never holds"):
        make(
            {
                "training.epochs": {"int": [1, 3]},
                "training.seed": {"int": [0, 3], "when": {"training.epochs": 7}},
            }
        )


def test_a_bad_bound_behind_a_condition_is_found():
    with pytest.raises(ConfigError, match=r"training.selection.force_threshold.*found -1"):
        make(
            {
                "training.selection.mode": {"choice": ["random", "threshold"]},
                "training.selection.force_threshold": {
                    "uniform": [-1, 1],
                    "when": {"training.selection.mode": "threshold"},
                },
            }
        )


def test_a_point_must_name_the_searched_leaves():
    space = make({"training.force_ratio": {"uniform": [0, 1]}})
    with pytest.raises(ConfigError, match="has no value in this point"):
        space.apply({})
    with pytest.raises(ConfigError, match="is not searched"):
        space.apply({"training.force_ratio": 0.5, "training.epochs": 3})


def test_training_needs_fixed_settings():
    assert make({}).fixed_settings() == Settings.from_mapping(BASE)
    assert not make({}).has_distributions
    with pytest.raises(ConfigError, match=r"training.force_ratio: expected a value, found a dist"):
        make({"training.force_ratio": {"uniform": [0, 1]}}).fixed_settings()


def test_a_space_survives_the_way_to_a_worker():
    space = make(CONDITIONAL)
    params = space.sample(np.random.default_rng(1))
    assert pickle.loads(pickle.dumps(space)).apply(params) == space.apply(params)


def test_draws_of_large_ranges_stay_inside():
    space = make(
        {
            "training.seed": {"int": [1, 10**15]},
            "training.kalman.epsilon": {"loguniform": [0.1, 0.10000000000000002]},
        }
    )
    generator = np.random.default_rng(1)
    points = [space.sample(generator) for _ in range(200)]
    for point in points:
        space.apply(point)
        assert 0.1 <= point["training.kalman.epsilon"] <= 0.10000000000000002
    assert max(point["training.seed"] for point in points) > 10**14


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("search.patience", True, "must be a number, not true or false"),
        ("potential.hidden_layers", [True, 5], "must be a number, not true or false"),
        ("training.group_weights", {"fcc": True}, "must be a number, not true or false"),
        ("training.epochs", "many", "must be a whole number; found 'many'"),
        ("training.epochs", 1.5, "must be a whole number; found 1.5"),
        ("training.force_ratio", "x" * 1000, "must be a number; found 'xxxx.*[.][.][.]x*'$"),
        ("dataset.path", 3, "must be text; what looks like a number or true needs quotes; found 3"),
        ("training.kalman.epsilon", float("inf"), "must be a finite number; found inf"),
        ("potential.symmetry_functions.radial.eta", [1e300], r"1000000; found 1e.300"),
        ("potential.symmetry_functions.angular.functions", [[1, 1, 1e9]], "equal to 1000"),
        ("potential.symmetry_functions.radial.r_shift", 1e300, "equal to 100"),
        ("potential.scale_max", 1e300, "equal to 1000000"),
    ],
)
def test_values_that_settings_cannot_have(key, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make({key: value})
    assert caught.value.key.startswith(key)
    make({"search.racing": True, "potential.normalize_nodes": False})


def test_a_file_that_is_a_distribution_is_refused():
    with pytest.raises(ConfigError, match=r"expected settings .* found a distribution"):
        SearchSpace.from_mapping({"choice": [1, 2]})


def test_too_many_searched_leaves_are_refused():
    weights = {f"g{n}": {"uniform": [1, 2]} for n in range(201)}
    with pytest.raises(ConfigError, match="at most 200 leaves can be searched, found 201"):
        make({"training.group_weights": weights})


def test_too_many_options_are_refused():
    weights = {f"g{n}": {"choice": list(range(1, 101))} for n in range(21)}
    with pytest.raises(ConfigError, match="have 2100 options and ends in all, 2000 at most"):
        make({"training.group_weights": weights})


def test_conditions_on_conditions_take_no_time():
    weights = {"g0": {"choice": [1, 2]}, "g1": {"choice": [1, 2]}}
    for n in range(2, 60):
        keys = (f"training.group_weights.g{n - 1}", f"training.group_weights.g{n - 2}")
        weights[f"g{n}"] = {"choice": [1, 2], "when": dict.fromkeys(keys, 1)}
    assert len(make({"training.group_weights": weights}).parameters) == 60


def test_points_leave_the_settings_as_they_were():
    space = make(CONDITIONAL)
    before = copy.deepcopy(space.template)
    for _ in range(5):
        space.apply(space.sample(np.random.default_rng(3)))
    assert space.template == before


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}\n"
    for a, b in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "more than 30000 values"),
        (MERGES, "more than 30000 values"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "[" * 5_000, "line 1: nested too deeply"),
        ("- " * 400 + "a", "line 1: nested too deeply"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key a appears twice"),
        ("x" * 1_000_001, "larger than 1 MB"),
        ("a: [1", "line 1"),
        ("", "expected keys and values"),
        ("a: !!python/object:os.system {}", "line 1"),
        ("a: !!timestamp x", "line 1: expected timestamp, found 'x'"),
        ("a: !!bool x", "line 1: expected bool, found 'x'"),
        ("a: !!int ''", "line 1: expected int, found ''"),
        ("a: 1\nb: 2001-99-99", "line 2: expected timestamp, found '2001-99-99'"),
        ("a: 2001-01-01", "line 1: 2001-01-01 is read as timestamp; write it in quotes"),
        ("a: !!binary aaaa", "line 1: aaaa is read as binary"),
        ("a: !x y", "line 1: 'y' of !x is not known"),
        ("a: !!set {b}", "line 1: the tag !!set is not known"),
        (f"a: {10**30}", r"line 1: whole numbers are smaller than 2\^63"),
        ("a: " + "1" * 5_000, "line 1: a number has at most 400 characters"),
        ("a: 0x" + "f" * 5_000, "line 1: a number has at most 400 characters"),
        ("a: 1" + ":1" * 400_000, "line 1: a number has at most 400 characters"),
        ("a: 0b" + "1" * 300, r"line 1: whole numbers are smaller than 2\^63"),
        ("a: 1" + ":1" * 190 + ".5", "line 1: expected float"),
        ('a: 1\nb: "\\Uffffffff"', "line 2: an escape names no character; mend it"),
        ('b: "\\U00110000"', "line 1: an escape names no character; mend it"),
        ("a:\n  100: 1", "line 2: a key must be text, found 100; write it in quotes"),
        ("a: {[1]: 1}", "line 1: a key must be text, found a list"),
        ("a: {<<: 1}", "line 1: expected a mapping or list of mappings for merging"),
        ("a:\n\t- 1", "line 2: a tab cannot begin a value; indent with blanks"),
        ("- 1", "expected keys and values .* found a list"),
        ("b: 1\na: \x00", r"line 2: the character '\\x00' is not allowed in YAML; remove it"),
    ],
    ids=short,
)
def test_files_that_are_no_settings_are_refused(tmp_path, text, message):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\nb: \xe9", "line 2: expected text in UTF-8"),
        ("a: 1".encode("utf-16"), "expected text in UTF-8"),
        (b"a: " + b"\xc3\xa9" * 500_000, "larger than 1 MB"),
    ],
    ids=short,
)
def test_bytes_that_are_no_settings_are_refused(tmp_path, data, message):
    path = tmp_path / "settings.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml("a\0b")


def test_byte_order_mark_and_line_ends_of_other_systems(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [x, y]\r\n")
    assert read_yaml(path) == {"a": 1, "b": ["x", "y"]}
