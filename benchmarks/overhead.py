"""What a search adds to its trials: the time of Ray, Optuna and MLflow together.

    python benchmarks/overhead.py [--trials 12] [--seconds 3] [--json OUT] [--quick]

A search of `search_spaces/gold.yaml`, with epochs so short that a trial takes about `--seconds`,
is run on one core with one worker and on two cores with two; then the same trials one after the
other by `run_trial` in as many processes without a search, and their trainings alone.  What a
trial of 30 s or 300 s would lose follows from the seconds that every trial loses, since those do
not depend on how long it trains.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from machine import Spread, describe_machine, machine_text
from timed_search import TIMES, TRIAL_PARTS, seconds_per_update

from autune.formats.files import write_text
from autune.settings import read_yaml

SOURCE = Path(__file__).parents[1] / "search_spaces" / "gold.yaml"
PROGRAM = Path(__file__).with_name("timed_search.py")
LONG = (30.0, 300.0)
"""Seconds of the trials for which percent are given."""

Times = dict[str, Any]
"""What a process of `timed_search` wrote."""


@dataclass(frozen=True)
class Case:
    """A search and the same trials without one.

    Parameters
    ----------
    workers
        Workers, and cores.
    search
        Times of the search; `spawned` and `exited` are of its process.
    trials
        Times of its trials by number.
    plain
        Times of the same trials without a search, by number; `bare` are their trainings alone.
    """

    workers: int
    search: Times
    trials: dict[int, Times]
    plain: dict[int, Times]


@dataclass(frozen=True)
class Step:
    """One line of the table.

    Parameters
    ----------
    name
        What is done.
    seconds
        Of every time it was done.
    """

    name: str
    seconds: Spread


def write_space(target: Path, trials: int, seconds: float, workers: int) -> None:
    """Write the settings of a search whose trials take about `seconds`."""
    raw = read_yaml(SOURCE)
    raw["name"] = "overhead"
    del raw["confirm"], raw["dataset"]["holdout_fraction"]
    # All trials run to their end, most of them proposed from what the others found.
    raw["search"] |= {"trials": trials, "pruner": "none", "startup_trials": max(2, trials // 4)}
    raw["resources"] = {"concurrent_trials": workers}
    del raw["search"]["grace_epochs"]
    # Epochs may become long, and must not diverge: the standard filter, one stream.
    raw["training"] |= {
        "epochs": 20,
        "streams": 1,
        "kalman": {"etamax": {"loguniform": [0.1, 10.0]}},
    }
    write_text(target, yaml.safe_dump(raw, sort_keys=False))
    always, slope = seconds_per_update(target)
    per_epoch = seconds / (raw["training"]["epochs"] * raw["evaluation"]["seeds"])
    raw["training"]["updates_per_epoch"] = max(1, round((per_epoch - always) / slope))
    write_text(target, yaml.safe_dump(raw, sort_keys=False))


def measure(workers: int, trials: int, seconds: float) -> Case:
    """Run a search, and its trials without it."""
    with tempfile.TemporaryDirectory(prefix="autune-overhead-") as name:
        folder = Path(name)
        source = folder / "space.yaml"
        write_space(source, trials, seconds, workers)
        command = [sys.executable, str(PROGRAM)]
        spawned = time.time()
        search = [*command, "search", str(workers), str(source), str(folder)]
        subprocess.run(search, check=True, stdout=sys.stderr)
        moments = {"spawned": spawned, "exited": time.time()}
        found = json.loads((folder / TIMES).read_text(encoding="utf-8")) | moments
        ran = {
            number: json.loads(
                (folder / "overhead" / "trials" / f"{number:04d}" / TIMES).read_text("utf-8")
            )
            for number in range(trials)
        }
        processes = []
        for numbers in by_worker(ran):
            plain = [*command, "plain", str(workers), str(source), str(folder)]
            arguments = [*plain, *map(str, numbers)]
            processes.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True))
        again: dict[int, Times] = {}
        for process in processes:
            printed, _ = process.communicate()
            if process.returncode:
                raise SystemExit(f"the trials without a search ended with {process.returncode}")
            lines = map(json.loads, printed.splitlines())
            again |= {line["number"]: line for line in lines}
        return Case(workers, found, ran, again)


def by_worker(trials: dict[int, Times]) -> list[list[int]]:
    """Return the trials of each process in the order in which it ran them."""
    order = sorted(trials, key=lambda number: trials[number]["began"])
    pids = dict.fromkeys(trials[number]["pid"] for number in order)
    return [[number for number in order if trials[number]["pid"] == pid] for pid in pids]


def steady_pairs(trials: dict[int, Times]) -> list[tuple[int, int]]:
    """Return trials that one worker ran one after the other."""
    return [pair for numbers in by_worker(trials) for pair in pairwise(numbers)]


def start_up(case: Case) -> list[tuple[str, float]]:
    """Return the seconds until the first trial begins, and those of the end, step by step."""
    search, spans = case.search, case.search["spans"]
    began = min(times["began"] for times in case.trials.values())
    ended = max(times["ended"] for times in case.trials.values())
    ray, first = spans["start_ray"][0], spans["propose"][0]
    return [
        ("Python and imports", search["imported"] - search["spawned"]),
        ("settings, data set, study", search["started"] - search["imported"]),
        ("start of Ray", ray[1] - ray[0]),
        ("start of Tune, until the first proposal", first[0] - ray[1]),
        ("first proposal until the first trial begins in its worker", began - first[0]),
        ("start in all", began - search["spawned"]),
        (
            "MLflow's database, in a thread, while the first trials run",
            _lengths(spans["open_mlflow"])[0],
        ),
        ("last trial ended until the search returns", search["returned"] - ended),
        ("of that, end of Ray", sum(_lengths(spans["stop_ray"][-1:]))),
        ("of that, waiting for MLflow", sum(_lengths(spans["wait_mlflow"]))),
        ("figure of all trials", search["drawn"] - search["returned"]),
        ("end of the process", search["exited"] - search["drawn"]),
        ("end in all", search["exited"] - ended),
        ("processor time of a worker before its first trial", first_use(case)),
        ("processor time of the driver, all trials", search["driver_cpu_until_return"]),
    ]


def first_use(case: Case) -> float:
    """Return the processor time of a worker, s, until its first trial begins: imports."""
    firsts = [numbers[0] for numbers in by_worker(case.trials)]
    return statistics.fmean(case.trials[number]["cpu_until_begin"] for number in firsts)


def steps_of_trials(case: Case) -> list[Step]:
    """Return what every trial loses, step by step; the first of each worker does not count."""
    spans, trials = case.search["spans"], case.trials
    told = dict(zip(case.search["told"], spans["tell"], strict=True))
    rows: dict[str, list[float]] = {}
    for before, number in steady_pairs(trials):
        ended, began = trials[before]["ended"], trials[number]["began"]
        tell, propose = told[before], spans["propose"][number]
        waits = _lengths(trials[number]["spans"]["report"])
        gap = began - ended
        for name, seconds in (
            ("trial ended until the study is told (Ray)", tell[0] - ended),
            ("study is told (Optuna)", tell[1] - tell[0]),
            ("until the next proposal (Ray)", propose[0] - tell[1]),
            ("proposal (Optuna)", propose[1] - propose[0]),
            ("proposal until the trial begins in its worker (Ray)", began - propose[1]),
            ("end of a trial to the start of the next", gap),
            ("all reports of a trial", sum(waits)),
            ("lost in all", gap + sum(waits)),
        ):
            rows.setdefault(name, []).append(seconds)
    reports = [s for _, n in steady_pairs(trials) for s in _lengths(trials[n]["spans"]["report"])]
    rows["one report"] = reports
    return [Step(name, Spread.of(seconds)) for name, seconds in rows.items()]


def parts_of_trials(case: Case) -> list[Step]:
    """Return what `run_trial` does without a search; the first of each process does not count."""
    later = {number for _, number in steady_pairs(case.trials)}
    plain = [times for number, times in case.plain.items() if number in later]
    rows = [Step("trainings alone", Spread.of([times["bare"] for times in plain]))]
    whole = [times["ended"] - times["began"] for times in plain]
    rows.append(Step("run_trial", Spread.of(whole)))
    rest = whole
    for part in TRIAL_PARTS:
        seconds = [sum(_lengths(times["spans"][part])) for times in plain]
        rows.append(Step(f"of that, {part}", Spread.of(seconds)))
        rest = [left - taken for left, taken in zip(rest, seconds, strict=True)]
    return [*rows, Step("of that, files", Spread.of(rest))]


def lost_by_wall(case: Case) -> float:
    """Return what a trial takes longer than without a search, s, by wall time.

    From the end of each worker's first trial to the end of its last, less the time of the same
    trials without a search, per trial.  Contains what the driver takes from the workers' cores.
    """
    longer, count = 0.0, 0
    for numbers in by_worker(case.trials):
        first, *later = numbers
        if later:
            longer += case.trials[later[-1]]["ended"] - case.trials[first]["ended"]
            longer -= sum(case.plain[n]["ended"] - case.plain[n]["began"] for n in later)
            count += len(later)
    return longer / count


def processor_time(case: Case) -> dict[str, float]:
    """Return the processor time per trial, s, of the search beside its workers."""
    found = {}
    for name, key in (("driver with MLflow", "driver_cpu"), ("other processes of Ray", "ray_cpu")):
        values = case.search[key]
        found[name] = (values[-1] - values[0]) / (len(values) - 1)
    return found


def summarize(case: Case) -> dict[str, Any]:
    """Return everything as plain numbers for JSON."""
    steps = steps_of_trials(case)
    lost = next(step.seconds.median for step in steps if step.name == "lost in all")
    start = dict(start_up(case))
    around = start["start in all"] + start["end in all"]
    pids = {times["pid"] for times in case.trials.values()}
    mlflow = case.search["spans"]
    return {
        "workers": case.workers,
        "trials": len(case.trials),
        "states": case.search["states"],
        "processes_that_ran_trials": len(pids),
        "dataset_shared": all(times["dataset_shared"] for times in case.trials.values()),
        "start_and_end_s": start,
        "steps": [asdict(step) for step in steps],
        "parts": [asdict(step) for step in parts_of_trials(case)],
        "mlflow_writes_s": asdict(Spread.of(_lengths(mlflow["write_mlflow"]))),
        "mlflow_blocks_s": asdict(Spread.of(_lengths(mlflow["queue_mlflow"]))),
        "processor_time_s": processor_time(case),
        "lost_by_wall_s": lost_by_wall(case),
        "percent": {f"{long:g} s": 100.0 * lost / long for long in LONG},
        "percent_by_wall": {f"{long:g} s": 100.0 * lost_by_wall(case) / long for long in LONG},
        "percent_with_start_and_end_of_96_trials": {
            f"{long:g} s": 100.0 * (lost + around * case.workers / 96) / long for long in LONG
        },
    }


def show(summary: dict[str, Any]) -> None:
    """Print the tables of one search."""
    workers = summary["workers"]
    where = "1 worker on 1 core" if workers == 1 else f"{workers} workers on {workers} cores"
    print(f"\n### {where}\n")
    print(
        f"{summary['trials']} trials, {summary['states']}, run by "
        f"{summary['processes_that_ran_trials']} processes; the data set lies in shared memory: "
        f"{'yes' if summary['dataset_shared'] else 'no'}\n"
    )
    _table(
        ("once in a search", "s"), ((n, _text(s)) for n, s in summary["start_and_end_s"].items())
    )
    for title, key in (("a trial, by the search", "steps"), ("a trial, without", "parts")):
        steps = ((row["name"], *_cells(row["seconds"])) for row in summary[key])
        _table((f"{title}, ms", "median", "min - max"), steps)
    rows = [
        ("MLflow writes a trial, in a thread of the driver", *_cells(summary["mlflow_writes_s"])),
        ("the search waits for that", *_cells(summary["mlflow_blocks_s"])),
        *(
            (f"processor time of a trial, {name}", f"{1e3 * seconds:.4g}", "")
            for name, seconds in summary["processor_time_s"].items()
        ),
        ("lost in all, by wall time", f"{1e3 * summary['lost_by_wall_s']:.4g}", ""),
    ]
    _table(("beside the trials, ms", "median", "min - max"), rows)
    percents = (
        ("lost in all", "percent"),
        ("by wall time", "percent_by_wall"),
        ("with start and end, 96 trials", "percent_with_start_and_end_of_96_trials"),
    )
    header = ("lost, % of a trial of", *(f"{long:g} s" for long in LONG))
    _table(header, ((name, *map(_text, summary[key].values())) for name, key in percents))


def _lengths(spans: Iterable[Sequence[float]]) -> list[float]:
    return [end - begin for begin, end in spans]


def _text(value: float) -> str:
    return f"{value:.3g}"


def _cells(spread: dict[str, Any]) -> tuple[str, str]:
    low, high = 1e3 * spread["minimum"], 1e3 * spread["maximum"]
    return f"{1e3 * spread['median']:.4g}", f"{low:.4g} - {high:.4g}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for row in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=12, help="trials for each worker")
    parser.add_argument("--seconds", type=float, default=3.0, help="about the time of a trial")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything to this file")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.trials, options.seconds, options.workers = 3, 0.5, [1]
    machine = describe_machine()
    print(machine_text(machine))
    cores = len(os.sched_getaffinity(0))
    summaries = []
    for workers in options.workers:
        if workers > cores:
            print(f"\n{workers} workers were not run: there are {cores} cores")
            continue
        case = measure(workers, options.trials * workers, options.seconds)
        summaries.append(summarize(case))
        show(summaries[-1])
    machine["load_average_at_the_end"] = [round(load, 2) for load in os.getloadavg()]
    print("Load average at the end:", *machine["load_average_at_the_end"])
    if options.json:
        content = {"machine": machine, "quick": options.quick, "searches": summaries}
        write_text(options.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
