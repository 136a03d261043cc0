"""What metrics and settings are called, and their units, in tables, sentences and figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from autune.properties.reference import unit_of as unit_of_property
from autune.settings import describe
from autune.units import MEV, UnitName

_UNITS = {
    "energy_rmse": "eV/atom",
    "energy_mae": "eV/atom",
    "energy_largest": "eV/atom",
    "energy_min": "eV/atom",
    "energy_max": "eV/atom",
    "force_rmse": "eV/Angstrom",
    "force_mae": "eV/Angstrom",
    "force_largest": "eV/Angstrom",
    "force_max": "eV/Angstrom",
    "force_rms": "eV/Angstrom",
    "stress_rmse": "GPa",
    "stress_mae": "GPa",
    "energy_spread": "eV/atom",
    "force_spread": "eV/Angstrom",
    "shortest_distance": "Angstrom",
    "property_error": "%",
    "error_percent": "%",
    "excess_percent": "%",
    "seconds": "s",
    "epoch_seconds": "s",
    "prediction_time": "microseconds/atom",
    "cost": "microseconds/atom",
    "sensitivity": "eV",
}
_PREFIXES = ("train_", "test_", "property.")
_SUFFIXES = ("_mean", "_std", "_min", "_max", "_low", "_high", "_error")
_SIGNS = {"Angstrom": "Å", "microseconds": "µs", "^2": "²", "^3": "³"}
_UNIT_AT_END = re.compile(r"\[([^\[\]]+)\]$")
_FACET = re.compile(r"^(.*?)surface_energy_(\d+)$")
_PHASE = re.compile(r"^([a-z]+)_([a-z]+)_energy_difference$")
_PROPERTIES = {
    "bulk_modulus": "bulk modulus (C11, C12)",
    "bulk_modulus_eos": "bulk modulus (equation of state)",
}


@dataclass(frozen=True)
class Quantity:
    """How a metric is shown.

    Parameters
    ----------
    label
        What it is called.
    unit
        In which it is shown; empty if it has none.
    scale
        A shown value is that of the metric divided by it.
    """

    label: str
    unit: str
    scale: float = 1.0

    @property
    def title(self) -> str:
        """Label with the unit in brackets, with the signs of a figure."""
        return in_signs(f"{self.label} [{self.unit}]" if self.unit else self.label)


def unit_of(name: str) -> str:
    """Return the unit of a quantity, or an empty string.

    Parameters
    ----------
    name
        Name of a metric, of a property, or of one of their statistics, for example
        ``test_energy_rmse``, ``force_rmse_std``, ``energy_rmse.GROUP``, ``C11``,
        ``property.C11_std`` or ``property_error.C11``.
    """
    if name.endswith("_percent"):
        return "%"
    bare = name
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    bare = bare.partition(".")[0]  # energy_rmse.GROUP, property_error.NAME
    stems = [bare, *(bare.removesuffix(suffix) for suffix in _SUFFIXES)]
    return next(
        (unit for stem in stems if (unit := _UNITS.get(stem) or unit_of_property(stem))), ""
    )


def quantity_of(metric: str) -> Quantity:
    """Return how a metric is shown: errors of energies in meV/atom, others in their own unit."""
    unit = unit_of(metric)
    scale = 1.0
    if unit == "eV/atom":
        unit, scale = "meV/atom", MEV
    return Quantity(_label(metric), unit, scale)


def name_of_setting(key: str) -> str:
    """Return the end of a setting's key, for example ``radial.r_shift``, ``force_ratio``.

    Of the section ``symmetry_functions`` only what follows: ``r_shift``, of all functions.
    """
    inside = (key.partition(".")[2] or key).removeprefix("symmetry_functions.")
    return ".".join(inside.split(".")[-2:])


def title_of_setting(key: str, units: UnitName = "ev-angstrom") -> str:
    """Return a setting's name with its unit, where the settings give one, for an axis.

    Parameters
    ----------
    key
        Dotted.
    units
        Of the section potential (`potential.units`).
    """
    unit = _units_of_settings().get(key, "")
    if units == "hartree-bohr" and key.startswith("potential."):
        unit = unit.replace("Angstrom", "Bohr").replace("eV", "Hartree")
    return in_signs(f"{name_of_setting(key)} [{unit}]" if unit else name_of_setting(key))


def in_signs(text: str) -> str:
    """Write units with the signs of a figure: Å, ², µs."""
    for words, sign in _SIGNS.items():
        text = text.replace(words, sign)
    return text


@cache
def _units_of_settings() -> dict[str, str]:
    """Read the units from the ends of the settings' descriptions."""
    found = ((key, _UNIT_AT_END.search(words)) for key, _, words in describe())
    return {key: match[1] for key, match in found if match}


def _label(metric: str) -> str:
    stem, _, rest = metric.partition(".")
    if stem == "property" and rest:
        return _property_label(rest)
    if stem == "property_error" and rest:
        return f"error of {_property_label(rest)}"
    words = stem.replace("train_", "training ").replace("_", " ")
    for short in ("rmse", "mae"):
        words = words.replace(short, short.upper())
    return f"{words} of {rest}" if rest else words


def _property_label(name: str) -> str:
    if name in _PROPERTIES:
        return _PROPERTIES[name]
    if phase := _PHASE.match(name):
        return f"energy of {phase[1]} above {phase[2]}"
    facet = _FACET.match(name)
    words = f"{facet[1]}surface_energy ({facet[2]})" if facet else name
    return words.replace("_", " ")
