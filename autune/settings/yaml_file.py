"""YAML with plain values only, and limits on what a file may hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from autune.errors import ConfigError, short

LARGEST_FILE = 1_000_000
"""Bytes; a settings file is a page of text."""

MOST_NODES = 30_000
"""Keys and values with every alias written out; guards against aliases that multiply."""

LARGEST_INTEGER = 2**63
"""Whole numbers are smaller, as those of NumPy and Optuna."""

LONGEST_NUMBER = 400
"""Characters of a number; PyYAML takes minutes for one in base 60 that fills a file."""

MOST_LEVELS = 100
"""Lists and mappings inside each other."""

_TOO_MANY = f"more than {MOST_NODES} values (aliases count); shorten it"

TAG = "tag:yaml.org,2002:"

if TYPE_CHECKING:
    Loader = yaml.SafeLoader | yaml.CSafeLoader  # there may be no second one

PLAIN_WORDS = {
    "expected <block end>": "the indentation does not fit the lines above",
    "expected '<document start>'": "the text goes on after the end of the settings; indent it",
    "expected ',' or ']'": "a list that begins with [ has no comma or ] before this",
    "expected ',' or '}'": "a mapping that begins with { has no comma or } before this",
    "mapping values are not": "a colon stands where none can; begin a new line, or use quotes",
    "mapping keys are not": "a question mark stands where none can; use quotes",
    "could not find expected ':'": "a key has no colon, or a quote is not closed",
    "found character '\\t'": "a tab cannot begin a value; indent with blanks",
    "found unexpected end of stream": "a quote is not closed",
}
"""PyYAML's words and what they mean to who writes settings."""


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping of text, numbers, true, false, null, lists and mappings.

    Raises
    ------
    ConfigError
        If the file is missing, too large, is not YAML, has a key twice or one that is no text, or
        holds anything else.
    """
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ConfigError("", f"settings file {path} cannot be read: {reason}") from None
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            "", f"settings file {path} is larger than 1 MB; give the file with the settings"
        )
    try:
        content = _parse_yaml(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = "expected text in UTF-8, found other bytes; save it as UTF-8"
        raise ConfigError("", f"settings file {path}, line {line}: {message}") from None
    except yaml.reader.ReaderError as error:
        line = data.decode("utf-8").count("\n", 0, error.position) + 1
        message = f"the character {chr(error.character)!r} is not allowed in YAML; remove it"
        raise ConfigError("", f"settings file {path}, line {line}: {message}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = error.problem or "not YAML"
        problem = next((p for words, p in PLAIN_WORDS.items() if words in problem), problem)
        remedy = "" if ";" in problem else "; mend the YAML"
        raise ConfigError("", f"settings file {path}{where}: {problem}{remedy}") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise ConfigError(
            "", f"settings file {path}: expected keys and values (name: ...), found {found}"
        )
    return content


def parse_value(text: str, key: str) -> Any:
    """Read one value of the settings, as it would stand behind its key in a file.

    Raises
    ------
    ConfigError
        If it is not YAML, too large, or no plain value.
    """
    try:
        if len(text) > LARGEST_FILE:
            raise yaml.MarkedYAMLError(problem="larger than 1 MB")
        return _parse_yaml(text)
    except yaml.reader.ReaderError:
        problem = "a character is not allowed in YAML"
    except yaml.MarkedYAMLError as error:
        problem = error.problem or "not YAML"
        problem = next((p for words, p in PLAIN_WORDS.items() if words in problem), problem)
    raise ConfigError(key, f"the value given by --set is not YAML: {problem}")


def _parse_yaml(text: str) -> Any:
    """Load YAML: by libyaml, which takes a seventh of the time, where PyYAML was built with it.

    What libyaml refuses is read again by PyYAML itself, whose words `PLAIN_WORDS` explains.
    """
    if yaml.__with_libyaml__ and "\t" not in text:  # libyaml takes more tabs than PyYAML
        with suppress(yaml.YAMLError, ValueError):  # ValueError: of bytes that are no text
            return _load(text, yaml.CSafeLoader)
    return _load(text, yaml.SafeLoader)


def _load(text: str, make: type[Loader]) -> Any:
    """Load YAML after looking at its nodes, before aliases are written out."""
    _skim(text, make)
    loader = make(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _check(root, loader, {}) > MOST_NODES:
            raise _refusal(root, _TOO_MANY)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _skim(text: str, make: type[Loader]) -> None:
    """Refuse too many values or levels at the first one too many, before any is built."""
    loader = make(text)
    level = 0
    try:
        for count, event in enumerate(iter(loader.get_event, None)):
            level += isinstance(event, yaml.CollectionStartEvent)
            level -= isinstance(event, yaml.CollectionEndEvent)
            if level > MOST_LEVELS:
                raise yaml.MarkedYAMLError(
                    problem="nested too deeply; flatten it", problem_mark=event.start_mark
                )
            # Lists, mappings, document and stream are two events each.
            if count > 2 * MOST_NODES + 4:
                raise yaml.MarkedYAMLError(problem=_TOO_MANY, problem_mark=event.start_mark)
    except (ValueError, OverflowError):
        raise yaml.MarkedYAMLError(
            problem="an escape names no character; mend it",
            problem_mark=loader.get_mark() if isinstance(loader, yaml.SafeLoader) else None,
        ) from None
    finally:
        loader.dispose()


def _check(node: yaml.Node, loader: Loader, counts: dict[int, int]) -> int:
    """Refuse what is no plain value; count what is below, as often as aliases repeat it."""
    if id(node) in counts:
        if counts[id(node)] == 0:
            raise _refusal(node, "an alias contains itself")
        return counts[id(node)]
    counts[id(node)] = 0
    total = 1
    if isinstance(node, yaml.ScalarNode):
        _check_scalar(node, loader)
    elif node.tag not in (f"{TAG}map", f"{TAG}seq"):
        tag = node.tag.replace(TAG, "!!")
        raise _refusal(node, f"the tag {tag} is not known here; remove it")
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if not (isinstance(key, yaml.ScalarNode) and key.tag == f"{TAG}merge"):
                name = _check_key(key)
                if name in seen:
                    raise _refusal(key, f"the key {name[:60]} appears twice; remove one")
                seen.add(name)
            total += 1 + _check(value, loader, counts)
    else:
        total += sum(_check(item, loader, counts) for item in node.value)
    counts[id(node)] = total
    return total


def _check_key(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise _refusal(key, "a key must be text, found a list or mapping")
    if key.tag != f"{TAG}str":
        raise _refusal(key, f"a key must be text, found {key.value[:60]}; write it in quotes")
    return str(key.value)


def _check_scalar(node: yaml.ScalarNode, loader: Loader) -> None:
    kind = node.tag.removeprefix(TAG)
    if kind in ("int", "float") and len(node.value) > LONGEST_NUMBER:
        raise _refusal(
            node,
            f"a number has at most {LONGEST_NUMBER} characters, found {short(node.value)}; "
            "shorten it",
        )
    try:
        value = loader.construct_object(node)
    except yaml.YAMLError:
        tag = node.tag.replace(TAG, "!!")
        raise _refusal(
            node, f"{short(node.value)} of {tag} is not known here; write text"
        ) from None
    except (
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
    ):  # PyYAML's, of what matches no tag
        raise _refusal(
            node, f"expected {kind}, found {short(node.value)}; mend it or quote it"
        ) from None
    if kind in ("timestamp", "binary"):
        raise _refusal(node, f"{node.value[:60]} is read as {kind}; write it in quotes")
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        raise _refusal(node, f"whole numbers are smaller than 2^63, found {short(value)}; mend it")


def _refusal(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
