"""Training that goes on from a potential: with its weights, scaling and internal units.

The network's numbers mean something only with the inputs and units for which they were trained.
So all of these stay those of the potential, also where the structures are others: new structures
are scaled as the old ones were, and what is outside of their range is so for the network too.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from autune.architecture import Architecture
from autune.dataset import Dataset
from autune.errors import ConfigError
from autune.formats.files import is_file
from autune.formats.keywords import read_units
from autune.potential.basis import build_architecture
from autune.potential.model import Potential
from autune.settings import Settings

KEY = "training.start_from"

SAME = (
    "elements", "cutoff_type", "inner_cutoff", "hidden_layers", "activations", "normalize_nodes",
    "scaling", "scale_min", "scale_max",
)  # fmt: skip
"""What the settings and the potential must have in common."""


def load_start(settings: Settings) -> Potential | None:
    """Load the potential that a training goes on from; None where it begins anew.

    Its symmetry functions may be fewer than those of the settings: a training drops those that
    are constant.

    Raises
    ------
    FormatError
        If a file is missing or wrong.
    ConfigError
        If the settings describe another potential.
    """
    if settings.training.start_from is None:
        return None
    folder = _folder(settings.training.start_from)
    said = read_units(folder / "input.nn") if is_file(folder / "input.nn") else None
    wanted_units = settings.potential.units
    if said not in (None, wanted_units):
        raise ConfigError(
            KEY, f"{folder} is in {said}; write potential.units: {said}, and all lengths in it"
        )
    potential = Potential.load(folder, wanted_units)
    wanted, found = build_architecture(settings.potential), potential.architecture
    for name in SAME:
        if getattr(wanted, name) != getattr(found, name):
            raise ConfigError(
                KEY,
                f"the settings have {name} {_plain(getattr(wanted, name))}, {folder} has "
                f"{_plain(getattr(found, name))}; its weights need its own: give the same in "
                "potential",
            )
    _check_functions(wanted, found, folder)
    if settings.potential.atom_energies != "fit":
        _check_atom_energies(wanted, found, folder)
    return potential


def left_out(settings: Settings, start: Potential) -> tuple[str, ...]:
    """Name the symmetry functions of the settings that the potential does not have."""
    wanted = build_architecture(settings.potential).symmetry_functions
    has = start.architecture.symmetry_functions
    return tuple(f"{e} {f}" for e in start.elements for f in wanted[e] if f not in has[e])


def identity_of(settings: Settings, dataset: Dataset) -> str:
    """Return what a training's result depends on: the same identity, the same result."""
    identity = f"{settings.identity}-{dataset.fingerprint[:16]}"
    if settings.training.start_from is None:
        return identity
    return f"{identity}-{fingerprint_of(settings.training.start_from)}"


def fingerprint_of(start_from: str) -> str:
    """Return a hash of the files of a potential; a folder without them has one too."""
    digest = hashlib.sha256()
    for path in files_of(start_from):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def files_of(start_from: str) -> list[Path]:
    """List the files of a potential, none of a folder that holds no potential."""
    folder = _folder(start_from)
    names = ("input.nn", "scaling.data", "weights.*.data")
    return [path for name in names for path in sorted(folder.glob(name))]


def warn_of_range(n_outside: int, n_atoms: int, folder: str) -> None:
    """Warn of training atoms that the scaling of a potential does not know.

    Warns
    -----
    UserWarning
        With their number.
    """
    if n_outside:
        warnings.warn(
            f"{n_outside} of {n_atoms} training atoms have symmetry functions outside the range of "
            f"the structures of {folder}; they are scaled as those were, which the weights need, "
            "and count as extrapolations later too: where they are many, train anew without "
            "training.start_from",
            UserWarning,
            stacklevel=2,
        )


def _folder(start_from: str) -> Path:
    """Return the folder of the potential; that of a training holds it in ``potential``."""
    folder = Path(start_from).expanduser()
    inside = folder / "potential"
    return inside if is_file(inside / "input.nn") and not is_file(folder / "input.nn") else folder


def _plain(value: Any) -> str:
    """Write a value as a settings file does."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _check_functions(wanted: Architecture, found: Architecture, folder: Path) -> None:
    for element, functions in found.symmetry_functions.items():
        for function in functions:
            if function not in wanted.symmetry_functions[element]:
                raise ConfigError(
                    KEY,
                    f"{folder} has the symmetry function {element} {function}, the settings do "
                    "not; add it, or train anew",
                )


def _check_atom_energies(wanted: Architecture, found: Architecture, folder: Path) -> None:
    for element in wanted.elements:
        given, has = (a.atom_energies.get(element, 0.0) for a in (wanted, found))
        if not np.isclose(given, has, rtol=1e-12, atol=0.0):
            raise ConfigError(
                KEY,
                f"the settings have the atom energy {given!r} of {element}, {folder} has {has!r}, "
                "beside which its weights were trained; give the same in potential.atom_energies, "
                "or fit, which takes those of the folder",
            )
