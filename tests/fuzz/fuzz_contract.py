"""What autune owes to every input: it takes it, or refuses it in one line that a user can read.

No other exception, no hang, no memory eaten, no wild warnings, nothing printed, no file left.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import signal
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import autune
from autune.errors import AutuneError

LONGEST = 1200
"""Characters of a message."""

MOST_WARNINGS = 3
AUTUNE = str(Path(autune.__file__).parent)
"""Other packages' warnings for their users are not shown by the command line."""


class Broken(AssertionError):
    """autune broke its promise; the cause is the exception before it."""


class TooSlow(BaseException):  # not an Exception: nothing on its way may catch it
    """An input took longer than allowed."""


def answer(action: Callable[[], object], folder: Path, seconds: float = 5.0) -> str | None:
    """Return the message with which autune refuses, None if it takes the input.

    Parameters
    ----------
    action
        What a user does with the input.
    folder
        Where the input lies; the action may not change it.
    seconds
        Allowed time of the processor.

    Raises
    ------
    Broken
        If autune does anything else.
    """
    before = _snapshot(folder)
    printed = io.StringIO()
    message = None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                _limit(seconds),
            ):
                action()
        except AutuneError as error:
            message = str(error)
        except TooSlow as error:
            raise Broken(f"took longer than {seconds:g} s") from error
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | AssertionError):
                raise
            raise Broken(f"{type(error).__name__}: {error}"[:500]) from error
    _check_warnings(warned)
    if printed.getvalue():
        raise Broken(f"printed {printed.getvalue()[:200]!r}")
    if _snapshot(folder) != before:
        raise Broken("changed the folder of the input")
    if message is not None:
        check_message(message)
    return message


def check_message(message: str) -> None:
    """Refuse a message that is no single, printable line of moderate length."""
    if not message.strip():
        raise Broken("the message is empty")
    if len(message) > LONGEST:
        raise Broken(f"the message has {len(message)} characters: {message[:300]!r}")
    for character in message:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise Broken(f"the message has {character!r} in it: {message[:300]!r}")


def _check_warnings(warned: list[warnings.WarningMessage]) -> None:
    warned = [w for w in warned if w.category is not UserWarning or AUTUNE in w.filename]
    if len(warned) > MOST_WARNINGS:
        raise Broken(f"warned {len(warned)} times, first: {warned[0].message}")
    for warning in warned:
        if warning.category is not UserWarning:
            name = warning.category.__name__
            raise Broken(f"{name} in {warning.filename}:{warning.lineno}: {warning.message}")
        check_message(str(warning.message))


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the main thread after so much time of the processor.

    Code in C is stopped when it comes back to Python.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("signals reach the main thread only")

    def ring(*_: object) -> None:
        raise TooSlow

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, previous)


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
