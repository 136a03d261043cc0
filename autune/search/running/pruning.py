"""Which trials stop early: a pruner by epochs, a race by trainings.  A door of Ray.

All pruners compare a trial with what others had reached by the same epoch of their first training:

asha
    Asynchronous successive halving (Li et al., MLSys 2020), as Ray Tune has it: at the epochs
    ``grace_epochs`` times powers of ``reduction_factor`` a trial must be in the best part of those
    that were there.
hyperband
    Asynchronous Hyperband (the same source): several such halvings side by side, each of which
    looks later for the first time, since a good end may follow a bad start.
median
    Median rule (Golovin et al., KDD 2017): after every epoch, the best score of a trial must not be
    worse than the median of the mean scores that others had by then.  Ray Tune's goes through all
    scores of all trials at each, and cannot be shown trials of an earlier run.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from autune.search.record import Record
from autune.search.running.racing import Race, verdict
from autune.search.running.worker import WORST
from autune.settings import SearchSettings, Settings

FEWEST = 3
"""Trials that the median rule needs."""


def rungs(settings: SearchSettings, epochs: int) -> tuple[int, ...]:
    """Return the epochs at which successive halving decides; none is the last, nor after it.

    Parameters
    ----------
    settings
        grace_epochs and reduction_factor.
    epochs
        Of a training.
    """
    found = []
    rung = settings.grace_epochs
    while rung < epochs:
        found.append(rung)
        rung *= settings.reduction_factor
    return tuple(found)


def decisive_epochs(settings: SearchSettings, epochs: int) -> tuple[int, ...]:
    """Return the epochs of which the pruner must hear.

    Parameters
    ----------
    settings
        Of the search.
    epochs
        Largest number of epochs of a training.
    """
    found = rungs(settings, epochs)
    if settings.pruner == "none" or not found:
        return ()
    return tuple(range(epochs)) if settings.pruner == "median" else found


def races(settings: Settings) -> bool:
    """Say whether a trial may end between its trainings.

    Not with cross-validation: parts of the data differ more than seeds do.
    """
    evaluation = settings.evaluation
    alike = evaluation.cross_validation == "none" and evaluation.seeds > 1
    return settings.search.racing and alike


class Judge(FIFOScheduler):  # type: ignore[misc]  # Ray has no types
    """Tells Tune which trials to stop.

    Parameters
    ----------
    settings
        At any point: pruner, racing, seeds.
    epochs
        Largest number of epochs of a training.
    records
        Trials that ended before; all later decisions are made with them in mind.

    Attributes
    ----------
    reasons
        Why a trial was stopped, by Tune's name of it.
    """

    def __init__(self, settings: Settings, epochs: int, records: Sequence[Record]) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        search = settings.search
        self._race = Race(len(search.objectives)) if races(settings) else None
        self._n_seeds = settings.evaluation.seeds
        self._rules = _Rules(search, epochs)
        self._scores: dict[str, dict[int, float]] = {}
        for record in records:
            name = f"past-{record.number}"
            for epoch, score in record.scores:
                self._rules.hear(name, epoch, score)
            self.note(name, record)

    def on_trial_result(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Decide after an epoch of the first training, or after a training."""
        name, reason = trial.trial_id, ""
        if "judged" in result:
            scores = self._scores.setdefault(name, {})
            scores[result["judged"]] = result["judged_score"]
            if self._race is not None:
                reason = verdict(list(scores.values()), self._race.standings)
        elif "epoch" in result:
            epoch, score = result["epoch"], result["score"]
            if self._rules.hear(name, epoch, score):
                reason = f"after epoch {epoch} with score {score:.4g}"
        if reason:
            self.reasons[name] = reason
        return str(TrialScheduler.STOP if reason else TrialScheduler.CONTINUE)

    def note(self, name: str, record: Record) -> None:
        """Hear how a trial ended."""
        self.reasons.pop(name, None)
        self._scores.pop(name, None)
        self._rules.forget(name)
        # Those beyond a constraint rank behind all others, whatever their score is.
        if self._race is not None and record.state == "complete" and record.violation == 0.0:
            deviation = record.metrics.get("score_std", math.nan)
            self._race.enter(record.score, deviation, self._n_seeds)

    def choose_trial_to_run(self, controller: Any) -> None:
        """Leave it to Tune, which starts trials in their order without a look at all of them."""


