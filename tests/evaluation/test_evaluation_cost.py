"""What a prediction costs."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from autune.dataset import Dataset
from autune.evaluation import cost
from autune.evaluation.cost import cost_metrics, prediction_time
from autune.potential.model import Potential
from autune.structures import Structure

GOLD = Dataset.read("builtin:gold").structures


class Clock:
    """A potential whose predictions take a second for each atom, and the clock that says so."""

    def __init__(self, slow_repeat: int = -1) -> None:
        self.now, self.calls, self.slow_repeat = 0.0, [], slow_repeat

    def predict(self, structure: Structure) -> None:
        self.now += structure.n_atoms * (100.0 if len(self.calls) == self.slow_repeat else 1.0)
        self.calls.append(structure)


def timed(clock: Clock, monkeypatch: pytest.MonkeyPatch, longest: float = 1e9) -> float:
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(cost, "LONGEST", longest)
    return prediction_time(clock, GOLD[: len(GOLD)])  # type: ignore[arg-type]


def test_time_is_the_median_per_atom(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(slow_repeat=3)
    assert timed(clock, monkeypatch) == pytest.approx(1e6)
    sizes = list(itertools.accumulate(s.n_atoms for s in GOLD))
    n_timed = sum(size <= cost.MOST_ATOMS for size in sizes)
    assert 1 < n_timed < len(GOLD)
    assert len(clock.calls) == 1 + cost.REPEATS * n_timed


def test_a_slow_potential_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    timed(clock, monkeypatch, longest=1.0)
    assert clock.calls.count(GOLD[1]) == 1


def test_counts_are_those_of_the_potential() -> None:
    net = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"
    potential = Potential.load(net)
    structure = next(s for s in GOLD)
    symbol = potential.elements[0]
    other = Structure(
        structure.numbers * 0 + _number(symbol), structure.positions, cell=structure.cell
    )
    metrics = cost_metrics(potential, [other])
    assert metrics["prediction_time"] > 0.0
    lines = (net / "input.nn").read_text().splitlines()
    listed = [line for line in lines if line.startswith("symfunction_short")]
    assert metrics["n_symmetry_functions"] == len(listed)
    weights = [p.read_text().splitlines() for p in net.glob("weights.*.data")]
    numbers = [line for text in weights for line in text if line and line[0] != "#"]
    assert metrics["n_weights"] == len(numbers)


def _number(symbol: str) -> int:
    from ase.data import atomic_numbers

    return int(atomic_numbers[symbol])
