"""Elastic constants of a cubic crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autune.properties.lattice import Crystal
from autune.properties.relaxation import finite_stress, relax_ions
from autune.units import EV_PER_ANGSTROM3_IN_GPA

_FMAX = 1e-4  # eV/Angstrom; changes the constants by less than 0.1 GPa


@dataclass(frozen=True)
class ElasticConstants:
    """Elastic constants of a cubic crystal, ions relaxed [GPa]."""

    C11: float
    C12: float
    C44: float

    @property
    def bulk_modulus(self) -> float:
        """(C11 + 2 C12)/3, J. F. Nye, Physical Properties of Crystals (1957), ch. VIII [GPa]."""
        return (self.C11 + 2.0 * self.C12) / 3.0


def elastic_constants(crystal: Crystal, strain: float = 0.006) -> ElasticConstants:
    """Calculate elastic constants from stresses under strain, ions relaxed.

    Hooke's law in Voigt's notation (Nye, ch. VIII), sigma_i = sum_j C_ij e_j, with the stress
    positive under tension (ASE's sign, sigma = dE/de / V) and engineering shear
    e_4 = gamma_yz = 2 eps_yz. Central differences,
    C_ij = (sigma_i(+e_j) - sigma_i(-e_j)) / (2 e_j), with e_1 for C11 and C12 (mean of the two
    transverse stresses) and e_4 for C44.

    Parameters
    ----------
    crystal
        Cubic crystal at rest, so that the stress starts from zero.
    strain
        Size of e_1 and e_4.

    Raises
    ------
    PropertyFailed
        If the strained crystal does not relax.
    """
    normal = np.zeros((3, 3))
    normal[0, 0] = strain
    shear = np.zeros((3, 3))
    shear[1, 2] = shear[2, 1] = strain / 2.0
    per_e1 = _slope(crystal, normal) / (2.0 * strain) * EV_PER_ANGSTROM3_IN_GPA
    per_e4 = _slope(crystal, shear) / (2.0 * strain) * EV_PER_ANGSTROM3_IN_GPA
    return ElasticConstants(
        C11=float(per_e1[0]), C12=float(per_e1[1:3].mean()), C44=float(per_e4[3])
    )


def _slope(crystal: Crystal, strain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return stress(+strain) - stress(-strain), shape (6,) [eV/Angstrom^3]."""
    return _stress(crystal, strain) - _stress(crystal, -strain)


def _stress(crystal: Crystal, strain: NDArray[np.float64]) -> NDArray[np.float64]:
    atoms = crystal.atoms.copy()
    atoms.calc = crystal.atoms.calc
    atoms.set_cell(crystal.atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    relax_ions(atoms, _FMAX)
    return finite_stress(atoms)
