"""Tables of properties: failures are recorded, errors are counted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from autune.errors import ConfigError
from autune.properties import (
    PropertyRow,
    PropertyTable,
    check_properties,
    compute_properties,
    property_error,
)
from autune.properties.defaults import default_properties
from autune.settings import PropertiesSettings

ALL = {
    "reference": "builtin:gold",
    "lattice_constant": {},
    "elastic_constants": {},
    "equation_of_state": {},
    "surface_energy": {"facets": ("100", "110", "111")},
    "phase": {"crystal": "bcc"},
}
NAMES = [
    "lattice_constant",
    "C11",
    "C12",
    "C44",
    "bulk_modulus",
    "bulk_modulus_eos",
    "surface_energy_100",
    "surface_energy_110",
    "surface_energy_111",
    "bcc_fcc_energy_difference",
]


class Toy(Calculator):
    """A calculator from a function of positions and cell."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, results):
        super().__init__()
        self.of_atoms = results

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = self.of_atoms(atoms)


def collapse(atoms):
    """Energy proportional to the volume: no minimum."""
    return {
        "energy": atoms.get_volume(),
        "forces": np.zeros((len(atoms), 3)),
        "stress": np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
    }


def explode(atoms):
    results = collapse(atoms)
    return {name: -value for name, value in results.items()}


def not_a_number(atoms):
    return {name: value * np.nan for name, value in collapse(atoms).items()}


def crash(atoms):
    raise RuntimeError("no neighbours\nwithin the cutoff")


def overflow(atoms):
    with_overflow = np.float64(1e308) * 10.0
    return {name: value * with_overflow for name, value in collapse(atoms).items()}


