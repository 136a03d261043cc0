"""Energies, forces and stresses that are finite, and ions moved to rest in a fixed cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, LBFGS
from numpy.typing import NDArray

from autune.errors import PropertyFailed

LARGEST_MOVE = 1.5
"""Angstrom; an ion that moves further has left its crystal or slab."""

MAX_STEPS = 200
"""Optimiser steps after which a relaxation counts as not converged."""

_DENSE = 120  # atoms up to which BFGS spends less on its Hessian than it saves on forces


def finite_energy(atoms: Atoms) -> float:
    """Return the potential energy [eV].

    Raises
    ------
    PropertyFailed
        If it is not finite.
    """
    energy = float(atoms.get_potential_energy())
    if not np.isfinite(energy):
        raise PropertyFailed(f"the energy is not finite ({energy})")
    return energy


def finite_forces(atoms: Atoms) -> NDArray[np.float64]:
    """Return the forces, shape (n_atoms, 3) [eV/Angstrom].

    Raises
    ------
    PropertyFailed
        If one of them is not finite.
    """
    forces = np.asarray(atoms.get_forces(), dtype=np.float64)
    if not np.isfinite(forces).all():
        raise PropertyFailed("a force is not finite")
    return forces


def finite_stress(atoms: Atoms) -> NDArray[np.float64]:
    """Return the stress (xx, yy, zz, yz, xz, xy), positive under tension [eV/Angstrom^3].

    Raises
    ------
    PropertyFailed
        If a component is not finite.
    """
    stress = np.asarray(atoms.get_stress(voigt=True), dtype=np.float64)
    if not np.isfinite(stress).all():
        raise PropertyFailed("the stress is not finite")
    return stress


def largest_force(atoms: Atoms) -> float:
    """Return the length of the largest force [eV/Angstrom]."""
    return float(np.linalg.norm(finite_forces(atoms), axis=1).max())


def relaxation_steps(freedoms: Atoms | FrechetCellFilter, fmax: float) -> Iterator[bool]:
    """Relax in place, and yield before and after every step whether the forces are small.

    Parameters
    ----------
    freedoms
        Structure with a calculator, or a filter of its cell and ions.
    fmax
        Largest force that may be left [eV/Angstrom].

    Raises
    ------
    PropertyFailed
        If the optimiser finds no step.
    """
    try:
        optimiser = BFGS if len(freedoms) <= _DENSE else LBFGS
        yield from optimiser(freedoms, logfile=None).irun(fmax=fmax, steps=MAX_STEPS)
    except np.linalg.LinAlgError:
        raise PropertyFailed(
            "the relaxation finds no step: the forces do not change as those of an energy do"
        ) from None


def relax_ions(atoms: Atoms, fmax: float) -> None:
    """Move the ions in place, in the fixed cell, until no force exceeds fmax.

    Nothing moves when the forces are small already, as where symmetry forbids them.

    Parameters
    ----------
    atoms
        Structure with a calculator.
    fmax
        Largest force that may be left. [eV/Angstrom]

    Raises
    ------
    PropertyFailed
        If an ion moves further than `LARGEST_MOVE`, a force is not finite, or `MAX_STEPS` are
        not enough.
    """
    if largest_force(atoms) <= fmax:
        return
    start = atoms.get_positions()
    # Steps are looked at one by one: a relaxation that runs away is stopped before its forces
    # overflow or the optimiser meets a NaN.
    for converged in relaxation_steps(atoms, fmax):
        left = largest_force(atoms)
        moved = float(np.linalg.norm(atoms.get_positions() - start, axis=1).max())
        if not moved <= LARGEST_MOVE:
            raise PropertyFailed(f"an atom moves further than {LARGEST_MOVE} Angstrom")
        if converged:
            return
    raise PropertyFailed(
        f"the ions are not at rest after {MAX_STEPS} steps, {left:.2g} eV/Angstrom is left"
    )
