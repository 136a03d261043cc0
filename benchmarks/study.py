"""The whole gold study, 40 settings x 5 seeds x 100 epochs, on the cores of this machine.

    python benchmarks/study.py [--ways ...] [--settings 40] [--seeds 5] [--workers 2]

Cutoff function, r_s and share of forces are varied as in the study: 2 x 4 x 5 settings.  A process
per core, one thread each; a training begins with the descriptors of its settings, which a process
keeps for the next seed, and ends with the 100th epoch.  Fewer settings (spread evenly over the 40)
or seeds give an estimate of the whole, and the table says so.  Every training is a line of
``study.jsonl`` in ``--output``: a call that was stopped goes on there.  The errors are test errors
of the setting that the study settled on.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import itertools
import math
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from cells import gold_study
from machine import describe_machine, machine_text
from records import append_record, find_record, read_records

from autune.dataset import Dataset, split_dataset
from autune.errors import TrainingDiverged
from autune.evaluation.loss import score
from autune.formats.files import make_folder
from autune.settings import Settings
from autune.training.loop import train_potential
from autune.training.prepare import prepare

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
N2P2_SECONDS = 365.0
"""Of a training: 100 epochs of 3.6 s and the symmetry functions."""

OWN = ("poly2", 0.5, 0.9)
GRID = sorted(
    itertools.product(("cos", "poly2"), (-0.5, 0.0, 0.5, 1.0), (0.0, 0.5, 0.8, 0.9, 1.0)),
    key=lambda point: point != OWN,
)
"""Cutoff function, r_s in Angstrom, share of forces; what the study settled on comes first."""

STREAMS = 32
WAYS: dict[str, dict[str, Any]] = {
    "as in the study": {},
    "32 streams": {"streams": STREAMS, "updates_per_epoch": 1000 // STREAMS},
    "32 streams, single precision": {
        "streams": STREAMS,
        "updates_per_epoch": 1000 // STREAMS,
        "kalman": {"precision": "single"},
    },
    "32 streams, layers decoupled": {
        "streams": STREAMS,
        "updates_per_epoch": 1000 // STREAMS,
        "kalman": {"decoupling": "layer"},
    },
    "32 streams, neurons decoupled": {
        "streams": STREAMS,
        "updates_per_epoch": 1000 // STREAMS,
        "kalman": {"decoupling": "neuron"},
    },
    "8 streams, neurons decoupled, fading memory": {
        "streams": 8,
        "updates_per_epoch": 125,
        "kalman": {"decoupling": "neuron", "kind": "fading", "q0": 0.0, "qmin": 0.0},
    },
}
"""What differs from the gold study's training; an epoch has 1000 observations."""


def make_settings(way: str, number: int) -> Settings:
    """Return one of the 40 settings."""
    cutoff, r_shift, force_ratio = GRID[number]
    content = gold_study(force_ratio=force_ratio, **WAYS[way]).model_dump(
        mode="json", by_alias=True
    )
    content["potential"]["cutoff_type"] = cutoff
    content["potential"]["symmetry_functions"]["r_shift"] = r_shift
    return Settings.from_mapping(content)


def train(way: str, number: int, seed: int, epochs: int) -> dict[str, Any]:
    """Train one potential from its descriptors to its last epoch."""
    began = time.time()
    settings = make_settings(way, number)
    training = settings.training.model_copy(update={"epochs": epochs})
    settings = settings.model_copy(update={"training": training})
    dataset = split_dataset(Dataset.read(settings.dataset.path), settings.dataset)
    judge = partial(score, settings=settings.evaluation.score)
    try:
        last = train_potential(settings, prepare(settings, dataset), judge, seed=seed).epochs[-1]
        energy, force = last.test_energy_rmse, last.test_force_rmse
    except TrainingDiverged:
        energy = force = math.nan
    return {"began": began, "ended": time.time(), "energy": energy, "force": force}


def run_trainings(
    way: str, numbers: Sequence[int], seeds: int, epochs: int, workers: int, path: Path
) -> list[dict[str, Any]]:
    """Run the trainings that are not there yet; return the records of all that were asked for."""
    records = read_records(path)
    keys = [
        {"way": way, "setting": number, "seed": seed, "epochs": epochs, "workers": workers}
        for number in numbers
        for seed in range(seeds)
    ]
    missing = [key for key in keys if find_record(records, key) is None]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        # Kernels are loaded or compiled before the clock starts.
        list(pool.map(partial(train, way, 0, epochs=1), range(2 * workers)))
        running = {
            pool.submit(train, way, key["setting"], key["seed"], epochs): key for key in missing
        }
        for future in as_completed(running):
            record = running[future] | future.result()
            append_record(path, record)
            records.append(record)
    return [found for key in keys if (found := find_record(records, key))]


def row(way: str, records: Sequence[dict[str, Any]], workers: int, whole: int) -> list[str]:
    """Return the texts of a line of the table."""
    seconds = [record["ended"] - record["began"] for record in records]
    minutes = whole * statistics.mean(seconds) / workers / 60.0
    finite = [record for record in records if math.isfinite(record["energy"])]
    own = [record for record in finite if GRID[record["setting"]] == OWN]
    energy = 1e3 * np.array([record["energy"] for record in own])
    force = np.array([record["force"] for record in own])
    return [
        way,
        f"{len(records)} of {whole}",
        f"{len(records) - len(finite)}",
        f"{statistics.median(seconds):.1f}",
        f"{minutes:.1f}",
        f"{whole * N2P2_SECONDS / 3600.0:.1f}",
        f"{energy.mean():.2f} +- {energy.std(ddof=1):.2f}" if len(energy) > 1 else "",
        f"{force.mean():.4f} +- {force.std(ddof=1):.4f}" if len(force) > 1 else "",
    ]


HEADER = ["way", "trainings", "diverged", "s/training", "minutes for all", "n2p2: hours of CPU",
          "meV/atom", "eV/Angstrom"]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--settings", type=int, default=len(GRID), help="how many of the 40")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    make_folder(options.output)
    numbers = np.linspace(0, len(GRID) - 1, options.settings).round().astype(int).tolist()
    print(machine_text(describe_machine()), flush=True)
    print(f"{options.workers} workers, {options.epochs} epochs of 1000 observations\n")
    for line in (HEADER, ["---"] * len(HEADER)):
        print(f"| {' | '.join(line)} |")
    whole = len(GRID) * 5
    for way in options.ways:
        records = run_trainings(
            way, numbers, options.seeds, options.epochs, options.workers,
            options.output / "study.jsonl",
        )  # fmt: skip
        print(f"| {' | '.join(row(way, records, options.workers, whole))} |", flush=True)


if __name__ == "__main__":
    main()
