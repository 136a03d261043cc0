"""Inputs of LAMMPS that would run a potential as another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from autune.errors import AutuneError
from autune.lammps import check_script
from autune.potential.export import export_potential
from autune.potential.model import Potential

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"

RIGHT = """
units metal
mass 1 196.967  # gold
mass 2 63.546
pair_style hdnnp 6.5 dir "./" &
    showew no showewsum 100
pair_coeff * * Au Cu NULL
print "it's open
"""
HYBRID = """
units metal
pair_style hybrid hdnnp 6.5 dir "./" lj/cut 5.0
pair_coeff * * hdnnp Cu Au NULL
pair_coeff * 3 lj/cut 0.1 2.0
"""
IN_BOHR = RIGHT.replace(' &\n', ' cflength 1.88972612463 cfenergy 0.0367493221757 &\n')  # fmt: skip


@pytest.fixture(scope="module")
def alloy() -> Potential:
    return Potential.load(REFERENCE / "train" / "energy_full_element")


def written(folder: Path, text: str) -> Path:
    path = folder / "in.melt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [RIGHT, HYBRID])
def test_right_inputs(alloy: Potential, tmp_path: Path, text: str) -> None:
    check_script(written(tmp_path, text), alloy)


def test_potential_in_hartree_and_bohr(tmp_path: Path) -> None:
    potential = Potential.load(REFERENCE / "train" / "energy_full_element", "hartree-bohr")
    check_script(written(tmp_path, IN_BOHR), potential)
    electron = RIGHT.replace("metal", "electron")
    check_script(written(tmp_path, electron), potential)
    with pytest.raises(AutuneError, match=r"cflength is not given.*it is 1.889726"):
        check_script(written(tmp_path, RIGHT), potential)
    with pytest.raises(AutuneError, match=r"cfenergy is 0.0734.*it is 0.03674932"):
        check_script(written(tmp_path, IN_BOHR.replace("0.0367493", "0.0734")), potential)


def test_own_input_is_right(alloy: Potential, tmp_path: Path) -> None:
    export_potential(alloy, tmp_path)
    check_script(tmp_path / "in.lammps", alloy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RIGHT.replace("6.5", "5.0"), "told a cutoff of 5, that of the potential is 5.5 "),
        (RIGHT.replace("Au Cu NULL", "Cu Au NULL"), "type 1 is Cu in pair_coeff, but has a mass"),
        (RIGHT.replace("Au Cu NULL", "Au Ag NULL"), "type 2 the element Ag.*knows Cu, Au"),
        (IN_BOHR, "cflength is 1.88973; .*it is 1:"),
        (RIGHT.replace("metal", "lj"), "units lj"),
        (RIGHT.replace("units metal", ""), "units lj"),
        (RIGHT.replace("metal", "real"), "cfenergy is not given.*0.0433641"),
        (RIGHT.replace("hdnnp 6.5", "eam"), "with pair_style hdnnp, found none"),
        (RIGHT.replace("6.5", "${cutoff}"), "line 6: expected a positive number as cutoff"),
        (RIGHT.replace("6.5 dir", "dir"), "positive number as cutoff, found dir"),
        ("units metal\npair_style hdnnp", "line 2: expected a cutoff after hdnnp"),
    ],
)
def test_wrong_inputs(alloy: Potential, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AutuneError, match=message):
        check_script(written(tmp_path, text), alloy)


def test_missing_input(alloy: Potential, tmp_path: Path) -> None:
    with pytest.raises(AutuneError, match=r"in\.none"):
        check_script(tmp_path / "in.none", alloy)
