"""Changes of texts, bytes and trees, each drawn from a seeded generator."""

from __future__ import annotations

import copy
import datetime as dt
import random
import re
from collections.abc import Callable
from typing import Any

EXTREME = (
    "1e308", "-1e308", "-0", "0", "-1", "1", "nan", "NaN", "inf", "-inf", "Infinity", "1e-320",
    "1e-30", "1e30", "1e9", "1" + "0" * 400, "9" * 5000, "99999999", "4294967296", "1.5", "1e6",
    "-3.7", "1_000", "0x10", "1d5", "1,5", "²", "٣", "true", "none", "", "Xx", "H", "Og", "é", "😀",
    "\x00", "\x1b[31m", "\u2028", "\ufeff", "../../x", "/dev/zero", "~nobody/x", "a" * 3000, "%s",
    "{}", "[", "]", '"', "'", "#", ":", "=", "- ", "\t", "|", "&a", "*a",
    "!!python/object:os.system",
)  # fmt: skip
"""Words in place of others."""

NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
WORD = re.compile(r"\S+")


def mutate_text(rng: random.Random, text: str, most: int = 3) -> str:
    """Change a text in one to `most` places."""
    for _ in range(rng.randint(1, most)):
        text = rng.choice(TEXT_CHANGES)(rng, text)
    return text


def mutate_bytes(rng: random.Random, data: bytes, most: int = 4) -> bytes:
    """Change bytes in one to `most` places."""
    for _ in range(rng.randint(1, most)):
        data = rng.choice(BYTE_CHANGES)(rng, data)
    return data


def mutate_file(rng: random.Random, data: bytes) -> bytes:
    """Change a text file, mostly as a text."""
    if rng.random() < 0.15:
        return mutate_bytes(rng, data)
    text = mutate_text(rng, data.decode("utf-8", "replace"))
    if rng.random() < 0.1:
        return rng.choice(ENCODINGS)(text)
    return text.encode("utf-8", "surrogatepass")


