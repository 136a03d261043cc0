"""Energies over volume beside those of the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from autune.errors import ConfigError, FormatError, PropertyFailed
from autune.evaluation.metrics import property_metrics
from autune.properties import (
    check_properties,
    compute_properties,
    energy_curve,
    property_error,
    property_names,
    read_reference_curves,
    relax_crystal,
    rmse_to_reference,
)
from autune.properties.energy_curve import empty_energy_curve
from autune.settings import PropertiesSettings


@pytest.fixture(scope="module")
def copper():
    return relax_crystal(EMT(), "Cu", "fcc", 11.8)


def copper_energy(structure, volume):
    atoms = bulk("Cu", structure, a=np.cbrt(volume * {"fcc": 4, "bcc": 2}[structure]))
    atoms.calc = EMT()
    return atoms.get_potential_energy()


def test_the_curve_of_the_stable_crystal_starts_at_its_minimum(copper):
    curve = energy_curve(copper, "fcc", strain=0.05, points=11)
    assert (curve.name, curve.x_unit, curve.y_unit) == (
        *("equation_of_state_fcc", "Angstrom^3/atom", "meV/atom"),
    )
    assert list(curve.x) == sorted(curve.x)
    assert curve.x[0] == pytest.approx(copper.volume * 0.95**3)
    assert curve.x[-1] == pytest.approx(copper.volume * 1.05**3)
    assert min(curve.y) == curve.y[5] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("structure", ["fcc", "bcc"])
def test_energies_are_those_of_the_crystal_at_these_volumes(copper, structure):
    reference = ((11.5, 12.5), (1.0, 2.0))
    curve = energy_curve(copper, structure, strain=0.02, points=3, reference=reference)
    assert set(reference[0]) <= set(curve.x)
    assert len(curve.x) == 5
    expected = [1000.0 * (copper_energy(structure, v) - copper.energy) for v in curve.x]
    np.testing.assert_allclose(curve.y, expected, atol=1e-6)


def test_rmse_is_that_at_the_volumes_of_the_reference(copper):
    volumes = (11.0, 11.6, 12.4)
    exact = [1000.0 * (copper_energy("bcc", v) - copper.energy) for v in volumes]
    off = tuple(energy + error for energy, error in zip(exact, (3.0, 0.0, -4.0), strict=True))
    curve = energy_curve(copper, "bcc", reference=(volumes, off))
    assert rmse_to_reference(curve) == pytest.approx(5.0 / np.sqrt(3.0), abs=1e-6)
    with pytest.raises(PropertyFailed, match="ran away"):
        rmse_to_reference(empty_energy_curve("fcc", "bcc", "ran away"))


def test_the_curves_of_gold():
    table = read_reference_curves("builtin:gold", "fcc")
    assert set(table) == {"fcc", "bcc"}
    (fcc_volumes, fcc), (bcc_volumes, bcc) = table["fcc"], table["bcc"]
    assert list(fcc_volumes) == sorted(fcc_volumes)
    assert len(fcc_volumes) == len(fcc) == len(bcc_volumes) == len(bcc) == 7
    # The lowest point lies near the fitted minimum, and bcc 22.4 meV/atom above it.
    assert 0.0 <= min(fcc) < 0.5
    assert min(bcc) == pytest.approx(22.4, abs=0.2)


def write(tmp_path, section):
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"properties": {}, "equation_of_state": section}))
    return path


POINTS = {
    "volume_per_atom_A3": [10.0, 11.0, 12.0, 13.0, 14.0],
    "energy_per_atom_eV": [0.4, 0.1, 0.0, 0.1, 0.4],
}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ([], "equation_of_state: expected"),
        ({"fcc": {}}, "equation_of_state.fcc.volume_per_atom_A3"),
        ({"fcc": {**POINTS, "mass": 1}}, "equation_of_state.fcc.mass"),
        ({"fcc": {**POINTS, "energy_per_atom_eV": [1.0]}}, "as many energies as volumes"),
        ({"fcc": {**POINTS, "volume_per_atom_A3": [0.0] * 5}}, r"volume_per_atom_A3.0"),
        ({"fcc": {k: v[:4] for k, v in POINTS.items()}}, "at least 5"),
        ({"fcc": {**POINTS, "energy_per_atom_eV": [0.0] * 5}}, "fcc: the Birch-Murnaghan"),
    ],
)
def test_mistakes_in_the_curves_of_a_reference(tmp_path, section, message):
    path = write(tmp_path, section)
    with pytest.raises(FormatError, match=message):
        read_reference_curves(path, "fcc")
    settings = {"reference": str(path), "equation_of_state_curves": {}}
    with pytest.raises(FormatError, match=message):
        check_properties(PropertiesSettings.model_validate(settings), ["Cu"])


def test_a_reference_without_the_stable_crystal_has_no_zero(tmp_path):
    assert read_reference_curves(write(tmp_path, {"bcc": POINTS}), "fcc") == {}
    assert read_reference_curves(write(tmp_path, {}), "fcc") == {}


def curve_settings(**more):
    return PropertiesSettings.model_validate({"equation_of_state_curves": {"points": 5}, **more})


def test_curves_and_their_errors_are_in_the_table():
    settings = curve_settings(reference="builtin:gold")
    names = ["equation_of_state_rmse_fcc", "equation_of_state_rmse_bcc"]
    assert property_names(settings) == names
    table = compute_properties(EMT(), settings, ["Au"])
    assert [row.name for row in table.rows] == names
    for row, curve in zip(table.rows, table.curves, strict=True):
        assert row.unit == "meV/atom"
        assert row.value == pytest.approx(rmse_to_reference(curve))
        assert row.error is None
        assert row.value > 5.0  # EMT's gold has another lattice constant
        assert len(curve.x) == 12
    # An error without a reference value is shown, and has no part in the property error.
    assert property_error(table, settings) == 0.0
    assert set(property_metrics(table, settings)) == {
        *("property_error", *(f"property.{name}" for name in names)),
    }


def test_without_a_reference_there_are_curves_alone():
    table = compute_properties(EMT(), curve_settings(crystal="bcc"), ["Cu"])
    assert table.rows == ()
    assert [curve.name for curve in table.curves] == [
        *("equation_of_state_bcc", "equation_of_state_fcc"),
    ]
    assert table.curves[0].y_label == "energy above bcc at rest"
    assert all(curve.y and not curve.reference_x and not curve.reason for curve in table.curves)


def test_a_curve_that_fails_says_why():
    class NoBcc(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=()):
            super().calculate(atoms, properties, system_changes)
            if np.isclose(atoms.cell.cellpar()[3], 109.47, atol=0.1):
                self.results["energy"] = np.nan

    table = compute_properties(NoBcc(), curve_settings(reference="builtin:gold"), ["Au"])
    fcc, bcc = table.curves
    assert fcc.y
    assert not fcc.reason
    assert (bcc.x, bcc.y, bcc.reason) == ((), (), "the energy is not finite (nan)")
    assert len(bcc.reference_x) == 7
    assert table.failures == {"equation_of_state_rmse_bcc": "the energy is not finite (nan)"}
    rows = bcc.to_dicts()
    assert [row["source"] for row in rows] == ["calculated", *["reference"] * 7]
    assert (rows[0]["x"], rows[0]["reason"]) == (None, bcc.reason)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"equation_of_state_curves": {"crystals": ["fcc", "fcc"]}}, "once"),
        ({"weights": {"equation_of_state_rmse_fcc": 2.0}}, "has no part in property_error"),
        ({"crystal": "bcc", "stacking_fault": {}}, "stacking_fault needs crystal fcc; found bcc"),
        ({"crystal": "bcc", "nanoparticles": {}}, "nanoparticles needs crystal fcc"),
        ({"stacking_fault": {"layers": 10}}, "multiple of 3"),
        ({"nanoparticles": {"shapes": ["icosahedron", "icosahedron"]}}, "once"),
        ({"vacancy": {"size": 1}}, "greater than or equal to 2"),
    ],
)
def test_settings_that_cannot_be_meant(wrong, message):
    with pytest.raises(ValueError, match=message):
        PropertiesSettings.model_validate(wrong)


def test_weights_of_new_properties_are_known():
    names = {"vacancy_formation_energy": 1.0, "stacking_fault_energy": 2.0}
    assert PropertiesSettings(weights=names).weights == names


def test_the_element_is_checked_before():
    with pytest.raises(ConfigError, match="element"):
        check_properties(curve_settings(element="Ag"), ["Au"])
