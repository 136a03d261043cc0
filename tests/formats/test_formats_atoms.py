from __future__ import annotations

import gzip
import pickle
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read, write

from autune.errors import FormatError
from autune.formats.atoms import from_atoms, read_atoms_file, to_atoms, write_atoms_file
from autune.formats.extxyz import write_extxyz
from autune.structures import Structure
from autune.units import BOHR, HARTREE


def some_structures() -> list[Structure]:
    rng = np.random.default_rng(3)
    stress = rng.normal(size=(3, 3))
    crystal = Structure(
        numbers=np.array([79, 29, 1]),
        positions=rng.normal(size=(3, 3)),
        cell=4.0 * np.eye(3) + rng.normal(scale=0.2, size=(3, 3)),
        energy=-1.0 / 3.0,
        forces=rng.normal(size=(3, 3)),
        stress=stress + stress.T,
        group="surface_111",
        name='one "two" \\ three',
        side="test",
        weight=2.5,
        charge=-1.0,
    )
    cluster = Structure(numbers=np.array([6, 8]), positions=rng.normal(size=(2, 3)), name="CO")
    return [crystal, cluster]


def assert_same(a: Structure, b: Structure) -> None:
    for field in ("numbers", "positions", "cell", "forces", "stress"):
        x, y = getattr(a, field), getattr(b, field)
        assert (x is None) == (y is None), field
        if x is not None:
            np.testing.assert_array_equal(x, y)
    for field in ("energy", "charge", "group", "name", "side", "weight"):
        assert getattr(a, field) == getattr(b, field)


def test_atoms_and_back() -> None:
    for s in some_structures():
        assert_same(from_atoms(to_atoms(s)), s)


def test_written_files_are_read_back(tmp_path: Path) -> None:
    written = some_structures()
    write_extxyz(tmp_path / "a.extxyz", written)
    for kind in ("traj", "db", "json"):
        write_atoms_file(tmp_path / f"a.{kind}", written, kind)
    for path in sorted(tmp_path.iterdir()):
        for a, b in zip(read_atoms_file(path), written, strict=True):
            assert_same(a, b)
    assert len(list(tmp_path.iterdir())) == 4


def test_other_programs_can_read_our_extxyz(tmp_path: Path) -> None:
    crystal = some_structures()[0]
    write_extxyz(tmp_path / "a.xyz", [crystal])
    atoms = read(tmp_path / "a.xyz")
    assert atoms.get_potential_energy() == crystal.energy
    np.testing.assert_array_equal(atoms.get_stress(voigt=False), crystal.stress)
    assert atoms.pbc.all()


def test_compressed_files(tmp_path: Path) -> None:
    write_extxyz(tmp_path / "a.xyz", some_structures())
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress((tmp_path / "a.xyz").read_bytes()))
    assert len(read_atoms_file(tmp_path / "a.xyz.gz")) == 2


def test_info_keys(tmp_path: Path) -> None:
    atoms = Atoms("H", calculator=None)
    atoms.info = {"group": "a b", "energy_weight": 3, "set": "training", "name": np.array([1, 2])}
    s = from_atoms(atoms)
    assert (s.group, s.weight, s.side, s.name) == ("a b", 3.0, "train", "1 2")
    write(tmp_path / "x.xyz", [Atoms("H"), Atoms("He")])
    assert [s.name for s in read_atoms_file(tmp_path / "x.xyz")] == ["x:0", "x:1"]


def test_free_energy_and_raw_forces() -> None:
    atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 1]])
    atoms.set_constraint(FixAtoms([0]))
    forces = np.ones((2, 3))
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, free_energy=2.0, forces=forces)
    s = from_atoms(atoms)
    assert s.energy == 2.0
    np.testing.assert_array_equal(s.forces, forces)


def test_stress_times_volume_of_a_slab_stays_where_its_empty_space_grows() -> None:
    slab = fcc111("Cu", (1, 1, 3), vacuum=4.0)
    slab.pbc = (True, True, False)
    stress = np.array([0.01, 0.02, 0.001, 0.002, -0.003, 0.004])
    slab.calc = SinglePointCalculator(slab, energy=1.0, forces=np.zeros((3, 3)), stress=stress)
    s = from_atoms(slab)
    assert s.volume > 2.0 * slab.get_volume()
    np.testing.assert_allclose(s.virial, stress * slab.get_volume(), rtol=1e-12)
    slab.cell[2] = 0.0
    slab.calc = SinglePointCalculator(slab, energy=1.0, forces=np.zeros((3, 3)), stress=stress)
    assert from_atoms(slab).stress is None


