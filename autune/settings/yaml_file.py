"""YAML with plain values only, and limits on what a file may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from autune.errors import ConfigError

LARGEST_FILE = 1_000_000
"""Bytes; a settings file is a page of text."""

MOST_NODES = 100_000
"""Keys and values with every alias written out; guards against aliases that multiply."""


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping with the safe loader.

    Raises
    ------
    ConfigError
        If the file is missing, too large, is not YAML, has a key twice, or is no mapping.
    """
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(LARGEST_FILE + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError("", f"settings file {path} cannot be read: {reason}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigError(
            "", f"settings file {path} is larger than 1 MB; give the file with the settings"
        )
    try:
        content = _parse_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError("", f"settings file {path}{where}: {problem}; mend the YAML") from None
    except RecursionError:
        raise ConfigError("", f"settings file {path}: is nested too deeply; flatten it") from None
    if not isinstance(content, dict):
        raise ConfigError("", f"settings file {path}: expected keys and values, found none")
    return content


def _parse_yaml(text: str) -> Any:
    """Load YAML after looking at its nodes, before aliases are written out."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _count_nodes(root, {}) > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem="its aliases stand for too many values", problem_mark=root.start_mark
            )
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _count_nodes(node: yaml.Node, counts: dict[int, int]) -> int:
    """Count a node and everything below it, as often as aliases repeat it."""
    if id(node) in counts:
        if counts[id(node)] == 0:
            raise yaml.MarkedYAMLError(
                problem="an alias contains itself", problem_mark=node.start_mark
            )
        return counts[id(node)]
    counts[id(node)] = 0
    total = 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value} appears twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
            total += _count_nodes(key, counts) + _count_nodes(value, counts)
    elif isinstance(node, yaml.SequenceNode):
        total += sum(_count_nodes(item, counts) for item in node.value)
    counts[id(node)] = total
    return total
