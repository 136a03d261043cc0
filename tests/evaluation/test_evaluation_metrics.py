"""Metrics: means over seeds and folds, errors of properties, names and units."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import ConfigError
from autune.evaluation.metrics import metric_names, property_metrics, trial_metrics
from autune.properties import PropertyRow, PropertyTable, property_error
from autune.report.tables import unit_of
from autune.settings import PropertiesSettings, Settings

GOLD = Dataset.read("builtin:gold")


def settings(**evaluation: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "metrics",
            "dataset": {"path": "-"},
            "potential": {"elements": ["Au"]},
            "evaluation": evaluation,
        }
    )


def test_means_over_trainings_and_deviations_over_seeds() -> None:
    values = np.array([[1.0, 4.0], [2.0, 9.0], [6.0, 2.0]])  # fold, seed
    metrics = trial_metrics([{"a": v, "b": 1.0} for v in values.ravel().tolist()], 2)
    assert metrics == {
        "a": pytest.approx(4.0),
        "a_std": pytest.approx((5.0 - 3.0) / math.sqrt(2.0)),
        "b": 1.0,
        "b_std": 0.0,
    }
    assert trial_metrics([{"a": 1.0}, {"a": 2.0}], 1) == {"a": 1.5}


def test_groups_left_out_have_their_own_errors() -> None:
    trainings = [
        {"energy_rmse": e, "force_rmse": 2 * e, "score": 3 * e, "other": e}
        for e in (1.0, 3.0, 5.0, 9.0)
    ]
    metrics = trial_metrics(trainings, 2, ["fcc", "bcc"])
    assert metrics["energy_rmse"] == 4.5
    assert metrics["energy_rmse.fcc"] == 2.0
    assert metrics["force_rmse.bcc"] == 14.0
    assert metrics["score.bcc"] == 21.0
    assert metrics["score.bcc_std"] == pytest.approx(12.0 / math.sqrt(2.0))
    assert "other.fcc" not in metrics


def test_metrics_that_are_not_finite_have_no_deviation() -> None:
    metrics = trial_metrics([{"a": 1.0, "b": math.nan}, {"a": math.inf, "b": 1.0}], 2)
    assert metrics["a"] == math.inf
    assert all(math.isnan(metrics[name]) for name in ("a_std", "b", "b_std"))


def test_errors_of_properties_are_in_percent_and_bounded() -> None:
    wanted = PropertiesSettings.model_validate({"failure_penalty": 50.0})
    table = PropertyTable(
        (
            PropertyRow("C11", 90.0, "GPa", 100.0, 20.0),
            PropertyRow("C44", None, "GPa", 30.0, 1.0, "ran away"),
            PropertyRow("C12", 1e6, "GPa", 100.0),
            PropertyRow("lattice_constant", 4.2, "Angstrom"),
            PropertyRow("bulk_modulus", None, "GPa", reason="ran away"),
        )
    )
    metrics = property_metrics(table, wanted)
    assert metrics.pop("property_error") == property_error(table, wanted)
    failed = {name for name, value in metrics.items() if math.isnan(value)}
    assert failed == {"property.C44", "property.bulk_modulus"}
    assert {name: value for name, value in metrics.items() if name not in failed} == {
        "property.C11": 90.0,
        "property.C12": 1e6,
        "property.lattice_constant": 4.2,
        # Errors within the uncertainty of the reference are errors here.
        "property_error.C11": pytest.approx(10.0),
        "property_error.C12": 50.0,
        "property_error.C44": 50.0,
    }


def test_names_know_references_and_groups(tmp_path: Path) -> None:
    table = tmp_path / "reference.json"
    table.write_text(json.dumps({"properties": {"C11": {"value": 150.0, "unit": "GPa"}}}))
    properties = {"reference": str(table), "elastic_constants": {}}
    names = metric_names(settings(properties=properties))
    assert {"property.C11", "property_error.C11", "property.C12"} <= set(names)
    assert "property_error.C12" not in names
    without = {**properties, "reference": None}
    assert not [n for n in metric_names(settings(properties=without)) if "property_error." in n]
    left_out = settings(cross_validation="leave_one_group_out", seeds=2)
    assert {"energy_rmse.bcc", "force_rmse.fcc_std"} <= set(metric_names(left_out, GOLD))
    assert not [name for name in metric_names(left_out) if "." in name]
    split = split_dataset(GOLD, left_out.dataset)
    of_groups = set(metric_names(settings(group_errors=True, seeds=2), split))
    assert {"energy_rmse.bcc", "force_rmse.fcc_std"} <= of_groups
    assert "score.bcc" not in of_groups
    # Of groups that know stresses.
    assert {n for n in of_groups if n.startswith("stress_rmse.")} == {
        f"stress_rmse.{group}{end}" for group in GOLD.groups for end in ("", "_std")
    }
    some = [replace(s, stress=None) if s.group == "bcc" else s for s in GOLD.structures]
    less = split_dataset(Dataset.from_structures(some), left_out.dataset)
    lacking = of_groups - set(metric_names(settings(group_errors=True, seeds=2), less))
    assert lacking == {"stress_rmse.bcc", "stress_rmse.bcc_std"}
    with pytest.raises(ConfigError, match="group_errors are those of one test set"):
        settings(group_errors=True, cross_validation="k_fold")


@pytest.mark.parametrize(
    ("name", "unit"),
    {
        "property_error.C11": "%",
        "property_error.surface_energy_100_std": "%",
        "property.C11_std": "GPa",
        "energy_rmse.surface_100": "eV/atom",
        "force_rmse.a.b_std": "eV/Angstrom",
        "score.bcc": "",
        "prediction_time_std": "microseconds/atom",
        "n_weights": "",
    }.items(),
)
def test_units(name: str, unit: str) -> None:
    assert unit_of(name) == unit


def test_errors_of_stresses_are_metrics_of_data_that_knows_stresses() -> None:
    split = split_dataset(GOLD, settings().dataset)
    assert {"stress_rmse", "train_stress_rmse"} <= set(metric_names(settings(), split))
    assert "stress_rmse_std" in metric_names(settings(seeds=2), split)
    assert not [name for name in metric_names(settings()) if "stress" in name]
    test = set(split.test.tolist())
    unknown = replace(
        split,
        structures=tuple(
            replace(s, stress=None) if n in test else s for n, s in enumerate(split.structures)
        ),
    )
    names = metric_names(settings(), unknown)
    assert "stress_rmse" not in names
    assert "train_stress_rmse" in names
    # With cross-validation every fold must know one.
    assert "stress_rmse" in metric_names(settings(cross_validation="k_fold", folds=2), unknown)
    assert unit_of("train_stress_rmse_std") == "GPa"


def test_a_metric_that_a_fold_lacks_is_none_of_the_trial() -> None:
    trainings = [{"score": 1.0, "stress_rmse": 2.0}, {"score": 3.0}]
    assert trial_metrics(trainings, 1) == {"score": 2.0}
