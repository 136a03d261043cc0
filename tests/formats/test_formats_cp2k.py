"""CP2K: outputs of single calculations, trajectories with forces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autune.errors import FormatError
from autune.formats.atoms import read_atoms_file
from autune.units import BOHR, HARTREE

HEAD = """\
 CP2K| version string:                                        CP2K version 2024.1
 GLOBAL| Run type                                                    ENERGY_FORCE
 CELL_TOP| Vector a [angstrom]:       9.000     0.000     0.000   |a| =     9.000
 CELL| Vector a [angstrom]:       4.000     0.000     0.000   |a| =     4.000000
 CELL| Vector b [angstrom]:       0.000     5.000     0.000   |b| =     5.000000
 CELL| Vector c [angstrom]:       0.000     1.000     6.000   |c| =     6.082763

 MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM

   Atom Kind Element         X             Y             Z       Z(eff)     Mass
      1    1 Fe1  26    0.000000      0.000000      0.000000   16.0000   55.8450
      2    2 O     8    0.000000      0.000000      1.600000    6.0000   15.9990

"""
OLD = """\
 ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -17.164000000000000

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      Fe          0.00100000     0.00000000    -0.02000000
      2      2      O          -0.00100000     0.00000000     0.02000000
 SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000

 STRESS| Analytical stress tensor [GPa]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+00   0.00000000000E+00   0.00000000000E+00
 STRESS|      y        0.00000000000E+00   2.00000000000E+00   0.00000000000E+00
 STRESS|      z        0.00000000000E+00   0.00000000000E+00   3.00000000000E+00
"""
NEW = """\
 ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]            -17.164000000000000

 FORCES| Atomic forces [hartree/bohr]
 FORCES|   Atom     x               y               z               |f|
 FORCES|      1  1.00000000E-03  0.00000000E+00 -2.00000000E-02  2.00249844E-02
 FORCES|      2 -1.00000000E-03  0.00000000E+00  2.00000000E-02  2.00249844E-02
 FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00  0.00000000E+00

 STRESS| Analytical stress tensor [bar]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+04   0.00000000000E+00   0.00000000000E+00
 STRESS|      y        0.00000000000E+00   2.00000000000E+04   0.00000000000E+00
 STRESS|      z        0.00000000000E+00   0.00000000000E+00   3.00000000000E+04
"""
RESTART = """\
 &FORCE_EVAL
   &SUBSYS
     &CELL
       A     4.0  0.0  0.0
       B     0.0  5.0  0.0
       C     0.0  1.0  6.0
       MULTIPLE_UNIT_CELL  1  1  1
     &END CELL
