"""Settings drawn from the models that declare them, some leaves searched."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from autune.settings import Settings, describe
from autune.space.places import SEARCHED

KEYS = [key for key, _, _ in describe()]
WORDS = ("Au", "Cu", "builtin:gold", "fcc", "surface_100", "a", "energy_rmse", "force_rmse")
LINES = ("Au 2 Au 0.1 0.0 6.0", "Au 9 Au Au 0.01 -1 2 5.0", "Au 21 Au Au 1.0 5.0 0 180 p2", "Au 2")


def settings_trees() -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with the keys of all settings, most values as they may be, some leaves searched."""
    return _model(Settings, ()).map(lambda tree: {**tree, "name": "fuzz"})


@st.composite
def _model(draw: st.DrawFn, model: type[BaseModel], path: tuple[str, ...]) -> dict[str, Any]:
    tree = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        inside = (*path, key)
        if field.is_required() or draw(st.integers(0, 5)) == 0:
            tree[key] = draw(_value(field.annotation, field.metadata, inside))
    return tree


def _value(annotation: Any, metadata: list[Any], path: tuple[str, ...]) -> st.SearchStrategy[Any]:
    plain = _plain(annotation, metadata, path)
    if path[0] not in SEARCHED or _models_in(annotation):
        return plain
    numbers = {int, float} & _kinds(annotation)
    return st.one_of(plain, plain, plain, _distribution(plain, sorted(numbers, key=str)))


def _models_in(annotation: Any) -> bool:
    kinds = _kinds(annotation)
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)


def _kinds(annotation: Any) -> set[Any]:
    """Return the types of a leaf; a list or a mapping is one."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _kinds(arguments[0])
    if origin in (Union, types.UnionType):
        return {kind for option in arguments for kind in _kinds(option)}
    return {origin or annotation}


def _plain(
    annotation: Any, metadata: list[Any], path: tuple[str, ...] = ()
) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if path[-1:] == ("explicit",):
        return st.lists(st.sampled_from(LINES), max_size=3, unique=True)
    if annotation is type(None):
        return st.none()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation, path)
    if origin is Literal:
        return st.sampled_from(arguments)
    if hasattr(annotation, "__metadata__"):
        return _plain(arguments[0], [*metadata, *annotation.__metadata__], path)
    if origin in (Union, types.UnionType):
        return st.one_of([_plain(option, metadata, path) for option in arguments])
    if origin is tuple and Ellipsis in arguments:
        shortest = max((m.min_length for m in metadata if hasattr(m, "min_length")), default=0)
        inner = _plain(arguments[0], [])
        return st.lists(inner, min_size=shortest, max_size=shortest + 2, unique_by=repr)
    if origin is tuple:
        return st.tuples(*[_plain(option, []) for option in arguments]).map(list)
    if origin is dict:
        return st.dictionaries(st.sampled_from(WORDS), _plain(arguments[1], []), max_size=2)
    if annotation is bool:
        return st.booleans()
    if annotation in (int, float):
        low, high = _bounds(metadata)
        if annotation is int:
            return st.integers(int(low), int(min(high, low + 50)))
        return st.floats(low, min(high, low + 100.0), allow_nan=False)
    return st.sampled_from(WORDS)


def _bounds(metadata: list[Any]) -> tuple[float, float]:
    low, high = -2.0, 1e9
    flat = [m for x in metadata for m in (x.metadata if isinstance(x, FieldInfo) else [x])]
    for mark in flat:
        if isinstance(mark, annotated_types.Ge):
            low = float(mark.ge)
        elif isinstance(mark, annotated_types.Gt):
            low = float(mark.gt) + 1e-3
        elif isinstance(mark, annotated_types.Le):
            high = float(mark.le)
        elif isinstance(mark, annotated_types.Lt):
            high = float(mark.lt) - 1e-3
    return max(low, -3.0), high


@st.composite
def _distribution(
    draw: st.DrawFn, values: st.SearchStrategy[Any], numbers: list[type]
) -> dict[str, Any]:
    kinds = ["choice", "choice"]
    if numbers:
        kinds += ["int"] if numbers[-1] is int else ["uniform", "loguniform"]
    kind = draw(st.sampled_from(kinds))
    if kind == "choice":
        made = {kind: draw(st.lists(values, min_size=1, max_size=3, unique_by=repr))}
    else:
        ends = st.lists(values.filter(_is_number), min_size=2, max_size=2, unique=True)
        made = {kind: sorted(draw(ends))}
        if draw(st.integers(0, 5)) == 0:
            low, high = made[kind]
            made["step"] = draw(st.sampled_from((1, 0.5, 0.1, high - low)))
    if draw(st.integers(0, 5)) == 0:
        made["when"] = {draw(st.sampled_from(KEYS)): draw(values)}
        if draw(st.booleans()):
            made["otherwise"] = draw(values)
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
