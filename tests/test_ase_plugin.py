"""autune's calculators by their names in ASE."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from ase._4.plugins.plugin_collection import PluginCollection
from ase.build import bulk
from ase.calculators.calculator import get_calculator_class

import autune.ase_plugin  # noqa: F401, ASE is told
from autune import Committee, Potential
from autune.errors import FormatError
from autune.units import BOHR, HARTREE

ROOT = Path(__file__).parents[1]
NETWORKS = ROOT / "tests" / "reference" / "n2p2" / "net"
FOLDER = NETWORKS / "act_tanh"


def test_calculator_by_its_name() -> None:
    atoms = bulk("Au", a=4.1)
    atoms.calc = get_calculator_class("autune")(FOLDER)
    assert atoms.get_potential_energy() == Potential.load(FOLDER).predict(atoms).energy
    other = get_calculator_class("autune")(potential=str(FOLDER), units="hartree-bohr")
    scaled = atoms.copy()
    scaled.set_cell(atoms.cell * BOHR, scale_atoms=True)
    expected = atoms.get_potential_energy() * HARTREE
    assert other.get_potential_energy(scaled) == pytest.approx(expected, rel=1e-10)
    with pytest.raises(FormatError, match=r"expected a potential \(input\.nn"):
        get_calculator_class("autune")("none")


def test_committee_by_its_name(tmp_path: Path) -> None:
    for i, name in enumerate(("act_tanh", "act_gauss")):
        Potential.load(NETWORKS / name).save(tmp_path / f"seed-{i}")
    atoms = bulk("Au", a=4.1)
    atoms.calc = get_calculator_class("autune_committee")(tmp_path)
    expected = Committee.load(tmp_path).predict(atoms)
    assert atoms.get_potential_energy() == expected.energy
    np.testing.assert_array_equal(atoms.calc.results["energy_std"], expected.energy_std)


def test_plugins_of_ase_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    points = [EntryPoint(n, value, "ase.plugins") for n, value in declared["ase.plugins"].items()]
    monkeypatch.setattr(
        "ase._4.plugins.plugin_collection.entry_points", lambda group: points
    )  # what is installed may be older than this folder
    plugins = PluginCollection.from_entry_points()
    found = {plugin.name: plugin() for plugin in plugins}
    assert found == {name: get_calculator_class(name) for name in ("autune", "autune_committee")}


@pytest.mark.parametrize("first", ["ase", "autune.ase_plugin"])
def test_order_of_imports_does_not_matter(first: str) -> None:
    code = (
        f"import {first}, autune.ase_plugin\n"
        "from ase.calculators.calculator import get_calculator_class\n"
        "print(get_calculator_class('autune').__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "HDNNPCalculator\n"
