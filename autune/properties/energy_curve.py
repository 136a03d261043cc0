"""The energy of a crystal over its volume, and its distance from the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.build import bulk

from autune.errors import PropertyFailed
from autune.properties.curve import Curve
from autune.properties.lattice import Crystal, scale_volume, volume_per_atom
from autune.properties.relaxation import finite_energy
from autune.units import MEV

NAME = "equation_of_state_"


def empty_energy_curve(
    stable: str,
    structure: str,
    reason: str,
    reference: tuple[tuple[float, ...], tuple[float, ...]] = ((), ()),
) -> Curve:
    """Return the curve of a crystal without calculated points, with the reason."""
    return Curve(
        name=f"{NAME}{structure}",
        x_label="volume",
        x_unit="Angstrom^3/atom",
        y_label=f"energy above {stable} at rest",
        y_unit="meV/atom",
        x=(),
        y=(),
        reference_x=reference[0],
        reference_y=reference[1],
        reason=reason,
    )


def energy_curve(
    crystal: Crystal,
    structure: str,
    strain: float = 0.06,
    points: int = 25,
    reference: tuple[tuple[float, ...], tuple[float, ...]] = ((), ()),
) -> Curve:
    """Calculate the energy of a crystal over its volume, no fit.

    Energies per atom of the undistorted cell [meV/atom], above that of the stable crystal at
    rest, which is the zero of the reference too: a potential and DFT may count energies from
    different atoms. The volumes [Angstrom^3/atom] lie around that of the crystal at rest, of
    another crystal around its estimate from that (`scale_volume`), evenly in linear strain;
    those of the reference are among them.

    Parameters
    ----------
    crystal
        The stable crystal at rest.
    structure
        The crystal to deform: fcc, bcc, sc or diamond.
    strain
        Largest linear strain.
    points
        Number of volumes besides those of the reference.
    reference
        Volumes per atom [Angstrom^3] and energies above the stable crystal at rest [meV/atom].

    Raises
    ------
    PropertyFailed
        If an energy is not finite.
    """
    middle = scale_volume(crystal.volume, crystal.structure, structure)
    around = middle * (1.0 + np.linspace(-strain, strain, points)) ** 3
    volumes = np.unique([*around, *reference[0]])
    energies = [_energy(crystal, structure, volume) for volume in volumes]
    curve = empty_energy_curve(crystal.structure, structure, "", reference)
    return replace(curve, x=tuple(map(float, volumes)), y=tuple(energies))


def rmse_to_reference(curve: Curve) -> float:
    """Return the root mean square of calculated minus reference energies [meV/atom].

    Over the points of the reference, at whose volumes the curve was calculated; both count from
    the energy of the stable crystal at rest, and nothing is fitted. It is an error already, with
    0 as its ideal, so it has no reference value and no part in `property_error`.

    Parameters
    ----------
    curve
        From `energy_curve`, with a reference.

    Raises
    ------
    PropertyFailed
        If the curve could not be calculated.
    """
    if not curve.x:
        raise PropertyFailed(curve.reason)
    calculated = dict(zip(curve.x, curve.y, strict=True))
    errors = [
        calculated[volume] - energy
        for volume, energy in zip(curve.reference_x, curve.reference_y, strict=True)
    ]
    return float(np.sqrt(np.mean(np.square(errors))))


def _energy(crystal: Crystal, structure: str, volume: float) -> float:
    edge = float(np.cbrt(volume / volume_per_atom(structure, 1.0)))
    atoms = bulk(crystal.element, structure, a=edge)
    atoms.calc = crystal.atoms.calc
    return (finite_energy(atoms) / len(atoms) - crystal.energy) / MEV
