"""A project of n2p2 moves in, is trained further and moves out, by the verbs alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autune.potential.model import Potential

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"


@pytest.fixture
def project(tmp_path) -> Path:
    directory = tmp_path / "gold project"
    shutil.copytree(REFERENCE / "train" / "replay_normalized_std", directory)
    shutil.copy(REFERENCE / "structures" / "au.data", directory / "input.data")
    return directory


def test_import_train_export(run, project, tmp_path):
    code, text, _ = run("import", project, "-o", tmp_path / "moved", "--epoch", 4)
    assert code == 0
    assert "weights of weights.079.000004.out" in text
    assert "units ev-angstrom" in text
    assert "memorize_symfunc_results: always so" in text
    code, text, error = run("train", tmp_path / "moved/settings.yaml", "-o", tmp_path / "trained")
    assert code == 0, error
    for units in ("ev-angstrom", "hartree-bohr"):
        out = tmp_path / units
        assert run("export", tmp_path / "trained", "-o", out, "--units", units)[0] == 0
        assert Potential.load(out).r_cutoff == pytest.approx(6.0)
    assert "cflength 1.88972" in (tmp_path / "hartree-bohr" / "in.lammps").read_text()
    code, _, error = run("import", project, "-o", tmp_path / "moved")
    assert code == 2
    assert "holds something already" in error


def test_names_of_units(run, project, tmp_path):
    code, text, error = run("import", project, "-o", tmp_path / "a", "--units", "Hartree,Bohr")
    assert code == 0
    assert "units hartree-bohr" in text
    code, _, error = run("import", project, "-o", tmp_path / "b", "--units", "furlong")
    assert code == 2
    assert "expected ev-angstrom or hartree-bohr" in error


def test_info_warns_of_units_that_cannot_be(run, tmp_path):
    atoms = "\n".join(f"atom {x} 0 0 Au 0 0 0 0 0" for x in (0, 7))
    path = tmp_path / "input.data"
    path.write_text(f"begin\ncomment wide\n{atoms}\nenergy -2.0\ncharge 0\nend\n")
    code, _, error = run("data", "info", path)
    assert code == 0
    assert "warning: 1 of 1 structures have nearest neighbours" in error
    assert "wide (7)" in error
    code, _, error = run("data", "info", path, "--data-units", "hartree-bohr")
    assert "nearest neighbours" not in error
