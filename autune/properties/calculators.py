"""Calculators of other potentials, from plain settings: nothing in them is run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase.build import bulk
from ase.calculators.calculator import (
    BaseCalculator,
    external_calculators,
    get_calculator_class,
)
from ase.calculators.names import names as registry

from autune.errors import ConfigError, short
from autune.properties.eam import find_eam_file, read_eam
from autune.properties.lattice import lattice_constant_of
from autune.settings import BaselineSettings, PropertiesSettings

KEY = "evaluation.properties.baselines"

_IN_PROCESS = ("eam", "emt", "lj", "morse")
"""Calculators of ASE that are Python, and take numbers. The others of its registry start a
program, run a script or a library that a parameter names, or take objects of Python."""

_REFUSED = ("atoms", "command", "directory", "label", "logfile", "profile", "restart", "txt")
"""Parameters that name a program or a file."""


def make_calculator(settings: BaselineSettings, key: str = KEY) -> BaseCalculator:
    """Make the ASE calculator of a baseline.

    Parameters
    ----------
    settings
        Calculator, and its file or parameters.
    key
        Dotted key of the settings, for messages.

    Raises
    ------
    ConfigError
        If the calculator or a parameter is not known, or would run a program.
    FormatError
        If the EAM file cannot be read.
    """
    _check_name(settings.calculator, f"{key}.calculator")
    if settings.calculator == "eam":
        assert settings.file is not None
        return read_eam(find_eam_file(settings.file, f"{key}.file"))
    kind = get_calculator_class(settings.calculator)
    inside = f"{key}.parameters"
    defaults = getattr(kind, "default_parameters", None) or {}
    for name, value in settings.parameters.items():
        _check_parameter(name, value, settings.calculator, defaults, f"{inside}.{name}")
    try:
        calculator: BaseCalculator = kind(**settings.parameters)
    except Exception as error:  # noqa: BLE001, whatever a calculator raises
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            inside, f"{settings.calculator} does not take them: {reason}; mend them"
        ) from None
    return calculator


def check_baselines(settings: PropertiesSettings, element: str, volume: float) -> None:
    """Make every baseline, and let it calculate the crystal once.

    Parameters
    ----------
    settings
        What will be calculated, and by which potentials.
    element
        Chemical symbol.
    volume
        Volume per atom of the crystal. [Angstrom^3]

    Raises
    ------
    ConfigError, FormatError
        As `make_calculator`; also if a potential does not know the element, or has no stress.
    """
    for name, baseline in settings.baselines.items():
        key = f"{KEY}.{name}"
        calculator = make_calculator(baseline, key)
        atoms = bulk(element, settings.crystal, a=lattice_constant_of(settings.crystal, volume))
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


def _check_name(name: str, key: str) -> None:
    allowed = sorted({*_IN_PROCESS, *external_calculators})
    if name in allowed:
        return
    words = f"known: {', '.join(allowed)}"
    if name in registry:
        raise ConfigError(
            key,
            f"{name} is refused: settings start no programs and run no scripts; {words}, and "
            "what ase.calculators.calculator.register_calculator_class was told before",
        )
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f"did you mean {near[0]}?" if near else words
    raise ConfigError(key, f"ASE has no calculator {short(name)}; {hint}")


def _check_parameter(
    name: str, value: Any, calculator: str, defaults: Mapping[str, Any], key: str
) -> None:
    if name in _REFUSED:
        raise ConfigError(key, "is refused: settings name no programs and no files; leave it out")
    if not defaults:
        return
    if name not in defaults:
        raise ConfigError(
            key, f"{calculator} has no such parameter; it has {', '.join(sorted(defaults))}"
        )
    default = defaults[name]
    expected = _kind_of(default)
    if value != default and _kind_of(value) != expected and default is not None:
        raise ConfigError(key, f"expected {expected}, found {short(value)}; give one")


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "text, a list or keys and values"
