"""Search for the best high-dimensional neural network potential that DFT calculations allow.

The public names are loaded when they are first used, so that ``import autune`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autune.dataset import Dataset
    from autune.errors import AutuneError
    from autune.potential.committee import Committee
    from autune.potential.model import Potential
    from autune.search import search
    from autune.settings import Settings
    from autune.structures import Structure
    from autune.trial import train

__version__ = "0.1.0"

__all__ = [
    "AutuneError",
    "Committee",
    "Dataset",
    "Potential",
    "Settings",
    "Structure",
    "__version__",
    "search",
    "train",
]

_HOMES = {
    "AutuneError": "autune.errors",
    "Committee": "autune.potential.committee",
    "Dataset": "autune.dataset",
    "Potential": "autune.potential.model",
    "Settings": "autune.settings",
    "Structure": "autune.structures",
    "train": "autune.trial",
}


def __getattr__(name: str) -> Any:
    if name == "search":  # the room, which can be called: both have this name
        return import_module("autune.search")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