class _Rules:
    """The rules of a pruner; a trial belongs to one of them for good.

    Trials are dealt out so that every halving of Hyperband has about the same work, as Li et al.
    (Journal of Machine Learning Research 18, 185, 2018) do it; not by chance, so that a search
    can be repeated.
    """

    def __init__(self, settings: SearchSettings, epochs: int) -> None:
        self._decisive = set(decisive_epochs(settings, epochs))
        self._rule_of: dict[str, _Rule] = {}
        self._rules: list[_Rule] = []
        times = rungs(settings, epochs)
        if not self._decisive:
            return
        if settings.pruner == "median":
            self._rules = [_Median(settings.grace_epochs)]
        else:
            starts = times if settings.pruner == "hyperband" else times[:1]
            factor = settings.reduction_factor
            self._rules = [_Halving(start, factor, epochs) for start in starts]
        n = len(self._rules)
        self._shares = [settings.reduction_factor ** (n - 1 - s) / (n - s) for s in range(n)]
        self._dealt = [0] * n

    def hear(self, name: str, epoch: int, score: float) -> bool:
        """Take in a score, and say whether to stop."""
        if epoch not in self._decisive:
            return False
        # A trial whose worker died comes back with its name, to the same rule.
        if name not in self._rule_of:
            self._rule_of[name] = self._rules[self._next()]
        score = min(score, WORST) if math.isfinite(score) else WORST
        return self._rule_of[name].hear(name, epoch, score)

    def forget(self, name: str) -> None:
        """Hear that a trial ended; its scores stay."""
        rule = self._rule_of.pop(name, None)
        if rule is not None:
            rule.forget(name)

    def _next(self) -> int:
        """Return the rule that lacks trials most."""
        fill = [n / share for n, share in zip(self._dealt, self._shares, strict=True)]
        index = fill.index(min(fill))
        self._dealt[index] += 1
        return index


class _Rule(Protocol):
    def hear(self, name: str, epoch: int, score: float) -> bool:
        """Take in a score, and say whether to stop."""

    def forget(self, name: str) -> None:
        """Hear that a trial ended; its scores stay."""


@dataclass(frozen=True)
class _Trial:
    """What Tune's rule needs to know of a trial."""

    trial_id: str


class _Halving:
    """Successive halving of Ray Tune, for trials of its own and of earlier runs."""

    def __init__(self, start: int, factor: int, epochs: int) -> None:
        self._known: set[str] = set()
        self._rule = AsyncHyperBandScheduler(
            time_attr="epoch",
            metric="score",
            mode="min",
            max_t=epochs - 1,  # after the last epoch there is nothing left to stop
            grace_period=start,
            reduction_factor=factor,
            stop_last_trials=False,
        )

    def hear(self, name: str, epoch: int, score: float) -> bool:
        trial = _Trial(name)
        if name not in self._known:
            self._known.add(name)
            self._rule.on_trial_add(None, trial)
        decision = self._rule.on_trial_result(None, trial, {"epoch": epoch, "score": score})
        return bool(decision == TrialScheduler.STOP)

    def forget(self, name: str) -> None:
        self._known.discard(name)
        self._rule.on_trial_remove(None, _Trial(name))


@dataclass
class _Course:
    """How a training went so far."""

    epoch: int = -1
    best: float = math.inf
    total: float = 0.0
    n: int = 0


class _Median:
    """The median rule, with the means that trials had at each epoch kept in order."""

    def __init__(self, grace: int) -> None:
        self._grace = grace
        self._courses: dict[str, _Course] = {}
        self._means: dict[int, list[float]] = {}

    def hear(self, name: str, epoch: int, score: float) -> bool:
        course = self._courses.setdefault(name, _Course())
        if epoch <= course.epoch:
            return False  # again, after the death of a worker
        course.epoch, course.best = epoch, min(course.best, score)
        if epoch < self._grace:
            return False
        if score < WORST:
            course.total, course.n = course.total + score, course.n + 1
        means = self._means.setdefault(epoch, [])
        stop = len(means) >= FEWEST and course.best > _middle(means)
        insort(means, course.total / course.n if course.n else WORST)
        return stop

    def forget(self, name: str) -> None:
        self._courses.pop(name, None)


def _middle(ordered: Sequence[float]) -> float:
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0
