"""When a search ends by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from autune.search.record import Record

KEPT_EVERY = 60.0
"""Seconds after which the time that a search ran is written down again."""


@dataclass(frozen=True)
class Limits:
    """What ends a search; None: never.

    Parameters
    ----------
    trials
        Number of trials.
    hours
        Time that the search ran, all its resumes together, h.
    patience
        Trials that ended without a better one.
    points
        Points of the space.
    """

    trials: int
    hours: float | None = None
    patience: int | None = None
    points: int | None = None

    def reached(self, n_trials: int, hours: float, since_best: int) -> str:
        """Say which limit is reached; empty while none is."""
        if n_trials >= self.trials:
            return f"all {n_trials} trials"
        if self.hours is not None and hours >= self.hours:
            return f"time limit of {self.hours:g} h"
        if self.patience is not None and since_best >= self.patience:
            return f"no better score in {self.patience} trials"
        return ""

    def exhausted(self) -> str:
        """Say that there is no other point."""
        return f"all {self.points} points of the space"


class Course:
    """How a search goes: the time it took, and the trials since the best one.

    Parameters
    ----------
    records
        Trials that ended before, in the order in which they did.
    seconds
        Time that the search ran before, s.
    """

    def __init__(self, records: Iterable[Record] = (), seconds: float = 0.0) -> None:
        self.since_best = 0
        self._best = (math.inf, math.inf)
        self._before = self._kept = seconds
        self._began = time.monotonic()
        for record in records:
            self.note(record)

    @property
    def seconds(self) -> float:
        """Time that the search ran, s."""
        return self._before + time.monotonic() - self._began

    def to_keep(self) -> float | None:
        """Return the time to write down, s; None if that was done a moment ago.

        A search that is killed again and again before a trial ends would otherwise never reach its
        time limit.
        """
        seconds = self.seconds
        if seconds - self._kept < KEPT_EVERY:
            return None
        self._kept = seconds
        return seconds

    def note(self, record: Record) -> None:
        """Hear that a trial ended."""
        rank = (record.violation, record.score)
        if math.isfinite(record.score) and rank < self._best:
            self._best, self.since_best = rank, 0
        else:
            self.since_best += 1
