"""The crystal at rest, its lattice constant, and its equation of state."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, reference_states
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from scipy.optimize import brentq

from autune.errors import PropertyFailed
from autune.properties.relaxation import (
    MAX_STEPS,
    finite_energy,
    finite_forces,
    finite_stress,
    largest_force,
    relaxation_steps,
)
from autune.units import EV_PER_ANGSTROM3_IN_GPA

LARGEST_VOLUME_CHANGE = 0.25
"""Relative change of the start volume beyond which a crystal has collapsed or exploded."""

_STRESS_AT_REST = 1e-5  # eV/Angstrom^3, 1.6 MPa
_FORCE_AT_REST = 1e-3  # eV/Angstrom
_WALK = 0.01  # relative step of the lattice constant in the search for a bracket
_IDEAL_C_OVER_A = np.sqrt(8.0 / 3.0)

# Volume per atom over a^3.
_VOLUME_OVER_A3 = {
    "sc": 1.0,
    "bcc": 1.0 / 2.0,
    "fcc": 1.0 / 4.0,
    "diamond": 1.0 / 8.0,
    "hcp": np.sqrt(3.0) / 4.0 * _IDEAL_C_OVER_A,
}

# Nearest neighbour distance over that of fcc: how bonds shorten with the coordination number,
# V. M. Goldschmidt, Naturwissenschaften 14, 477 (1926).
_GOLDSCHMIDT = {"fcc": 1.0, "hcp": 1.0, "bcc": 0.97, "sc": 0.96, "diamond": 0.88}
# Volume per atom over the nearest neighbour distance cubed.
_VOLUME_OVER_D3 = {
    "fcc": 1.0 / np.sqrt(2.0),
    "hcp": 1.0 / np.sqrt(2.0),
    "bcc": 4.0 / np.sqrt(27.0),
    "sc": 1.0,
    "diamond": 8.0 / np.sqrt(27.0),
}


@dataclass(frozen=True)
class Crystal:
    """A crystal with cell and ions at rest.

    Attributes
    ----------
    element
        Chemical symbol.
    structure
        fcc, bcc, sc, diamond or hcp.
    atoms
        Primitive cell along the cubic axes, with its calculator.
    lattice_constant
        Of the conventional cell. [Angstrom]
    energy
        Energy per atom. [eV]
    """

    element: str
    structure: str
    atoms: Atoms
    lattice_constant: float
    energy: float

    @property
    def volume(self) -> float:
        """Volume per atom [Angstrom^3]."""
        return float(self.atoms.get_volume()) / len(self.atoms)


@dataclass(frozen=True)
class BirchMurnaghan:
    """Parameters of an equation of state: volume and energy per atom at rest, bulk modulus.

    Attributes
    ----------
    volume
        Volume per atom. [Angstrom^3]
    energy
        Energy per atom. [eV]
    bulk_modulus
        Bulk modulus. [GPa]
    """

    volume: float
    energy: float
    bulk_modulus: float


def volume_per_atom(structure: str, lattice_constant: float) -> float:
    """Return the volume per atom, for hcp at the ideal c/a [Angstrom^3].

    Parameters
    ----------
    structure
        fcc, bcc, sc, diamond or hcp.
    lattice_constant
        Of the conventional cell. [Angstrom]
    """
    return float(_VOLUME_OVER_A3[structure] * lattice_constant**3)


def lattice_constant_of(structure: str, volume: float) -> float:
    """Return the lattice constant at a volume per atom, for hcp at the ideal c/a [Angstrom].

    Parameters
    ----------
    structure
        fcc, bcc, sc, diamond or hcp.
    volume
        Volume per atom. [Angstrom^3]
    """
    return float(np.cbrt(volume / _VOLUME_OVER_A3[structure]))


def scale_volume(volume: float, from_structure: str, to_structure: str) -> float:
    """Estimate the volume per atom of another crystal of the same element [Angstrom^3].

    Nearest neighbour distances change with the coordination number as Goldschmidt found.

    Parameters
    ----------
    volume
        Volume per atom. [Angstrom^3]
    from_structure, to_structure
        The crystal that has this volume and the other one.
    """
    relative = {name: _VOLUME_OVER_D3[name] * d**3 for name, d in _GOLDSCHMIDT.items()}
    return float(volume * relative[to_structure] / relative[from_structure])


def tabulated_volume(element: str, structure: str) -> float | None:
    """Return the volume per atom by ASE's table of crystals, None where it has none.

    Parameters
    ----------
    element
        Chemical symbol.
    structure
        fcc, bcc, sc, diamond or hcp; the element's own crystal may be another of these.

    Returns
    -------
    float or None
        Volume per atom. [Angstrom^3]
    """
    known = reference_states[atomic_numbers[element]] or {}
    own = known.get("symmetry")
    if own not in _VOLUME_OVER_A3:
        return None
    volume = volume_per_atom(own, known["a"])
    if own == "hcp":
        volume *= known["c/a"] / _IDEAL_C_OVER_A
    return scale_volume(volume, own, structure)


def relax_crystal(
    calculator: BaseCalculator, element: str, structure: str, volume: float
) -> Crystal:
    """Relax cell and ions of a crystal.

    In a cubic crystal symmetry leaves the lattice constant as the only freedom: its minimum is
    the root of the hydrostatic stress nearest downhill from the start, found by bracketing and
    Brent's method, after which all stresses and forces must vanish. An hcp cell is relaxed with
    all its freedoms.

    Parameters
    ----------
    calculator
        ASE calculator with energy, forces and stress.
    element
        Chemical symbol.
    structure
        fcc, bcc, sc, diamond or hcp.
    volume
        Volume per atom to start from. [Angstrom^3]

    Raises
    ------
    PropertyFailed
        If there is no minimum within `LARGEST_VOLUME_CHANGE` of the start.
    """
    start = lattice_constant_of(structure, volume)
    if structure == "hcp":
        atoms = bulk(element, "hcp", a=start, c=start * _IDEAL_C_OVER_A)
        atoms.calc = calculator
        _relax_cell(atoms)
        a = float(np.linalg.norm(atoms.cell[0]))
    else:
        atoms = bulk(element, structure, a=start)
        atoms.calc = calculator
        a = _relax_lattice_constant(atoms, start)
    return Crystal(element, structure, atoms, a, finite_energy(atoms) / len(atoms))


def equation_of_state(crystal: Crystal, strain: float = 0.03, points: int = 7) -> BirchMurnaghan:
    """Fit the Birch-Murnaghan equation to energies over volumes.

    F. Birch, Phys. Rev. 71, 809 (1947), third order, as in `ase.eos`. The volumes lie around
    that of the crystal, evenly in linear strain; the ions stay where symmetry keeps them.

    Parameters
    ----------
    crystal
        Cubic crystal at rest.
    strain
        Largest linear strain.
    points
        Number of volumes.

    Raises
    ------
    PropertyFailed
        If the fit does not converge or has no minimum within the volumes.
    """
    volumes, energies = [], []
    for change in np.linspace(-strain, strain, points):
        atoms = crystal.atoms.copy()
        atoms.calc = crystal.atoms.calc
        atoms.set_cell(crystal.atoms.cell * (1.0 + change), scale_atoms=True)
        volumes.append(atoms.get_volume() / len(atoms))
        energies.append(finite_energy(atoms) / len(atoms))
    return fit_birch_murnaghan(volumes, energies)


def fit_birch_murnaghan(volumes: Sequence[float], energies: Sequence[float]) -> BirchMurnaghan:
    """Fit the Birch-Murnaghan equation, F. Birch, Phys. Rev. 71, 809 (1947), third order.

    Parameters
    ----------
    volumes
        Volumes per atom. [Angstrom^3]
    energies
        Energies per atom. [eV]

    Raises
    ------
    PropertyFailed
        If the fit does not converge or has no minimum within the volumes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            volume, energy, modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    except (RuntimeError, ValueError, Warning) as error:
        raise PropertyFailed(f"the Birch-Murnaghan fit fails: {error}") from None
    if not modulus > 0.0:
        raise PropertyFailed("the Birch-Murnaghan fit fails: the energy has no minimum")
    return BirchMurnaghan(float(volume), float(energy), float(modulus) * EV_PER_ANGSTROM3_IN_GPA)


