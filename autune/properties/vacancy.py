"""The energy that it takes to make a vacancy."""

from __future__ import annotations

from ase.build import bulk

from autune.properties.lattice import Crystal
from autune.properties.relaxation import finite_energy, relax_ions

_FMAX = 2e-3  # eV/Angstrom; changes formation energies by less than 1e-4 eV


def vacancy_formation_energy(crystal: Crystal, size: int = 3, relax: bool = True) -> float:
    """Calculate the formation energy of a vacancy in a fixed cell [eV].

    E_v = E(N - 1) - (N - 1)/N E(N): the energy of a supercell from which one atom was taken,
    above that of as many atoms of the crystal, to which the atom goes (M. J. Gillan, J. Phys.:
    Condens. Matter 1, 689 (1989)). The cell is that of the crystal at rest, so that E(N)/N is
    the crystal's energy per atom.

    Parameters
    ----------
    crystal
        Cubic crystal at rest.
    size
        Conventional cells along each edge of the cubic supercell: the distance between the
        vacancy and its images in lattice constants.
    relax
        Relax the ions around the vacancy.

    Raises
    ------
    PropertyFailed
        If the ions do not relax.
    """
    cube = bulk(crystal.element, crystal.structure, a=crystal.lattice_constant, cubic=True)
    atoms = cube.repeat(size)
    del atoms[0]
    atoms.calc = crystal.atoms.calc
    if relax:
        relax_ions(atoms, _FMAX)
    return finite_energy(atoms) - len(atoms) * crystal.energy