class SlabsFail(EMT):
    """EMT whose slabs go wrong as told."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(atoms) < 5:
            return
        if self.how == "nan":
            self.results["forces"] = np.full((len(atoms), 3), np.nan)
        height = atoms.positions[:, 2] - atoms.positions[:, 2].mean()
        if self.how == "apart":
            self.results["forces"] = np.outer(0.1 * height, [0.0, 0.0, 1.0])
        if self.how == "noise":
            self.results["forces"] += 0.01 * np.sin(1e5 * atoms.positions)
        if self.how == "constant":
            self.results["forces"] = np.outer(np.sign(height), [0.0, 0.0, 1.0])
        if self.how == "raise":
            raise ValueError("an atom without neighbours")


@pytest.fixture(scope="module")
def settings():
    return PropertiesSettings.model_validate(ALL)


@pytest.fixture(scope="module")
def emt_gold(settings):
    return compute_properties(EMT(), settings, ["Au"])


def test_names_units_and_errors(emt_gold):
    assert [row.name for row in emt_gold.rows] == NAMES
    assert not emt_gold.failures
    by_name = {row.name: row for row in emt_gold.rows}
    for name, unit, size in [
        ("lattice_constant", "Angstrom", (3.9, 4.2)),
        ("C11", "GPa", (150.0, 250.0)),
        ("C12", "GPa", (120.0, 200.0)),
        ("C44", "GPa", (20.0, 80.0)),
        ("bulk_modulus", "GPa", (140.0, 200.0)),
        ("bulk_modulus_eos", "GPa", (140.0, 200.0)),
        ("surface_energy_110", "J/m^2", (0.3, 1.5)),
        ("bcc_fcc_energy_difference", "meV/atom", (5.0, 100.0)),
    ]:
        assert by_name[name].unit == unit
        assert size[0] < by_name[name].value < size[1]
    c11 = by_name["C11"]
    assert (c11.reference, c11.uncertainty) == (152.7, 2.0)
    assert c11.error == pytest.approx(c11.value - 152.7)
    assert c11.error_percent == pytest.approx(100 * (c11.value / 152.7 - 1))
    assert c11.excess_percent == pytest.approx(100 * (c11.value - 154.7) / 152.7)


def test_only_what_is_asked_for():
    settings = PropertiesSettings.model_validate({"surface_energy": {"facets": ["111"]}})
    table = compute_properties(EMT(), settings, ["Cu", "Au"])
    assert [row.name for row in table.rows] == ["surface_energy_111"]
    row = table["surface_energy_111"]
    assert row.value > 0.9  # copper, the first element
    assert row.reference is None
    assert row.error is None
    assert property_error(table, settings) == 0.0
    with pytest.raises(KeyError):
        table["C11"]


def test_start_does_not_matter(settings, emt_gold):
    for change in (0.97, 1.03):
        start = 4.056 * change
        moved = settings.model_copy(update={"lattice_constant_start": start, "phase": None})
        again = compute_properties(EMT(), moved, ["Au"])
        assert len(again.values) == len(NAMES) - 1
        for name, value in again.values.items():
            assert value == pytest.approx(emt_gold.values[name], rel=1e-5)


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (collapse, "volume shrinks by more than 25 %"),
        (explode, "volume grows by more than 25 %"),
        (not_a_number, "not finite"),
        (overflow, "not finite"),
        (crash, "RuntimeError: no neighbours within the cutoff"),
    ],
)
def test_bad_calculators_are_failures_with_a_reason(settings, results, reason):
    table = compute_properties(Toy(results), settings, ["Au"])
    assert [row.name for row in table.rows] == NAMES
    assert table.values == {}
    assert all(reason in row.reason for row in table.rows)
    assert table["C11"].reason.startswith("no lattice constant: ")
    assert property_error(table, settings) == pytest.approx(settings.failure_penalty)
    json.dumps(table.to_dicts(), allow_nan=False)


def test_constant_energy_has_no_minimum(settings):
    flat = Toy(
        lambda atoms: {"energy": 0.0, "forces": np.zeros((len(atoms), 3)), "stress": np.zeros(6)}
    )
    assert compute_properties(flat, settings, ["Au"]).values == {}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("nan", "a force is not finite"),
        ("apart", "moves further than 1.5 Angstrom"),
        ("noise", "not at rest after 200 steps"),
        ("constant", "the relaxation finds no step"),
        ("raise", "ValueError: an atom without neighbours"),
    ],
)
def test_one_failure_leaves_the_others(how, reason, emt_gold):
    less = PropertiesSettings.model_validate(
        {**ALL, "surface_energy": {"facets": ["111"]}, "phase": None}
    )
    table = compute_properties(SlabsFail(how), less, ["Au"])
    assert set(table.failures) == {"surface_energy_111"}
    assert reason in table.failures["surface_energy_111"]
    assert table.values["C11"] == pytest.approx(emt_gold.values["C11"])
    assert math.isfinite(property_error(table, less))


def table_of(*rows):
    return PropertyTable(tuple(rows))


def row(name, value, reference=100.0, uncertainty=2.0):
    return PropertyRow(name, value, "GPa", reference, uncertainty, "" if value else "failed")


def test_an_error_within_the_uncertainty_counts_as_none():
    settings = PropertiesSettings()
    inside = row("C11", 101.9)
    assert inside.error_percent == pytest.approx(1.9)
    assert inside.excess_percent == 0.0
    assert property_error(table_of(inside, row("C12", 98.0)), settings) == 0.0
    assert row("C11", 96.0).excess_percent == pytest.approx(2.0)
    assert row("C11", -96.0, reference=-100.0).excess_percent == pytest.approx(2.0)


def test_property_error_is_a_weighted_root_mean_square():
    settings = PropertiesSettings(weights={"C12": 3.0, "C44": 0.0}, failure_penalty=50.0)
    unknown = PropertyRow("bulk_modulus", 1e9, "GPa")
    table = table_of(row("C11", 106.0), row("C12", 110.0), row("C44", None), unknown)
    assert property_error(table, settings) == pytest.approx(np.sqrt((16 + 3 * 64) / 4))


@pytest.mark.parametrize("value", [None, 1e300, -1e12, 160.0])
def test_no_term_is_larger_than_the_penalty(value):
    settings = PropertiesSettings(failure_penalty=50.0)
    table = table_of(row("C11", value), row("C12", 100.0))
    assert property_error(table, settings) == pytest.approx(50.0 / np.sqrt(2))


def test_rows_as_dicts(emt_gold):
    rows = emt_gold.to_dicts()
    assert [entry["name"] for entry in rows] == NAMES
    assert set(rows[0]) == {
        *("name", "value", "unit", "reference", "uncertainty"),
        *("error", "error_percent", "excess_percent", "reason"),
    }
    assert rows[0]["excess_percent"] == pytest.approx(
        100 * (abs(rows[0]["error"]) - 0.003) / 4.1759
    )
    assert json.loads(json.dumps(rows)) == rows


def test_the_element_must_be_in_the_potential():
    settings = PropertiesSettings(element="Pt")
    with pytest.raises(ConfigError, match=r"evaluation.properties.element.*Au.*found Pt"):
        check_properties(settings, ["Au"])
    with pytest.raises(ConfigError, match="element"):
        compute_properties(EMT(), settings, ["Au"])


def test_the_start_of_the_relaxation_must_be_known():
    with pytest.raises(ConfigError, match="lattice_constant_start"):
        check_properties(PropertiesSettings(), ["S"])
    check_properties(PropertiesSettings(lattice_constant_start=5.0), ["S"])


def test_another_crystal_than_the_elements_own():
    settings = PropertiesSettings.model_validate(
        {"crystal": "bcc", "lattice_constant": {}, "phase": {"crystal": "fcc"}}
    )
    table = compute_properties(EMT(), settings, ["Cu"])
    assert table["lattice_constant"].value == pytest.approx(2.86, abs=0.03)
    assert table["fcc_bcc_energy_difference"].value == pytest.approx(-32.7, abs=0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": {"C_11": 1.0}}, "did you mean C11"),
        ({"weights": {"mass": 1.0}}, "known: lattice_constant"),
        ({"crystal": "bcc", "phase": {"crystal": "bcc"}}, "must differ"),
        ({"crystal": "diamond", "surface_energy": {}}, "fcc, bcc or sc"),
        ({"surface_energy": {"facets": ["111", "111"]}}, "once"),
        ({"surface_energy": {"facets": []}}, "at least 1"),
    ],
)
def test_settings_that_cannot_be_meant(wrong, message):
    with pytest.raises(ValueError, match=message):
        PropertiesSettings.model_validate(wrong)


@pytest.mark.parametrize(("element", "crystal"), [("Cu", "fcc"), ("W", "bcc"), ("Si", "diamond")])
def test_default_properties_are_those_of_the_crystal(element, crystal):
    settings = default_properties([element])
    assert settings.crystal == crystal
    assert settings.vacancy is not None
    assert settings.equation_of_state_curves is not None
    assert (settings.stacking_fault is None) == (crystal != "fcc")
    assert (settings.surface_energy is None) == (crystal == "diamond")
    assert settings.nanoparticles is None  # too long
