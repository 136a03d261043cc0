"""Symmetry functions are chosen by the training structures alone, and always the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

import autune.training.choose
from autune.architecture import SymmetryFunction
from autune.dataset import Dataset
from autune.evaluation.loss import score
from autune.potential.basis import build_architecture
from autune.potential.model import Potential
from autune.settings import Settings
from autune.space import SearchSpace
from autune.structures import FloatArray, IntArray, Structure
from autune.training.choose import choose_functions
from autune.training.loop import train_potential
from autune.training.parallel import Serial
from autune.training.prepare import prepare

METHODS = ["cur", "correlation", "farthest_point"]
RULE = {"resolution": 6, "r_first": 2.0}


def structures(n: int, seed: int = 1, amplitude: float = 0.15) -> list[Structure]:
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        atoms = bulk("Au", "fcc", a=4.1 * generator.uniform(0.97, 1.04), cubic=True)
        atoms.numbers[:2] = 29
        positions = atoms.positions + generator.normal(0.0, amplitude, atoms.positions.shape)
        forces = generator.normal(size=positions.shape)
        made.append(
            Structure(atoms.numbers, positions, atoms.cell.array, energy=-1.0, forces=forces)
        )
    return made


def dataset(train: list[Structure], test: list[Structure]) -> Dataset:
    n, m = len(train), len(test)
    return Dataset((*train, *test), np.arange(n), np.arange(n, n + m), "")


TRAIN, TEST = structures(12), structures(3, seed=2)
DATASET = dataset(TRAIN, TEST)


def mapping(selection: dict[str, Any], **functions: Any) -> dict[str, Any]:
    return {
        "name": "choose",
        "dataset": {"path": "none"},
        "potential": {
            "elements": ["Au", "Cu"],
            "cutoff_radius": 5.0,
            "hidden_layers": [3],
            "symmetry_functions": {**(functions or {"rule": RULE}), "selection": selection},
        },
        "training": {"epochs": 1, "updates_per_epoch": 5},
    }


def chosen(
    selection: dict[str, Any], data: Dataset = DATASET, **functions: Any
) -> dict[str, tuple[SymmetryFunction, ...]]:
    settings = Settings.from_mapping(mapping(selection, **functions))
    return prepare(settings, data).architecture.symmetry_functions


@pytest.mark.parametrize("method", METHODS)
def test_number_per_element_is_respected(method: str) -> None:
    pool = build_architecture(Settings.from_mapping(mapping({})).potential).symmetry_functions
    for number in (1, 5, 9):
        functions = chosen({"method": method, "number": number, "max_correlation": 1.0})
        for symbol in ("Cu", "Au"):
            assert len(functions[symbol]) == number
            places = [pool[symbol].index(f) for f in functions[symbol]]
            assert places == sorted(places)
    assert functions["Cu"] != functions["Au"]


def test_none_keeps_all() -> None:
    assert chosen({"method": "none", "number": 2}) == chosen({})


@pytest.mark.parametrize("method", METHODS)
def test_order_of_structures_and_tests_decide_nothing(method: str) -> None:
    selection = {"method": method, "number": 6, "atoms": 7}
    found = chosen(selection)
    shuffled = [TRAIN[i] for i in np.random.default_rng(0).permutation(len(TRAIN))]
    assert chosen(selection, dataset(shuffled, TEST)) == found
    assert chosen(selection, dataset(TRAIN, structures(5, seed=9, amplitude=0.6))) == found
    assert chosen(selection, dataset(structures(12, seed=9, amplitude=0.6), TEST)) != found


@pytest.mark.parametrize("method", METHODS)
def test_constant_functions_are_dropped(method: str) -> None:
    functions = {
        "basis": None,
        "radial": {"eta": [0.05, 0.4, 1.0, 900.0]},
        "angular": {"functions": []},
    }
    found = chosen({"method": method, "number": 8, "max_correlation": 1.0}, **functions)
    for of_element in found.values():
        assert {f.eta for f in of_element} == {0.05, 0.4, 1.0}


def test_listed_functions_are_a_pool_too() -> None:
    pool = [[0.01 * n, sign, zeta] for n in (1, 2, 9) for sign in (-1, 1) for zeta in (1, 2)]
    functions = {"basis": None, "radial": {"eta": [0.05, 0.4]}, "angular": {"functions": pool}}
    found = chosen({"method": "correlation", "max_correlation": 0.9}, **functions)
    assert 1 < len(found["Au"]) < 2 * 2 + 3 * 12


def test_pool_is_computed_once_for_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen({"method": "cur", "number": 3})

    def refuse(*arguments: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(autune.training.choose, "find_pools", refuse)
    chosen({"method": "cur", "number": 7})
    chosen({"method": "correlation"})
    with pytest.raises(AssertionError, match="computed again"):
        chosen({"method": "cur", "number": 7}, rule={"resolution": 5, "r_first": 2.0})


def test_a_machine_that_chooses_otherwise_goes_on_with_no_state_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.from_mapping(mapping({"method": "cur", "number": 3}))
    one = prepare(settings, DATASET)
    assert prepare(settings, DATASET).identity == one.identity
    monkeypatch.setattr(autune.training.choose, "select_functions", lambda *_: [0, 1, 2])
    assert prepare(settings, DATASET).identity != one.identity


def test_selected_potential_is_written_and_read(tmp_path: Path) -> None:
    settings = Settings.from_mapping(mapping({"method": "cur", "number": 4}))
    judge = partial(score, settings=settings.evaluation.score)
    potential = train_potential(settings, prepare(settings, DATASET), judge).potential
    potential.save(tmp_path)
    read = Potential.load(tmp_path)
    assert read.architecture == potential.architecture
    assert [len(f) for f in read.architecture.symmetry_functions.values()] == [4, 4]
    one, other = potential.predict(TEST[0]), read.predict(TEST[0])
    assert one.energy == other.energy
    np.testing.assert_array_equal(one.forces, other.forces)


def test_number_can_be_searched() -> None:
    selection = {"method": {"choice": METHODS}, "number": {"int": [2, 12]}}
    rule = {"resolution": {"int": [3, 9]}, "radial": {"choice": ["centred", "shifted", "both"]}}
    space = SearchSpace.from_mapping(mapping(selection, rule=rule))
    generator = np.random.default_rng(0)
    for _ in range(50):
        point = space.sample(generator)
        symmetry_functions = space.apply(point).potential.symmetry_functions
        number = point["potential.symmetry_functions.selection.number"]
        assert symmetry_functions.selection.number == number
        build_architecture(space.apply(point).potential)


def test_number_is_asked_for() -> None:
    with pytest.raises(Exception, match="method cur needs number"):
        Settings.from_mapping(mapping({"method": "cur"}))


class Threads:
    """Two ranks that are threads of one process."""

    size = 2
    barrier = threading.Barrier(2)
    columns: tuple[list[FloatArray], ...] = ([], [])

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def gather(self, columns: FloatArray, counts: IntArray) -> FloatArray:
        assert columns.shape[1] == counts[self.rank]
        self.columns[self.rank].append(columns.copy())
        self.barrier.wait(60.0)
        return np.hstack([columns[-1] for columns in self.columns])

    def add(self, array: FloatArray) -> FloatArray:
        raise NotImplementedError

    def agree(self, decision: bool) -> bool:
        raise NotImplementedError


def test_ranks_choose_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_mapping(mapping({"method": "cur", "number": 5})).potential
    architecture = replace(build_architecture(settings), hidden_layers=())
    choose = partial(
        choose_functions, DATASET, architecture, settings.symmetry_functions.selection, 1e-8
    )
    alone = choose(Serial())
    monkeypatch.setattr(autune.training.choose, "_kept", {})
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda rank: choose(Threads(rank)), range(2)):
            assert found == alone
