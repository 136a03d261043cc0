"""Points that a search tries first."""

from __future__ import annotations

import copy
import logging

import pytest
import yaml
from fake_trial import settings
from study_alone import begin, measure, work

from autune.errors import ConfigError
from autune.formats.files import write_text
from autune.search.folder import SearchFolder
from autune.search.study.start import starting_points
from autune.settings import Settings
from autune.space import SearchSpace


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fixed(**leaves):
    """Settings in which nothing is searched."""
    raw = settings()
    raw["potential"] |= {"hidden_layers": [5, 5], "scale_min": 0.25}
    raw["training"] |= {"force_ratio": 0.5}
    for key, value in leaves.items():
        section, name = key.split("__")
        raw[section][name] = value
    return raw


def write(path, raw):
    path.write_text(yaml.safe_dump(raw))
    return path.name


def space_of(section, **leaves):
    raw = fixed()
    raw[section] |= leaves
    return SearchSpace.from_mapping(raw)


def test_defaults_are_those_of_the_settings():
    space = space_of(
        "training",
        force_ratio={"uniform": [0.0, 1.0]},
        kalman={"kind": {"choice": ["standard", "fading"]}, "lambda": {"uniform": [0.9, 1.0]}},
    )
    (point,) = starting_points(space, ["defaults"])
    at = space.apply(point)
    plain = Settings.from_mapping(
        {"name": "a", **{k: fixed()[k] for k in ("dataset", "potential")}}
    )
    assert at.training.force_ratio == plain.training.force_ratio
    assert at.training.kalman == plain.training.kalman
    assert set(point) == {p.key for p in space.parameters}


def test_a_default_outside_of_the_range_is_said_with_key_value_and_range():
    space = space_of("training", epochs={"int": [3, 7], "step": 2})
    default = Settings.model_fields["training"].default.epochs
    with pytest.raises(ConfigError) as error:
        starting_points(space, ["defaults"])
    assert error.value.key == "search.start_from"
    assert f"training.epochs = {default}" in str(error.value)
    assert "[3, 7] in steps of 2" in str(error.value)


def test_a_leaf_without_a_default_is_named():
    raw = fixed()
    raw["potential"]["elements"] = {"choice": [["Au"], ["Ag"]]}
    with pytest.raises(ConfigError, match=r"search\.start_from: defaults: potential\.elements"):
        starting_points(SearchSpace.from_mapping(raw), ["defaults"])


def test_a_file_gives_the_values_of_searched_leaves_and_the_rest_is_named(here, caplog):
    space = SearchSpace.from_mapping(settings())
    name = write(here / "old.yaml", fixed(training__epochs=9, potential__cutoff_radius=5.0))
    with caplog.at_level(logging.INFO, logger="autune"):
        (point,) = starting_points(space, [name])
    assert point == {
        "potential.hidden_layers": "[5, 5]",
        "potential.scale_min": 0.25,
        "training.force_ratio": 0.5,
    }
    (line,) = [r.getMessage() for r in caplog.records]
    assert "old.yaml differs in potential.cutoff_radius, training.epochs; only" in line


@pytest.mark.parametrize(
    ("leaf", "distribution", "value", "expected"),
    [
        ("training__epochs", {"int": [2, 10], "step": 4}, 6, 6),
        ("training__epochs", {"int": [2, 10], "step": 4}, 7, None),
        ("training__epochs", {"choice": [4, 8]}, 8, 8),
        ("training__epochs", {"choice": [4, 8]}, 5, None),
        ("training__force_ratio", {"uniform": [0.1, 0.7], "step": 0.2}, 0.3, 0.3),
        ("training__force_ratio", {"uniform": [0.1, 0.7], "step": 0.2}, 0.35, None),
        ("training__force_ratio", {"uniform": [0.1, 0.7]}, 0.7, 0.7),
        ("training__force_ratio", {"uniform": [0.1, 0.7]}, 0.71, None),
        ("training__force_ratio", {"loguniform": [1e-3, 1.0]}, "1e-2", 0.01),
        ("potential__hidden_layers", {"choice": [[5], [5, 5]]}, [5, 5], "[5, 5]"),
        ("potential__hidden_layers", {"choice": [[5], [5, 5]]}, [6], None),
        (
            "training__kalman",
            {"choice": [{"kind": "fading"}, {"kind": "standard", "q0": 0.0}]},
            {"kind": "standard", "q0": 0},
            '{"kind": "standard", "q0": 0.0}',
        ),
    ],
)
def test_values_as_the_distribution_has_them_or_refused(here, leaf, distribution, value, expected):
    section, name = leaf.split("__")
    space = space_of(section, **{name: distribution})
    file = write(here / "old.yaml", fixed(**{leaf: value}))
    if expected is None:
        with pytest.raises(ConfigError, match=rf"search\.start_from: old\.yaml has {section}"):
            starting_points(space, [file])
    else:
        (point,) = starting_points(space, [file])
        assert list(point.values()) == pytest.approx([expected])


