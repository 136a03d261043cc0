"""What is known about a trial of a search, and who wants to hear of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from autune.errors import SearchError

State = Literal["running", "complete", "stopped", "diverged", "failed"]
EndState = Literal["finished", "interrupted", "failed"]
"""How a search ends."""


@dataclass(frozen=True)
class Record:
    """A trial as the study has it.

    Parameters
    ----------
    number
        From 0; also the name of its folder.
    state
        running, also when the search was interrupted; complete; stopped by the pruner; diverged;
        failed.
    reason
        Why it is stopped, diverged or failed.
    params
        Dotted key and value of every searched leaf; lists as JSON text.
    objectives
        Values of the objectives in the study's order; empty unless complete.
    metrics
        All metrics of the trial.
    seconds
        Wall time, s.
    directory
        Folder of the trial.
    started, finished
        Seconds since 1970; None where it has not.
    scores
        Score of the first seed after every epoch, by which the pruner judged.
    violation
        How far it is beyond the constraints: sum of (value - limit) / |limit| over those that it
        breaks, value - limit where the limit is 0; 0.0 if it keeps them all.
    """

    number: int
    state: State
    reason: str
    params: Mapping[str, Any]
    objectives: tuple[float, ...]
    metrics: Mapping[str, float]
    seconds: float
    directory: Path
    started: float | None = None
    finished: float | None = None
    scores: tuple[tuple[int, float], ...] = field(default=(), repr=False)
    violation: float = 0.0

    @property
    def score(self) -> float:
        """The scalar by which trials are ranked; infinite unless complete and finite."""
        score = self.metrics.get("score", math.inf)
        return score if self.state == "complete" and math.isfinite(score) else math.inf


@dataclass(frozen=True)
class Proposal:
    """A point to try.

    Parameters
    ----------
    number
        Number of the trial.
    params
        Dotted key and value of every searched leaf whose condition holds.
    directory
        Folder of the trial; not empty when an interrupted trial goes on.
    """

    number: int
    params: dict[str, Any]
    directory: Path


class MissingObjective(SearchError):
    """A complete trial lacks an objective: no trial of this search can have it."""


def ranked(records: Iterable[Record]) -> list[Record]:
    """Return the complete trials, best first.

    Those that keep the constraints come first, by their score; then the others, by how far they
    are beyond them.
    """
    complete = [record for record in records if math.isfinite(record.score)]
    return sorted(complete, key=lambda record: (record.violation, record.score, record.number))


def front(records: Iterable[Record]) -> list[Record]:
    """Return the complete trials that no other one beats in every objective, best first.

    Those that break a constraint neither count nor beat others.
    """
    complete = [r for r in records if r.state == "complete" and r.violation == 0.0]
    complete.sort(key=lambda record: (record.objectives, record.number))
    values = np.array([record.objectives for record in complete])
    front: list[int] = []
    # What beats a trial comes before it in this order, and is itself beaten by none or by one
    # that beats the trial too, so a look at the front so far is enough.
    for i in range(len(complete)):
        best = values[front]
        beaten = (best <= values[i]).all(axis=1) & (best != values[i]).any(axis=1)
        if not beaten.any():
            front.append(i)
    return [complete[i] for i in front]


class Observer(Protocol):
    """Who is told what happens in a search.  All calls come from one thread."""

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Hear of the trials that are finished already and how many there will be."""

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Hear that a trial was given to a worker."""

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Hear that a training of a trial did another epoch."""

    def trial_finished(self, record: Record) -> None:
        """Hear that a trial ended in any state."""

    def search_finished(self, state: EndState) -> None:
        """Hear that nothing more will come."""
