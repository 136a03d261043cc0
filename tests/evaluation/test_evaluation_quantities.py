from __future__ import annotations

import pytest

from autune.evaluation.quantities import name_of_setting, quantity_of, title_of_setting

TITLES = {
    "energy_rmse": "energy RMSE [meV/atom]",
    "train_force_rmse": "training force RMSE [eV/Å]",
    "energy_rmse.fcc": "energy RMSE of fcc [meV/atom]",
    "property_error": "property error [%]",
    "property_error.C11": "error of C11 [%]",
    "property.surface_energy_100": "surface energy (100) [J/m²]",
    "property.bcc_fcc_energy_difference": "energy of bcc above fcc [meV/atom]",
    "property.bulk_modulus": "bulk modulus (C11, C12) [GPa]",
    "property_error.bulk_modulus_eos": "error of bulk modulus (equation of state) [%]",
    "prediction_time": "prediction time [µs/atom]",
    "score": "score",
}


@pytest.mark.parametrize("metric", TITLES)
def test_title(metric):
    assert quantity_of(metric).title == TITLES[metric]


def test_scale_is_that_of_the_unit():
    assert quantity_of("energy_rmse").scale == pytest.approx(1e-3)
    assert quantity_of("property.bcc_fcc_energy_difference").scale == 1.0, "is in meV/atom already"


def test_settings_have_the_units_of_their_descriptions():
    assert title_of_setting("potential.cutoff_radius") == "cutoff_radius [Å]"
    key = "potential.symmetry_functions.radial.r_shift"
    assert title_of_setting(key) == "radial.r_shift [Å]"
    assert title_of_setting("potential.symmetry_functions.r_shift") == "r_shift [Å]"
    assert title_of_setting(key, "hartree-bohr") == "radial.r_shift [Bohr]"
    key = "potential.symmetry_functions.radial.eta"
    assert title_of_setting(key, "hartree-bohr") == "radial.eta [1/Bohr²]"
    assert title_of_setting("training.force_ratio", "hartree-bohr") == "force_ratio"
    assert name_of_setting("lonely") == "lonely"
