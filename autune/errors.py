"""Everything autune says when something is wrong: one root, one class per kind of mistake.

A message states the rule, the value that broke it and what to do.  The command line prints
the message of an ``AutuneError`` alone and exits with code 2; anything else is a bug and keeps
its traceback.
"""

from __future__ import annotations

import reprlib
from pathlib import Path

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60

HEAD, TAIL = 600, 300
"""Characters that are kept of a long message: what is wrong and where, and what to do."""


def printable(text: str) -> str:
    """Write line ends, control characters and half characters as escapes, on one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(value: object) -> str:
    """Write what was found as Python does, cut in the middle where it is long."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits.
        return f"{type(value).__name__} with too many digits to be written"


class AutuneError(Exception):
    """Root of all errors that a user can cause and mend.

    Parameters
    ----------
    message
        Becomes one printable line; what a user's file put into it may be anything.
    """

    def __init__(self, message: str) -> None:
        text = printable(message)
        if len(text) > HEAD + TAIL:
            text = f"{text[:HEAD]} ... {text[-TAIL:]}"
        super().__init__(text)


class ConfigError(AutuneError):
    """A setting that cannot be used.

    Parameters
    ----------
    key
        Dotted path of the setting, for example ``training.force_ratio``.
    message
        What was expected, what was found, what to do.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key


class FormatError(AutuneError):
    """A file that cannot be read.

    Parameters
    ----------
    path
        The file.
    line
        Line number, from 1; None when the file as a whole is wrong.
    message
        What was expected, what was found, what to do.
    """

    def __init__(self, path: str | Path, line: int | None, message: str) -> None:
        where = f"{path}, line {line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")
        self.path = Path(path)
        self.line = line


class DataError(AutuneError):
    """Structures that cannot be used for what was asked."""


class PropertyFailed(AutuneError):
    """A physical property that this potential does not have, with the reason."""


class TrainingDiverged(AutuneError):
    """Training left the range of finite numbers: the result of a trial, not a crash."""


class ExportMismatch(AutuneError):
    """An exported potential that does not predict what the original predicts."""


class SearchError(AutuneError):
    """A search that cannot be started, continued or found."""
