"""Shapes of fcc nanoparticles at the sizes at which their shells are closed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ase import Atoms
from ase.cluster import Decahedron, Icosahedron, Octahedron

from autune.errors import PropertyFailed


def closed_shells(element: str, shape: str, lattice_constant: float, max_atoms: int) -> list[Atoms]:
    """Build the particles of a shape, smallest first, not relaxed and not periodic.

    L. D. Marks, Rep. Prog. Phys. 57, 603 (1994); names as in F. Baletto and R. Ferrando, Rev.
    Mod. Phys. 77, 371 (2005), sec. III.A.

    icosahedron
        Mackay's: 13, 55, 147, 309, 561, ... atoms.
    decahedron
        Marks', with re-entrant edges one atom deep, and (100) faces as high as wide, or one
        atom more or less: 75, 101, 146, 192, 238, 318, 389, ... atoms.
    truncated_octahedron
        Octahedra without n layers at their tips and 3n, 3n + 1 (regular hexagons) or 3n + 2
        atoms along an edge: 38, 79, 116, 201, 314, 405, 586, ... atoms.

    Parameters
    ----------
    element
        Chemical symbol.
    shape
        icosahedron, decahedron or truncated_octahedron.
    lattice_constant
        Of fcc. [Angstrom]
    max_atoms
        Atoms of the largest particle.
    """
    particles = []
    for sizes in _BUILDERS[shape](element, lattice_constant):
        fitting = [atoms for atoms in sizes if len(atoms) <= max_atoms]
        if not fitting:
            break
        particles += fitting
    if not particles:
        raise PropertyFailed(f"no {shape} has at most {max_atoms} atoms")
    # ASE's clusters keep tables of their surfaces; plain atoms suffice, without a cell.
    plain = [Atoms(atoms.symbols, positions=atoms.positions) for atoms in particles]
    return sorted(plain, key=len)


def _icosahedra(element: str, a: float) -> Iterator[list[Atoms]]:
    for shells in count(2):
        yield [Icosahedron(element, shells, a)]


def _decahedra(element: str, a: float) -> Iterator[list[Atoms]]:
    for width in count(2):
        heights = (width - 1, width, width + 1) if width > 2 else (width, width + 1)
        yield [Decahedron(element, width, height, 1, a) for height in heights]


def _truncated_octahedra(element: str, a: float) -> Iterator[list[Atoms]]:
    for cut in count(1):
        # 3 atoms along the edge, without its tips, is no truncated octahedron but a cuboctahedron.
        longer = (0, 1, 2) if cut > 1 else (1, 2)
        yield [Octahedron(element, 3 * cut + more, cut, a) for more in longer]


_BUILDERS = {
    "icosahedron": _icosahedra,
    "decahedron": _decahedra,
    "truncated_octahedron": _truncated_octahedra,
}
