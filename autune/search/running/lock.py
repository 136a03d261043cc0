"""One process at a time works in the folder of a trial.

After the process of a search was killed, its workers live on for some seconds, while those of the
next may begin.  A lock of the operating system ends with its process, whatever ends that.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from autune.errors import SearchError

LOCK = ".lock"
"""File in the folder; it is there only while a process works, or was killed."""

RANKS_LOCK = ".ranks.lock"
"""The same for the MPI ranks of a trial, which outlive a worker that is killed."""

PATIENCE = 60.0
"""Seconds that another process is waited for."""

_POLL = 0.1


@contextmanager
def working_in(folder: Path, name: str = LOCK, patience: float = PATIENCE) -> Iterator[int]:
    """Be the only process that works in a folder, which is made when it is missing.

    Parameters
    ----------
    folder
        Folder of a trial.
    name
        Of the file that is locked.
    patience
        Time to wait for another process, s.

    Yields
    ------
    int
        Descriptor of the locked file: a child that inherits it holds the lock, too.

    Raises
    ------
    SearchError
        If another process still works there after that time.
    OSError
        If the folder cannot be written.
    """
    until = time.monotonic() + patience
    while (lock := take(folder, name)) is None:
        if time.monotonic() > until:
            raise SearchError(
                f"another process works in {folder} since {patience:g} s; end it, or wait for it, "
                "and go on with --resume"
            )
        time.sleep(_POLL)
    try:
        yield lock.fileno()
    finally:
        release(lock, folder, name)


def take(folder: Path, name: str = LOCK) -> TextIO | None:
    """Take the lock of a folder; None if another process has it.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    while True:
        stream = path.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return None
        except OSError:
            return stream  # A file system without locks: nothing can be said.
        if _is_still(path, stream):
            return stream
        stream.close()  # Its last owner has removed it meanwhile.


def release(lock: TextIO, folder: Path, name: str = LOCK) -> None:
    """Give a lock back; its file goes first, so that no one else can have it."""
    (folder / name).unlink(missing_ok=True)
    lock.close()


def sweep(folder: Path) -> None:
    """Remove the hidden files in a folder: what a killed process was about to write."""
    for path in folder.rglob(".*"):
        if path.name not in (LOCK, RANKS_LOCK) and path.is_file():
            path.unlink(missing_ok=True)


def _is_still(path: Path, stream: TextIO) -> bool:
    """Say whether an open file is the one that has this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
