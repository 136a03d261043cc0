"""Settings of several files: a file, what others say in its place, and single values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from autune.settings import assign, read_yaml
from autune.space.distribution import KINDS


def read_layers(
    file: str | Path, others: Iterable[str | Path] = (), assignments: Iterable[str] = ()
) -> dict[str, Any]:
    """Read settings of which others change some, to be checked as if one file had them all.

    Parameters
    ----------
    file
        YAML file of settings, some of them searched.
    others
        Files of the same form, one after the other: what they say takes the place of what was said
        before (`overlaid`).
    assignments
        ``dotted.key=VALUE``, after all files (`autune.settings.assign`).

    Raises
    ------
    ConfigError
        If a file cannot be read or is not YAML, or an assignment is none.
    """
    raw = read_yaml(file)
    for other in others:
        raw = overlaid(raw, read_yaml(other))
    return assign(raw, assignments)


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which what `above` says takes the place of what `below` says.

    Mappings are joined key by key; values, lists and distributions are taken as a whole.
    """
    joined = dict(below)
    for key, value in above.items():
        before = joined.get(key)
        joined[key] = overlaid(before, value) if _has_keys(before) and _has_keys(value) else value
    return joined


def _has_keys(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is a mapping of settings, not a distribution."""
    return isinstance(value, dict) and not any(kind in value for kind in KINDS)
