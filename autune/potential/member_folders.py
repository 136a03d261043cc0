"""The folder of a committee: a folder seed-0, seed-1, ... of each member."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autune.errors import ConfigError
from autune.formats.files import is_file, is_folder, make_folder

MEMBER = re.compile(r"seed-(\d+)")
"""Folder of a member in the folder of a committee."""


def member_folders(directory: str | Path) -> list[Path]:
    """List the folders of a committee's potentials in the order of their seeds.

    They are seed-N, or seed-N/potential in the folder of a training; seeds without a potential
    (they diverged) are left out, and a folder that is a potential itself has none.
    """
    directory = Path(directory)
    if is_file(directory / "input.nn") or not is_folder(directory):
        return []
    seeds = sorted(
        (int(match[1]), path)
        for path in directory.iterdir()
        if (match := MEMBER.fullmatch(path.name)) and path.is_dir()
    )
    folders = [path / "potential" if (path / "potential").is_dir() else path for _, path in seeds]
    return [folder for folder in folders if (folder / "input.nn").is_file()]


@contextmanager
def replacing_committee(directory: str | Path) -> Iterator[Path]:
    """Give a new folder that takes the place of a committee's at the end.

    If the block fails, the new folder is removed and the old one stays as it was.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or holds something else than a committee.
    """
    directory = Path(directory).resolve()
    if directory.exists() and not _holds_committee_or_nothing(directory):
        raise ConfigError(
            "", f"{directory} holds something else than a committee; name another folder"
        )
    make_folder(directory.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}.", dir=directory.parent) as tmp:
            fresh = Path(tmp) / "new"
            fresh.mkdir()
            yield fresh
            old = Path(tmp) / "old"
            if directory.exists():
                directory.rename(old)
            try:
                fresh.rename(directory)
            except OSError:
                if old.exists():
                    old.rename(directory)
                raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError("", f"{directory} cannot be written: {reason}") from None


def _holds_committee_or_nothing(directory: Path) -> bool:
    return is_folder(directory) and all(
        MEMBER.fullmatch(path.name) and (path / "input.nn").is_file()
        for path in directory.iterdir()
    )
