"""Files: read with the name of the file in every error, written whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from autune.errors import ConfigError, FormatError

UNPACK: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}


def is_file(path: str | Path) -> bool:
    """Whether there is a file; none has a name that the system refuses."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; see `is_file`."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file for reading, unpacked where its suffix says that it is packed.

    Raises
    ------
    FormatError
        If the file is missing, cannot be read, or is not text.
    """
    try:
        unpack = UNPACK.get(Path(path).suffix, open)
        stream = unpack(path, "rt", encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise FormatError(path, None, f"cannot be read: {_reason(error)}") from None
    with stream:
        try:
            yield stream
        except OSError as error:
            raise FormatError(path, None, f"cannot be read: {_reason(error)}") from None
        except UnicodeDecodeError:
            message = "expected text in UTF-8, found other bytes; save it as UTF-8"
            raise FormatError(path, None, message) from None
        except (EOFError, lzma.LZMAError, zlib.error) as error:
            raise FormatError(path, None, f"cannot be unpacked: {_reason(error)}") from None


@contextmanager
def replacing(path: str | Path, sync: bool = True, private: bool = False) -> Iterator[Path]:
    """Give a temporary file in the same folder that takes the place of `path` at the end.

    If the block fails, the temporary file is removed and `path` stays as it was.

    Parameters
    ----------
    path
        File to write.
    sync
        Whether to wait until it is on the disk, where a failure of the power leaves it whole too.
    private
        Whether only its owner may read it.

    Raises
    ------
    ConfigError
        If the folder is missing or not writable, or the disk is full.
    """
    path = _checked(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        if not private:  # as which it was made
            _give_usual_mode(temporary)
        if sync:
            _flush(temporary)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise _unwritable(path, _reason(error)) from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def check_place(path: str | Path) -> None:
    """Refuse a place where no file can be written, before time is spent on what it would hold.

    Raises
    ------
    ConfigError
        If it is a folder, or is in none that is writable.
    """
    path = _checked(path)
    if is_folder(path):
        raise _unwritable(path, "is a folder")
    if not is_folder(path.parent):
        raise _unwritable(path, f"{path.parent} is no folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "permission denied")


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it; one that is there already is fine.

    Raises
    ------
    ConfigError
        If it cannot be made.
    """
    try:
        _checked(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "", f"folder {path} cannot be made: {_reason(error)}; name one in a writable folder"
        ) from None


def remove_file(path: str | Path) -> None:
    """Remove a file; one that is not there is fine.

    Raises
    ------
    ConfigError
        If it cannot be removed.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            "", f"{path} cannot be removed: {_reason(error)}; remove it, and try again"
        ) from None


def write_text(path: str | Path, text: str, private: bool = False) -> None:
    """Write a text file (UTF-8) whole or not at all.

    Parameters
    ----------
    path
        File to write.
    text
        What it shall hold.
    private
        Whether only its owner may read it.

    Raises
    ------
    ConfigError
        If the folder is missing or not writable, or the disk is full.
    """
    with replacing(path, private=private) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    ConfigError
        If the folder is missing or not writable, or the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _unwritable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        "",
        f"{path} cannot be written: {reason}; name a file in a folder that exists, is writable and "
        "has space",
    )


def _checked(path: str | Path) -> Path:
    """Refuse names that no system has, with a NUL or half a character in them."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ConfigError("", f"{path} cannot be the name of a file; choose another")
    return Path(path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_usual_mode(path: Path) -> None:
    """Give a temporary file, made for its owner only, the mode of any other new file."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
