"""Physical properties of a crystal from any ASE calculator: numbers with units.

Energies, lengths and stresses are eV, Angstrom and eV/Angstrom^3 inside; results are Angstrom,
GPa, J/m^2, meV/atom, THz, ps, K and meV/atom/ps.
"""

from __future__ import annotations

from autune.properties.dynamics import Dynamics, run_dynamics
from autune.properties.elastic import ElasticConstants, elastic_constants
from autune.properties.lattice import BirchMurnaghan, Crystal, equation_of_state, relax_crystal
from autune.properties.phase import energy_difference
from autune.properties.phonons import (
    dynamical_matrix,
    find_force_constants,
    frequency,
    phonon_frequencies,
)
from autune.properties.reference import Reference, read_reference
from autune.properties.suite import check_properties, compute_properties, property_names
from autune.properties.surface import surface_energy
from autune.properties.table import PropertyRow, PropertyTable, property_error

__all__ = [
    "BirchMurnaghan",
    "Crystal",
    "Dynamics",
    "ElasticConstants",
    "PropertyRow",
    "PropertyTable",
    "Reference",
    "check_properties",
    "compute_properties",
    "dynamical_matrix",
    "elastic_constants",
    "energy_difference",
    "equation_of_state",
    "find_force_constants",
    "frequency",
    "phonon_frequencies",
    "property_error",
    "property_names",
    "read_reference",
    "relax_crystal",
    "run_dynamics",
    "surface_energy",
]
