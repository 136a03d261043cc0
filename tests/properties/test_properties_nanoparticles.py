"""Nanoparticles against the known minima of Lennard-Jones clusters."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from autune.properties import Crystal, compute_properties, excess_curve, relax_crystal
from autune.properties.nanoparticle import excess_energy
from autune.properties.particle_shapes import closed_shells
from autune.settings import PropertiesSettings

SHAPES = ("icosahedron", "decahedron", "truncated_octahedron")


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ("icosahedron", [13, 55, 147, 309, 561]),
        ("decahedron", [75, 101, 146, 192, 238, 318, 389, 460, 585]),
        ("truncated_octahedron", [38, 79, 116, 201, 314, 405, 586]),
    ],
)
def test_shells_are_closed(shape, sizes):
    particles = closed_shells("Au", shape, 4.08, 600)
    assert [len(atoms) for atoms in particles] == sizes
    for atoms in particles[:3]:
        assert not atoms.pbc.any()
        assert atoms.cell.rank == 0
        distances = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        # Strained by five-fold axes at most.
        assert 0.94 < distances.min() / (4.08 / np.sqrt(2.0)) < 1.01


@pytest.mark.parametrize(
    ("shape", "n_atoms", "energy"),
    [
        ("icosahedron", 13, -44.326801),
        ("icosahedron", 55, -279.248470),
        ("truncated_octahedron", 38, -173.928427),
        ("decahedron", 75, -397.492331),
    ],
)
def test_minima_of_lennard_jones_clusters(shape, n_atoms, energy):
    # D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997), table 1.
    atoms = next(a for a in closed_shells("Ar", shape, 1.55, 75) if len(a) == n_atoms)
    atoms.calc = LennardJones(sigma=1.0, epsilon=1.0, rc=20.0)
    nothing = Crystal("Ar", "fcc", atoms, 1.55, 0.0)
    assert excess_energy(nothing, atoms) == pytest.approx(energy, abs=2e-4)


@pytest.fixture(scope="module")
def copper():
    return relax_crystal(EMT(), "Cu", "fcc", 11.8)


@pytest.mark.parametrize("shape", SHAPES)
def test_excess_energy_is_that_of_the_surface(copper, shape):
    curve = excess_curve(copper, shape, 116)
    assert curve.reason == ""
    assert (curve.name, curve.y_unit) == (f"nanoparticle_{shape}", "eV")
    assert list(curve.x) == sorted(curve.x)
    # A sphere of N atoms with a surface energy of 1 J/m^2, and edges besides.
    sphere = 1.0 / 16.02 * np.cbrt(36.0 * np.pi * copper.volume**2)
    assert all(1.0 * sphere < delta < 2.0 * sphere for delta in curve.y)


class LosesSome(EMT):
    """EMT that does not know some sizes."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        if len(atoms) in self.sizes:
            raise ValueError("too far from all that was trained")
        super().calculate(atoms, properties, system_changes)


def test_a_size_that_fails_leaves_the_others():
    settings = PropertiesSettings.model_validate({"nanoparticles": {"max_atoms": 80}})
    table = compute_properties(LosesSome({38, 75}), settings, ["Cu"])
    icosahedra, decahedra, octahedra = table.curves
    assert (icosahedra.x, icosahedra.reason) == ((13.0, 55.0), "")
    assert (decahedra.x, decahedra.y) == ((), ())
    assert decahedra.reason == "75 atoms: ValueError: too far from all that was trained"
    assert octahedra.x == (79.0,)
    assert octahedra.reason.startswith("38 atoms: ")
    assert table.rows == ()
