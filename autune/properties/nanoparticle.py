"""Energies of relaxed nanoparticles over their size."""

from __future__ import annotations

from dataclasses import replace

from ase import Atoms

from autune.errors import PropertyFailed
from autune.properties.curve import Curve
from autune.properties.failure import reason_of
from autune.properties.lattice import Crystal
from autune.properties.particle_shapes import closed_shells
from autune.properties.relaxation import finite_energy, relax_ions

NAME = "nanoparticle_"
_FMAX = 0.01  # eV/Angstrom; changes the excess energy by less than 1e-3 eV


def empty_excess_curve(shape: str, reason: str) -> Curve:
    """Return the curve of a shape without points, with the reason."""
    return Curve(
        name=f"{NAME}{shape}",
        x_label="number of atoms N",
        x_unit="",
        y_label="excess energy / N^(2/3)",
        y_unit="eV",
        x=(),
        y=(),
        reason=reason,
    )


def excess_curve(crystal: Crystal, shape: str, max_atoms: int = 320) -> Curve:
    """Calculate the excess energies of relaxed nanoparticles of a shape.

    Delta(N) = (E - N E_bulk) / N^(2/3) [eV] of a particle with N atoms, F. Baletto and
    R. Ferrando, Rev. Mod. Phys. 77, 371 (2005), sec. III.A. The surface's share of E grows as
    N^(2/3), so that Delta is nearly constant: faces and edges of the shapes, and the strain of
    those with five-fold axes, which makes Delta rise, remain to be seen. Per atom the excess
    energy falls as N^(-1/3) for all shapes, and would hide their differences, which are ten
    times smaller. The lowest Delta at a size is the shape that this potential prefers.

    Parameters
    ----------
    crystal
        An fcc crystal at rest.
    shape
        icosahedron, decahedron or truncated_octahedron, see `closed_shells`.
    max_atoms
        Atoms of the largest particle.

    Returns
    -------
    Curve
        Over the number of atoms. Sizes that do not relax are missing; the reason names them.

    Raises
    ------
    PropertyFailed
        If the crystal is not fcc.
    """
    if crystal.structure != "fcc":
        raise PropertyFailed(f"particles are cut from fcc, not from {crystal.structure}")
    sizes: list[float] = []
    excess: list[float] = []
    failures = []
    for atoms in closed_shells(crystal.element, shape, crystal.lattice_constant, max_atoms):
        atoms.calc = crystal.atoms.calc
        try:
            value = excess_energy(crystal, atoms)
        except Exception as error:  # noqa: BLE001, whatever a calculator raises is a failure
            failures.append(f"{len(atoms)} atoms: {reason_of(error)}")
            continue
        sizes.append(float(len(atoms)))
        excess.append(value / len(atoms) ** (2.0 / 3.0))
    curve = empty_excess_curve(shape, "; ".join(failures))
    return replace(curve, x=tuple(sizes), y=tuple(excess))


def excess_energy(crystal: Crystal, atoms: Atoms) -> float:
    """Relax a particle in place; return its energy above as many atoms of the crystal [eV].

    Parameters
    ----------
    crystal
        Crystal at rest.
    atoms
        The particle, with its calculator.

    Raises
    ------
    PropertyFailed
        If the particle does not relax, or an atom leaves its place.
    """
    relax_ions(atoms, _FMAX)
    return finite_energy(atoms) - len(atoms) * crystal.energy