def _relax_lattice_constant(atoms: Atoms, start: float) -> float:
    """Set a cubic cell to the lattice constant at which all stresses vanish, and return it."""
    shape = atoms.cell.array / start

    def strain_to(a: float) -> None:
        atoms.set_cell(shape * a, scale_atoms=True)

    def tension(a: float) -> float:
        """Hydrostatic stress, the sign of dE/da [eV/Angstrom^3]."""
        strain_to(a)
        return float(finite_stress(atoms)[:3].mean())

    first = tension(start)
    grows = first < 0.0
    change = LARGEST_VOLUME_CHANGE if grows else -LARGEST_VOLUME_CHANGE
    end = start * float(np.cbrt(1.0 + change))
    last = start
    while True:
        a = min(last * (1.0 + _WALK), end) if grows else max(last * (1.0 - _WALK), end)
        if (tension(a) < 0.0) != grows:
            break
        if a == end:
            raise PropertyFailed(
                f"the volume {'grows' if grows else 'shrinks'} by more than "
                f"{100 * LARGEST_VOLUME_CHANGE:.0f} %, no minimum of the energy from "
                f"{start:.3f} to {end:.3f} Angstrom"
            )
        last = a
    a = float(brentq(tension, min(last, a), max(last, a), xtol=1e-8))
    nearby = []
    for factor in (1.0 - _WALK / 2.0, 1.0 + _WALK / 2.0):
        strain_to(a * factor)
        nearby.append(finite_energy(atoms))
    strain_to(a)
    if finite_energy(atoms) >= min(nearby):
        raise PropertyFailed("the stress vanishes where the energy has no minimum")
    _check_at_rest(atoms)
    return a


def _relax_cell(atoms: Atoms) -> None:
    """Relax cell and ions with all their freedoms, in place."""
    start = atoms.get_volume()
    for converged in relaxation_steps(FrechetCellFilter(atoms), _FORCE_AT_REST / 100.0):
        finite_forces(atoms)
        finite_stress(atoms)
        change = atoms.get_volume() / start - 1.0
        if not abs(change) <= LARGEST_VOLUME_CHANGE:
            raise PropertyFailed(
                f"the volume {'grows' if change > 0 else 'shrinks'} by more than "
                f"{100 * LARGEST_VOLUME_CHANGE:.0f} %"
            )
        if converged:
            _check_at_rest(atoms)
            return
    raise PropertyFailed(f"the cell is not at rest after {MAX_STEPS} steps")


def _check_at_rest(atoms: Atoms) -> None:
    stress = float(np.abs(finite_stress(atoms)).max())
    force = largest_force(atoms)
    if stress > _STRESS_AT_REST:
        raise PropertyFailed(
            f"a stress of {stress * EV_PER_ANGSTROM3_IN_GPA:.2g} GPa does not relax"
        )
    if force > _FORCE_AT_REST:
        raise PropertyFailed(f"a force of {force:.2g} eV/Angstrom does not relax")
