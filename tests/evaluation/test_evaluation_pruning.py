"""Functions are ranked over all seeds, and the settings list those that are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from autune.errors import DataError
from autune.evaluation.pruning import Ranked, prune_settings, rank_functions
from autune.potential.basis import build_architecture
from autune.potential.model import Potential
from autune.settings import Settings
from autune.structures import Structure

POTENTIAL = Potential.load(Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh")


def structures(symbol: str = "Au") -> list[Structure]:
    atoms = bulk(symbol, "fcc", a=4.1, cubic=True)
    generator = np.random.default_rng(4)
    positions = atoms.positions + generator.normal(0.0, 0.2, atoms.positions.shape)
    return [Structure(atoms.numbers, positions, atoms.cell.array)]


def with_deaf_inputs(*places: int) -> Potential:
    """The potential with the weights of some inputs put to 0."""
    n = POTENTIAL.architecture.hidden_layers[0]
    weights = POTENTIAL.weights["Au"].copy()
    for place in places:
        weights[n * place : n * (place + 1)] = 0.0
    return replace(POTENTIAL, weights={"Au": weights})


def test_the_least_sensitive_go() -> None:
    functions = POTENTIAL.architecture.symmetry_functions["Au"]
    ranked = rank_functions([with_deaf_inputs(1, 3)], structures(), len(functions) - 2, 100)
    assert {r.function for r in ranked if not r.kept} == {functions[1], functions[3]}
    values = [r.sensitivity for r in ranked]
    assert values == sorted(values, reverse=True)
    assert values[-2:] == [0.0, 0.0]


def test_what_one_seed_uses_counts() -> None:
    functions = POTENTIAL.architecture.symmetry_functions["Au"]
    seeds = [with_deaf_inputs(1, 3), with_deaf_inputs(1)]
    ranked = {r.function: r.sensitivity for r in rank_functions(seeds, structures(), 1, 100)}
    single = {r.function: r.sensitivity for r in rank_functions(seeds[1:], structures(), 1, 100)}
    assert ranked[functions[1]] == 0.0
    assert ranked[functions[3]] == pytest.approx(single[functions[3]] / np.sqrt(2.0))


def test_mistakes() -> None:
    a = POTENTIAL.architecture
    fewer = replace(a, symmetry_functions={"Au": a.symmetry_functions["Au"][1:]})
    with pytest.raises(DataError, match="different symmetry functions"):
        rank_functions([POTENTIAL, replace(POTENTIAL, architecture=fewer)], structures(), 2, 100)
    with pytest.raises(DataError, match="the potential knows Au"):
        rank_functions([POTENTIAL], structures("Cu"), 2, 100)


def test_settings_list_what_is_kept_of_each_element() -> None:
    settings = Settings.from_mapping(
        {
            "name": "alloy",
            "dataset": {"path": "none"},
            "potential": {
                "elements": ["Au", "Cu"],
                "cutoff_radius": 5.1,
                "symmetry_functions": {"rule": {"resolution": 3}},
            },
            "training": {"start_from": "whole"},
        }
    )
    architecture = build_architecture(settings.potential)
    ranked = [
        Ranked(symbol, function, 1.0, place % (2 + shift) == 0)
        for shift, symbol in enumerate(architecture.elements)
        for place, function in enumerate(architecture.symmetry_functions[symbol])
    ]
    found = prune_settings(settings, architecture, ranked)
    assert found.training.start_from is None
    pruned = build_architecture(found.potential)
    for symbol in ("Cu", "Au"):
        kept = {r.function for r in ranked if r.kept and r.element == symbol}
        assert set(pruned.symmetry_functions[symbol]) == kept
    assert pruned.symmetry_functions["Cu"] != pruned.symmetry_functions["Au"]
