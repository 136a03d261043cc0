"""What must hold of a search that is finished."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from autune.potential.model import Potential
from autune.search import Record, SearchFolder
from autune.search.confirmed import read_confirmed
from autune.search.record import front, ranked
from autune.settings import Settings
from autune.trial import read_result
from faults.epochs import EpochLog
from faults.plans import Plan
from faults.witness import hash_files


def check_study(folder: SearchFolder, n_trials: int) -> Iterator[str]:
    """Every trial has ended, there are as many as were asked for, and no point is there twice."""
    records = folder.records()
    if len(records) != n_trials:
        yield f"{folder.path}: {n_trials} trials were asked for, the study has {len(records)}"
    for record in records:
        if record.state == "running":
            yield f"{record.directory}: still running after the end of the search"
        elif record.state == "failed":
            yield f"{record.directory}: failed: {record.reason}"
    points = Counter(json.dumps(dict(record.params), sort_keys=True) for record in records)
    for point, count in points.items():
        if count > 1:
            yield f"{folder.path}: {count} trials have the point {point}"
    known = {record.directory for record in records}
    for stray in sorted(set(folder.trials.iterdir()) - known):
        yield f"{stray} belongs to no trial of the study"


def check_histories(folder: SearchFolder, log: EpochLog) -> Iterator[str]:
    """Every training of a complete trial has each of its epochs once, and was really done."""
    trained = log.trained()
    for record in folder.records():
        directory = record.directory
        if record.state != "complete":
            continue
        settings = Settings.read(directory / "settings.yaml")
        expected = list(range(settings.training.epochs + 1))
        rows = read_table(directory / "history.csv")
        seeds = sorted({int(row["seed"]) for row in rows})
        if seeds != list(range(settings.evaluation.seeds)):
            yield f"{directory}: history.csv has the trainings {seeds}"
        for seed in seeds:
            numbers = [int(row["number"]) for row in rows if int(row["seed"]) == seed]
            if numbers != expected:
                yield f"{directory}: training {seed} has the epochs {numbers}"
            done = sorted(trained.get((directory, seed), ()))
            if done != expected[1:]:
                yield f"{directory}: training {seed} is complete, but trained were {done}"


def check_trial_files(folder: SearchFolder) -> Iterator[str]:
    """The folder of a complete trial says what the study says, and nothing is half-written."""
    for record in folder.records():
        if record.state == "complete":
            result = read_result(record.directory)
            if result is None or (result.state, result.metrics) != ("complete", record.metrics):
                yield f"{record.directory}/result.json does not agree with the study: {result}"
            Potential.load(record.directory / "potential")


def leftovers(folder: SearchFolder) -> list[Path]:
    """List files that a killed process left half-written, and states nobody goes on with."""
    hidden = [p for p in folder.path.rglob(".*") if p.is_file() and p.name != ".lock"]
    return sorted(hidden + list(folder.path.glob("**/checkpoint.npz")))


def check_result(folder: SearchFolder) -> Iterator[str]:
    """result.json, trials.csv and best/ agree with the study."""
    records = folder.records()
    text = json.loads((folder.path / "result.json").read_text())
    best = next(iter(ranked(records)), None)
    counts = dict(Counter(record.state for record in records))
    if (text["state"], text["trials"]) != ("finished", counts):
        yield f"{folder.path}/result.json: {text['state']} {text['trials']}, study: {counts}"
    if (text["best"] or {}).get("number") != (None if best is None else best.number):
        yield f"{folder.path}/result.json: best {text['best']}, study: {best}"
    if [each["number"] for each in text["front"]] != [record.number for record in front(records)]:
        yield f"{folder.path}/result.json: front {text['front']}"
    yield from check_table(folder.path / "trials.csv", records)
    confirmed = read_confirmed(folder)
    if confirmed is not None:
        best = folder.confirmation.records()[confirmed.median_record]
        if (text["confirmed"] or {}).get("winner") != confirmed.winner:
            yield f"{folder.path}/result.json: confirmed {text['confirmed']}, {confirmed.winner}"
    if best is not None and hash_files(folder.best) != hash_files(best.directory / "potential"):
        yield f"{folder.best} is not the potential in {best.directory}"


def check_confirmation(folder: SearchFolder, best: int, seeds: int) -> Iterator[str]:
    """Each of the best settings was trained with each seed, and what was found is written."""
    records = folder.records()
    chosen = [record.number for record in ranked(records)[:best]]
    points = Counter(
        (record.params["trial"], record.params["seed"]) for record in folder.confirmation.records()
    )
    if points != Counter((trial, seed) for trial in chosen for seed in range(seeds)):
        yield f"{folder.confirmation.path}: trained were {dict(points)}, the best are {chosen}"
    confirmed = read_confirmed(folder)
    if confirmed is None or sorted(confirmed.records) != sorted(chosen):
        yield f"{folder.confirmed_file}: {confirmed and dict(confirmed.records)}"


def check_table(path: Path, records: list[Record]) -> Iterator[str]:
    """Every trial has one row with its state, params and metrics."""
    rows = read_table(path)
    if [int(row["number"]) for row in rows] != [record.number for record in records]:
        yield f"{path}: rows {[row['number'] for row in rows]}"
        return
    for row, record in zip(rows, records, strict=True):
        wrong = [name for name, value in record.params.items() if row[name] != str(value)]
        wrong += [name for name, value in record.metrics.items() if not same(row[name], value)]
        if wrong or row["state"] != record.state:
            yield f"{path}: trial {record.number} differs in {wrong or 'state'}"


def check_counts(log: EpochLog, plan: Plan, interruptions: int) -> Iterator[str]:
    """No trial was begun more often than something interrupted it."""
    for directory, count in log.begins().items():
        if count > 1 + interruptions:
            yield f"{directory}: begun {count} times, {interruptions} interruptions of {plan.name}"


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file; units in its header are dropped."""
    with path.open(newline="") as stream:
        return [{k.split(" [")[0]: v for k, v in row.items()} for row in csv.DictReader(stream)]


def same(text: str, value: float) -> bool:
    """Compare a number with its text; NaN is equal to itself."""
    return float(text) == value or (math.isnan(float(text)) and math.isnan(value))
