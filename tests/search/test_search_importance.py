"""Shares of parameters in what makes a metric low."""

from __future__ import annotations

import math

import pytest
from fake_trial import settings
from study_alone import begin, small_space, work

from autune.search.folder import SearchFolder
from autune.search.study.study import Study
from autune.space import SearchSpace

KEY = "potential.scale_min"
NAMES = ("score", "force_rmse", "constant", "property.C11", "property_error", "unknown")


def tell_by_scale(space, params):
    """Let one parameter alone decide about the score, and none about a constant."""
    low = params[KEY] + 1.0
    return {
        "energy_rmse": low, "force_rmse": low, "score": low,
        "constant": 1.0, "property.C11": low, "property_error": math.nan,
    }  # fmt: skip


def test_the_parameter_that_decides_has_the_largest_share(tmp_path):
    study, space = begin(tmp_path / "a", sampler="random", trials=60)
    assert study.importances(NAMES) == {}
    work(study, space, 9, tell_by_scale)
    assert study.importances(NAMES) == {}, "nine trials say nothing"
    work(study, space, measure=tell_by_scale)
    found = study.importances(NAMES)
    assert set(found) == {"score", "force_rmse"}
    for shares in found.values():
        assert len(shares) == 3
        assert next(iter(shares)) == KEY
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares[KEY] > 0.8
    assert Study.open(SearchFolder(tmp_path / "a")).importances(NAMES) == found


def test_parameter_with_a_condition_has_a_share(tmp_path):
    study, space = begin(tmp_path / "a", small_space(sampler="grid", trials=60))
    work(study, space, measure=tell_by_scale)
    shares = study.importances(["score"])["score"]
    assert set(shares) == {KEY, "potential.hidden_layers", "training.force_ratio"}
    assert next(iter(shares)) == KEY


def test_one_parameter_has_no_share(tmp_path):
    raw = settings(sampler="random", trials=12)
    raw["potential"]["hidden_layers"] = [5]
    raw["training"]["force_ratio"] = 0.5
    study, space = begin(tmp_path / "a", SearchSpace.from_mapping(raw))
    work(study, space, measure=tell_by_scale)
    assert study.importances(["score"]) == {}
