"""What autune says while it works: plain lines on standard error.

Every room logs to ``logging.getLogger(__name__)``; nothing is shown unless the user of the
library, or the command line through `configure`, asks for it.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from typing import TextIO

ROOT = "autune"

_MASKS = (
    # scheme://user:password@host: to the last @ of the word, for some write @, / and : of a
    # password as they are.  What follows a host and its port in quotes is no password.
    (re.compile(r"(?<=://)([^/@\s:]*):(?!\d{1,5}[\"',;)>\]}])\S*@"), r"\1:***@"),
    # https://token@host; the user of a database is no secret.
    (re.compile(r"(https?://)[^/@\s:]+@"), r"\1***@"),
    # The header of a request.
    (re.compile(r"\b(Bearer\s+)[^\s\"',;]+", re.IGNORECASE), r"\1***"),
    # The same as a part of another address.
    (re.compile(r"(%3A%2F%2F[^\s%&]*%3A)[^\s&]*%40", re.IGNORECASE), r"\1***%40"),
    # password=... of a query, a libpq DSN, an environment; 'password': '...' of a mapping.
    (
        re.compile(
            r"""\b(\w*(?:password|passwd|passphrase|pwd|secret|token)(?:\s*=|["']\s*[:=])\s*)
            (?:'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | [^\s&]+?(?=["'),;\]}]*(?:[\s&]|$)))""",
            re.IGNORECASE | re.VERBOSE,
        ),
        r"\1***",
    ),
)


_PASSWORD = re.compile(r"(?<=://)([^/@:]*):.*@", re.DOTALL)


def mask_address(address: str) -> str:
    """Mask the password of what should be one address, however wrong it is written."""
    return mask_credentials(_PASSWORD.sub(r"\1:***@", address))


def mask_credentials(text: str) -> str:
    """Replace every password in addresses, queries and DSNs by ``***``.

    It rather takes too much than too little: of ``scheme://user:...@...`` without blanks all up
    to the last ``@``.
    """
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Write one line; from warnings on, with the level in front."""
        text = mask_credentials(" ".join(record.getMessage().split()))
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        return text


def configure(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Show autune's log lines and warnings, one line each, on standard error.

    Warnings of other packages, which a user cannot mend, are not shown.  Called again, it takes
    the place of what was configured before.

    Parameters
    ----------
    level
        Lowest level to show.
    stream
        Where to, in place of standard error.
    """
    logger = logging.getLogger(ROOT)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Line())
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", category=UserWarning, module=r"autune\b")
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning without the line of code that gave it, which says nothing to a user."""
    logging.getLogger(ROOT).warning("%s", message)
