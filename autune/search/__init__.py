"""The search: many trials, the best of which is kept.

The package itself can be called: ``autune.search(...)`` is `autune.search.run.search`.  Ray,
Optuna and MLflow are loaded when a search begins.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autune.search.folder import SearchFolder, open_search
    from autune.search.record import Observer, Record
    from autune.search.result import SearchResult
    from autune.search.run import search

__all__ = ["Observer", "Record", "SearchFolder", "SearchResult", "open_search", "search"]

_HOMES = {
    "Observer": "autune.search.record",
    "Record": "autune.search.record",
    "SearchFolder": "autune.search.folder",
    "SearchResult": "autune.search.result",
    "open_search": "autune.search.folder",
    "search": "autune.search.run",
}


class _Room(ModuleType):
    """A package that can be called, since `autune.search` is both a room and a verb."""

    def __call__(self, *args: Any, **kwargs: Any) -> SearchResult:
        from autune.search.run import search

        return search(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


sys.modules[__name__].__class__ = _Room
