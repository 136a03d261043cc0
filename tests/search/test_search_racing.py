"""Racing: which trials are left before all of their seeds are trained."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autune.search.running.racing import BEST, FEWEST, Race, Standings, lower_bound, verdict


def race_of(n: int, score: float = 1.0, deviation: float = 0.1) -> Race:
    race = Race()
    for i in range(n):
        race.enter(score + 0.01 * i, deviation, 3)
    return race


def test_the_bound_is_that_of_student() -> None:
    # One-sided 95 % quantile of Student's t with 10 degrees of freedom: 1.8125.
    assert lower_bound([2.0], 0.2, 10) == pytest.approx(2.0 * math.exp(-0.36249), rel=1e-4)
    assert lower_bound([1.0, 3.0], 0.2, 10) == pytest.approx(
        2.0 * math.exp(-0.36249 / math.sqrt(2)), rel=1e-4
    )


def test_the_bound_holds_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    spread, n = 0.3, 20_000
    logs = spread * generator.normal(size=n)
    pooled = spread * np.sqrt(generator.chisquare(8, n) / 8)
    held = [lower_bound([math.exp(x)], s, 8) <= 1.0 for x, s in zip(logs, pooled, strict=True)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.005)


def test_nothing_is_decided_before_there_are_enough_complete_trials() -> None:
    assert race_of(FEWEST - 1).standings is None
    assert verdict([1000.0], race_of(FEWEST - 1).standings) == ""
    race = race_of(FEWEST)
    assert race.standings is not None
    assert verdict([1000.0], race.standings)
    # Trials whose seeds do not differ, or that have one, say nothing about the spread.
    assert race_of(20, deviation=0.0).standings is None
    assert race_of(20, deviation=math.nan).standings is None
    more = Race(n_objectives=2)
    for _ in range(2 * BEST - 1):
        more.enter(1.0, 0.1, 2)
    assert more.standings is None
    more.enter(1.0, 0.1, 2)
    assert more.standings is not None


def test_the_spread_is_pooled_and_the_last_of_the_best_counts() -> None:
    race = Race()
    for score in (3.0, 1.0, 2.0, 9.0, 5.0, 4.0, 8.0):
        race.enter(score, 0.2 * score, 3)
    standings = race.standings
    assert standings is not None
    assert standings.worst == 5.0
    assert standings.freedom == 14
    assert standings.spread == pytest.approx(math.sqrt(math.log(1.04)))
    race.enter(math.inf, 1.0, 3)
    race.enter(math.nan, math.nan, 3)
    race.enter(-1.0, 1.0, 3)
    assert race.standings == standings


def test_a_trial_goes_on_while_it_may_be_among_the_best() -> None:
    standings = Standings(worst=3.0, n_best=5, spread=0.2, freedom=14)
    assert verdict([3.5], standings) == ""
    assert verdict([4.0], standings) == ""
    assert verdict([4.5], standings) == (
        "after seed 0: score 4.5, with 95 % confidence worse than 3 of the 5 best"
    )
    # Two seeds say more than one.
    assert verdict([4.0, 4.0], standings).startswith("after seeds 0 to 1: score 4, with")


@pytest.mark.parametrize("scores", [[], [math.inf], [math.nan], [0.0], [-1.0], [5.0, math.inf]])
def test_what_cannot_be_compared_goes_on(scores: list[float]) -> None:
    assert verdict(scores, Standings(1.0, 5, 0.1, 10)) == ""


def run_searches(spread: float, n_searches: int = 1000) -> tuple[float, float]:
    """Return how often the truly best trial was dropped, and the share of saved trainings."""
    generator = np.random.default_rng(7)
    n_trials, n_seeds = 40, 3
    dropped = trained = 0
    for _ in range(n_searches):
        truth = np.exp(generator.normal(0.0, 0.5, n_trials))
        scores = truth[:, None] * np.exp(spread * generator.normal(size=(n_trials, n_seeds)))
        race = Race()
        for number, row in enumerate(scores):
            for done in range(1, n_seeds):
                trained += 1
                if verdict(row[:done].tolist(), race.standings):
                    dropped += int(number == truth.argmin())
                    break
            else:
                trained += 1
                race.enter(float(row.mean()), float(row.std(ddof=1)), n_seeds)
    return dropped / n_searches, 1.0 - trained / (n_searches * n_trials * n_seeds)


def test_the_best_is_hardly_ever_dropped_and_much_is_saved() -> None:
    dropped, saved = run_searches(spread=0.2)
    assert dropped <= 0.001
    assert saved > 0.25
    dropped, saved = run_searches(spread=0.4)
    assert dropped <= 0.006
    assert saved > 0.2