def test_slab_and_wire_see_no_images() -> None:
    slab = fcc111("Cu", (1, 1, 3), vacuum=None, periodic=False)
    slab.pbc = (True, True, False)
    wire = Atoms(
        "CuCu", [[0, 0, 0], [2, 1, 0]], cell=[[0, 0, 0], [0, 0, 0], [1, 1, 3]], pbc=(0, 0, 1)
    )
    for atoms in (slab, wire):
        atoms.rattle(0.05, seed=1)
        s = from_atoms(atoms)
        assert s.cell is not None
        np.testing.assert_array_equal(s.cell[atoms.pbc], atoms.cell[atoms.pbc])
        for direction in np.flatnonzero(~atoms.pbc):
            length = np.linalg.norm(s.cell[direction])
            normal = s.cell[direction] / length
            np.testing.assert_allclose(np.delete(s.cell, direction, 0) @ normal, 0.0, atol=1e-12)
            assert length == pytest.approx(np.ptp(atoms.positions @ normal) + 50.0)
        atoms.calc = EMT()
        filled = to_atoms(s)
        filled.calc = EMT()
        assert filled.get_potential_energy() == pytest.approx(atoms.get_potential_energy())
        np.testing.assert_allclose(
            filled.get_forces(), atoms.get_forces(apply_constraint=False), atol=1e-9
        )


def test_folder_with_all_that_can_be_read(tmp_path: Path) -> None:
    one = some_structures()[1]
    (tmp_path / "sub").mkdir()
    write_extxyz(tmp_path / "b_test.extxyz", [one])
    write_extxyz(tmp_path / "sub" / "a.xyz", [Structure(one.numbers, one.positions)] * 2)
    (tmp_path / ".hidden.xyz").write_text("no xyz")
    (tmp_path / "README.md").write_text("no structures")
    found = read_atoms_file(tmp_path)
    assert [(s.name, s.side) for s in found] == [
        ("CO", "test"), ("sub/a:0", None), ("sub/a:1", None),
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="expected files with structures"):
        read_atoms_file(tmp_path / "empty")


