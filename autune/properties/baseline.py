"""Other potentials beside the one that is looked at: the same properties, the same reference."""

from __future__ import annotations

from collections.abc import Sequence

from autune.properties.calculators import KEY, make_calculator
from autune.properties.suite import compute_properties
from autune.properties.table import PropertyTable
from autune.settings import PropertiesSettings

__all__ = ["compute_baselines", "make_calculator"]


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
        As `check_properties`.
    """
    return {
        name: compute_properties(make_calculator(baseline, f"{KEY}.{name}"), settings, elements)
        for name, baseline in settings.baselines.items()
    }
