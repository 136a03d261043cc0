"""Units: eV, Angstrom and eV/Angstrom inside; everything else is converted at the border.

Written out so that this module imports nothing.
"""

from __future__ import annotations

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
