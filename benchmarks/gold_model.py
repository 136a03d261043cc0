"""A potential for one gold cell, its symmetry functions and network in the size that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from cells import gold_study

from autune.architecture import Architecture
from autune.dataset import Dataset
from autune.potential.model import Potential
from autune.potential.neighbours import neighbour_list
from autune.settings import Settings
from autune.structures import Structure
from autune.training.initial import initial_weights
from autune.training.prepare import Prepared, prepare

Kind = Literal["wide", "narrow"]
"""Of angular functions: 9 and 3."""


def gold_settings(
    cutoff_radius: float = 6.0,
    kind: Kind = "wide",
    neurons: int = 25,
    grid: int | None = None,
    radial_only: bool = False,
) -> Settings:
    """Return the gold study with another radius, kind, network or grid of functions.

    A grid has 8 functions for each of its steps: 2 radial etas over the range of the gold study
    and one angular eta with lambda 1 and -1 and zeta 2, 3 and 4; or 8 radial etas.
    """
    content = gold_study().model_dump(mode="json", by_alias=True)
    potential: dict[str, Any] = content["potential"]
    functions = potential["symmetry_functions"]
    functions["angular"]["kind"] = kind
    if grid is not None:
        n_radial = (8 if radial_only else 2) * grid
        functions["radial"]["eta"] = np.geomspace(0.006428, 0.822784, n_radial).tolist()
        functions["angular"]["functions"] = [
            (0.000357 + 0.005 * place, sign, zeta)
            for place in range(0 if radial_only else grid)
            for sign in (1, -1)
            for zeta in (2.0, 3.0, 4.0)
        ]
    potential |= {"cutoff_radius": cutoff_radius, "hidden_layers": (neurons, neurons)}
    return Settings.from_mapping(content)


@dataclass(frozen=True, eq=False)
class Model:
    """A potential with initial weights for one cell."""

    structure: Structure
    settings: Settings

    @cached_property
    def prepared(self) -> Prepared:
        """The cell, ready for training."""
        dataset = Dataset.from_structures([self.structure], "a generated gold cell")
        nothing = np.empty(0, dtype=np.int64)
        return prepare(self.settings, replace(dataset, train=np.array([0]), test=nothing))

    @property
    def architecture(self) -> Architecture:
        """Symmetry functions and network."""
        return self.prepared.architecture

    @cached_property
    def potential(self) -> Potential:
        """The potential, scaled by the cell."""
        initialization = self.settings.training.initialization
        generator = np.random.default_rng(1)
        weights = initial_weights(self.architecture, "Au", initialization, generator)
        return Potential(self.architecture, self.prepared.scaling, {"Au": weights})

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.structure.n_atoms

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return self.architecture.n_weights("Au")

    @property
    def n_functions(self) -> int:
        """Number of symmetry functions."""
        return len(self.architecture.symmetry_functions["Au"])

    @cached_property
    def n_neighbours(self) -> float:
        """Neighbours of an atom, images counted singly; mean of the cell."""
        found = neighbour_list(self.structure, self.architecture.r_cutoff)
        return len(found.index) / self.n_atoms

    @property
    def n_felt(self) -> float:
        """Distinct atoms that an atom feels, itself included; mean of the cell."""
        return len(self.prepared.train.data.center) / self.n_atoms