def mutate_tree(rng: random.Random, tree: Any, most: int = 3) -> Any:
    """Change mappings and lists in one to `most` places."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, most)):
        _change_tree(rng, tree)
    return tree


def junk(rng: random.Random) -> Any:
    """Return a value that a YAML or JSON file can hold."""
    return copy.deepcopy(rng.choice(JUNK))


JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 10**18, 10**30, 10**400, -(10**400), 0.0, -0.0, 0.5, 1e308,
    -1e308, 1e-320, float("nan"), float("inf"), float("-inf"), "", " ", "a", "nan", "1e-3",
    "x" * 5000,
    "\x00", "a\nb", "\x1b[2J", "../..", "/etc/passwd", "~nobody", "é😀", "\u2028", [], [[]], [1],
    [1, 2], ["a"], [None], {}, {"a": 1}, {1: 2}, {None: 1}, {True: 1}, {"": ""}, {"choice": []},
    {"choice": [1]}, {"uniform": [0, 1]}, {"int": [1, 3]}, {"loguniform": [1e-3, 1]},
    dt.date(2001, 1, 1), dt.datetime(2001, 1, 1, tzinfo=dt.UTC), b"bytes", {1, 2},
)  # fmt: skip


def _line_change(change: Callable[[random.Random, list[str]], None]) -> Callable[..., str]:
    def changed(rng: random.Random, text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        change(rng, lines)
        return "".join(lines)

    return changed


def _delete_lines(rng: random.Random, lines: list[str]) -> None:
    start = rng.randrange(len(lines))
    del lines[start : start + rng.choice((1, 1, 1, 2, 5))]


def _duplicate_line(rng: random.Random, lines: list[str]) -> None:
    at = rng.randrange(len(lines))
    lines[at:at] = [lines[at]] * rng.choice((1, 1, 1, 2, 200))


def _swap_lines(rng: random.Random, lines: list[str]) -> None:
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


def _repeat_block(rng: random.Random, lines: list[str]) -> None:
    a, b = sorted((rng.randrange(len(lines)), rng.randrange(len(lines))))
    lines[b:b] = lines[a:b]


def _blank_line(rng: random.Random, lines: list[str]) -> None:
    lines.insert(rng.randint(0, len(lines)), rng.choice(("\n", " \n", "\t\n", "\r\n", "#\n")))


def _indent_line(rng: random.Random, lines: list[str]) -> None:
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(("\t", " ", "    ", "- ", "? ", "{")) + lines[at]


def _part(rng: random.Random, text: str, pattern: re.Pattern[str]) -> tuple[int, int]:
    found = list(pattern.finditer(text))
    return rng.choice(found).span() if found else (len(text), len(text))


def _replace_word(rng: random.Random, text: str) -> str:
    start, end = _part(rng, text, WORD)
    return text[:start] + rng.choice(EXTREME) + text[end:]


def _replace_number(rng: random.Random, text: str) -> str:
    start, end = _part(rng, text, NUMBER)
    return text[:start] + rng.choice(EXTREME[:24]) + text[end:]


def _delete_word(rng: random.Random, text: str) -> str:
    start, end = _part(rng, text, WORD)
    return text[:start] + text[end:]


def _swap_words(rng: random.Random, text: str) -> str:
    (a, b), (c, d) = sorted((_part(rng, text, WORD), _part(rng, text, WORD)))
    return text if a == c else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def _insert_word(rng: random.Random, text: str) -> str:
    at = rng.randint(0, len(text))
    return (
        f"{text[:at]}{rng.choice(('', ' '))}{rng.choice(EXTREME)}{rng.choice(('', ' '))}{text[at:]}"
    )


def _same_number(rng: random.Random, text: str) -> str:
    """Put one extreme number in place of every occurrence of a number."""
    start, end = _part(rng, text, NUMBER)
    return text.replace(text[start:end] or "0", rng.choice(EXTREME[:24]))


def _truncate(rng: random.Random, text: str) -> str:
    return text[: rng.randint(0, len(text))]


def _behead(rng: random.Random, text: str) -> str:
    return text[rng.randint(0, len(text)) :]


def _other_character(rng: random.Random, text: str) -> str:
    at = rng.randint(0, max(len(text) - 1, 0))
    return text[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0xD7FF)))) + text[at + 1 :]


TEXT_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    *(
        _line_change(change)
        for change in (
            _delete_lines, _duplicate_line, _swap_lines, _repeat_block, _blank_line, _indent_line,
        )
    ),
    _replace_word, _replace_word, _replace_number, _replace_number, _replace_number, _same_number,
    _delete_word, _swap_words, _insert_word, _truncate, _behead, _other_character,
)  # fmt: skip

ENCODINGS: tuple[Callable[[str], bytes], ...] = (
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.replace("\n", "\r").encode(),
    lambda text: b"\xef\xbb\xbf" + text.encode("utf-8", "replace"),
    lambda text: text.encode("utf-16", "replace"),
    lambda text: text.encode("utf-32", "replace"),
    lambda text: text.encode("latin-1", "replace") + b"\xe9\xff",
    lambda text: text.replace(" ", "\t").encode("utf-8", "replace"),
    lambda text: text.encode("utf-8", "replace") + bytes(64),
    lambda text: text.rstrip("\n").encode("utf-8", "replace"),
)


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = rng.randint(0, max(len(data) - 1, 0))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut_out(rng: random.Random, data: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice((1, 1, 8, 100)) :]


def _put_in(rng: random.Random, data: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.randbytes(rng.choice((1, 1, 8, 100))) + data[at:]


def _cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randint(0, len(data))]


def _large_count(rng: random.Random, data: bytes) -> bytes:
    """Put 8 bytes that mean a large number somewhere: sizes in binary files."""
    at = rng.randint(0, max(len(data) - 8, 0))
    value = rng.choice((b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\xff" * 4 + bytes(4), bytes(8)))
    return data[:at] + value + data[at + 8 :]


BYTE_CHANGES = (_flip, _flip, _flip, _cut_out, _put_in, _cut_off, _large_count)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every container with every key of it."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                waiting.append(node[key])
    return found


def _change_tree(rng: random.Random, tree: Any) -> None:
    places = _places(tree)
    if not places:
        return
    node, key = rng.choice(places)
    change = rng.randrange(8)
    if change < 3:
        node[key] = junk(rng)
    elif change == 3:
        del node[key]
    elif change == 4:
        node[key] = {rng.choice(("choice", "uniform", "loguniform", "int")): [node[key], junk(rng)]}
    elif change == 5:
        other, its_key = rng.choice(places)
        if its_key in other if isinstance(other, dict) else its_key < len(other):
            node[key] = copy.deepcopy(other[its_key])
    elif isinstance(node, dict):
        new = rng.choice((f"{key}x", str(key).upper(), "", "a.b", "choice", "when", 1, None, "\n"))
        node[new] = copy.deepcopy(node[key])
        if change == 6:
            del node[key]
    else:
        node.insert(key, junk(rng))
