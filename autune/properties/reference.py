"""Reference values of properties: a JSON table with units and uncertainties."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from autune.errors import FormatError

_BUILTIN = {"builtin:gold": "gold_reference.json"}


class Reference(BaseModel):
    """A reference value of a property."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    value: float = Field(description="The value, not 0: errors are counted in percent of it.")
    unit: str = Field(description="Its unit, as in `unit_of`.")
    uncertainty: Annotated[float, Field(ge=0.0)] = Field(
        0.0, description="Errors up to this size count as none, in the same unit."
    )
    definition: str = Field("", description="How it was calculated.")

    @field_validator("value")
    @classmethod
    def _not_zero(cls, value: float) -> float:
        if value == 0.0:
            raise ValueError("must not be 0, errors are counted in percent of it")
        return value


def unit_of(name: str) -> str:
    """Return the unit of a property, '' if no property of autune has this name."""
    if name.endswith("lattice_constant"):
        return "Angstrom"
    if name in ("C11", "C12", "C44", "bulk_modulus", "bulk_modulus_eos"):
        return "GPa"
    if name.startswith("surface_energy_"):
        return "J/m^2"
    if name.endswith("_energy_difference"):
        return "meV/atom"
    return ""


def read_reference(path: str | Path) -> dict[str, Reference]:
    """Read a table of reference values.

    Parameters
    ----------
    path
        JSON file, or ``builtin:gold``. Under the key ``properties`` it has, for each property,
        value, unit, and where known uncertainty and definition; other keys are not looked at.

    Returns
    -------
    dict of str to Reference
        Reference by name of the property.

    Raises
    ------
    FormatError
        If the file cannot be read, or a value is missing, not a number or in another unit.
    """
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(path, error.lineno, f"expected JSON: {error.msg}") from None
    table = content.get("properties") if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise FormatError(
            path, None, 'expected {"properties": {NAME: {"value": ..., "unit": ...}}}'
        )
    return {name: _reference(path, name, entry) for name, entry in table.items()}


def _text(path: str | Path) -> str:
    if str(path).startswith("builtin:"):
        if path not in _BUILTIN:
            raise FormatError(path, None, f"expected a file or one of {', '.join(_BUILTIN)}")
        file = resources.files("autune.datasets") / _BUILTIN[str(path)]
        return file.read_text(encoding="utf-8")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise FormatError(path, None, f"the reference table cannot be read: {reason}") from None


def _reference(path: str | Path, name: str, entry: Any) -> Reference:
    try:
        reference = Reference.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("properties", name, *map(str, first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        raise FormatError(path, None, f"{key}: {message}; found {first['input']!r}") from None
    expected = unit_of(name)
    if expected and reference.unit != expected:
        raise FormatError(
            path, None, f"properties.{name}.unit: expected {expected}, found {reference.unit!r}"
        )
    return reference
