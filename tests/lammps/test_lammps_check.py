"""autune check: what it compares, what it finds, what it says where there is no LAMMPS."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from autune.cli import main
from autune.errors import ConfigError
from autune.lammps import find_lammps
from autune.lammps.program import HOW_TO_GET_ONE, list_lammps
from autune.potential.export import export_potential
from autune.potential.model import Potential

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
FAKE = Path(__file__).with_name("fake_lammps.py")


@pytest.fixture
def run(capsys):
    def call(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return (end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def fake(tmp_path) -> Path:
    """Make a program that is called lmp."""
    path = tmp_path / "bin" / "lmp"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def alloy(tmp_path) -> Path:
    """Write a potential of copper and gold."""
    folder = tmp_path / "alloy"
    export_potential(Potential.load(REFERENCE / "train" / "energy_full_element"), folder)
    return folder


def test_the_same_in_lammps(run, fake, alloy):
    code, text, _ = run("check", alloy, "--lammps", fake)
    assert code == 0
    assert "9 of 9 agree" in text
    for words in ("one atom of Cu", "inclined cell", "slab along z", "cluster", "Au Cu", "Cu Au"):
        assert words in text


@pytest.mark.parametrize("fault", ["forces", "virial", "order"])
def test_another_in_lammps(run, fake, alloy, monkeypatch, fault):
    monkeypatch.setenv("FAULT", fault)
    code, text, _ = run("check", alloy, "--lammps", fake)
    assert code == 1
    assert "9 of 9 agree" not in text


def test_lammps_stops(run, fake, alloy, monkeypatch, tmp_path):
    monkeypatch.setenv("FAULT", "stop")
    write(tmp_path / "own.extxyz", [bulk("Au", a=4.1), bulk("Cu", a=3.6)])
    code, text, _ = run("check", alloy, "--lammps", fake, "--structures", tmp_path / "own.extxyz")
    assert code == 1
    assert "LAMMPS stopped: ERROR: Too many extrapolation warnings" in text
    assert "1 of 2 agree" in text


def test_own_structures_other_units_no_input_of_lammps(run, fake, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    write(tmp_path / "own.extxyz", [bulk("Au", a=4.1), bulk("Au", "bcc", a=3.3, cubic=True)])
    folder = REFERENCE / "sf" / "rs0_cut6"
    code, text, _ = run("check", folder, "--structures", tmp_path / "own.extxyz")
    assert (code, "2 of 2 agree" in text) == (0, True)
    assert "NULL Au" in text
    code, text, _ = run("check", folder, "--units", "hartree-bohr")
    assert (code, "8 of 8 agree" in text) == (0, True)


def test_exported_in_hartree_and_bohr(run, fake, alloy, tmp_path):
    export_potential(Potential.load(alloy), tmp_path / "bohr", units="hartree-bohr")
    assert "cflength 1.8897261246" in (tmp_path / "bohr" / "lammps" / "potential.mod").read_text()
    code, text, _ = run("check", tmp_path / "bohr", "--lammps", fake)
    assert (code, "9 of 9 agree" in text) == (0, True)


def test_inputs_are_read_before_anything_runs(run, fake, alloy):
    own = alloy / "in.lammps"
    own.write_text(own.read_text().replace("hdnnp 5.51", "hdnnp 5.4"))
    code, text, errors = run("check", alloy, "--lammps", fake)
    assert (code, text, errors.count("\n")) == (2, "", 1)
    assert "told a cutoff of 5.4, that of the potential is 5.5 " in errors
    other = alloy / "in.melt"
    other.write_text("units metal\npair_style eam\n")
    code, _, errors = run("check", alloy, "--lammps", fake, "--input", other)
    assert (code, "found none" in errors) == (2, True)
    own.write_text("pair_style nnp\n")  # of another program: nothing is said of it
    code, text, _ = run("check", alloy, "--lammps", fake)
    assert (code, "9 of 9 agree" in text) == (0, True)


def test_every_member_of_a_committee(run, fake, tmp_path):
    for seed in (0, 1):
        shutil.copytree(REFERENCE / "net" / "act_tanh", tmp_path / "both" / f"seed-{seed}")
    code, text, _ = run("check", tmp_path / "both", "--lammps", fake)
    assert (code, "16 of 16 agree" in text) == (0, True)


def test_no_lammps_that_can(run, alloy, tmp_path):
    code, text, errors = run("check", alloy, "--lammps", tmp_path / "lmp")
    assert (code, text) == (2, "")
    assert "name that of LAMMPS with --lammps" in errors
    other = tmp_path / "lmp"
    other.write_text(
        "#!/bin/sh\necho 'LAMMPS (2 Aug 2023)'; echo 'Pair styles:'; echo eam lj/cut\n"
    )
    other.chmod(0o755)
    code, text, errors = run("check", alloy, "--lammps", other)
    assert (code, text, errors.count("\n")) == (2, "", 1)
    assert f"{other} (2 Aug 2023), without ML-HDNNP" in errors
    assert HOW_TO_GET_ONE in errors
    other.write_text("#!/bin/sh\necho no libmpi.so >&2; exit 127\n")
    assert "(no libmpi.so), which does not start" in run("check", alloy, "--lammps", other)[2]
    other.write_text("no program")
    assert "which does not start" in run("check", alloy, "--lammps", other)[2]


def test_nothing_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="found: no LAMMPS at all; the package lammps of conda"):
        find_lammps()


def test_programs_in_path_come_first_and_once(fake, monkeypatch):
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    (fake.parent / "lmp_mpi").symlink_to(fake)
    found = list_lammps()
    assert (found[0].name, found[0].has_hdnnp) == (str(fake), True)
    assert str(fake.parent / "lmp_mpi") not in [lammps.name for lammps in found]
