"""What was reported finished, and whether it stays as it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from autune.search import Record, SearchFolder

LEFT_BEHIND = "checkpoint.npz"
"""The state of a training that was stopped; nobody promises that it stays or goes."""


class Witness:
    """Remembers every finished trial of a search and of its confirmation.

    Parameters
    ----------
    folder
        Of the search.
    """

    def __init__(self, folder: SearchFolder) -> None:
        self.folder = folder
        self._told: dict[Path, str] = {}
        self._hashes: dict[Path, dict[str, str]] = {}

    @property
    def n_finished(self) -> int:
        """Trials that were seen finished."""
        return len(self._told)

    def look(self) -> Iterator[str]:
        """Read the study as it is now, and yield what contradicts what it said before."""
        seen = {record.directory: record for record in all_records(self.folder)}
        for directory, before in self._told.items():
            record = seen.get(directory)
            now = None if record is None else as_text(record)
            if now != before:
                yield f"{directory} was finished and has changed in the study: {before} -> {now}"
        for directory, record in seen.items():
            if record.state != "running":
                self._told[directory] = as_text(record)

    def compare_files(self, quiet: bool) -> Iterator[str]:
        """Hash the files of the finished trials, and yield what has changed.

        Parameters
        ----------
        quiet
            No process of the search runs: files of trials that were stopped are final, too.
        """
        for record in all_records(self.folder):
            if record.state == "running":
                continue
            now, before = hash_files(record.directory), self._hashes.get(record.directory)
            if before is not None and now != before:
                names = sorted(n for n in now.keys() | before.keys() if now.get(n) != before.get(n))
                yield f"{record.directory} was finished and its files have changed: {names}"
            if before is not None or quiet or record.state == "complete":
                self._hashes[record.directory] = now


def all_records(folder: SearchFolder) -> list[Record]:
    """Read the trials of a search and of its confirmation."""
    folders = [folder, SearchFolder(folder.path / "confirm")]
    return [record for each in folders if each.exists for record in each.records()]


def as_text(record: Record) -> str:
    """Write a record so that equal ones have equal text, NaN included."""
    return json.dumps(dataclasses.asdict(record), default=str, sort_keys=True)


def hash_files(directory: Path) -> dict[str, str]:
    """Return name and hash of all files below a folder."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != LEFT_BEHIND
    }
