from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from autune.evaluation.spread import measure_spread, summarize_properties
from autune.properties.table import PropertyRow, PropertyTable
from autune.structures import Structure


def structure(n, energy, forces, group="") -> Structure:
    positions = np.arange(3.0 * n).reshape(n, 3)
    return Structure(np.full(n, 79), positions, None, energy, forces, group=group)


def test_spread_counts_what_has_a_reference_as_the_errors_do():
    zero = np.zeros((2, 3))
    structures = [
        structure(2, -6.0, zero, "fcc"),
        structure(2, -6.0, None, "fcc"),
        structure(1, None, zero[:1]),
    ]
    predictions = [
        SimpleNamespace(energy_std=0.06, forces_std=np.full((2, 3), 0.1)),
        SimpleNamespace(energy_std=0.08, forces_std=np.full((2, 3), 9.0)),
        SimpleNamespace(energy_std=9.0, forces_std=np.full((1, 3), 0.4)),
    ]
    found = measure_spread(structures, predictions)
    assert list(found) == ["fcc", "(none)", "all"]
    energy = math.sqrt((0.03**2 + 0.04**2) / 2)
    assert found["fcc"].energy_spread == pytest.approx(energy)
    assert found["all"].energy_spread == pytest.approx(energy)
    assert found["fcc"].force_spread == pytest.approx(0.1)
    assert found["all"].force_spread == pytest.approx(math.sqrt((6 * 0.01 + 3 * 0.16) / 9))
    assert math.isnan(found["(none)"].energy_spread)


def table(c11, c44) -> PropertyTable:
    reason = "" if c44 is not None else "ran away"
    return PropertyTable(
        (
            PropertyRow("C11", c11, "GPa", 150.0, 2.0),
            PropertyRow("C44", c44, "GPa", None, None, reason),
        )
    )


def test_properties_over_members():
    c11, c44 = summarize_properties([table(148.0, 30.0), table(152.0, None), table(156.0, 34.0)])
    assert c11.to_dict() == {
        "name": "C11", "mean": 152.0, "std": 4.0, "unit": "GPa", "reference": 150.0,
        "uncertainty": 2.0, "error": 2.0, "error_percent": pytest.approx(4 / 3),
        "error_percent_std": pytest.approx(8 / 3), "failed": None, "reason": "",
    }  # fmt: skip
    assert (c44.mean.value, c44.std, c44.n_failed) == (32.0, pytest.approx(math.sqrt(8.0)), 1)
    assert c44.to_dict()["reason"] == "ran away"


def test_property_that_no_member_has():
    _, c44 = summarize_properties([table(148.0, None), table(152.0, None)])
    assert (c44.mean.value, c44.n_failed) == (None, 2)
    assert math.isnan(c44.std)
