"""What all settings share: frozen models that refuse unknown keys, and types with bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from autune.units import NAMES, UnitName

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Shift = Annotated[float, Field(ge=-100.0, le=100.0)]
Eta = Annotated[float, Field(ge=0.0, le=1e6)]
Factor = Annotated[float, Field(gt=0.0, le=1e6)]
Count = Annotated[int, Field(ge=1)]

OF_ALL, PER_ELEMENT, PER_LAYER = FORMS = ("(of all elements)", "(per element)", "(per layer)")
"""Forms of a setting, as pydantic names them among the keys of a mistake."""


def _present_name(value: Any) -> Any:
    return NAMES.get(value, value) if isinstance(value, str) else value


Units = Annotated[UnitName, BeforeValidator(_present_name)]
"""Name of a unit system; the old spellings are read too."""


class Model(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where Python would take them for 1 and 0."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if bool not in kinds and kinds & {int, float} and _has_yes(value):
            raise ValueError("must be a number, not true or false")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in arguments}
    if get_origin(annotation) is Annotated:
        return _kinds(arguments[0])
    return {kind for inner in arguments for kind in _kinds(inner)} or {annotation}


def _has_yes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_yes, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_yes, value))
    return isinstance(value, bool)
