"""Which epochs were trained, by which process: the log that the hook writes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """Something that a process did: began or ended a trial, did an epoch of it, or died."""

    time: float
    pid: int
    what: str
    directory: str
    seed: int = 0
    number: int = 0


class EpochLog:
    """The log of one search, read as it grows.

    Parameters
    ----------
    path
        The log.
    search
        Folder of the search; nodes that do not see it work elsewhere.
    """

    def __init__(self, path: Path, search: Path) -> None:
        self.path = path
        self._search = search
        self.entries: list[Entry] = []
        self._position = 0

    def read(self) -> list[Entry]:
        """Take what is new and return all."""
        if self.path.exists():
            with self.path.open("rb") as stream:
                stream.seek(self._position)
                text = stream.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._position += len(whole)
            for line in whole.splitlines():
                content = json.loads(line)
                if content["what"] != "trap":
                    content["directory"] = str(self._place(Path(content["directory"])))
                self.entries.append(Entry(**content))
        return self.entries

    def _place(self, directory: Path) -> Path:
        """Return the folder of a trial in the search's."""
        if directory.is_relative_to(self._search):
            return directory
        stage = "confirm" if directory.parent.name.endswith("-confirm") else "."
        return self._search / stage / "trials" / directory.name

    def at_work(self) -> dict[int, Path]:
        """Return the processes that are inside a trial, also those that died there."""
        inside: dict[int, Path] = {}
        for entry in self.read():
            if entry.what in ("end", "trap"):
                inside.pop(entry.pid, None)
            else:
                inside[entry.pid] = Path(entry.directory)
        return inside

    def begins(self) -> Counter[Path]:
        """Count how often each trial was begun."""
        return Counter(Path(e.directory) for e in self.read() if e.what == "begin")

    def trained(self) -> dict[tuple[Path, int], Counter[int]]:
        """Count how often each epoch of each training of each trial was done."""
        counts: dict[tuple[Path, int], Counter[int]] = defaultdict(Counter)
        for entry in self.read():
            if entry.what == "epoch":
                counts[Path(entry.directory), entry.seed][entry.number] += 1
        return counts

    def repeats(self) -> int:
        """Count the epochs that were done more than once."""
        return sum(sum(c.values()) - len(c) for c in self.trained().values())
