"""The energy of another crystal of the same element."""

from __future__ import annotations

from autune.properties.lattice import Crystal, relax_crystal, scale_volume
from autune.units import MEV


def energy_difference(crystal: Crystal, other: str) -> float:
    """Calculate the energy of another crystal above this one, both at rest [meV/atom].

    Parameters
    ----------
    crystal
        Crystal at rest.
    other
        The other crystal: fcc, bcc, sc, diamond or hcp.

    Raises
    ------
    PropertyFailed
        If the other crystal does not relax.
    """
    volume = scale_volume(crystal.volume, crystal.structure, other)
    relaxed = relax_crystal(crystal.atoms.calc, crystal.element, other, volume)
    return (relaxed.energy - crystal.energy) / MEV
