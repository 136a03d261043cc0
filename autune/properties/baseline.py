"""Other potentials beside the one that is looked at: the same properties, the same reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.build import bulk

from autune.errors import ConfigError
from autune.properties.calculators import KEY, make_calculator
from autune.properties.lattice import lattice_constant_of
from autune.properties.suite import compute_properties, element_of, start_volume
from autune.properties.table import PropertyTable
from autune.settings import PropertiesSettings


def compute_baselines(
    settings: PropertiesSettings, elements: Sequence[str]
) -> dict[str, PropertyTable]:
    """Calculate the properties of every baseline.

    Each property is tried on its own, and compared with the reference of the settings, as
    `compute_properties` does. An EAM potential was fitted to experiment, as a rule; its errors
    here are those against the reference.

    Parameters
    ----------
    settings
        What to calculate, by which potentials, and the reference to compare with.
    elements
        Elements of the potential that is looked at.

    Returns
    -------
    dict of str to PropertyTable
        By name of the baseline, in the order of the settings.

    Raises
    ------
    ConfigError, FormatError
        As `check_baselines`.
    """
    return {
        name: compute_properties(make_calculator(baseline, f"{KEY}.{name}"), settings, elements)
        for name, baseline in settings.baselines.items()
    }


def check_baselines(settings: PropertiesSettings, elements: Sequence[str]) -> None:
    """Make every baseline, and let it calculate the crystal once.

    Parameters
    ----------
    settings
        What will be calculated, and by which potentials.
    elements
        Elements of the potential that is looked at.

    Raises
    ------
    ConfigError, FormatError
        As `check_properties` and `make_calculator`; also if a potential does not know the element,
        or has no stress.
    """
    if not settings.baselines:
        return
    element = element_of(settings, elements)
    a = lattice_constant_of(settings.crystal, start_volume(settings, element))
    for name, baseline in settings.baselines.items():
        key = f"{KEY}.{name}"
        calculator = make_calculator(baseline, key)
        atoms = bulk(element, settings.crystal, a=a)
        atoms.calc = calculator
        try:
            with np.errstate(all="ignore"):
                values = [atoms.get_potential_energy(), *atoms.get_forces().flat]
                values += list(atoms.get_stress())
        except Exception as error:  # noqa: BLE001, whatever a calculator raises
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                key,
                f"{baseline.calculator} gives no energy, forces and stress of {settings.crystal} "
                f"{element}: {reason}; take another potential",
            ) from None
        if not np.isfinite(values).all():
            raise ConfigError(
                key,
                f"{baseline.calculator} gives no finite energy, forces and stress of "
                f"{settings.crystal} {element}; mend its parameters, or take another potential",
            )
