"""Units: eV, Angstrom and eV/Angstrom inside; everything else is converted at the border.

Written out so that this module imports nothing of others.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

BOHR = 0.529177210903
"""Angstrom in one Bohr (CODATA 2018)."""

HARTREE = 27.211386245988
"""eV in one Hartree (CODATA 2018)."""

EV_PER_ANGSTROM3_IN_GPA = 160.21766208
"""GPa in one eV/Angstrom^3 (CODATA 2014, as in ASE)."""

EV_PER_ANGSTROM2_IN_J_PER_M2 = 16.021766208
"""J/m^2 in one eV/Angstrom^2 (CODATA 2014, as in ASE)."""

MEV = 1e-3
"""eV in one meV."""

UnitName = Literal["ev-angstrom", "hartree-bohr"]
"""Names of the unit systems in which settings and files may be."""


class UnitSystem(NamedTuple):
    """Units of files and settings.

    Parameters
    ----------
    length
        Angstrom in one length unit.
    energy
        eV in one energy unit.
    """

    length: float
    energy: float


UNIT_SYSTEMS: dict[UnitName, UnitSystem] = {
    "ev-angstrom": UnitSystem(1.0, 1.0),
    "hartree-bohr": UnitSystem(BOHR, HARTREE),
}

GivenUnits = Literal["ev-angstrom", "hartree-bohr", "eV,Angstrom", "Hartree,Bohr"]
"""Names of the systems as they may be given: also as they were written before."""

NAMES: dict[str, UnitName] = {
    "ev-angstrom": "ev-angstrom",
    "hartree-bohr": "hartree-bohr",
    "eV,Angstrom": "ev-angstrom",
    "Hartree,Bohr": "hartree-bohr",
}


def unit_system(name: GivenUnits) -> UnitSystem:
    """Return the unit system of a name."""
    return UNIT_SYSTEMS[NAMES[name]]


def unit_name(system: UnitSystem) -> UnitName | None:
    """Return the name of a unit system, None of one that has none."""
    return next((name for name, known in UNIT_SYSTEMS.items() if known == system), None)


def convert(value: float, before: float, after: float) -> float:
    """Return a number in another unit, so that the way back gives the same digits.

    What a file says with 15 digits or fewer comes back exactly: where a number of 15 digits gives
    the same value it is taken, and not the neighbour that the division gives.

    Parameters
    ----------
    value
        In the unit `before`.
    before, after
        Size of the units, in any common one.
    """
    if before == after:
        return value
    converted = value * before / after
    rounded = float(f"{converted:.15g}")
    return rounded if rounded * after / before == value else converted
