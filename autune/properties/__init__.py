"""Physical properties of a crystal from any ASE calculator: numbers with units.

Energies, lengths and stresses are eV, Angstrom and eV/Angstrom^3 inside; results are Angstrom,
GPa, J/m^2, mJ/m^2, eV, meV/atom, THz, ps, K and meV/atom/ps.
"""

from __future__ import annotations

from autune.properties.baseline import check_baselines, compute_baselines
from autune.properties.calculators import make_calculator
from autune.properties.compared import compared_values, describe_changes
from autune.properties.curve import Curve
from autune.properties.dynamics import Dynamics, run_dynamics
from autune.properties.elastic import ElasticConstants, elastic_constants
from autune.properties.energy_curve import energy_curve, rmse_to_reference
from autune.properties.lattice import BirchMurnaghan, Crystal, equation_of_state, relax_crystal
from autune.properties.nanoparticle import excess_curve
from autune.properties.phase import energy_difference
from autune.properties.phonons import (
    dynamical_matrix,
    find_force_constants,
    frequency,
    phonon_frequencies,
)
from autune.properties.reference import Reference, read_reference
from autune.properties.reference_curves import read_reference_curves
from autune.properties.stacking_fault import stacking_fault_energy
from autune.properties.suite import check_properties, compute_properties, property_names
from autune.properties.surface import surface_energy
from autune.properties.table import PropertyRow, PropertyTable, property_error
from autune.properties.vacancy import vacancy_formation_energy

__all__ = [
    "BirchMurnaghan",
    "Crystal",
    "Curve",
    "Dynamics",
    "ElasticConstants",
    "PropertyRow",
    "PropertyTable",
    "Reference",
    "check_baselines",
    "check_properties",
    "compared_values",
    "compute_baselines",
    "compute_properties",
    "describe_changes",
    "dynamical_matrix",
    "elastic_constants",
    "energy_curve",
    "energy_difference",
    "equation_of_state",
    "excess_curve",
    "find_force_constants",
    "frequency",
    "make_calculator",
    "phonon_frequencies",
    "property_error",
    "property_names",
    "read_reference",
    "read_reference_curves",
    "relax_crystal",
    "rmse_to_reference",
    "run_dynamics",
    "stacking_fault_energy",
    "surface_energy",
    "vacancy_formation_energy",
]