"""


def frame(step: int, energy: float, rows: list[tuple[str, float, float, float]]) -> str:
    comment = f" i = {step:8d}, time = {0.5 * step:12.3f}, E = {energy:20.10f}\n"
    lines = [f"  {s} {x:20.10f} {y:20.10f} {z:20.10f}\n" for s, x, y, z in rows]
    return f"{len(rows):8d}\n{comment}" + "".join(lines)


def write_trajectory(folder: Path) -> Path:
    steps = (0, 1, 2)
    positions = [frame(i, -17.1 - i, [("Fe", 0, 0, 0.1 * i), ("O", 0, 0, 1.6)]) for i in steps]
    forces = [frame(i, -17.1 - i, [("Fe", 0.01 * i, 0, 0), ("O", 0, 0, 0)]) for i in (0, 2)]
    (folder / "feo-pos-1.xyz").write_text("".join(positions))
    (folder / "feo-frc-1.xyz").write_text("".join(forces))
    (folder / "feo-vel-1.xyz").write_text("".join(forces))
    (folder / "feo-1.restart").write_text(RESTART)
    return folder / "feo-pos-1.xyz"


@pytest.mark.parametrize("text", [OLD, NEW], ids=["to 2024", "2025"])
def test_output_of_a_single_calculation(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.out").write_text(HEAD + text)
    (s,) = read_atoms_file(tmp_path / "run.out")
    assert s.name == "run:0"
    assert s.numbers.tolist() == [26, 8]
    assert s.energy == pytest.approx(-17.164 * HARTREE, rel=1e-14)
    np.testing.assert_array_equal(s.cell, [[4, 0, 0], [0, 5, 0], [0, 1, 6]])
    np.testing.assert_array_equal(s.positions[1], [0, 0, 1.6])
    assert s.forces is not None
    np.testing.assert_allclose(s.forces[0], np.array([1e-3, 0, -2e-2]) * HARTREE / BOHR)
    assert s.stress is not None
    np.testing.assert_allclose(np.diag(s.stress), -np.array([1, 2, 3]) / 160.21766208, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "has no energy: the calculation did not end"),
        (HEAD + OLD.split(" ATOMIC")[0], "has no forces"),
        (HEAD.split(" MODULE")[0] + OLD, "has no coordinates"),
        (HEAD + " *** SCF run NOT converged ***\n" + OLD, "line 14: the SCF run did not converge"),
        (HEAD + OLD + OLD, "found a second energy for the same coordinates"),
        (HEAD.replace("ENERGY_FORCE", "GEO_OPT") + OLD, r"give its trajectory .* NAME-pos-1\.xyz"),
        (HEAD + OLD.replace("      2      2      O", "!"), r"forces must have shape \(2, 3\)"),
    ],
)
def test_outputs_that_lack_something(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.out").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_atoms_file(tmp_path / "run.out")


def test_clusters_have_no_cell(tmp_path: Path) -> None:
    text = HEAD.replace("\n MODULE", " CELL| Periodicity    NONE\n MODULE")
    (tmp_path / "run.out").write_text(text + OLD.split(" STRESS")[0])
    assert read_atoms_file(tmp_path / "run.out")[0].cell is None


def test_trajectory_with_forces_at_some_steps(tmp_path: Path) -> None:
    found = read_atoms_file(write_trajectory(tmp_path))
    assert [s.energy for s in found] == pytest.approx([-17.1 * HARTREE, -19.1 * HARTREE])
    assert found[1].positions[0, 2] == pytest.approx(0.2)
    assert found[1].forces is not None
    assert found[1].forces[0, 0] == pytest.approx(0.02 * HARTREE / BOHR)
    np.testing.assert_array_equal(found[0].cell, [[4, 0, 0], [0, 5, 0], [0, 1, 6]])
    (tmp_path / "run.out").write_text(HEAD.replace("ENERGY_FORCE", "MD") + OLD)
    assert len(read_atoms_file(tmp_path)) == 2  # forces and velocities are no structures


def test_cells_of_every_step(tmp_path: Path) -> None:
    path = write_trajectory(tmp_path)
    cells = [f"{i} 0.0 {4 + i} 0 0 0 5 0 0 0 6 120.0\n" for i in (0, 1, 2)]
    (tmp_path / "feo-1.cell").write_text("# Step Time Ax ...\n" + "".join(cells))
    assert [s.cell[0, 0] for s in read_atoms_file(path) if s.cell is not None] == [4.0, 6.0]
    (tmp_path / "feo-1.cell").write_text(cells[0])
    with pytest.raises(FormatError, match=r"the cell of step 2 is not in feo-1\.cell"):
        read_atoms_file(path)


def test_trajectories_that_lack_something(tmp_path: Path) -> None:
    path = write_trajectory(tmp_path)
    with pytest.raises(FormatError, match=r"frc-1\.xyz: is of a run of many steps; give its"):
        read_atoms_file(tmp_path / "feo-frc-1.xyz")
    text = (tmp_path / "feo-frc-1.xyz").read_text()
    (tmp_path / "feo-frc-1.xyz").write_text(text.replace("0.0200000000", "0.02oo000000"))
    with pytest.raises(FormatError, match=r"frc-1\.xyz, line 7: expected a number"):
        read_atoms_file(path)
    (tmp_path / "feo-frc-1.xyz").write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(FormatError, match=r"line 8: expected symbol, x, y, z; found 0 words"):
        read_atoms_file(path)
    (tmp_path / "feo-frc-1.xyz").unlink()
    with pytest.raises(FormatError, match=r"feo-frc-1\.xyz: is missing: without it"):
        read_atoms_file(path)
    write_trajectory(tmp_path)
    (tmp_path / "feo-1.restart").unlink()
    with pytest.raises(FormatError, match=r"neither feo-1\.cell nor feo-1\.restart"):
        read_atoms_file(path)
