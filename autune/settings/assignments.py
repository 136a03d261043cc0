"""Settings given beside the file, as KEY=VALUE."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from autune.errors import ConfigError
from autune.log import mask_credentials
from autune.settings.yaml_file import parse_value


def assign(raw: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Return settings with other values at some keys, to be checked as if the file had them.

    Parameters
    ----------
    raw
        What the settings file says; it is not changed.
    assignments
        ``dotted.key=VALUE``, one after the other.  VALUE is YAML and takes the place of all that
        stands under the key: a value, a list, a mapping or a distribution.

    Raises
    ------
    ConfigError
        If an assignment has no key or value, its value is not YAML, or its key leads into a value.
    """
    changed = copy.deepcopy(dict(raw))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not text.strip() or not all(parts):
            raise ConfigError(
                "",
                "--set: expected KEY=VALUE, as dataset.path=copper.extxyz, found "
                f"{mask_credentials(assignment)}",
            )
        place: Any = changed
        for depth, part in enumerate(parts[:-1], start=1):
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
            if not isinstance(place, dict):
                raise ConfigError(
                    ".".join(parts[:depth]),
                    "is a value in the settings file, in which nothing can be set; set it as a "
                    "whole",
                )
        place[parts[-1]] = parse_value(text, key.strip())
    return changed
