"""All properties that the settings ask for, each tried on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers

from autune.errors import ConfigError, PropertyFailed
from autune.properties.curve import Curve
from autune.properties.curves import compared_points, compute_curves, rmse_of
from autune.properties.dynamics import dynamics_calculations
from autune.properties.elastic import elastic_constants
from autune.properties.failure import reason_of
from autune.properties.lattice import (
    Crystal,
    equation_of_state,
    relax_crystal,
    tabulated_volume,
    volume_per_atom,
)
from autune.properties.phase import energy_difference
from autune.properties.phonons import check_phonopy, phonon_frequencies
from autune.properties.reference import Reference, read_reference
from autune.properties.stacking_fault import stacking_fault_energy
from autune.properties.surface import surface_energy
from autune.properties.table import PropertyRow, PropertyTable, make_row
from autune.properties.vacancy import vacancy_formation_energy
from autune.settings import PropertiesSettings
from autune.settings.motion import PHONON_NAMES

_KEY = "evaluation.properties"

_Calculation = tuple[tuple[str, ...], Callable[[], tuple[float, ...]]]


def check_properties(settings: PropertiesSettings, elements: Sequence[str]) -> None:
    """Check what the settings alone cannot tell, before time is spent on a training.

    Parameters
    ----------
    settings
        What will be calculated.
    elements
        Elements of the potential.

    Raises
    ------
    ConfigError
        If the potential lacks the element, the start of the relaxation is not known, or a package
        that a property needs is missing.
    FormatError
        If the reference table is wrong.
    """
    start_volume(settings, element_of(settings, elements))
    _references(settings)
    compared_points(settings)
    if settings.phonons is not None:
        check_phonopy()


def compute_properties(
    calculator: BaseCalculator, settings: PropertiesSettings, elements: Sequence[str]
) -> PropertyTable:
    """Calculate every property and every curve that the settings ask for.

    What cannot be calculated (a relaxation that runs away, a number that is not finite, an
    exception in the calculator) is a row without value that says the reason. Without a lattice
    constant everything else fails too.

    Parameters
    ----------
    calculator
        ASE calculator with energy, forces and stress.
    settings
        What to calculate, and the reference to compare with.
    elements
        Elements of the potential.

    Raises
    ------
    ConfigError, FormatError
        As `check_properties`.
    """
    check_properties(settings, elements)
    element = element_of(settings, elements)
    volume = start_volume(settings, element)
    references = _references(settings)
    # A bad potential may overflow; the rows say so.
    with np.errstate(all="ignore"):
        crystal: Crystal | str
        try:
            crystal = relax_crystal(calculator, element, settings.crystal, volume)
        except Exception as error:  # noqa: BLE001, whatever a calculator raises is a failure
            crystal = reason_of(error)
        curves = compute_curves(settings, crystal)
        rows: list[PropertyRow] = []
        for names, calculate in _calculations(settings, crystal, curves):
            rows += [
                make_row(name, value, reason, references)
                for name, value, reason in _attempt(names, calculate)
            ]
    return PropertyTable(tuple(rows), curves)


def property_names(settings: PropertiesSettings) -> list[str]:
    """List the properties that the settings ask for, in the order of the table.

    Raises
    ------
    FormatError
        If the equations of state of the reference are wrong.
    """
    return [name for names, _ in _calculations(settings, "", ()) for name in names]


def _calculations(
    settings: PropertiesSettings, found: Crystal | str, curves: Sequence[Curve]
) -> Iterator[_Calculation]:
    """List what is to be calculated: names and a function that returns their values."""

    def crystal() -> Crystal:
        if isinstance(found, str):
            raise PropertyFailed(f"no lattice constant: {found}")
        return found

    def lattice() -> tuple[float, ...]:
        if isinstance(found, str):
            raise PropertyFailed(found)
        return (found.lattice_constant,)

    if settings.lattice_constant is not None:
        yield ("lattice_constant",), lattice
    if (elastic := settings.elastic_constants) is not None:

        def constants() -> tuple[float, ...]:
            result = elastic_constants(crystal(), elastic.strain)
            return result.C11, result.C12, result.C44, result.bulk_modulus

        yield ("C11", "C12", "C44", "bulk_modulus"), constants
    if (eos := settings.equation_of_state) is not None:
        yield (
            ("bulk_modulus_eos",),
            lambda: (equation_of_state(crystal(), eos.strain, eos.points).bulk_modulus,),
        )
    if (slab := settings.surface_energy) is not None:
        for facet in slab.facets:
            layers = slab.layers_110 if facet == "110" else slab.layers

            def gamma(facet: str = facet, layers: int = layers) -> tuple[float, ...]:
                return (surface_energy(crystal(), facet, layers, slab.vacuum),)

            yield (f"surface_energy_{facet}",), gamma
    if (phase := settings.phase) is not None:
        name = f"{phase.crystal}_{settings.crystal}_energy_difference"
        yield (name,), lambda: (energy_difference(crystal(), phase.crystal),)
    if (vacancy := settings.vacancy) is not None:
        yield (
            ("vacancy_formation_energy",),
            lambda: (vacancy_formation_energy(crystal(), vacancy.size, vacancy.relax),),
        )
    if (fault := settings.stacking_fault) is not None:
        yield (
            ("stacking_fault_energy",),
            lambda: (stacking_fault_energy(crystal(), fault.layers),),
        )
    for structure in compared_points(settings):

        def rmse(structure: str = structure) -> tuple[float, ...]:
            return (rmse_of(curves, structure),)

        yield (f"equation_of_state_rmse_{structure}",), rmse
    if (phonons := settings.phonons) is not None:
        points = PHONON_NAMES[settings.crystal]

        def frequencies() -> tuple[float, ...]:
            found = phonon_frequencies(crystal(), phonons.supercell, phonons.displacement)
            return tuple(found[name] for name in points)

        yield points, frequencies
    if (dynamics := settings.dynamics) is not None:
        yield from dynamics_calculations(crystal, dynamics)


def _attempt(
    names: tuple[str, ...], calculate: Callable[[], tuple[float, ...]]
) -> Iterator[tuple[str, float | None, str]]:
    """Yield name, value or None, reason."""
    try:
        values = calculate()
    except Exception as error:  # noqa: BLE001, whatever a calculator raises is a failure
        reason = reason_of(error)
        yield from ((name, None, reason) for name in names)
        return
    for name, value in zip(names, values, strict=True):
        if np.isfinite(value):
            yield name, float(value), ""
        else:
            yield name, None, f"the result is not finite ({value})"


def element_of(settings: PropertiesSettings, elements: Sequence[str]) -> str:
    """Return the element whose crystal is calculated.

    Raises
    ------
    ConfigError
        If the potential lacks it.
    """
    element = settings.element or elements[0]
    if element not in elements:
        raise ConfigError(
            f"{_KEY}.element",
            f"expected an element of the potential ({', '.join(elements)}), found {element}",
        )
    if element not in atomic_numbers:
        raise ConfigError(f"{_KEY}.element", f"{element} is no chemical symbol")
    return element


def start_volume(settings: PropertiesSettings, element: str) -> float:
    """Return the volume per atom to start from [Angstrom^3].

    Raises
    ------
    ConfigError
        If neither the settings nor ASE know a lattice constant.
    """
    if settings.lattice_constant_start is not None:
        return volume_per_atom(settings.crystal, settings.lattice_constant_start)
    volume = tabulated_volume(element, settings.crystal)
    if volume is None:
        raise ConfigError(
            f"{_KEY}.lattice_constant_start", f"no lattice constant of {element} is known; give one"
        )
    return volume


def _references(settings: PropertiesSettings) -> dict[str, Reference]:
    return {} if settings.reference is None else read_reference(settings.reference)
