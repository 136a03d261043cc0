"""Surface energies from slabs."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bcc100, bcc110, bcc111, bulk, fcc100, fcc110, fcc111, surface

from autune.errors import PropertyFailed
from autune.properties.lattice import Crystal
from autune.properties.relaxation import finite_energy, relax_ions
from autune.units import EV_PER_ANGSTROM2_IN_J_PER_M2

_FMAX = 1e-3  # eV/Angstrom; changes surface energies by less than 1e-5 J/m^2

_SLABS = {
    ("fcc", "100"): fcc100,
    ("fcc", "110"): fcc110,
    ("fcc", "111"): fcc111,
    ("bcc", "100"): bcc100,
    ("bcc", "110"): bcc110,
    ("bcc", "111"): bcc111,
}


def surface_energy(crystal: Crystal, facet: str, layers: int = 7, vacuum: float = 10.0) -> float:
    """Calculate the energy of a surface that is relaxed, not reconstructed [J/m^2].

    gamma = (E_slab - N E_bulk) / (2 A) of a p(1x1) slab with N atoms, ions relaxed in the fixed
    cell of the crystal; A is the area of one side (V. Fiorentini and M. Methfessel, J. Phys.:
    Condens. Matter 8, 6525 (1996), eq. 1).

    Parameters
    ----------
    crystal
        Crystal at rest: fcc, bcc or sc.
    facet
        Miller indices: 100, 110 or 111.
    layers
        Atomic layers of the slab.
    vacuum
        Distance between the slab and its periodic image. [Angstrom]

    Raises
    ------
    PropertyFailed
        If the slab does not relax.
    """
    atoms = _slab(crystal, facet, layers, vacuum)
    atoms.calc = crystal.atoms.calc
    relax_ions(atoms, _FMAX)
    area = float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))
    excess = finite_energy(atoms) - len(atoms) * crystal.energy
    return excess / (2.0 * area) * EV_PER_ANGSTROM2_IN_J_PER_M2


def _slab(crystal: Crystal, facet: str, layers: int, vacuum: float) -> Atoms:
    # ASE puts its vacuum on both sides of the slab.
    side = vacuum / 2.0
    a = crystal.lattice_constant
    if crystal.structure == "sc":
        cube = bulk(crystal.element, "sc", a=a)
        atoms = surface(cube, tuple(int(digit) for digit in facet), layers, vacuum=side)
    elif (crystal.structure, facet) in _SLABS:
        build = _SLABS[crystal.structure, facet]
        atoms = build(crystal.element, (1, 1, layers), a=a, vacuum=side)
    else:
        raise PropertyFailed(f"no ({facet}) slab of {crystal.structure}")
    # Not every calculator takes cells that are periodic in two directions.
    atoms.pbc = True
    return atoms
