from __future__ import annotations

import shutil
from importlib import import_module as load

import numpy as np
import pandas as pd
import pytest

from autune.structures import Structure


def test_errors_count_beyond_the_ranges_only():
    mlearn = load("mlearn")
    inside = {"C11": 171.0, "C12": 125.0, "C44": 78.0}
    assert mlearn.elastic_error(inside, "Cu") == 0.0
    error = mlearn.elastic_error(inside | {"C11": 183.0, "C44": 70.0}, "Cu")
    assert error == pytest.approx(100 * (3 / 175.5 + 3 / 75.5) / 3)


def test_the_fastest_of_those_that_are_nowhere_worse(tmp_path):
    mlearn = load("mlearn")
    good = {"energy_rmse": 0.001, "force_rmse": 0.06, "prediction_time": 50.0,
            "property.C11": 175.0, "property.C12": 125.0, "property.C44": 75.0}  # fmt: skip
    rows = [good, good | {"prediction_time": 20.0}, good | {"prediction_time": 10.0}]
    rows[2]["force_rmse"] = 0.064
    pd.DataFrame(rows).assign(number=[3, 7, 9]).to_csv(tmp_path / "trials.csv", index=False)
    folder = tmp_path / "trials" / "0007" / "potential"
    folder.mkdir(parents=True)
    mlearn.stand_in().save(folder)
    shutil.copytree(folder, tmp_path / "trials" / "0003" / "potential")
    pair = Structure(np.array([29, 29]), np.array([[0.0, 0.0, 0.0], [2.5, 0.0, 0.0]]))
    found = mlearn.fastest(tmp_path, "Cu", [pair])
    assert found is not None
    assert mlearn.size_of(found.architecture) == {
        "functions": 27, "network": "27-8-8-1", "r_cutoff": 4.1,
    }  # fmt: skip
    assert np.isfinite(found.predict(pair).forces).all()
    pd.DataFrame(rows[2:]).assign(number=[9]).to_csv(tmp_path / "trials.csv", index=False)
    assert mlearn.fastest(tmp_path, "Cu", [pair]) is None
