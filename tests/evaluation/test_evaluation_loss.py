"""The score from all errors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autune.evaluation import score
from autune.settings import ScoreSettings

SETTINGS = ScoreSettings.model_validate(
    {
        "energy_rmse": {"scale": 0.002, "weight": 1.0},
        "force_rmse": {"scale": 0.05, "weight": 3.0},
        "property_error": {"scale": 4.0, "weight": 0.5},
    }
)


def test_weighted_mean_of_scaled_errors():
    metrics = {"energy_rmse": 0.004, "force_rmse": 0.05, "property_error": 2.0, "epochs": 9e9}
    assert score(metrics, SETTINGS) == pytest.approx((2.0 + 3.0 + 0.25) / 4.5)


def test_absent_errors_do_not_count():
    assert score({"force_rmse": 0.1}, SETTINGS) == pytest.approx(2.0)
    assert score({"energy_rmse": 0.002, "property_error": 8.0}, SETTINGS) == pytest.approx(2 / 1.5)
    assert score({"epochs": 3.0}, SETTINGS) == math.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_diverged_is_infinite(bad):
    assert score({"energy_rmse": bad, "force_rmse": 0.1}, SETTINGS) == math.inf


def test_weight_zero_leaves_an_error_out():
    settings = ScoreSettings.model_validate({"force_rmse": {"scale": 1.0, "weight": 0.0}})
    assert score({"energy_rmse": 0.003, "force_rmse": math.nan}, settings) == pytest.approx(1.0)


def test_all_weights_zero_is_refused():
    none = {"scale": 1.0, "weight": 0.0}
    with pytest.raises(ValueError, match="larger than 0"):
        ScoreSettings.model_validate(
            {"energy_rmse": none, "force_rmse": none, "property_error": none}
        )


@given(st.floats(0.0, 1e3), st.floats(0.0, 1e3), st.floats(1.01, 2.0))
def test_a_larger_error_never_scores_better(energy, force, factor):
    here = score({"energy_rmse": energy, "force_rmse": force}, SETTINGS)
    there = score({"energy_rmse": energy, "force_rmse": force * factor}, SETTINGS)
    assert there >= here


def test_epochs_have_a_score_where_only_properties_count():
    none = {"scale": 2.0, "weight": 0.0}
    settings = ScoreSettings.model_validate({"energy_rmse": none, "force_rmse": none})
    assert score({"energy_rmse": 2.0, "force_rmse": 6.0}, settings) == pytest.approx(2.0)
    assert score({"energy_rmse": 2.0, "property_error": 3.0}, settings) == pytest.approx(1.0)
