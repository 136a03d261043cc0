"""What a search of many trials takes: the study alone, what shows it, and the whole through Ray.

    python benchmarks/many_trials.py [--parts study views search] [--trials 100 1000 ...] [--quick]

Trials take a millisecond and leave what those of `search_spaces/gold.yaml` leave
(`made_trials.py`).  *study*: a study is filled with points of the sampler `--fill`; where it has as
many trials as `--trials` says, it is opened by a process of its own for each sampler, which lists
all trials, then proposes and tells `--calls` times with eight trials running.  *views*: on the
folder of that search, `autune status`, the table and the figure of all trials, and `--logged` runs
of MLflow.  *search*: whole searches by Ray Tune of the largest number of trials, with
`--concurrent` trials at a time.

Every measurement is a line of ``many_trials.jsonl`` in ``--output``: a call that was stopped goes
on there.  PostgreSQL runs with its own defaults where it is installed.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from machine import describe_machine, machine_text
from many_trials_figure import draw
from postgres import postgres_server, why_not
from records import append_record, find_record, read_records

from autune.formats.files import make_folder

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "benchmarks" / "many_trials"
JOURNAL, POSTGRESQL = "journal", "postgresql"
STORAGES = {JOURNAL: "journal", POSTGRESQL: "PostgreSQL"}

Records = list[dict[str, Any]]
Row = tuple[str, list[str]]


class Book:
    """The records of all measurements, in a file.

    Parameters
    ----------
    path
        Lines of JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records = read_records(path)

    def lacks(self, key: Mapping[str, Any]) -> bool:
        """Whether a measurement is not there yet."""
        return find_record(self.records, key) is None

    def add(self, key: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Keep a measurement."""
        record = {**key, **found}
        append_record(self._path, record)
        self.records.append(record)
        print("measured", *key.values(), file=sys.stderr, flush=True)


def program(name: str, *arguments: object) -> str:
    """Run one of the programs beside this one; return what it printed."""
    command = [sys.executable, str(HERE / name), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}; call again, which goes on")
    return done.stdout


@contextmanager
def storage_address(storage: str) -> Iterator[str]:
    """Give what settings have as ``search.storage``; a server runs meanwhile."""
    if storage == JOURNAL:
        yield JOURNAL
        return
    with postgres_server() as address:
        yield address


def measure_study(book: Book, storage: str, options: argparse.Namespace) -> None:
    """Fill a study step by step, and measure it and its views at every step."""
    views = "views" in options.parts and storage == JOURNAL
    folder = options.output / f"study-{storage}-{options.fill}-{options.objectives}"
    marks = []
    for mark in options.trials:
        at = {
            "storage": storage,
            "objectives": options.objectives,
            "fill": options.fill,
            "trials": mark,
        }
        keys = [{"part": "study", **at, "sampler": sampler} for sampler in options.samplers]
        wanted = keys if "study" in options.parts else []
        if views:
            wanted = [*wanted, {"part": "views", **at}]
        if missing := [key for key in wanted if book.lacks(key)]:
            marks.append((mark, missing))
    if not marks:
        return
    if storage != JOURNAL:
        shutil.rmtree(folder, ignore_errors=True)  # Its database is gone.
    with storage_address(storage) as address:
        common = (folder, address, options.objectives)
        for mark, missing in marks:
            files = "files" if views else "no"
            program("study_steps.py", "fill", *common, options.fill, mark, files)
            for key in missing:
                if key["part"] == "study":
                    printed = program(
                        "study_steps.py", "time", *common, key["sampler"], options.calls
                    )
                else:
                    printed = program("view_steps.py", folder, options.logged)
                book.add(key, json.loads(printed))


def measure_search(book: Book, concurrent: int, options: argparse.Namespace) -> None:
    """Run a whole search."""
    case = {
        "part": "search",
        "concurrent": concurrent,
        "trials": max(options.trials) if options.search_trials is None else options.search_trials,
        "sampler": options.samplers[0],
        "objectives": options.objectives,
        "storage": JOURNAL,
        "mlflow": options.mlflow,
        "reports": options.reports,
    }
    if not book.lacks(case):
        return
    name = f"search-{concurrent}"
    for leftover in (options.output / name, options.output / f"{name}.json"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        leftover.unlink(missing_ok=True)
    program("search_steps.py", options.output, json.dumps(case | {"name": name}))
    book.add(case, json.loads((options.output / f"{name}.json").read_text(encoding="utf-8")))


def text(value: float | None, digits: int = 2) -> str:
    """Write a number of the table."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def study_rows(records: Records, marks: Sequence[int]) -> list[Row]:
    """Return the lines of the study alone."""
    rows: list[Row] = []
    study = [r for r in records if r["part"] == "study"]
    for case in dict.fromkeys((r["storage"], r["objectives"], r["fill"]) for r in study):
        storage, n_objectives, fill = case
        where = STORAGES[storage]
        where += "" if n_objectives == 3 else ", one objective"
        where += "" if fill == "random" else f", filled by {fill}"
        found = [r for r in study if (r["storage"], r["objectives"], r["fill"]) == case]
        by_sampler: dict[str, Records] = {}
        for record in found:
            by_sampler.setdefault(record["sampler"], []).append(record)
        rows += [
            (f"{where}: {label} [ms]", _cells(of, key, marks, 1e3))
            for sampler, of in by_sampler.items()
            for label, key in (
                (f"proposal, {sampler}", "propose_s"),
                ("of that processor", "propose_cpu_s"),
            )
        ]
        first = next(iter(by_sampler.values()))
        rows += [
            (f"{where}: tell [ms]", _cells(first, "tell_s", marks, 1e3)),
            (f"{where}: open [s]", _cells(first, "open_s", marks)),
            (f"{where}: list all [s]", _cells(first, "list_s", marks)),
            (f"{where}: memory of all [MB]", _cells(first, "memory_MB", marks)),
            (f"{where}: room [MB]", _cells(first, "bytes", marks, 1e-6)),
        ]
    return rows


def _cells(records: Records, key: str, marks: Sequence[int], scale: float = 1.0) -> list[str]:
    found = {r["trials"]: scale * r[key] for r in records if key in r}
    return [text(found.get(mark)) for mark in marks]


VIEWS = {
    "`autune status` [s]": "status_s",
    "its memory [MB]": "status_MB",
    "trials.csv and result.json [s]": "result_s",
    "search.png [s]": "drawing_s",
    "MLflow, a run [s]": "mlflow_write_s",
}


def view_rows(records: Records, marks: Sequence[int]) -> list[Row]:
    """Return the lines of what shows a search."""
    found = [r for r in records if r["part"] == "views"]
    rows = [(label, _cells(found, key, marks)) for label, key in VIEWS.items()]
    runs = {
        r["trials"]: r["mlflow_write_s"] * r["trials"] / 3600
        for r in found
        if "mlflow_write_s" in r
    }
    return [*rows, ("MLflow, all runs at that rate [h]", [text(runs.get(mark)) for mark in marks])]


def around(points: Records, mark: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return two points of a search: about half of that many trials before, and there."""
    last = next((p for p in points if p["trials"] >= mark), None)
    if last is None:
        return None
    first = max((p for p in points if p["trials"] <= mark / 2), key=lambda p: p["s"])
    return (first, last) if last["trials"] > first["trials"] else None


PARTS = ("propose", "tell", "display", "mlflow")
"""Of the driver's time; the rest is Ray's and what it waits for."""


def search_rows(records: Records, marks: Sequence[int]) -> list[Row]:
    """Return the lines of whole searches."""
    rows: list[Row] = []
    for case in (r for r in records if r["part"] == "search"):
        label = f"search, {case['sampler']}, {case['concurrent']} at a time"
        label += {"many": ", asha and racing"}.get(case["reports"], "")
        label += "" if case["mlflow"] is None else ", MLflow"
        spans = [around(case["points"], mark) for mark in marks]

        def line(
            what: str,
            value: Callable[[dict[str, Any], dict[str, Any]], float],
            spans: Sequence[tuple[dict[str, Any], dict[str, Any]] | None] = spans,
            label: str = label,
        ) -> None:
            rows.append((f"{label}: {what}", [text(value(*s)) if s else "" for s in spans]))

        def each(*names: str) -> Callable[[dict[str, Any], dict[str, Any]], float]:
            return lambda a, b: sum(
                1e3 * (b[n] - a[n]) / (b["trials"] - a["trials"]) for n in names
            )

        line("trials a second", lambda a, b: (b["trials"] - a["trials"]) / (b["s"] - a["s"]))
        line("processor of the driver [ms a trial]", each("cpu_s"))
        line("proposal and tell [ms a trial]", each("propose", "tell"))
        line("display and MLflow [ms a trial]", each("display", "mlflow"))
        line("memory of the driver [MB]", lambda _, b: b["MB"])
    return rows


def show(rows: Iterable[Row], marks: Sequence[int]) -> None:
    """Print the table; rows without any number are left out."""
    header = ["with so many trials", *map(str, marks)]
    for cells in (header, ["---"] * len(header), *([n, *c] for n, c in rows if any(c))):
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def show_ends(records: Records) -> None:
    """Print what is said of each search once."""
    for case in (r for r in records if r["part"] == "search"):
        took = case["points"][-1]["s"] - case["points"][0]["s"]
        slowest = min(
            (b["trials"] - a["trials"]) / (b["s"] - a["s"])
            for a, b in pairwise(case["points"])
            if b["trials"] > a["trials"]
        )
        print(
            f"- {case['concurrent']} at a time: {case['states']}, {took:.0f} s, at least "
            f"{slowest:.2g} trials a second; {case['returned'] - case['last_trial']:.1f} s from "
            f"the end of the last trial to the result; load average {case['load']:.1f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parts = ("study", "views", "search")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 5000, 10000])
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=list(STORAGES))
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe"])
    parser.add_argument("--fill", default="random", help="sampler that fills a study")
    parser.add_argument("--objectives", type=int, choices=(1, 3), default=3)
    parser.add_argument("--calls", type=int, default=40, help="proposals that are timed")
    parser.add_argument("--logged", type=int, default=200, help="runs written to MLflow")
    parser.add_argument("--concurrent", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--search-trials", type=int, help="of a search; default: the most")
    parser.add_argument("--reports", choices=("few", "many"), default="few")
    parser.add_argument("--mlflow", choices=("default",), help="let searches write to MLflow")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.trials, options.calls, options.logged = [30], 5, 3
        options.concurrent = [2]
    make_folder(options.output)
    book = Book(options.output / "many_trials.jsonl")
    print(machine_text(describe_machine()), flush=True)
    for storage in options.storages if {"study", "views"} & set(options.parts) else ():
        if storage == POSTGRESQL and (reason := why_not()):
            print(f"PostgreSQL was not measured: {reason}")
            continue
        measure_study(book, storage, options)
    for concurrent in options.concurrent if "search" in options.parts else ():
        measure_search(book, concurrent, options)
    marks = sorted(
        {r["trials"] for r in book.records if r["part"] != "search"} | set(options.trials)
    )
    rows = [f(book.records, marks) for f in (study_rows, view_rows, search_rows)]
    show([row for group in rows for row in group], marks)
    show_ends(book.records)
    draw(book.records, options.output / "many_trials.png")
    print("Load average at the end:", *(f"{load:.2f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
