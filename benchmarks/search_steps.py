"""A whole search of trials of a millisecond through Ray, watched from its driver.

    python benchmarks/search_steps.py FOLDER CASE

A process that `many_trials.py` starts.  CASE is JSON: trials, concurrent (trials at a time, also
more than there are cores), sampler, objectives, storage, mlflow, and reports (`few`, or `many`
as with the pruner and racing that settings have by default).  It writes times, memory and
processor time of the driver to FOLDER/NAME.json.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import io
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import made_trials
from study_steps import resident

if TYPE_CHECKING:
    from autune.search.record import Record

SHARES = 40
"""Points in time at which the driver is looked at."""


class Watch:
    """Observer that writes down how far the driver is, and passes all on to the display."""

    def __init__(self, n_trials: int, spent: dict[str, float]) -> None:
        from autune.search.progress import PlainLines

        self.points: list[dict[str, Any]] = []
        self._display = PlainLines(io.StringIO())
        self._every = max(1, n_trials // SHARES)
        self._n = 0
        self._spent = spent

    def search_started(self, *arguments: Any) -> None:
        """Note the beginning."""
        self._display.search_started(*arguments)

    def trial_started(self, *arguments: Any) -> None:
        """Note the first trial."""
        if not self.points:
            self.note()
        self._display.trial_started(*arguments)

    def epoch_finished(self, *arguments: Any) -> None:
        """Pass it on."""
        self._display.epoch_finished(*arguments)

    def trial_finished(self, record: Record) -> None:
        """Note the time from time to time."""
        self._display.trial_finished(record)
        self._n += 1
        if self._n % self._every == 0:
            self.note()

    def search_finished(self, *arguments: Any) -> None:
        """Note the end."""
        self.note()
        self._display.search_finished(*arguments)

    def note(self) -> None:
        """Note time, processor time, memory, and what parts of the driver have taken so far."""
        self.points.append(
            {
                "trials": self._n,
                "s": time.time(),
                "cpu_s": time.process_time(),
                "MB": resident(),
                **self._spent,
            }
        )


def adding(function: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    """Return a function that does the same and adds its time to the sum."""

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - began

    return call


def main(arguments: Sequence[str]) -> None:
    """Run a search."""
    folder, case = Path(arguments[0]), json.loads(arguments[1])
    from ray import cloudpickle

    from autune.search import run
    from autune.search.progress import PlainLines
    from autune.search.running import cluster
    from autune.search.study.study import Study
    from autune.search.tracking import tracker

    # Workers do not find programs of benchmarks.
    cloudpickle.register_pickle_by_value(made_trials)
    search = {"trials": case["trials"], "sampler": case["sampler"], "storage": case["storage"]}
    if case["reports"] == "many":
        search |= {"pruner": "asha", "racing": True}
    raw = made_trials.raw_space(
        case["name"],
        case["objectives"],
        search=search,
        resources={"concurrent_trials": case["concurrent"]},
        tracking={"mlflow": case["mlflow"]},
    )
    spent: dict[str, float] = defaultdict(float)
    watch = Watch(case["trials"], spent)
    parts: dict[str, tuple[Any, str]] = {
        "propose": (Study, "propose"),
        "tell": (Study, "tell"),
        "display": (PlainLines, "trial_finished"),
        "mlflow": (tracker.Tracker, "trial_finished"),
    }
    for name in parts:
        spent[name] = 0.0
    cluster.start(case["concurrent"])
    with ExitStack() as stack:
        for name, (owner, attribute) in parts.items():
            replacement = adding(getattr(owner, attribute), spent, name)
            stack.enter_context(patch.object(owner, attribute, replacement))
        result = run.search(raw, results=folder, progress=watch, trial=made_trials.run_made)
    times = {
        "points": watch.points,
        "returned": time.time(),
        "last_trial": max(record.finished or 0.0 for record in result.records),
        "states": dict(result.counts),
        "load": os.getloadavg()[0],
    }
    (folder / f"{case['name']}.json").write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
