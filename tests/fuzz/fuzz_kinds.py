"""Kinds of inputs: how one is made from a seed, and what a user does with it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzz_potentials import (
    make_checkpoint,
    make_potential,
    make_reference,
    use_checkpoint,
    use_potential,
    use_reference,
)
from fuzz_searches import make_name, make_study, use_name, use_study
from fuzz_structures import make_extxyz, make_input_data, make_other, use_structures
from fuzz_yaml import make_settings, use_settings


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    make
        Writes the input of a generator into a folder, and returns its path.
    use
        What a user does with it; a second folder is for what is written.
    quick
        Number of inputs in the default suite.
    slow
        Number of inputs in the long run.
    """

    make: Callable[[random.Random, Path], Path]
    use: Callable[[Path, Path], object]
    quick: int
    slow: int


KINDS: dict[str, Kind] = {
    "settings": Kind(make_settings, use_settings, 200, 3000),
    "input_data": Kind(make_input_data, use_structures, 300, 3000),
    "extxyz": Kind(make_extxyz, use_structures, 300, 3000),
    "other_formats": Kind(make_other, use_structures, 300, 4000),
    "potential": Kind(make_potential, use_potential, 300, 3000),
    "reference": Kind(make_reference, use_reference, 300, 2000),
    "name": Kind(make_name, use_name, 200, 2000),
    "study": Kind(make_study, use_study, 80, 2000),
    "checkpoint": Kind(make_checkpoint, use_checkpoint, 80, 2000),
}


def empty(folder: Path) -> None:
    """Remove what the last input left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