GOOD = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1\n'
ROWS = "Au 0 0 0 1 2 3\nAu 1 2 0 1 2 3\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD + ROWS + GOOD + "Au 0 0 0 1 2 3\nAu 1 2 0 1 2\n", 8, "expected 7 columns .* found 6"),
        (GOOD + "Au 0 0 0 1 2 3\nAu 1 2 0 1 2 3 4\n", 4, "expected 7 columns .* found 8"),
        (GOOD + "Au 0 0 0 1 2 3\n", 4, "expected 7 columns as in Properties, found 0"),
        (GOOD + ROWS.replace("2 3\nAu 1", "nan 3\nAu 1"), 3, "expected finite numbers, found nan"),
        (GOOD.replace("-1", "NaN") + ROWS, 1, "energy is nan"),
        (GOOD + ROWS.replace("Au 1", "Au one"), 1, "structure 0 cannot be read as extxyz"),
        (GOOD + ROWS.replace("Au 1", "Qq 1"), 1, "structure 0 cannot be read as extxyz"),
        (GOOD + ROWS + "\n" + GOOD + ROWS, 5, "expected a number of atoms, found a blank line"),
        (GOOD + ROWS + ROWS, 5, "expected a number of atoms, found 'Au 0 0 0 1 2 3'"),
        (GOOD.replace("4 0 0 0 4", "4 0 0 4 0") + ROWS, 1, "do not span a volume"),
        (GOOD.replace("energy", "weight=heavy energy") + ROWS, 1, "could not convert"),
        ("", None, "is in no format that ASE knows|found an empty file"),
        ("²\n" + GOOD[2:] + ROWS, 1, "expected a number of atoms, found '²'"),
        ("9" * 5000 + GOOD[1:] + ROWS, 1, "expected a number of atoms"),
        ("99999999" + GOOD[1:] + ROWS, 5, "expected 7 columns as in Properties, found 0"),
        (GOOD.replace("S:1:pos:R:3:forces:R:3", "S:0"), 2, "symbol, x, y, z at least, found 0"),
        (GOOD.replace("forces:R:3", "forces:R:²"), 2, "expected Properties=name:type:columns"),
        (GOOD.replace("energy", "weight=nan energy") + ROWS, 1, "structure 0: weight is nan"),
        (GOOD.replace("energy", "weight=-2 energy") + ROWS, 1, "must not be negative, found -2"),
        (GOOD.replace("energy", f"charge={10**400} energy") + ROWS, 1, "int too large|charge is"),
        (GOOD.replace('4"', '1e308" pbc="T T F"') + ROWS, 1, "reach 100000 Angstrom at most"),
        (GOOD + ROWS.replace("Au 1 2", "Au 1e300 2"), 1, "reach 100000 Angstrom at most"),
    ],
)
def test_malformed_extxyz(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    path = tmp_path / "bad.extxyz"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        read_atoms_file(path)
    assert caught.value.line == line


def test_other_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file or folder"):
        read_atoms_file(tmp_path / "missing.xyz")
    for name in ("vasprun.xml", "a.traj", "a.db", "a.json", "OUTCAR"):
        (tmp_path / name).write_text("nothing useful\n")
        with pytest.raises(FormatError, match=r"cannot be read as|found none"):
            read_atoms_file(tmp_path / name)
    (tmp_path / "b.weird").write_text("nothing useful\n")
    with pytest.raises(FormatError, match=r"b\.weird"):
        read_atoms_file(tmp_path / "b.weird")


def test_keys_that_mean_more_to_ase_are_data(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(GOOD.replace("energy", "data=5 key_value_pairs=x energy") + ROWS)
    assert read_atoms_file(path)[0].energy == -1.0


def test_databases_of_other_programs_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(FormatError, match=r"mlflow.db: structure 0: the database is none of ASE"):
        read_atoms_file(path)
    assert path.read_bytes() == before


def test_files_that_would_run_something_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cell").write_text("%BLOCK LATTICE_CART\n%ENDBLOCK LATTICE_CART\n")
    with pytest.raises(FormatError, match=r"is an input of CASTEP; give its output"):
        read_atoms_file(tmp_path / "a.cell")
    (tmp_path / "a.traj").write_bytes(b"PickleTrajectory" + pickle.dumps(print))
    with pytest.raises(FormatError, match="cannot be read as traj"):
        read_atoms_file(tmp_path / "a.traj")


def test_names_that_ase_takes_for_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-", "postgresql.xyz", "mysql.traj"):
        write_atoms_file(name, some_structures(), "traj")
        assert len(read_atoms_file(name)) == 2


@pytest.mark.parametrize("name", ["a.cube", "XDATCAR"])
def test_files_without_energies_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, bulk("Au", cubic=True))
    with pytest.raises(
        FormatError, match=f"{name}: is a .* without energies; give .*output|OUTCAR"
    ):
        read_atoms_file(tmp_path / name)


def test_frames_of_archives_are_checked(tmp_path: Path) -> None:
    text = "99999999" + (GOOD + ROWS)[1:]
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(FormatError, match=r"a\.xyz\.gz, line 5: expected 7 columns"):
        read_atoms_file(tmp_path / "a.xyz.gz")


def test_readers_that_believe_absurd_counts_run_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_much(*_: object, **__: object) -> Iterator[Atoms]:
        yield Atoms("Au", positions=np.empty((10**9, 3))[:1])

    write(tmp_path / "a.traj", bulk("Au"))
    monkeypatch.setattr("autune.formats.atoms.iread", read_much)
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(FormatError, match="claims more numbers than the memory holds"):
        read_atoms_file(tmp_path / "a.traj")
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_damaged_archives(tmp_path: Path) -> None:
    whole = gzip.compress((GOOD + ROWS).encode())
    for n in (3, 12, len(whole) - 9):
        (tmp_path / "a.xyz.gz").write_bytes(whole[:n])
        with pytest.raises(FormatError, match=r"a\.xyz\.gz"):
            read_atoms_file(tmp_path / "a.xyz.gz")


VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<kpoints><varray name="kpointlist"><v> 0 0 0 </v></varray><varray name="weights"><v> 1 </v></varray></kpoints>
<parameters></parameters>
<atominfo><atoms> 1 </atoms><types> 1 </types>
<array name="atoms"><set><rc><c>Au </c><c> 1</c></rc></set></array></atominfo>
<structure name="initialpos"><crystal><varray name="basis">
<v> 4.0 0.0 0.0 </v><v> 0.0 4.0 0.0 </v><v> 0.0 0.0 4.0 </v></varray></crystal>
<varray name="positions"><v> 0.0 0.0 0.0 </v></varray></structure>
<calculation>
<scstep><energy><i name="e_fr_energy"> -3.5 </i><i name="e_wo_entrp"> -3.1 </i><i name="e_0_energy"> -3.3 </i></energy></scstep>
<structure><crystal><varray name="basis">
<v> 4.0 0.0 0.0 </v><v> 0.0 4.0 0.0 </v><v> 0.0 0.0 4.0 </v></varray></crystal>
<varray name="positions"><v> 0.5 0.0 0.0 </v></varray></structure>
<varray name="forces"><v> 0.1 0.2 0.3 </v></varray>
<varray name="stress"><v> 10 0 0 </v><v> 0 20 0 </v><v> 0 0 30 </v></varray>
<energy><i name="e_fr_energy"> -3.5 </i><i name="e_wo_entrp"> -3.1 </i><i name="e_0_energy"> -3.3 </i></energy>
</calculation>
</modeling>
"""  # noqa: E501


def test_vasp(tmp_path: Path) -> None:
    """The free energy, forces, and VASP's stress (kB, positive under pressure) in our sign."""
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / "vasprun.xml").write_text(VASPRUN)
    (tmp_path / "run-1" / "OUTCAR").write_text("vasp.6, half of a second copy of the same\n")
    (s,) = read_atoms_file(tmp_path)
    assert s.name == "run-1/vasprun:0"
    assert s.energy == -3.5
    np.testing.assert_allclose(s.positions, [[2.0, 0.0, 0.0]])
    np.testing.assert_allclose(s.forces, [[0.1, 0.2, 0.3]])
    np.testing.assert_allclose(np.diag(s.stress), -np.array([1, 2, 3]) / 160.21766208, rtol=1e-6)


