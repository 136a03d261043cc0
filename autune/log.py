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


_CREDENTIALS = re.compile(r"(?<=://)([^/@\s:]*):[^/\s]*@")


def mask_credentials(text: str) -> str:
    """Replace the password of every address (``scheme://user:password@host``) by ``***``."""
    return _CREDENTIALS.sub(r"\1:***@", text)


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
