from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from autune.evaluation.accuracy import measure
from autune.properties.table import PropertyRow, PropertyTable
from autune.report import tables
from autune.structures import Structure
from autune.training.epoch import Epoch


def printed(frame, **options) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(tables.format_table(frame, **options))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_energy_rmse", "test_energy_rmse [eV/atom]"),
        ("force_rmse_std", "force_rmse_std [eV/Angstrom]"),
        ("C11", "C11 [GPa]"),
        ("surface_energy_111_mean", "surface_energy_111_mean [J/m^2]"),
        ("property.vacancy_formation_energy_std", "property.vacancy_formation_energy_std [eV]"),
        ("stacking_fault_energy", "stacking_fault_energy [mJ/m^2]"),
        ("equation_of_state_rmse_bcc", "equation_of_state_rmse_bcc [meV/atom]"),
        ("C11_error_percent", "C11_error_percent [%]"),
        ("property.C11_std", "property.C11_std [GPa]"),
        ("epoch_seconds", "epoch_seconds [s]"),
        ("property_error", "property_error [%]"),
        ("property_error_std", "property_error_std [%]"),
        ("lattice_constant", "lattice_constant [Angstrom]"),
        ("score", "score"),
        ("number", "number"),
    ],
)
def test_header_names_the_unit(name, expected):
    assert tables.header(name) == expected


def test_epochs_go_through_csv_without_loss(tmp_path):
    epoch = Epoch(1, 7, 0.1 + 1e-16, 1 / 3, math.nan, 0.2, 1.5, 12.25)
    tables.write_csv(tables.tabulate([epoch]), tmp_path / "history.csv")
    back = pd.read_csv(tmp_path / "history.csv")
    assert list(back.columns)[:3] == ["seed", "number", "train_energy_rmse [eV/atom]"]
    assert back["test_energy_rmse [eV/atom]"][0] == 1 / 3
    assert np.isnan(back["train_force_rmse [eV/Angstrom]"][0])


def test_trials_may_have_different_keys():
    frame = tables.tabulate([{"number": 0, "score": 1.0}, {"number": 1, "state": "pruned"}])
    assert list(frame.columns) == ["number", "score", "state"]
    assert frame["score"].isna().tolist() == [False, True]


def test_accuracy_on_a_terminal():
    structure = Structure(np.array([79]), np.zeros((1, 3)), None, -3.0, group="fcc", name="a")
    prediction = type("P", (), {"energy": -3.0123456, "forces": np.zeros((1, 3))})
    text = printed(tables.tabulate(measure([structure], [prediction])), title="Errors")
    assert "Errors" in text
    assert "[eV/atom]" in text
    assert "0.01235" in text
    assert "force_rmse" not in text, "a column without values is left out"


def test_properties_on_a_terminal():
    rows = (
        PropertyRow("C11", 150.0, "GPa", 152.7, 2.0),
        PropertyRow("C44", None, "GPa", 27.7, 4.0, "ran away"),
    )
    text = printed(tables.tabulate_properties(PropertyTable(rows)))
    assert "-1.768" in text
    assert "ran away" in text
    assert "nan" not in text
