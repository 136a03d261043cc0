"""A search, and the same trials without one, with the time of every step written down.

    python benchmarks/timed_search.py search CORES SETTINGS FOLDER
    python benchmarks/timed_search.py plain CORES SETTINGS FOLDER NUMBER ...

Both are processes that `overhead.py` starts; all they do takes place on CORES cores.  The first
runs the search of SETTINGS in FOLDER as `autune search` does; the second runs trials of that
search again, one after the other, and then their trainings alone.  Moments are seconds since
1970, so that processes can be compared.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from autune.dataset import Dataset
    from autune.search.record import Record
    from autune.search.running.worker import Outcome
    from autune.settings import Settings
    from autune.training.epoch import Epoch, Report

TIMES = "times.json"
"""Written by every trial into its folder, and by the search into its own."""

TRIAL_PARTS = {
    "preparation": ("run.prepare",),
    "training": ("run.train_potential",),
    "properties": ("run.compute_properties",),
    "figures": ("shown.plot_learning_curve", "shown.plot_parity", "shown.plot_comparison"),
}
"""Parts of a trial and the functions, as modules of `autune.trial` call them, that do them."""

Spans = dict[str, list[tuple[float, float]]]
"""Begin and end of every call, by name."""


def timed(function: Callable[..., Any], spans: list[tuple[float, float]]) -> Callable[..., Any]:
    """Return a function that does the same and writes down when."""

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.time()
        try:
            return function(*args, **kwargs)
        finally:
            spans.append((began, time.time()))

    return call


def timed_trial(settings: Settings, dataset: Dataset, directory: Path, report: Report) -> Outcome:
    """Run a trial and write its times into its folder."""
    from autune.trial import run_trial

    spans: Spans = {name: [] for name in TRIAL_PARTS}
    spans["report"] = []
    report = timed(report, spans["report"])
    with ExitStack() as stack:
        for part, functions in TRIAL_PARTS.items():
            for name in functions:
                where = f"autune.trial.{name}"
                stack.enter_context(patch(where, timed(resolve_name(where), spans[part])))
        used, began = time.process_time(), time.time()
        result = run_trial(settings, dataset, directory, report)
        ended = time.time()
    first = dataset.structures[0].positions
    times = {
        "pid": os.getpid(),
        "began": began,
        "ended": ended,
        "cpu_until_begin": used,
        "spans": spans,
        # Arrays in Ray's memory are read-only; a copy would be writable and own its data.
        "dataset_shared": not first.flags.writeable and not first.flags.owndata,
    }
    (directory / TIMES).write_text(json.dumps(times), encoding="utf-8")
    return result


class Watch:
    """Observer of a search that writes down processor time, s, at every end of a trial."""

    def __init__(self) -> None:
        self.started = 0.0
        self.numbers: list[int] = []
        self.driver: list[float] = []
        self.system: list[float] = []

    def search_started(self, *_: object) -> None:
        """Note the moment."""
        self.started = time.time()

    def trial_started(self, *_: object) -> None:
        """Note nothing: `Study.propose` is timed."""

    def epoch_finished(self, *_: object) -> None:
        """Note nothing: reports are timed where they are made."""

    def trial_finished(self, record: Record) -> None:
        """Note what this process and Ray's own have used so far."""
        self.numbers.append(record.number)
        self.driver.append(time.process_time())
        self.system.append(processor_time_of_ray())

    def search_finished(self, *_: object) -> None:
        """Note nothing: the end of `search` is timed."""


