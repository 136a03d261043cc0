"""Calculators of other potentials, from plain settings: nothing in them is run."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from ase.calculators.calculator import (
    BaseCalculator,
    external_calculators,
    get_calculator_class,
)
from ase.calculators.names import names as registry

import autune.ase_plugin  # noqa: F401, ASE is told of autune's calculators
from autune.errors import ConfigError, short
from autune.properties.eam import LONGEST_CUTOFF, find_eam_file, read_eam
from autune.settings import BaselineSettings

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
        If the calculator or a parameter is not known, would run a program, or gives a cutoff radius
        that is too long.
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
    _check_cutoff(settings.calculator, {**defaults, **settings.parameters}, inside)
    try:
        calculator: BaseCalculator = kind(**settings.parameters)
    except Exception as error:  # noqa: BLE001, whatever a calculator raises
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            inside, f"{settings.calculator} does not take them: {reason}; mend them"
        ) from None
    return calculator


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
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(key, f"expected a finite number, found {value}; give one")


def _check_cutoff(calculator: str, parameters: Mapping[str, Any], key: str) -> None:
    """Refuse a cutoff with so many neighbours that neither time nor memory are enough."""
    if calculator == "lj":
        given, rule = parameters["rc"], "rc"
        cutoff = 3.0 * parameters["sigma"] if given is None else given
        if given is None:
            rule = "3 times sigma, where rc is not given,"
    elif calculator == "morse":
        cutoff, rule = parameters["rcut2"] * parameters["r0"], "rcut2 times r0"
    else:
        return
    if isinstance(cutoff, int | float) and cutoff > LONGEST_CUTOFF:
        raise ConfigError(
            key,
            f"{rule} is the cutoff radius, {LONGEST_CUTOFF:g} Angstrom at most; found {cutoff:g}, "
            "lower it",
        )


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "text, a list or keys and values"
