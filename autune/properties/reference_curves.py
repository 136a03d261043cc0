"""Equations of state of the reference: energies of crystals over their volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autune.errors import FormatError, PropertyFailed, short
from autune.properties.lattice import fit_birch_murnaghan
from autune.properties.reference import read_content
from autune.units import MEV

_KEY = "equation_of_state"
_FEWEST = 5  # the Birch-Murnaghan equation has four parameters


class EquationOfStatePoints(BaseModel):
    """Energies of a crystal over its volumes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    volume_per_atom_A3: list[Annotated[float, Field(gt=0.0)]] = Field(
        min_length=_FEWEST, description="Volumes per atom. [Angstrom^3]"
    )
    energy_per_atom_eV: list[float] = Field(description="Energies per atom, any zero. [eV]")

    @model_validator(mode="after")
    def _pairs(self) -> EquationOfStatePoints:
        if len(self.volume_per_atom_A3) != len(self.energy_per_atom_eV):
            raise ValueError("must have as many energies as volumes")
        return self


def read_reference_curves(
    path: str | Path, stable: str
) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Read equations of state from a table of reference values.

    Parameters
    ----------
    path
        JSON file, or ``builtin:gold``. Under the key ``equation_of_state`` it may have, for
        each crystal, ``volume_per_atom_A3`` and ``energy_per_atom_eV``, with one zero of
        energy for all.
    stable
        Crystal whose energy at rest (Birch-Murnaghan fit) becomes the zero.

    Returns
    -------
    dict of str to tuple
        Volumes per atom [Angstrom^3], rising, and energies [meV/atom] by crystal. Empty without
        an equation of state of the stable crystal, because there is no zero then.

    Raises
    ------
    FormatError
        If the file cannot be read, an entry is wrong, or the energies of the stable crystal
        have no minimum.
    """
    content = read_content(path)
    table = content.get(_KEY, {}) if isinstance(content, dict) else {}
    if not isinstance(table, dict):
        raise FormatError(path, None, f"{_KEY}: expected {{CRYSTAL: {{...}}}}")
    points = {crystal: _points(path, crystal, entry) for crystal, entry in table.items()}
    if stable not in points:
        return {}
    known = points[stable]
    try:
        zero = fit_birch_murnaghan(known.volume_per_atom_A3, known.energy_per_atom_eV).energy
    except PropertyFailed as error:
        raise FormatError(path, None, f"{_KEY}.{stable}: {error}; mend its energies") from None
    return {crystal: _above(zero, entry) for crystal, entry in points.items()}


def _above(
    zero: float, points: EquationOfStatePoints
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    pairs = sorted(zip(points.volume_per_atom_A3, points.energy_per_atom_eV, strict=True))
    return tuple(v for v, _ in pairs), tuple((energy - zero) / MEV for _, energy in pairs)


def _points(path: str | Path, crystal: str, entry: Any) -> EquationOfStatePoints:
    try:
        return EquationOfStatePoints.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join((_KEY, crystal, *map(str, first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        raise FormatError(path, None, f"{key}: {message}; found {short(first['input'])}") from None
