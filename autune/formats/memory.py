"""A limit on what the reader of a file may take."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEAST_MEMORY = 1 << 30
"""Bytes that the reader of any file may take."""


@contextmanager
def limited_memory(path: Path) -> Iterator[None]:
    """Let a reader take 500 times the size of its file, 1 GB at least, and no more.

    Some believe any count that a file has.  One that needs more ends in a MemoryError, not in the
    death of the process.  Where the system knows no such limit (macOS) nothing changes.
    """
    most = max(LEAST_MEMORY, 500 * path.stat().st_size)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        before = resource.getrlimit(resource.RLIMIT_AS)
        limits = [pages * os.sysconf("SC_PAGE_SIZE") + most, *before]
        lowest = min(limit for limit in limits if limit != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, (lowest, before[1]))
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
