"""Reference values of properties: a JSON table with units and uncertainties."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from autune.errors import FormatError, short

_MESSAGES = {
    "model_type": 'must be {"value": ..., "unit": ...}',
    "missing": "is required and missing",
    "extra_forbidden": "unknown key; known: value, unit, uncertainty, definition",
    "float_type": "must be a number",
    "string_type": "must be text",
    "finite_number": "must be a finite number",
}
"""In place of pydantic's words about Python's types."""

LARGEST_FILE = 1_000_000
"""Bytes; a table of reference values is a page of text."""

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
    if name.endswith("_energy_difference") or name.startswith("equation_of_state_rmse_"):
        return "meV/atom"
    if name == "vacancy_formation_energy":
        return "eV"
    if name == "stacking_fault_energy":
        return "mJ/m^2"
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
    content = read_content(path)
    table = content.get("properties") if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise FormatError(
            path, None, 'expected {"properties": {NAME: {"value": ..., "unit": ...}}}'
        )
    return {name: _reference(path, name, entry) for name, entry in table.items()}


def read_content(path: str | Path) -> Any:
    """Read the JSON of a table of reference values, whole numbers as floats.

    Parameters
    ----------
    path
        JSON file, or ``builtin:gold``.

    Raises
    ------
    FormatError
        If the file cannot be read or is no JSON without repeated keys.
    """
    try:
        return json.loads(_text(path), parse_int=float, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        message = f"expected JSON: {error.msg}; mend it"
        raise FormatError(path, error.lineno, message) from None
    except ValueError as error:
        raise FormatError(path, None, str(error)) from None
    except RecursionError:
        raise FormatError(path, None, "is nested too deeply; flatten it") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice, of which JSON would take the last."""
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {name} appears {times} times; remove the others")
    return dict(pairs)


def _text(path: str | Path) -> str:
    if str(path).startswith("builtin:"):
        if path not in _BUILTIN:
            raise FormatError(path, None, f"expected a file or one of {', '.join(_BUILTIN)}")
        file = resources.files("autune.datasets") / _BUILTIN[str(path)]
        return file.read_text(encoding="utf-8")
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise FormatError(path, None, "is larger than 1 MB; give the table of reference values")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "").lower() or "expected text in UTF-8"
        raise FormatError(path, None, f"the reference table cannot be read: {reason}") from None


def _reference(path: str | Path, name: str, entry: Any) -> Reference:
    try:
        reference = Reference.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("properties", name, *map(str, first["loc"])))
        message = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
        message = message.replace("Input should", "must", 1)
        if first["type"] not in ("missing", "extra_forbidden"):
            message += f"; found {short(first['input'])}"
        raise FormatError(path, None, f"{key}: {message}") from None
    expected = unit_of(name)
    if expected and reference.unit != expected:
        raise FormatError(
            path, None, f"properties.{name}.unit: expected {expected}, found {reference.unit!r}"
        )
    return reference