PWSCF = """
     Program PWSCF v.7.2 starts on 12Mar2024 at 10:11:12

     bravais-lattice index     =            0
     lattice parameter (alat)  =       7.7100  a.u.
     unit-cell volume          =     458.3140 (a.u.)^3
     number of atoms/cell      =            2
     number of atomic types    =            1
     number of electrons       =        22.00
     kinetic-energy cutoff     =      40.0000  Ry
     Exchange-correlation= PBE

     celldm(1)=   7.710000  celldm(2)=   0.000000  celldm(3)=   0.000000
     celldm(4)=   0.000000  celldm(5)=   0.000000  celldm(6)=   0.000000

     crystal axes: (cart. coord. in units of alat)
               a(1) = (   0.500000   0.500000   0.000000 )
               a(2) = (  -0.500000   0.500000   0.000000 )
               a(3) = (   0.000000   0.000000   2.000000 )

     reciprocal axes: (cart. coord. in units 2 pi/alat)
               b(1) = (  1.000000  1.000000  0.000000 )
               b(2) = ( -1.000000  1.000000  0.000000 )
               b(3) = (  0.000000  0.000000  0.500000 )

   Cartesian axes

     site n.     atom                  positions (alat units)
         1           Au  tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2           Au  tau(   2) = (   0.5000000   0.0000000   1.0200000  )

     number of k points=     1  Methfessel-Paxton smearing, width (Ry)=  0.0200
                       cart. coord. in units 2pi/alat
        k(    1) = (   0.0000000   0.0000000   0.0000000), wk =   2.0000000

     Self-consistent Calculation

     iteration #  1     ecut=    40.00 Ry     beta= 0.70
     total energy              =    -175.11111111 Ry
     estimated scf accuracy    <       0.50000000 Ry

     End of self-consistent calculation

          k = 0.0000 0.0000 0.0000 (  1243 PWs)   bands (ev):

     5.1234   7.2345   8.3456   9.4567  10.5678  11.6789  12.7890  13.8901
    14.9012

     the Fermi energy is    16.1234 ev

!    total energy              =    -175.50000000 Ry
     estimated scf accuracy    <          4.1E-10 Ry
     smearing contrib. (-TS)   =      -0.00100000 Ry
     internal energy E=F+TS    =    -175.49900000 Ry

     convergence has been achieved in   9 iterations

     Forces acting on atoms (cartesian axes, Ry/au):

     atom    1 type  1   force =     0.01000000   -0.02000000    0.03000000
     atom    2 type  1   force =    -0.01000000    0.02000000   -0.03000000

     Total force =     0.052915     Total SCF correction =     0.000012


     Computing stress (Cartesian axis) and pressure

          total   stress  (Ry/bohr**3)                   (kbar)     P=       29.42
   0.00010000   0.00001000   0.00000000           14.71        1.47        0.00
   0.00001000   0.00020000  -0.00002000            1.47       29.42       -2.94
   0.00000000  -0.00002000   0.00030000            0.00       -2.94       44.13

     JOB DONE.
"""


@pytest.mark.parametrize("name", ["gold.pwo", "gold.out", "scf.txt"])
def test_quantum_espresso(tmp_path: Path, name: str) -> None:
    """Energy (Ry), forces (Ry/bohr), stress (Ry/bohr^3, positive under pressure), alat (bohr)."""
    (tmp_path / name).write_text(PWSCF)
    (s,) = read_atoms_file(tmp_path / name)
    (in_folder,) = read_atoms_file(tmp_path)
    assert s.numbers.tolist() == [79, 79]
    a = 7.71 * BOHR
    np.testing.assert_allclose(s.cell, a * np.array([[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 2]]))
    np.testing.assert_allclose(s.positions[1], [0.5 * a, 0.0, 1.02 * a])
    Ry = HARTREE / 2.0
    assert s.energy == in_folder.energy == pytest.approx(-175.5 * Ry)
    np.testing.assert_allclose(s.forces, np.outer([1, -1], [0.01, -0.02, 0.03]) * Ry / BOHR)
    stress = np.array([[10.0, 1.0, 0.0], [1.0, 20.0, -2.0], [0.0, -2.0, 30.0]]) * 1e-5
    np.testing.assert_allclose(s.stress, -stress * Ry / BOHR**3)
