"""A trial of a millisecond: a function of two parameters in place of a training."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from autune.formats.files import write_text
from autune.search.running import transfer
from autune.settings import Settings
from autune.training.epoch import Epoch, Judged, Report

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    state: str
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    directory: Path = Path()


def settings(concurrent=1, **search):
    """A space of two numbers and a choice of layers."""
    return {
        "name": "fake",
        "dataset": {"path": "builtin:gold"},
        "potential": {
            "elements": ["Au"],
            "hidden_layers": {"choice": [[5], [5, 5]]},
            "scale_min": {"uniform": [-1.0, 0.5]},
        },
        "training": {"epochs": 4, "force_ratio": {"uniform": [0.0, 1.0]}},
        "evaluation": {"seeds": 2},
        "search": {
            "trials": 6,
            "objectives": ["energy_rmse", "force_rmse"],
            "pruner": "none",
            "startup_trials": 2,
            **search,
        },
        "resources": {"concurrent_trials": concurrent},
        "tracking": {"mlflow": None},
    }


def objectives(at: Settings) -> tuple[float, float]:
    x, y = at.training.force_ratio, at.potential.scale_min
    return x**2 + (y - 0.1) ** 2, (x - 1.0) ** 2 + y**2


def run_fake(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Follow the contract of run_trial: files in the folder, result.json at the end."""
    energy, force = objectives(at)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "settings.yaml").write_text(at.to_yaml())
    seen = {name: os.environ.get(name) for name in THREADS} | {"folder": str(Path.cwd())}
    seen["n_structures"] = len(getattr(dataset, "structures", ()))
    (directory / "worker.json").write_text(json.dumps(seen))
    with (directory / "runs.txt").open("a") as stream:
        stream.write("run\n")
    rows = []
    for seed in range(at.evaluation.seeds):
        for number in range(at.training.epochs + 1):
            score = energy + force + 1.0 / (1 + number)
            rows.append((seed, number, energy, energy, force, force, score, 0.01 * number))
            if not report(Epoch(*rows[-1])):
                return Result("stopped", "told to stop")
        if not report(Judged(seed, energy + force)):
            return Result("stopped", "told to stop")
    with (directory / "history.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(list(Epoch.__annotations__))
        writer.writerows(rows)
    (directory / "potential").mkdir(exist_ok=True)
    (directory / "potential" / "input.nn").write_text(f"# {energy} {force}\n")
    (directory / "properties.csv").write_text("property,value\nlattice_constant,4.1\n")
    metrics = {
        "energy_rmse": energy,
        "force_rmse": force,
        "energy_rmse_std": 0.0,
        "score": energy + force,
    }
    (directory / "result.json").write_text(json.dumps({"state": "complete", "metrics": metrics}))
    return Result("complete", "", metrics, 0.1, directory)


def run_badly(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """End in another state in every region of the space."""
    x = at.training.force_ratio
    if x < 0.25:
        raise RuntimeError("something in the worker")
    if x < 0.5:
        return Result("diverged", "NaN in epoch 3")
    if x < 0.75:
        return Result("complete", "", {"energy_rmse": math.nan, "force_rmse": 1.0, "score": 1.0})
    return run_fake(at, dataset, directory, report)


def run_slowly(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Take half a second and leave a mark when it is done."""
    time.sleep(0.5)
    return run_fake(at, dataset, directory, report)


def run_into_wall(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Fail always in the same way."""
    raise RuntimeError("the same for all")


def run_with_worse_seed(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Report a second seed that is far worse than every first one."""

    def report_worse(event: Epoch | Judged) -> bool:
        return report(replace(event, score=event.score + 1000.0 * event.seed))

    return run_fake(at, dataset, directory, report_worse)


def run_and_die(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Take the worker down in a part of the space."""
    if at.training.force_ratio < 0.32:
        with (directory / "deaths.txt").open("a") as stream:
            stream.write("died\n")
        os._exit(1)
    return run_fake(at, dataset, directory, report)


def run_without_forces(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Lack a metric that the search wants to minimise."""
    return Result("complete", "", {"energy_rmse": 1.0, "score": 1.0})


@dataclass(frozen=True)
class Stateful:
    """A trial that keeps the state of its trainings, and writes down every epoch that it did.

    Parameters
    ----------
    marks
        Folder for what it did: a line for every epoch of trial 0 in 0000.txt.
    pause
        Of every epoch, s.
    kill
        Seed and epoch after which the worker is killed, once in every trial.
    eager
        Whether files are sent to the search after every epoch.
    """

    marks: Path
    pause: float = 0.0
    kill: tuple[int, int] | None = None
    eager: bool = False

    def __call__(self, at: Settings, dataset: object, directory: Path, report: Report) -> Result:
        if self.eager:
            transfer.INTERVAL = 0.0
        energy, force = objectives(at)
        log = self.marks / f"{directory.name}.txt"
        for seed in range(at.evaluation.seeds):
            state = directory / f"seed-{seed}" / "checkpoint.npz"
            state.parent.mkdir(parents=True, exist_ok=True)
            done = int(state.read_text()) if state.exists() else 0
            for number in range(done + 1, at.training.epochs + 1):
                time.sleep(self.pause)
                write_text(state, str(number))
                with log.open("a") as stream:
                    stream.write(f"{seed} {number} {os.getpid()} {directory}\n")
                score = energy + force + 1.0 / (1 + number)
                row = (seed, number, energy, energy, force, force, score, 0.01 * number)
                if not report(Epoch(*row)):
                    return Result("stopped", "told to stop")
                killed = self.marks / f"killed-{directory.name}"
                if (seed, number) == self.kill and not killed.exists():
                    killed.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            if not report(Judged(seed, energy + force)):
                return Result("stopped", "told to stop")
        metrics = {"energy_rmse": energy, "force_rmse": force, "score": energy + force}
        write_text(directory / "result.json", json.dumps({"state": "complete"}))
        return Result("complete", "", metrics, 0.1, directory)


class DiesAtEveryEpoch(Stateful):
    """Gets one epoch further in every life, and does not die at the last one."""

    def __call__(self, at, dataset, directory, report):
        (self.marks / f"killed-{directory.name}").unlink(missing_ok=True)
        state = directory / "seed-0" / "checkpoint.npz"
        done = int(state.read_text()) if state.exists() else 0
        dies = done + 1 < at.training.epochs
        again = Stateful(self.marks, kill=(0, done + 1) if dies else None)
        return again(at, dataset, directory, report)


def epochs_of(marks: Path, number: int) -> list[tuple[int, int]]:
    """Seed and epoch of all epochs that a stateful trial did."""
    lines = (marks / f"{number:04d}.txt").read_text().splitlines()
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines]


def run_with_spread(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Have a score that depends on the seed by a tenth."""
    level = 1.0 + 20.0 * at.training.force_ratio
    scores = [level * (1.1 if seed % 2 else 0.9) for seed in range(at.evaluation.seeds)]
    for seed, score in enumerate(scores):
        for number in range(1, at.training.epochs + 1):
            row = (seed, number, score, score, score, score, score, 0.0)
            if not report(Epoch(*row)):
                return Result("stopped", "told to stop")
        if not report(Judged(seed, score)):
            return Result("stopped", f"stopped after seed {seed}")
    mean = sum(scores) / len(scores)
    metrics = {"energy_rmse": mean, "score": mean, "score_std": 0.1 * mean}
    return Result("complete", "", metrics, 0.1, directory)


def run_on_full_disk(at: Settings, dataset: object, directory: Path, report: Report) -> Result:
    """Meet the end of the disk, in a part of the space."""
    if at.training.force_ratio > 0.5:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory / "x"))
    return run_fake(at, dataset, directory, report)
