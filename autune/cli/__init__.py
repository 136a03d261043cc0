"""The command line: verbs, each of which calls the library.

Exit codes: 0; 2 for a mistake that the user can mend, with one message; 130 after Ctrl-C; 1 with
a traceback for a bug.  What a verb needs is imported inside it, so that ``--help`` is fast.
"""

from __future__ import annotations

from autune.cli.main import main

__all__ = ["main"]