def processor_time_of_ray() -> float:
    """Return the processor time, s, of all children of this process but the workers."""
    status: dict[int, tuple[int, str, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = path.read_text(encoding="ascii", errors="replace").rsplit(")", 1)
        except OSError:
            continue
        fields = rest.split()
        ticks = int(fields[11]) + int(fields[12])
        seconds = ticks / os.sysconf("SC_CLK_TCK")
        status[int(path.parent.name)] = (int(fields[1]), name.split("(", 1)[1], seconds)
    found, total = {os.getpid()}, 0.0
    for pid in sorted(status):
        parent, name, seconds = status[pid]
        if parent in found:
            found.add(pid)
            total += 0.0 if name.startswith("ray::") else seconds
    return total


def run_search(source: Path, folder: Path) -> None:
    """Run a search; write its times into `folder`."""
    entered = time.time()
    import ray

    from autune.cli.searches import draw_overview
    from autune.search.run import search
    from autune.search.running import cluster
    from autune.search.study.study import Study
    from autune.search.tracking import tracker

    imported = time.time()
    watch = Watch()
    watched = {
        "propose": (Study, "propose"),
        "tell": (Study, "tell"),
        "start_ray": (cluster, "start"),
        "stop_ray": (ray, "shutdown"),
        "queue_mlflow": (tracker.Tracker, "trial_finished"),
        "wait_mlflow": (tracker.Tracker, "search_finished"),
    }
    spans: Spans = {name: [] for name in watched}
    spans |= {name: [] for name in ("open_mlflow", "write_mlflow", "finish_mlflow")}
    open_store = timed(tracker.open_store, spans["open_mlflow"])

    def open_watched(*args: Any) -> Any:
        # The class itself is not imported before: that takes seconds.
        store = open_store(*args)
        write = store.write

        def write_timed(shown: Any) -> None:
            before, began = store.n_written, time.time()
            write(shown)
            if store.n_written > before:  # At the end, all are looked at again.
                spans["write_mlflow"].append((began, time.time()))

        store.write = write_timed
        store.finish = timed(store.finish, spans["finish_mlflow"])
        return store

    with ExitStack() as stack:
        stack.enter_context(patch.object(tracker, "open_store", open_watched))
        for name, (owner, attribute) in watched.items():
            replacement = timed(getattr(owner, attribute), spans[name])
            stack.enter_context(patch.object(owner, attribute, _method(replacement)))
        result = search(source, results=folder, progress=watch, trial=timed_trial)
        used, returned = time.process_time(), time.time()
    draw_overview(result.folder, result.records)
    times = {
        "entered": entered,
        "imported": imported,
        "started": watch.started,
        "returned": returned,
        "drawn": time.time(),
        "told": watch.numbers,
        "driver_cpu_until_return": used,
        "driver_cpu": watch.driver,
        "ray_cpu": watch.system,
        "spans": spans,
        "states": dict(result.counts),
    }
    (folder / TIMES).write_text(json.dumps(times), encoding="utf-8")


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plain function, which becomes a method where it is put into a class."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def run_plain(source: Path, folder: Path, numbers: Iterable[int]) -> None:
    """Run trials of a search again, and their trainings alone; print a line of JSON for each."""
    from autune.evaluation.loss import score
    from autune.search.checks import load_dataset
    from autune.settings import Settings
    from autune.space import SearchSpace
    from autune.training.epoch import go_on
    from autune.training.loop import train_potential
    from autune.training.prepare import prepare

    example = SearchSpace.read(source).example()
    dataset = load_dataset(example.dataset)
    for number in numbers:
        directory = folder / f"plain-{number:04d}"
        searched = folder / example.name / "trials" / f"{number:04d}"
        settings = Settings.read(searched / "settings.yaml")
        timed_trial(settings, dataset, directory, go_on)
        times = json.loads((directory / TIMES).read_text(encoding="utf-8"))
        prepared = prepare(settings, dataset)
        judge = partial(score, settings=settings.evaluation.score)
        began = time.time()
        for seed in range(settings.evaluation.seeds):
            train_potential(settings, prepared, judge, seed=seed)
        times |= {"number": number, "bare": time.time() - began}
        print(json.dumps(times), flush=True)


def seconds_per_update(source: Path, epochs: Sequence[int] = (10, 60)) -> tuple[float, float]:
    """Return the seconds of an epoch: what every one takes, and for each of its updates."""
    from autune.evaluation.loss import score
    from autune.search.checks import load_dataset
    from autune.space import SearchSpace
    from autune.training.loop import train_potential
    from autune.training.prepare import prepare

    settings = SearchSpace.read(source).example()
    prepared = prepare(settings, load_dataset(settings.dataset))
    judge = partial(score, settings=settings.evaluation.score)
    seconds = []
    for updates in (epochs[0], *epochs):  # the first loads the kernels
        training = settings.training.model_copy(update={"epochs": 4, "updates_per_epoch": updates})
        changed = settings.model_copy(update={"training": training})
        last: list[Epoch] = []

        def report(epoch: Epoch, last: list[Epoch] = last) -> bool:
            last.append(epoch)
            return True

        train_potential(changed, prepared, judge, report=report)
        seconds.append(last[-1].seconds / len(last))
    slope = max((seconds[2] - seconds[1]) / (epochs[1] - epochs[0]), 1e-9)
    return max(seconds[1] - slope * epochs[0], 0.0), slope


def main(arguments: Sequence[str]) -> None:
    """Be one of the processes."""
    part, cores, source, folder, *numbers = arguments
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    if part == "search":
        run_search(Path(source), Path(folder))
    else:
        run_plain(Path(source), Path(folder), map(int, numbers))


if __name__ == "__main__":
    main(sys.argv[1:])
