"""The symmetry functions that a trained potential can do without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autune.architecture import Architecture, SymmetryFunction
from autune.errors import DataError
from autune.potential.model import Potential
from autune.potential.pool import sample_atoms, sample_values
from autune.potential.sensitivity import sensitivities
from autune.settings import Settings
from autune.structures import Structure
from autune.symmetry_lines import symmetry_function_words


@dataclass(frozen=True)
class Ranked:
    """A symmetry function and its sensitivity.

    Parameters
    ----------
    element
        Of the central atom.
    function
        The function.
    sensitivity
        Root of the mean square over potentials, in eV.
    kept
        Whether it is among the largest of the element.
    """

    element: str
    function: SymmetryFunction
    sensitivity: float
    kept: bool


def rank_functions(
    potentials: Sequence[Potential], structures: Sequence[Structure], number: int, most: int
) -> list[Ranked]:
    """Rank symmetry functions by sensitivity, per element, the largest first.

    Parameters
    ----------
    potentials
        Of the same symmetry functions, which differ in their seeds: one seed may happen to use
        a function that another does not.
    structures
        On which they were trained.
    number
        How many are kept of each element.
    most
        Atoms of each element that are looked at, at most.

    Raises
    ------
    DataError
        If the potentials have other symmetry functions than the first, or an element has no atom.
    """
    a = potentials[0].architecture
    if any(p.architecture.symmetry_functions != a.symmetry_functions for p in potentials):
        raise DataError("the potentials have different symmetry functions; rank those of one")
    sample = sample_atoms(structures, a, most)
    G = sample_values(structures, a, sample)
    found = [sensitivities(potential, G, sample.element) for potential in potentials]
    ranked = []
    for symbol in a.elements:
        mean = np.sqrt(np.mean([of_potential[symbol] ** 2 for of_potential in found], axis=0))
        if np.isnan(mean).any():
            raise DataError(f"no structure has an atom of {symbol}; add structures with it")
        for rank, place in enumerate(np.argsort(-mean, kind="stable")):
            function = a.symmetry_functions[symbol][place]
            ranked.append(Ranked(symbol, function, float(mean[place]), rank < number))
    return ranked


def prune_settings(
    settings: Settings, architecture: Architecture, ranked: Sequence[Ranked]
) -> Settings:
    """Return settings that list the functions that are kept, of a training that begins anew.

    Parameters
    ----------
    settings
        By which the potential was trained.
    architecture
        Of the potential; supplies the order of functions.
    ranked
        From `rank_functions`.
    """
    kept = {(r.element, r.function) for r in ranked if r.kept}
    lines = [
        " ".join(symmetry_function_words(symbol, function))
        for symbol, functions in architecture.symmetry_functions.items()
        for function in functions
        if (symbol, function) in kept
    ]
    content = settings.model_dump(mode="json", by_alias=True)
    content["potential"]["symmetry_functions"] = {"explicit": lines}
    content["training"]["start_from"] = None  # its weights are those of all functions
    return Settings.from_mapping(content)
