"""All settings together, with messages for what is wrong in them."""

from __future__ import annotations

import difflib
import hashlib
import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from autune.errors import ConfigError, short
from autune.log import mask_credentials
from autune.settings.data import DatasetSettings
from autune.settings.evaluation import EvaluationSettings
from autune.settings.fields import FORMS, Model
from autune.settings.potential import PotentialSettings
from autune.settings.search import (
    ConfirmSettings,
    ResourceSettings,
    SearchSettings,
    TrackingSettings,
)
from autune.settings.training import TrainingSettings
from autune.settings.yaml_file import read_yaml

_ADDRESSES = (("search", "storage"), ("tracking", "mlflow"))
"""Settings that may hold a password."""

BESIDE_TRIALS = {"evaluation": {"properties": {"baselines"}}}
"""Settings in decisive sections that no trial looks at."""


class Settings(Model):
    """All settings: what `autune train` and `autune search` read."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80, description="Name of the search."
    )
    dataset: DatasetSettings = Field(description="Structures and split.")
    potential: PotentialSettings = Field(description="Form of the potential.")
    training: TrainingSettings = Field(TrainingSettings(), description="Training.")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="Evaluation.")
    search: SearchSettings = Field(SearchSettings(), description="Search.")
    confirm: ConfirmSettings | None = Field(
        None, description="Train the best again with fresh seeds after the search."
    )
    resources: ResourceSettings = Field(ResourceSettings(), description="Resources.")
    tracking: TrackingSettings = Field(TrackingSettings(), description="Tracking.")

    @model_validator(mode="after")
    def _groups_left_out_by_one(self) -> Settings:
        if self.dataset.train_without_groups and self.evaluation.cross_validation != "none":
            raise ValueError(
                "dataset.train_without_groups needs the data set's own split, and "
                f"evaluation.cross_validation {self.evaluation.cross_validation} trains on others; "
                "leave one of them out (leave_one_group_out trains without every group in turn)"
            )
        return self

    @property
    def identity(self) -> str:
        """Hash of what decides a trial's result: data, potential, training, evaluation."""
        decisive = self.model_dump(
            mode="json",
            include={"dataset", "potential", "training", "evaluation"},
            exclude=BESIDE_TRIALS,
        )
        text = json.dumps(decisive, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        """Write the settings as YAML that `from_mapping` reads back.

        Passwords in addresses are masked: these files lie in the folder of every trial, which has
        no use for the addresses.
        """
        content = self.model_dump(mode="json", by_alias=True)
        for section, key in _ADDRESSES:
            if content[section][key] is not None:
                content[section][key] = mask_credentials(content[section][key])
        return yaml.safe_dump(content, sort_keys=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Settings:
        """Check and complete settings.

        Raises
        ------
        ConfigError
            With the dotted key of the first setting that is wrong.
        """
        try:
            return cls.model_validate(mapping)
        except ValidationError as error:
            raise _first_mistake(error) from None

    @classmethod
    def read(cls, path: str | Path) -> Settings:
        """Read a YAML file whose leaves are all values."""
        return cls.from_mapping(read_yaml(path))


_MESSAGES = {
    "model_type": "must be keys and values (a mapping)",
    "dict_type": "must be keys and values (a mapping)",
    "tuple_type": "must be a list in brackets",
    "string_type": "must be text; what looks like a number or true needs quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "must be letters, digits, dot, - and _, and begin with a letter "
    "or digit",
}
"""In place of pydantic's words about Python's types."""


def _first_mistake(error: ValidationError) -> ConfigError:
    """Turn pydantic's first error into one line with the dotted key and a remedy."""
    first = error.errors()[0]
    path = tuple(part for part in first["loc"] if part not in FORMS)
    location = [str(part) for part in path]
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        known = _known_keys(path[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return ConfigError(key, f"unknown key; {hint}")
    if first["type"] == "missing":
        return ConfigError(key, "is required and missing")
    message = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
    message = message.replace("Input should", "must", 1)
    message = message[0].lower() + message[1:]
    value = first["input"]
    if first["type"] in ("too_short", "too_long"):
        limits = first["ctx"]
        end = f"at least {limits['min_length']}" if "min_length" in limits else ""
        end = end or f"at most {limits['max_length']}"
        message = f"must have {end} item{'' if end.endswith(' 1') else 's'}"
    if isinstance(value, dict | BaseModel) or first["type"] == "symmetry_function":
        return ConfigError(key, message)
    return ConfigError(key, f"{message}; found {short(value)}")


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    annotation: Any = Settings
    for part in location:
        if (model := _model_in(annotation)) is not None:
            field = model.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = _values_in(annotation)
    model = _model_in(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings model of a field's type, also inside ``Model | None``."""
    options = get_args(annotation) if _is_union(annotation) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _values_in(annotation: Any) -> Any:
    """Return the type of the values of a mapping, None of anything else."""
    return get_args(annotation)[1] if get_origin(annotation) is dict else None


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def describe(
    model: type[BaseModel] = Settings, prefix: str = "", defaults: BaseModel | None = None
) -> Iterator[tuple[str, str, str]]:
    """List every leaf: dotted key, default, one line of words (with unit and choices)."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        required = defaults is None and field.is_required()
        default = field.default if defaults is None else getattr(defaults, name)
        inner = _model_in(field.annotation)
        if inner is not None and inner.model_fields:
            known = default if isinstance(default, BaseModel) else None
            if default is None:  # a section that is off until it is named
                yield key, "null", field.description or ""
            yield from describe(inner, f"{key}.", known)
            continue
        words = field.description or ""
        choices = _choices(field.annotation)
        if choices:
            words += f" One of: {', '.join(choices)}."
        text = "{}" if inner is not None else json.dumps(None if required else default)
        yield key, "required" if required else text, words
        named = _model_in(_values_in(field.annotation))
        if named is not None:
            yield from describe(named, f"{key}.NAME.")


def _choices(annotation: Any) -> list[str]:
    """Return the words that a setting may be, if there are few."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if _is_union(annotation):  # one word, or a list of words
        first = get_args(annotation)[0]
        words = _choices(get_args(first)[0]) if get_origin(first) is Annotated else []
        return words if len(words) > 1 else []
    return []
