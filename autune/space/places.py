"""Places in the settings: what may stand where, and what holds where nothing stands."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from autune.errors import ConfigError, short
from autune.settings import Settings
from autune.space.distribution import KINDS, LEFT_OUT, Parameter, read_parameter

SEARCHED = ("dataset", "potential", "training", "evaluation")
_BASELINES = ("evaluation", "properties", "baselines")


def find(value: Any, path: tuple[str | int, ...], annotation: Any) -> Iterator[Parameter]:
    """Walk through the file beside the model of the settings and yield the distributions."""
    key = ".".join(map(str, path))
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ConfigError(key, f"keys must be text, found {short(list(value))}; quote them")
        if any(kind in value for kind in KINDS) or (path and _is_leaf(annotation)):
            if not path:
                raise ConfigError(
                    "", "expected settings (name, dataset, ...), found a distribution"
                )
            if path[0] not in SEARCHED:
                raise ConfigError(
                    key, f"cannot be searched; only {', '.join(SEARCHED)} can; give a value"
                )
            if path[:3] == _BASELINES:
                raise ConfigError(key, "cannot be searched, no trial looks at it; give a value")
            yield read_parameter(key, path, value)
            return
        for name, inner in value.items():
            yield from find(inner, (*path, name), _child(annotation, name))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from find(inner, (*path, i), _child(annotation, i))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of every leaf; lists and empty mappings are leaves."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def look_up(tree: Any, key: str) -> Any:
    """Return the value of a leaf, or its default."""
    value, default = tree, Settings
    for part in key.split("."):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else LEFT_OUT
        else:
            value = value.get(part, LEFT_OUT) if isinstance(value, dict) else LEFT_OUT
        default = _default(default, part)
    return default if value is LEFT_OUT else value


def _default(model: Any, part: str) -> Any:
    """Return the default of a field of a model (a class or an instance)."""
    if isinstance(model, BaseModel):
        for name, info in type(model).model_fields.items():
            if part in (name, info.alias):
                return getattr(model, name)
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, info in model.model_fields.items():
            if part in (name, info.alias):
                inner = [t for t in _alternatives(info.annotation) if isinstance(t, type)]
                required = info.is_required() and inner and issubclass(inner[0], BaseModel)
                return inner[0] if required else info.default
    return None


def replaced(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return the settings with another leaf; what the path does not touch is shared."""
    changed = copy.copy(tree)
    first, *rest = path
    changed[first] = replaced(tree[first], tuple(rest), value) if rest else value
    return changed


def without_left_out(value: Any) -> Any:
    """Return the settings without the leaves that were taken out."""
    if isinstance(value, dict):
        return {k: without_left_out(v) for k, v in value.items() if v is not LEFT_OUT}
    if isinstance(value, list):
        return [without_left_out(item) for item in value if item is not LEFT_OUT]
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types that ``Annotated``, ``A | B`` and type aliases stand for."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [t for option in get_args(annotation) for t in _alternatives(option)]
    return [annotation]


def _is_leaf(annotation: Any) -> bool:
    """Whether no mapping can stand here."""
    return not any(
        option is Any
        or get_origin(option) is dict
        or (isinstance(option, type) and issubclass(option, BaseModel))
        for option in _alternatives(annotation)
    )


def _child(annotation: Any, part: str | int) -> Any:
    """Return the type of what stands under a key or an index; Any where nothing is known."""
    for option in _alternatives(annotation):
        args = get_args(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, info in option.model_fields.items():
                if part in (name, info.alias):
                    return info.annotation
        elif get_origin(option) is dict:
            return args[1]
        elif get_origin(option) is tuple and isinstance(part, int):
            if Ellipsis in args:
                return args[0]
            return args[part] if part < len(args) else Any
    return Any
