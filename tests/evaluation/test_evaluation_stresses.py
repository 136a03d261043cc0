"""Errors of stresses per group, by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from autune.evaluation.stresses import measure_stresses
from autune.structures import Structure
from autune.units import EV_PER_ANGSTROM3_IN_GPA

GPA = 1.0 / EV_PER_ANGSTROM3_IN_GPA


@dataclass
class Predicted:
    virial: np.ndarray


def crystal(edge: float, group: str, stress: np.ndarray | None) -> Structure:
    cell = edge * np.eye(3)
    return Structure(np.array([79]), np.zeros((1, 3)), cell, 0.0, stress=stress, group=group)


def test_errors_per_group_by_hand() -> None:
    stress = np.array([[1.0, 0.2, 0.3], [0.2, 2.0, 0.4], [0.3, 0.4, 3.0]]) * GPA
    off_diagonal = np.zeros((3, 3))
    off_diagonal[0, 1] = off_diagonal[1, 0] = 0.6 * GPA
    structures = [
        crystal(4.0, "fcc", stress),
        crystal(5.0, "bcc", stress),
        crystal(5.0, "fcc", None),
        crystal(5.0, "sc", None),
    ]
    predictions = [
        Predicted((stress + off_diagonal) * 64.0),  # a component that stands twice counts once
        Predicted((stress - 0.3 * GPA * np.eye(3)) * 125.0),
        Predicted(np.ones((3, 3))),
        Predicted(np.ones((3, 3))),
    ]
    found = measure_stresses(structures, predictions)
    assert list(found) == ["fcc", "bcc", "sc", "all"]
    assert found["fcc"].n_stresses == 6
    assert found["fcc"].stress_rmse == pytest.approx(0.6 / math.sqrt(6))
    assert found["fcc"].stress_mae == pytest.approx(0.1)
    assert found["bcc"].stress_rmse == pytest.approx(0.3 / math.sqrt(2))
    assert found["all"].stress_rmse == pytest.approx(math.sqrt((0.36 + 3 * 0.09) / 12))
    assert found["sc"].n_stresses == 0
    assert math.isnan(found["sc"].stress_rmse)


def test_no_errors_where_no_stress_is_known() -> None:
    cluster = Structure(np.array([79]), np.zeros((1, 3)), stress=np.eye(3))
    assert measure_stresses([cluster], [Predicted(np.ones((3, 3)))]) == {}
