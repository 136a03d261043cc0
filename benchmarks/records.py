"""Lines of JSON, one for each result, so that a call that was stopped is simply repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are whole; a call that was stopped may have left a part of one."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a line at the end, after a line that was not finished too."""
    unfinished = path.is_file() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as stream:
        stream.write(("\n" if unfinished else "") + json.dumps(record) + "\n")


def find_record(records: list[dict[str, Any]], key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record with these values."""
    return next((r for r in records if {k: r.get(k) for k in key} == key), None)
