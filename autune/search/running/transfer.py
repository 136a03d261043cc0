"""The files of a trial on their way between the search and a node that does not see its folder.

The nodes of a cluster need not share a file system.  Where a worker does not see the folder of the
search, it works in one of its own, begins with what the search has of the trial, and sends back
what it writes: the states of trainings while they run, everything at the end.  Knows no Ray: what
carries the files is behind `Files`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO

from autune.errors import DataError, SearchError
from autune.formats.files import make_folder, write_bytes
from autune.search.running.lock import PATIENCE, release, sweep, take

INTERVAL = 5.0
"""Seconds between two times that files are sent, at least."""

SHARE = 0.02
"""Part of the time that sending may take."""

APART = "AUTUNE_FILES_APART"
"""Variable: set on a node, its workers do not write to the search's folder, even if they see it."""

_POLL = 0.5


class Files(Protocol):
    """The folders of the trials, seen from elsewhere."""

    def begin(self, trial: str) -> list[str] | None:
        """Take a trial's folder and list its files; None if another process works in it."""

    def read(self, trial: str, name: str) -> bytes:
        """Read a file."""

    def write(self, trial: str, name: str, content: bytes) -> None:
        """Write a file whole."""

    def remove(self, trial: str, name: str) -> None:
        """Remove a file, if it is there."""

    def end(self, trial: str) -> None:
        """Give the folder back."""


class TrialFolders:
    """The folders of the trials, where they are.

    What comes from elsewhere names trials and files; no name leads out of their folders.

    Parameters
    ----------
    trials
        Folder of all trials.
    """

    def __init__(self, trials: Path) -> None:
        self._trials = trials.resolve()
        self._locks: dict[str, TextIO] = {}

    def begin(self, trial: str) -> list[str] | None:
        """Take a trial's folder and list its files; None if another process works in it."""
        folder = self._folder(trial)
        if trial not in self._locks:
            lock = take(folder)
            if lock is None:
                return None
            self._locks[trial] = lock
            sweep(folder)
        return sorted(name for name, _ in _content(folder))

    def read(self, trial: str, name: str) -> bytes:
        """Read a file."""
        return self._path(trial, name).read_bytes()

    def write(self, trial: str, name: str, content: bytes) -> None:
        """Write a file whole."""
        path = self._path(trial, name)
        make_folder(path.parent)
        write_bytes(path, content)

    def remove(self, trial: str, name: str) -> None:
        """Remove a file, if it is there."""
        self._path(trial, name).unlink(missing_ok=True)

    def end(self, trial: str) -> None:
        """Give the folder back."""
        lock = self._locks.pop(trial, None)
        if lock is not None:
            release(lock, self._folder(trial))

    def _path(self, trial: str, name: str) -> Path:
        return _inside(self._folder(trial), name)

    def _folder(self, trial: str) -> Path:
        folder = _inside(self._trials, trial)
        if folder.parent != self._trials:
            raise DataError(f"{trial!r} is no name of a file in the folder of the trials")
        return folder


class Copy:
    """The folder of a trial on a node that does not see the search's.

    Parameters
    ----------
    files
        The search's.
    trial
        Name of the trial's folder.
    folder
        Folder here.
    """

    def __init__(self, files: Files, trial: str, folder: Path) -> None:
        self._files = files
        self._trial = trial
        self._folder = folder
        self._known: dict[str, tuple[int, int]] = {}
        self._sent = time.monotonic()
        self._took = 0.0

    def fetch(self) -> None:
        """Begin with what the search has.

        Raises
        ------
        SearchError
            If another process still works on the trial after a minute.
        """
        until = time.monotonic() + PATIENCE
        while (names := self._files.begin(self._trial)) is None:
            if time.monotonic() > until:
                raise SearchError(
                    f"another process works on trial {self._trial} since {PATIENCE:g} s; end it, "
                    "or wait for it, and go on with --resume"
                )
            time.sleep(_POLL)
        for name in names:
            path = _inside(self._folder, name)
            make_folder(path.parent)
            write_bytes(path, self._files.read(self._trial, name))
        self._known = dict(_content(self._folder))

    def send_if_due(self) -> None:
        """Send what has changed, unless that was done a moment ago."""
        begin = time.monotonic()
        if begin - self._sent > max(INTERVAL, self._took / SHARE):
            self.send()
            self._sent = time.monotonic()
            self._took = self._sent - begin

    def send(self) -> None:
        """Send what has changed."""
        now = dict(_content(self._folder))
        for name, state in now.items():
            if self._known.get(name) != state:
                self._files.write(self._trial, name, (self._folder / name).read_bytes())
        for name in self._known.keys() - now.keys():
            self._files.remove(self._trial, name)
        self._known = now


@contextmanager
def copy_of(files: Files, trial: str, folder: Path) -> Iterator[Copy]:
    """Work on a trial in a folder of this node, which is empty before and gone afterwards.

    Parameters
    ----------
    files
        The search's.
    trial
        Name of the trial's folder.
    folder
        Folder here; nobody else works in it.
    """
    make_folder(folder)
    _empty(folder)
    copy = Copy(files, trial, folder)
    try:
        copy.fetch()
        try:
            yield copy
        finally:
            copy.send()
    finally:
        files.end(trial)
        shutil.rmtree(folder, ignore_errors=True)


def sees(token: Path | None) -> bool:
    """Say whether this node sees the folder of the search, by a file that this run has made."""
    return token is None or (APART not in os.environ and token.is_file())


def folder_apart(identity: str, trial: str) -> Path:
    """Return the folder of a trial on a node that does not see the search's.

    It lies in a folder that is made for this user alone: everyone may write to the one above, and
    put something of theirs there before.

    Raises
    ------
    SearchError
        If somebody has.
    OSError
        If the folder cannot be made.
    """
    user = os.getuid()  # several users may work on one machine
    parent = Path(tempfile.gettempdir()) / f"autune-{user}-{identity}"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user:
        raise SearchError(f"{parent} is not a folder of this user; remove it, or set TMPDIR")
    parent.chmod(0o700)
    return parent / trial


def disk_failure(error: BaseException | None) -> bool:
    """Say whether an error means that a disk is full or cannot be written at all.

    By its words, since they come through processes and other errors, which numbers do not.
    """
    words = [os.strerror(number).lower() for number in (errno.ENOSPC, errno.EROFS, errno.EDQUOT)]
    while error is not None:
        if any(word in str(error).lower() for word in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def _content(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield name, time and size of every file but the hidden ones, which are being written."""
    for path in folder.rglob("*"):
        if path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield path.relative_to(folder).as_posix(), (status.st_mtime_ns, status.st_size)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a name inside a folder.

    Raises
    ------
    DataError
        If the name leads out of it.
    """
    parts = PurePosixPath(name).parts
    path = folder.joinpath(*parts)
    if (
        not parts
        or any(part.startswith((".", "/")) for part in parts)
        or not path.resolve().is_relative_to(folder.resolve())
    ):
        raise DataError(f"{name!r} is no name of a file in the folder of a trial")
    return path


def _empty(folder: Path) -> None:
    """Remove what a killed worker left behind, but the lock."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif not path.name.startswith("."):
            path.unlink(missing_ok=True)
