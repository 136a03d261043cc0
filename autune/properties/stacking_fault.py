"""The intrinsic stacking fault of fcc."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter

from autune.errors import PropertyFailed
from autune.properties.lattice import Crystal
from autune.properties.relaxation import MAX_STEPS, finite_energy, largest_force, relaxation_steps
from autune.units import EV_PER_ANGSTROM2_IN_J_PER_M2

_FMAX = 1e-3  # eV/Angstrom; changes the energy by less than 0.01 mJ/m^2
_LARGEST_OPENING = 0.1  # relative change of the height at which the layers have come apart
_MILLI = 1e-3


def stacking_fault_energy(crystal: Crystal, layers: int = 12, relax: bool = True) -> float:
    """Calculate the energy of the intrinsic stacking fault of fcc [mJ/m^2].

    gamma = (E - N E_bulk) / A of N atoms in a cell with one fault of area A. A tilted cell has
    one atom in each of N (111) layers of the perfect crystal, stacked ABC, and a third vector
    along which the next period is displaced by a<11-2>/6: each period ends in a fault, ABC|BCA
    (as the supercells of M. Chandran and S. K. Sondhi, J. Appl. Phys. 109, 103525 (2011)). A
    slab would need a second calculation without fault, so that its surfaces cancel, and shows a
    potential surfaces beside the fault; the tilted cell has neither.

    Ions and the height of the cell are relaxed, so that the fault may open along its normal; in
    its plane the three-fold axis leaves no force, and the crystal around fixes the area.

    Parameters
    ----------
    crystal
        An fcc crystal at rest.
    layers
        (111) layers between two faults, a multiple of 3.
    relax
        Relax ions and height.

    Raises
    ------
    PropertyFailed
        If the crystal is not fcc, or the fault does not relax.
    """
    if crystal.structure != "fcc":
        raise PropertyFailed(f"{crystal.structure} has no such stacking fault, only fcc has")
    atoms = _tilted_cell(crystal, layers)
    atoms.calc = crystal.atoms.calc
    if relax:
        _relax_along_normal(atoms)
    area = float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))
    excess = finite_energy(atoms) - len(atoms) * crystal.energy
    return excess / area * EV_PER_ANGSTROM2_IN_J_PER_M2 / _MILLI


def _tilted_cell(crystal: Crystal, layers: int) -> Atoms:
    """Stack (111) layers ABC; the third vector puts the next period at B in place of A."""
    neighbour = crystal.lattice_constant / np.sqrt(2.0)
    spacing = crystal.lattice_constant / np.sqrt(3.0)
    first = np.array([neighbour, 0.0, 0.0])
    second = np.array([neighbour / 2.0, neighbour * np.sqrt(3.0) / 2.0, 0.0])
    step = (first + second) / 3.0  # from A to B, B to C, C to A: a<11-2>/6
    up = np.array([0.0, 0.0, spacing])
    positions = [layer * up + layer % 3 * step for layer in range(layers)]
    # Without the step the next period begins at A, as fcc does after 3 n layers.
    cell = [first, second, layers * up + step]
    return Atoms([crystal.element] * layers, positions=positions, cell=cell, pbc=True)


def _relax_along_normal(atoms: Atoms) -> None:
    """Relax the ions and the height of the cell, in place; its area stays."""
    height = atoms.cell[2, 2]
    freedoms = FrechetCellFilter(atoms, mask=[False, False, True, False, False, False])
    for converged in relaxation_steps(freedoms, _FMAX):
        largest_force(atoms)  # not finite: stop before the optimiser meets it
        change = atoms.cell[2, 2] / height - 1.0
        if not abs(change) <= _LARGEST_OPENING:
            raise PropertyFailed(
                f"the height of the cell changes by more than {100 * _LARGEST_OPENING:.0f} %"
            )
        if converged:
            return
    raise PropertyFailed(f"the fault is not at rest after {MAX_STEPS} steps")
