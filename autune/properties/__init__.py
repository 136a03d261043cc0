"""Physical properties of a crystal from any ASE calculator: numbers with units.

Energies, lengths and stresses are eV, Angstrom and eV/Angstrom^3 inside; results are Angstrom,
GPa, J/m^2 and meV/atom.
"""

from __future__ import annotations

from autune.properties.baseline import compute_baselines, make_calculator
from autune.properties.elastic import ElasticConstants, elastic_constants
from autune.properties.lattice import BirchMurnaghan, Crystal, equation_of_state, relax_crystal
from autune.properties.phase import energy_difference
from autune.properties.reference import Reference, read_reference
from autune.properties.suite import check_properties, compute_properties, property_names
from autune.properties.surface import surface_energy
from autune.properties.table import PropertyRow, PropertyTable, property_error

__all__ = [
    "BirchMurnaghan",
    "Crystal",
    "ElasticConstants",
    "PropertyRow",
    "PropertyTable",
    "Reference",
    "check_properties",
    "compute_baselines",
    "compute_properties",
    "elastic_constants",
    "energy_difference",
    "equation_of_state",
    "make_calculator",
    "property_error",
    "property_names",
    "read_reference",
    "relax_crystal",
    "surface_energy",
]
