"""Which trials are stopped: pruners by epochs of the first training, the race by trainings."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_trial import settings

from autune.search.record import Record
from autune.search.running.pruning import Judge, decisive_epochs, races, rungs
from autune.search.running.worker import WORST
from autune.settings import Settings

EPOCHS = 30
PRUNERS = ("asha", "hyperband", "median")


def make_settings(seeds: int = 2, cross_validation: str = "none", **search: object) -> Settings:
    raw = settings(grace_epochs=3, **{"pruner": "none", "racing": False, **search})
    raw["potential"] = {"elements": ["Au"]}
    raw["training"] = {"epochs": EPOCHS}
    raw["evaluation"] = {"seeds": seeds, "cross_validation": cross_validation}
    return Settings.from_mapping(raw)


def make_judge(records: tuple[Record, ...] = (), **search: object) -> Judge:
    return Judge(make_settings(**search), EPOCHS, records)


def make_record(number: int, level: float, state: str = "complete", **metrics: float) -> Record:
    scores = tuple((epoch, curve(level, epoch)) for epoch in range(EPOCHS + 1))
    metrics = {"score": level, "score_std": 0.1 * level, **metrics}
    return Record(number, state, "", {}, (level,), metrics, 1.0, Path(), scores=scores)


def curve(level: float, epoch: int) -> float:
    return level + 1.0 / (1 + epoch)


def tell(judge: Judge, name: str, epoch: int, score: float) -> str:
    trial = SimpleNamespace(trial_id=name)
    return judge.on_trial_result(None, trial, {"epoch": epoch, "score": score})


def train(judge: Judge, name: str, level: float, score=curve) -> int | None:
    """Report all epochs that a worker would; return that of the stop."""
    for epoch in range(1, EPOCHS):
        if tell(judge, name, epoch, score(level, epoch)) == "STOP":
            return epoch
    return None


@pytest.mark.parametrize("pruner", PRUNERS)
def test_bad_trials_stop_and_good_ones_finish(pruner: str) -> None:
    judge = make_judge(pruner=pruner)
    stops = {}
    for number in range(60):
        level = float(number * 17 % 60)  # good and bad ones mixed
        stops[level] = train(judge, f"t{number}", level)
        judge.note(f"t{number}", make_record(number, level, "stopped"))
    assert stops[0.0] is None
    assert stops[1.0] is None
    worst = [stops[level] for level in range(30, 60)]
    assert sum(stop is not None for stop in worst) >= 20
    epochs = {stop for stop in stops.values() if stop is not None}
    assert min(epochs) >= 3
    assert max(epochs) < EPOCHS


@pytest.mark.parametrize("pruner", PRUNERS)
def test_past_trials_are_remembered(pruner: str) -> None:
    past = tuple(make_record(n, float(n)) for n in range(12))
    judge = make_judge(past, pruner=pruner)
    stops = [train(judge, f"bad-{n}", 100.0) for n in range(6)]
    assert sum(stop is not None for stop in stops) >= 5
    assert 3 in stops  # the first opportunity
    assert train(judge, "good", -1.0) is None


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("wild", [WORST, math.inf, math.nan])
def test_scores_that_are_not_finite_break_nothing(pruner: str, wild: float) -> None:
    judge = make_judge(pruner=pruner)

    def diverging(level: float, epoch: int) -> float:
        return wild if epoch > 2 else curve(level, epoch)

    for number in range(12):
        train(judge, f"wild-{number}", 1.0, diverging)
        judge.note(f"wild-{number}", make_record(number, 1.0, "diverged"))
    for number in range(5):
        assert train(judge, f"t{number}", 1.0) is None


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_may_come_back_after_the_death_of_its_worker(pruner: str) -> None:
    judge = make_judge(tuple(make_record(n, float(n)) for n in range(12)), pruner=pruner)
    assert tell(judge, "t", 3, 0.5) == "CONTINUE"
    assert tell(judge, "t", 3, 0.5) == "CONTINUE"
    assert [tell(judge, "t", epoch, 0.5) for epoch in (2, 3, 9, 27)] == ["CONTINUE"] * 4


def test_no_pruner_stops_nothing() -> None:
    judge = make_judge(tuple(make_record(n, float(n)) for n in range(20)))
    assert train(judge, "bad", 1e6) is None


def test_rungs_end_before_the_last_epoch() -> None:
    search = make_settings(pruner="asha").search
    assert rungs(search, 27) == (3, 9)
    assert rungs(search, 28) == (3, 9, 27)
    assert rungs(search, 3) == ()
    assert decisive_epochs(search, 28) == (3, 9, 27)
    assert decisive_epochs(make_settings(pruner="none").search, 28) == ()
    median = make_settings(pruner="median").search
    assert decisive_epochs(median, 6) == (0, 1, 2, 3, 4, 5)
    assert decisive_epochs(median, 3) == ()


def test_the_halvings_of_hyperband_look_at_different_times_and_the_same_again() -> None:
    past = tuple(make_record(n, float(n)) for n in range(40))
    stops = []
    for _ in range(2):
        judge = make_judge(past, pruner="hyperband")
        stops.append([train(judge, f"bad-{n}", 100.0) for n in range(40)])
    assert stops[0] == stops[1]
    counts = {epoch: stops[0].count(epoch) for epoch in (3, 9, 27)}
    assert sum(counts.values()) == 40
    assert counts[3] > counts[9] > counts[27] > 0


def test_the_median_rule_compares_the_best_with_the_mean_of_others() -> None:
    judge = make_judge(pruner="median")
    for name, score in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        assert [tell(judge, name, epoch, score) for epoch in range(3, 6)] == ["CONTINUE"] * 3
    # At epoch 3 the median is 2; what was reached before, even in the grace, counts.
    assert tell(judge, "d", 3, 2.0) == "CONTINUE"
    assert tell(judge, "e", 3, 2.1) == "STOP"
    assert tell(judge, "f", 1, 1.9) == "CONTINUE"
    assert tell(judge, "f", 3, 9.0) == "CONTINUE"
    # At epoch 5 the mean of epochs 3 to 5 counts: of 1.0, 2.0, 3.0 and g, which got better.
    for epoch, score in ((3, 1.0), (4, 4.0), (5, 4.0)):
        tell(judge, "g", epoch, score)
    assert tell(judge, "h", 5, 2.5) == "CONTINUE"
    assert tell(judge, "i", 5, 2.6) == "STOP"


def judged(judge: Judge, name: str, *scores: float) -> list[str]:
    trial = SimpleNamespace(trial_id=name)
    return [
        judge.on_trial_result(None, trial, {"judged": seed, "judged_score": score})
        for seed, score in enumerate(scores)
    ]


def test_a_race_stops_a_trial_between_its_seeds() -> None:
    past = tuple(make_record(n, 1.0 + 0.01 * n) for n in range(10))
    judge = make_judge(past, racing=True, objectives=["energy_rmse"])
    assert judged(judge, "bad", 4.2) == ["STOP"]
    assert judge.reasons["bad"] == (
        "after seed 0: score 4.2, with 95 % confidence worse than 1.04 of the 5 best"
    )
    assert judged(judge, "good", 1.1, 1.1) == ["CONTINUE", "CONTINUE"]
    # The same training again, after the death of a worker, is no second one.
    assert judged(judge, "again", 1.2) == judged(judge, "again", 1.2) == ["CONTINUE"]
    assert judged(judge, "wild", math.inf) == ["CONTINUE"]
    without = make_judge(past, objectives=["energy_rmse"])
    assert judged(without, "bad", 4.2) == ["CONTINUE"]


def test_trials_beyond_a_constraint_are_not_raced_against() -> None:
    past = tuple(make_record(n, 1.0) for n in range(10))
    beyond = tuple(Record(**vars(r) | {"violation": 0.1}) for r in past)
    judge = make_judge(beyond, racing=True, objectives=["energy_rmse"])
    assert judged(judge, "bad", 4.2) == ["CONTINUE"]


def test_what_is_raced() -> None:
    assert races(make_settings(racing=True))
    assert not races(make_settings())
    assert not races(make_settings(seeds=1, racing=True))
    assert not races(make_settings(cross_validation="k_fold", racing=True))
