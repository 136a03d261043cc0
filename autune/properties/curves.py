"""All curves that the settings ask for, each tried on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from autune.properties.curve import Curve
from autune.properties.energy_curve import (
    curve_name,
    empty_energy_curve,
    energy_curve,
    rmse_to_reference,
)
from autune.properties.failure import reason_of
from autune.properties.lattice import Crystal
from autune.properties.nanoparticle import empty_excess_curve, excess_curve
from autune.properties.reference_curves import read_reference_curves
from autune.settings import PropertiesSettings

Points = tuple[tuple[float, ...], tuple[float, ...]]
_Calculation = tuple[Curve, Callable[[Crystal], Curve]]


def compute_curves(settings: PropertiesSettings, found: Crystal | str) -> tuple[Curve, ...]:
    """Calculate every curve that the settings ask for.

    One that cannot be calculated has no points and says the reason.

    Parameters
    ----------
    settings
        What to calculate, and the reference to compare with.
    found
        The stable crystal at rest, or why there is none.

    Raises
    ------
    FormatError
        If the equations of state of the reference are wrong.
    """
    return tuple(_attempt(empty, calculate, found) for empty, calculate in _calculations(settings))


def compared_points(settings: PropertiesSettings) -> dict[str, Points]:
    """Return the points of the reference, of crystals whose equation of state is asked for.

    Returns
    -------
    dict of str to tuple
        Volumes per atom [Angstrom^3] and energies [meV/atom], see `read_reference_curves`.

    Raises
    ------
    FormatError
        If the equations of state of the reference are wrong.
    """
    known = _reference(settings)
    return {crystal: known[crystal] for crystal in _crystals(settings) if crystal in known}


def rmse_of(curves: Sequence[Curve], structure: str) -> float:
    """Return the error of a crystal's equation of state [meV/atom], see `rmse_to_reference`."""
    name = curve_name(structure)
    return rmse_to_reference(next(curve for curve in curves if curve.name == name))


def _calculations(settings: PropertiesSettings) -> Iterator[_Calculation]:
    """List what is to be calculated: the empty curve, and a function that returns the whole."""
    if (wanted := settings.equation_of_state_curves) is not None:
        known = _reference(settings)
        for structure in _crystals(settings):
            points = known.get(structure, ((), ()))
            yield (
                empty_energy_curve(settings.crystal, structure, "", points),
                partial(
                    energy_curve,
                    structure=structure,
                    strain=wanted.strain,
                    points=wanted.points,
                    reference=points,
                ),
            )
    if (particles := settings.nanoparticles) is not None:
        for shape in particles.shapes:
            yield (
                empty_excess_curve(shape, ""),
                partial(excess_curve, shape=shape, max_atoms=particles.max_atoms),
            )


def _attempt(empty: Curve, calculate: Callable[[Crystal], Curve], found: Crystal | str) -> Curve:
    if isinstance(found, str):
        return replace(empty, reason=f"no lattice constant: {found}")
    try:
        return calculate(found)
    except Exception as error:  # noqa: BLE001, whatever a calculator raises is a failure
        return replace(empty, reason=reason_of(error))


def _crystals(settings: PropertiesSettings) -> list[str]:
    """Return the crystals whose equation of state is asked for, the stable one first."""
    wanted = settings.equation_of_state_curves
    return [] if wanted is None else list(dict.fromkeys((settings.crystal, *wanted.crystals)))


def _reference(settings: PropertiesSettings) -> dict[str, Points]:
    if settings.equation_of_state_curves is None or settings.reference is None:
        return {}
    return read_reference_curves(settings.reference, settings.crystal)
