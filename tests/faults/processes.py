"""The processes of a search: found while they run, known after their parent died."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process as /proc has it; ``started``, in clock ticks, tells it from later ones."""

    pid: int
    parent: int
    started: int
    state: str
    command: str


def all_processes() -> dict[int, Process]:
    """List what runs on this machine."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (process := read_process(int(folder.name))) is not None:
            found[process.pid] = process
    return found


def read_process(pid: int) -> Process | None:
    """Read one process; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return None
    fields = stat[stat.rfind(")") + 2 :].split()
    text = command.decode(errors="replace").strip()
    return Process(pid, int(fields[1]), int(fields[19]), fields[0], text)


class Family:
    """A process and all that come of it, also those whose parents are gone.

    Ray's workers write over their environment, so nothing in it can mark them; they are seen
    as children while their parents live.
    """

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def add(self, pid: int) -> None:
        """Take a process in."""
        process = read_process(pid)
        if process is not None:
            self._known[pid] = process.started

    def look(self) -> list[Process]:
        """Take in all children of the family that were born since, and return who lives."""
        running = all_processes()
        for pid in [p for p, t in self._known.items() if not _is(running.get(p), t)]:
            # The number may belong to another process by now, whose children are not ours.
            del self._known[pid]
        fresh = True
        while fresh:
            fresh = [
                p for p in running.values() if p.pid not in self._known and p.parent in self._known
            ]
            self._known |= {p.pid: p.started for p in fresh}
        return [running[pid] for pid in self._known if running[pid].state not in "ZX"]

    def wait_until_gone(self, seconds: float) -> list[Process]:
        """Wait for the end of all; return who is left."""
        wait_for(lambda: not self.look(), seconds, 0.5)
        return self.look()

    def kill(self) -> None:
        """End all."""
        for _ in range(20):
            alive = self.look()
            for process in alive:
                send(process.pid, signal.SIGKILL)
            if not alive:
                return
            time.sleep(0.1)


def _is(process: Process | None, started: int) -> bool:
    return process is not None and process.started == started


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False if the process is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def wait_for(condition: Callable[[], object], seconds: float, pause: float = 0.1) -> bool:
    """Wait until a condition holds; False if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
