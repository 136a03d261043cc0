"""Potentials in their own units: they say which, and go to others and back with all digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from autune.architecture import Architecture
from autune.errors import FormatError
from autune.formats.input_data import read_input_data
from autune.potential.basis import build_architecture
from autune.potential.export import export_potential
from autune.potential.model import Potential
from autune.settings import PotentialSettings, Settings
from autune.units import BOHR, HARTREE, UNIT_SYSTEMS

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
MOLYBDENUM = Path(__file__).parents[3] / "shared" / "reference" / "n2p2" / "mlearn" / "Mo"
FILES = ("input.nn", "scaling.data")


def in_hartree_and_bohr() -> Potential:
    """Take a case of n2p2 for one whose files are in Hartree and Bohr."""
    return Potential.load(REFERENCE / "net" / "normalized_units", "hartree-bohr")


def texts(folder: Path) -> dict[str, list[str]]:
    return {
        path.name: [line for line in path.read_text().splitlines() if not line.startswith("#")]
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "in.lammps"
    }


def test_written_files_say_their_units(tmp_path: Path) -> None:
    potential = in_hartree_and_bohr()
    potential.save(tmp_path)
    found = Potential.load(tmp_path)
    assert found.architecture == potential.architecture
    assert found.r_cutoff == pytest.approx(6.0 * BOHR)
    with pytest.raises(FormatError, match="is in hartree-bohr, not in ev-angstrom"):
        Potential.load(tmp_path, "ev-angstrom")
    text = (tmp_path / "input.nn").read_text()
    (tmp_path / "input.nn").write_text(text.replace("hartree-bohr", "furlong"))
    with pytest.raises(FormatError, match=r"input\.nn, line 2: expected units .* found 'furlong'"):
        Potential.load(tmp_path)


def test_there_and_back_with_all_digits(tmp_path: Path) -> None:
    potential = in_hartree_and_bohr()
    export_potential(potential, tmp_path / "eV", units="ev-angstrom")
    export_potential(Potential.load(tmp_path / "eV"), tmp_path / "back", units="hartree-bohr")
    export_potential(potential, tmp_path / "same", units="hartree-bohr")
    assert texts(tmp_path / "back") == texts(tmp_path / "same")
    assert Potential.load(tmp_path / "back").architecture == potential.architecture


@pytest.mark.skipif(not MOLYBDENUM.is_dir(), reason="published potential not at hand")
def test_published_potential_keeps_its_digits(tmp_path: Path) -> None:
    published = Potential.load(MOLYBDENUM, "hartree-bohr")
    export_potential(published, tmp_path / "same", units="hartree-bohr")
    export_potential(published, tmp_path / "eV")
    export_potential(Potential.load(tmp_path / "eV"), tmp_path / "back", units="hartree-bohr")
    for folder in ("same", "back"):
        found = Potential.load(tmp_path / folder)
        assert found.architecture == published.architecture
        np.testing.assert_array_equal(found.weights["Mo"], published.weights["Mo"])
        np.testing.assert_array_equal(found.scaling["Mo"].mean, published.scaling["Mo"].mean)
    lammps = (tmp_path / "same" / "in.lammps").read_text()
    assert "cflength 1.88972612" in lammps
    assert "cfenergy 0.03674932" in lammps
    assert "cflength" not in (tmp_path / "eV" / "in.lammps").read_text().split("pair_style")[1]


@pytest.mark.parametrize(
    "functions",
    [{"rule": {}}, {"rule": {"spacing": "geometric"}}, {"rule": {"r_first": 2.0}}, {"compact": {}}],
)
def test_defaults_of_lengths_are_the_same_in_hartree_and_bohr(functions: dict[str, Any]) -> None:
    def architecture(in_bohr: dict[str, Any], **given: Any) -> tuple[Architecture, Settings]:
        potential = {"elements": ["Au"], "symmetry_functions": in_bohr, **given}
        content = {"name": "a", "dataset": {"path": "-"}, "potential": potential}
        settings = Settings.from_mapping(content)
        return build_architecture(settings.potential), settings

    in_bohr = {
        name: {key: value / BOHR if key == "r_first" else value for key, value in rule.items()}
        for name, rule in functions.items()
    }
    angstrom, _ = architecture(functions, cutoff_radius=6.0)
    bohr, settings = architecture(in_bohr, cutoff_radius=6.0 / BOHR, units="Hartree,Bohr")
    back = [f.in_lengths_of(BOHR, 1.0) for f in bohr.symmetry_functions["Au"]]
    for a, b in zip(angstrom.symmetry_functions["Au"], back, strict=True):
        for name in ("eta", "r_shift", "r_cutoff", "r_low", "left", "right", "lambda_", "zeta"):
            assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-12, abs=1e-12)
    # Settings that are written out mean the same when they are read.
    again = Settings.from_mapping(yaml.safe_load(settings.to_yaml()))
    assert again == settings
    assert build_architecture(again.potential) == bohr


def test_settings_in_hartree_and_bohr_describe_the_same_potential() -> None:
    explicit = {"radial": {"eta": [0.1]}, "angular": {"functions": [[0.02, 1, 2]]}}
    in_bohr = build_architecture(
        PotentialSettings.model_validate(
            {
                "elements": ["Au"],
                "units": "Hartree,Bohr",
                "cutoff_radius": 12.0,
                "symmetry_functions": explicit,
                "atom_energies": {"Au": -1.0},
            }
        )
    )
    assert in_bohr.units == UNIT_SYSTEMS["hartree-bohr"]
    assert in_bohr.r_cutoff == 12.0
    assert in_bohr.reach == pytest.approx(12.0 * BOHR)
    named = {"elements": ["Au"], "cutoff_radius": 6.0}
    angstrom = build_architecture(PotentialSettings.model_validate(named))
    bohr = build_architecture(
        PotentialSettings.model_validate(
            named | {"units": "hartree-bohr", "cutoff_radius": 6.0 / BOHR}
        )
    )
    for a, b in zip(angstrom.symmetry_functions["Au"], bohr.symmetry_functions["Au"], strict=True):
        assert b.eta / BOHR**2 == pytest.approx(a.eta, rel=1e-14)
        assert b.r_cutoff * BOHR == pytest.approx(a.r_cutoff, rel=1e-14)


def test_predictions_are_in_eV_and_angstrom() -> None:
    """Lengths times Bohr and energies times Hartree: the same numbers in n2p2's units."""
    case = REFERENCE / "net" / "normalized_units"
    potential, same = Potential.load(case, "hartree-bohr"), Potential.load(case)
    structure = next(iter(read_input_data(REFERENCE / "structures" / "au.data")))
    assert structure.cell is not None
    larger = replace(structure, positions=structure.positions * BOHR, cell=structure.cell * BOHR)
    expected, found = same.predict(structure), potential.predict(larger)
    assert found.energy == pytest.approx(expected.energy * HARTREE, rel=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces * HARTREE / BOHR, atol=1e-10)