def test_a_leaf_counts_only_where_its_condition_holds(here):
    raw = fixed()
    raw["potential"]["hidden_layers"] = {"choice": [[5], [5, 5]]}
    raw["training"]["force_ratio"] = {
        "uniform": [0.8, 0.9],
        "when": {"potential.hidden_layers": [[5]]},
        "otherwise": 0.5,
    }
    space = SearchSpace.from_mapping(raw)
    file = write(here / "old.yaml", fixed())
    assert starting_points(space, [file]) == [{"potential.hidden_layers": "[5, 5]"}]
    file = write(here / "old.yaml", fixed(potential__hidden_layers=[5]))
    with pytest.raises(ConfigError, match=r"training\.force_ratio = 0\.5, which is not in \[0\.8"):
        starting_points(space, [file])


def test_the_best_of_another_search_that_fit(here, caplog):
    folder = SearchFolder(here / "results" / "before")
    folder.path.mkdir(parents=True)
    raw = settings(trials=30, constraints={"far": 0.4})
    write_text(folder.settings_file, yaml.safe_dump(raw))
    study, old = begin(folder.path, SearchSpace.from_mapping(raw))

    def measured(space, params):
        return {**measure(space, params), "far": space.apply(params).training.force_ratio}

    work(study, old, measure=measured)
    best = sorted(
        (r for r in study.records() if r.violation == 0.0), key=lambda record: record.score
    )[:10]
    narrow = copy.deepcopy(raw)
    narrow["training"]["force_ratio"] = {"uniform": [0.0, 0.35]}
    space = SearchSpace.from_mapping(narrow)
    fit = [dict(r.params) for r in best if r.params["training.force_ratio"] <= 0.35]
    assert 0 < len(fit) < len(best) == 10
    with caplog.at_level(logging.INFO, logger="autune"):
        points = starting_points(space, ["before"])
    assert points == fit
    (line,) = [r.getMessage() for r in caplog.records]
    assert f"{len(fit)} points of before, {10 - len(fit)} do not fit" in line
    # By its folder too, and nothing twice.
    assert starting_points(space, ["results/before", "before"]) == fit


def test_points_beyond_the_trials_are_counted_and_run_later(here, run, without_ray, caplog):
    files = [write(here / f"{n}.yaml", fixed(training__force_ratio=0.125 * n)) for n in range(1, 5)]
    raw = settings(trials=2, start_from=files, sampler="random")
    with caplog.at_level(logging.INFO, logger="autune"):
        result = run(raw)
    (line,) = [m for m in caplog.messages if "are not run" in m]
    assert line == (
        "search.start_from: the last 2 of 4 points are not run, since search.trials is 2; raise it "
        "to 4, now or with --resume"
    )
    caplog.clear()
    raw["search"]["trials"] = 5
    result = run(raw, resume=True)
    ratios = [r.params["training.force_ratio"] for r in result.records]
    assert ratios[:4] == [0.125, 0.25, 0.375, 0.5]
    assert ratios[4] not in ratios[:4]
    with caplog.at_level(logging.INFO, logger="autune"):
        run({**raw, "name": "enough"})
    assert not [m for m in caplog.messages if "are not run" in m]


def test_what_is_neither_is_named(here):
    space = SearchSpace.from_mapping(settings())
    with pytest.raises(
        ConfigError, match=r"search\.start_from: expected defaults, a settings file"
    ):
        starting_points(space, ["missing.yaml"])
    file = write(here / "space.yaml", settings())
    with pytest.raises(ConfigError, match=r"space\.yaml: potential\.hidden_layers: expected a val"):
        starting_points(space, [file])
    (here / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"search\.start_from: bad\.yaml"):
        starting_points(space, ["bad.yaml"])


def test_a_search_tries_them_first_and_remembers_them(here, run, without_ray):
    file = write(here / "old.yaml", fixed())
    raw = settings(trials=3, start_from=[file])
    result = run(raw)
    assert result.records[0].params["potential.scale_min"] == 0.25
    (here / "old.yaml").unlink()
    raw["search"]["trials"] = 5
    result = run(raw, resume=True)
    assert len(result.records) == 5
    assert sum(r.params["potential.scale_min"] == 0.25 for r in result.records) == 1
    with pytest.raises(ConfigError, match=r"search\.start_from"):
        run({**raw, "name": "other"})
    assert not (here / "other").exists()
