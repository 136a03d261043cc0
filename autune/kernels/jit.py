"""The one place where kernels are compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

# Sums may be reordered (SIMD) and multiply-adds fused; NaN and infinity keep their meaning,
# because a diverged training is recognised by them.  The order of a sum must not depend on where
# arrays lie: a loop adds up in a variable, not in an array (see `autune.kernels.candidates`).
_FASTMATH = {"reassoc", "contract", "nsz"}


_folders: list[Path] = []
"""Where Numba keeps compiled kernels: beside them, or with the user where it cannot write."""


def compiled_code() -> list[Path]:
    """List the indices of compiled code on disk, once kernels are imported."""
    return [index for folder in _folders for index in folder.glob("*.nbi")]


def say_if_kernels_compile() -> None:
    """Say why what follows takes longer, if it is the first run."""
    if not compiled_code():
        log.info("compiling kernels (first run only, about a minute)")


def _forget_stale_code(folder: Path) -> None:
    """Remove the index of compiled code that is older than any kernel's source.

    Numba compiles a kernel again when its own file has changed, not when a kernel that it calls
    has; after an update old code would go on running inside the new.
    """
    newest = max(source.stat().st_mtime_ns for source in Path(__file__).parent.glob("*.py"))
    for index in folder.glob("*.nbi"):
        # Other processes start at the same time and do the same; a folder may be read-only.
        with suppress(OSError):
            if index.stat().st_mtime_ns < newest:
                index.unlink()


def _note(compiled: Callable[P, R]) -> Callable[P, R]:
    """Look at the folder of compiled code when its first kernel is there, before any is loaded."""
    stats = getattr(compiled, "stats", None)  # none where NUMBA_DISABLE_JIT is set
    if stats is not None and (folder := Path(stats.cache_path)) not in _folders:
        _folders.append(folder)
        _forget_stale_code(folder)
    return compiled


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel: cached on disk, one thread, no Python objects."""
    return _note(numba.njit(cache=True, fastmath=_FASTMATH, error_model="numpy")(function))


def njit_inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that kernels alone call.

    Without an entrance for Python, which takes as long to compile as what is behind it where
    there are many arrays to unpack.
    """
    return _note(
        numba.njit(cache=True, fastmath=_FASTMATH, error_model="numpy", no_cpython_wrapper=True)(
            function
        )
    )
