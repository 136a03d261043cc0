"""Test error against seconds of training, for several ways to train, and the time to n2p2's errors.

    python benchmarks/learning_curve.py [--data gold Cu Mo Au] [--seeds 5] [--seconds 60]

Every training has the same time, and ends with the epoch that passes it; an epoch has 1000
observations, in however many streams.  Results go, training by training, to
``learning_curve.jsonl`` in the folder ``--output``; a second call goes on where the first was
stopped, and with everything there only prints and draws.  Remove the file after a change of the
code.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import io
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cells import gold_study
from machine import describe_machine, machine_text
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from records import append_record, find_record, read_records
from threadpoolctl import threadpool_limits

from autune.dataset import Dataset, split_dataset
from autune.errors import TrainingDiverged
from autune.evaluation.loss import score
from autune.formats.files import make_folder, write_bytes
from autune.settings import Settings
from autune.training.epoch import Epoch
from autune.training.loop import train_potential
from autune.training.prepare import Prepared, prepare

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
OBSERVATIONS = 1000
"""Of an epoch."""

FADING = {"kind": "fading", "q0": 0.0, "qmin": 0.0}
GROUPS: dict[str, dict[str, dict[str, Any]]] = {
    "streams and selection": {
        "1 stream": {},
        "8 streams": {"streams": 8},
        "32 streams": {"streams": 32},
        "1 stream, random": {"selection": {"mode": "random"}},
        "1 stream, sorted": {"selection": {"mode": "sorted"}},
        "8 streams, random": {"streams": 8, "selection": {"mode": "random"}},
    },
    "covariance, 32 streams": {
        "32 streams, single": {"streams": 32, "kalman": {"precision": "single"}},
        "32 streams, layer": {"streams": 32, "kalman": {"decoupling": "layer"}},
        "32 streams, neuron": {"streams": 32, "kalman": {"decoupling": "neuron"}},
        "8 streams, neuron": {"streams": 8, "kalman": {"decoupling": "neuron"}},
    },
    "fading memory": {
        "1 stream, fading": {"kalman": FADING},
        "8 streams, fading": {"streams": 8, "kalman": FADING},
        "8 streams, fading, layer": {"streams": 8, "kalman": FADING | {"decoupling": "layer"}},
        "8 streams, fading, neuron": {"streams": 8, "kalman": FADING | {"decoupling": "neuron"}},
        "8 streams, fading, single": {"streams": 8, "kalman": FADING | {"precision": "single"}},
    },
}
"""What differs from the gold study: one stream, threshold, standard filter, whole covariance."""

CASES = {name: case for group in GROUPS.values() for name, case in group.items()}
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
"""Told apart by all kinds of colour vision: Okabe and Ito (2008)."""


@dataclass(frozen=True)
class Data:
    """A data set and the test errors to reach.

    Parameters
    ----------
    element
        Its element.
    cutoff
        Cutoff radius, Angstrom.
    energy, force
        Test errors to reach: eV/atom and eV/Angstrom.
    source
        Who reached them.
    seconds
        How long that took; None: not known.
    train, test
        Files; without a test file a tenth is drawn.  None: the built-in gold.
    """

    element: str
    cutoff: float
    energy: float
    force: float
    source: str
    seconds: float | None = None
    train: str | None = None
    test: str | None = None


DATA = {
    "gold": Data("Au", 6.0, 3.6e-3, 0.026, "n2p2, 100 epochs of the gold study", 365.0),
    "Cu": Data(
        "Cu", 4.1, 1.68e-3, 0.063, "the published n2p2 potential",
        train="mlearn/Cu_train.extxyz", test="mlearn/Cu_test.extxyz",
    ),
    "Mo": Data(
        "Mo", 5.2, 5.43e-3, 0.204, "the published n2p2 potential",
        train="mlearn/Mo_train.extxyz", test="mlearn/Mo_test.extxyz",
    ),
    "Au": Data(
        "Au", 6.0, 4.0e-3, 0.034, "a polynomial potential of 790 features",
        train="silver_gold/Au.extxyz",
    ),
}  # fmt: skip


def read_data(data: Data) -> tuple[Settings, Dataset]:
    """Read a data set; return it split, with the settings of the gold study for it."""
    settings = gold_study()
    if data.train is None:
        return settings, split_dataset(Dataset.read(settings.dataset.path), settings.dataset)
    content = settings.model_dump(mode="json", by_alias=True)
    content["potential"] |= {"elements": [data.element], "cutoff_radius": data.cutoff}
    content["dataset"] = {"path": data.train, "split": "file" if data.test else "random"}
    settings = Settings.from_mapping(content)
    structures = list(Dataset.read(SHARED_DATA / data.train).structures)
    if data.test:
        others = Dataset.read(SHARED_DATA / data.test).structures
        structures = [replace(s, side="train") for s in structures]
        structures += [replace(s, side="test") for s in others]
    return settings, split_dataset(
        Dataset.from_structures(structures, data.train), settings.dataset
    )


def apply_case(settings: Settings, case: Mapping[str, Any]) -> Settings:
    """Return settings with what a case changes, and epochs without end."""
    content = settings.model_dump(mode="json", by_alias=True)
    training = content["training"]
    for key, value in case.items():
        training[key] = training[key] | value if isinstance(value, dict) else value
    training["updates_per_epoch"] = OBSERVATIONS // training["streams"]
    training["epochs"] = 10**6
    return Settings.from_mapping(content)


def train_for(
    settings: Settings, prepared: Prepared, seed: int, budget: float
) -> tuple[list[Epoch], bool]:
    """Train for `budget` seconds; return the epochs, and whether the training diverged."""
    epochs: list[Epoch] = []

    def report(epoch: Epoch) -> bool:
        epochs.append(epoch)
        return epoch.seconds < budget

    judge = partial(score, settings=settings.evaluation.score)
    try:
        train_potential(settings, prepared, judge, seed=seed, report=report)
    except TrainingDiverged:
        return epochs, True
    return epochs, False


def run_trainings(
    name: str, cases: Sequence[str], seeds: int, budget: float, path: Path
) -> list[dict[str, Any]]:
    """Run the trainings that are not there yet; return the records of all that were asked for."""
    settings, dataset = read_data(DATA[name])
    prepared: Prepared | None = None
    preparation = 0.0
    records = read_records(path)
    wanted = []
    for seed in range(seeds):  # seeds outside: after the first there is something of every case
        for case in cases:
            changed = apply_case(settings, CASES[case])
            key = {
                "data": name,
                "case": case,
                "seed": seed,
                "budget": budget,
                "settings": changed.identity,
            }
            record = find_record(records, key)
            if record is None:
                if prepared is None:
                    warm_up()
                    start = time.perf_counter()
                    prepared = prepare(settings, dataset)
                    preparation = time.perf_counter() - start
                load = os.getloadavg()[0]
                epochs, diverged = train_for(changed, prepared, seed, budget)
                record = key | {
                    "machine": describe_machine(),
                    "load_average": load,
                    "preparation": preparation,
                    "diverged": diverged,
                    "epochs": [asdict(epoch) for epoch in epochs],
                }
                append_record(path, record)
                print(f"{name}, {case}, seed {seed}: {len(epochs)} epochs", flush=True)
            wanted.append(record)
    return wanted


def seconds_until(record: Mapping[str, Any], energy: float, force: float) -> float:
    """Return seconds, preparation included, to the first epoch with both test errors reached."""
    for epoch in record["epochs"]:
        if epoch["test_energy_rmse"] <= energy and epoch["test_force_rmse"] <= force:
            return float(record["preparation"] + epoch["seconds"])
    return math.inf


def table(name: str, records: Sequence[Mapping[str, Any]], budget: float) -> list[str]:
    """Write the table of a data set, medians over seeds."""
    data = DATA[name]
    took = f" in {data.seconds:g} s" if data.seconds else ""
    loads = [record["load_average"] for record in records]
    heading = (
        f"{name}: seconds until {1e3 * data.energy:g} meV/atom and {data.force:g} eV/Angstrom on "
        f"the test set, both ({data.source}{took}); {budget:g} s of training each, load average "
        f"{min(loads):.1f} to {max(loads):.1f}"
    )
    header = ["case", "seeds", "seconds until both", "min - max", "s/epoch", "epochs",
              "meV/atom at the end", "eV/Angstrom at the end", "meV/atom, best epoch",
              "eV/Angstrom, best epoch"]  # fmt: skip
    lines = [
        heading,
        "",
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
    ]
    for case in CASES:
        of_case = [record for record in records if record["case"] == case]
        if not of_case:
            continue
        until = [seconds_until(record, data.energy, data.force) for record in of_case]
        trained = [record["epochs"] for record in of_case if record["epochs"]]
        best = [min(epochs, key=itemgetter("score")) for epochs in trained]
        diverged = sum(record["diverged"] for record in of_case)
        cells = [
            case,
            f"{len(of_case)}" + (f" ({diverged} diverged)" if diverged else ""),
            _seconds(statistics.median(until), budget),
            f"{_seconds(min(until), budget)} - {_seconds(max(until), budget)}",
            f"{statistics.median(e[-1]['seconds'] / len(e) for e in trained):.3f}",
            f"{statistics.median(len(e) for e in trained):.0f}",
            f"{1e3 * statistics.median(e[-1]['test_energy_rmse'] for e in trained):.2f}",
            f"{statistics.median(e[-1]['test_force_rmse'] for e in trained):.4f}",
            f"{1e3 * statistics.median(e['test_energy_rmse'] for e in best):.2f}",
            f"{statistics.median(e['test_force_rmse'] for e in best):.4f}",
        ] if trained else [case, f"{len(of_case)} (all diverged)", *[""] * 8]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _seconds(value: float, budget: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else f"> {budget:g}"


def draw(name: str, records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw test errors over seconds, the median over seeds at every epoch that all have."""
    data = DATA[name]
    cases = {record["case"] for record in records if record["epochs"]}
    groups = {title: cases & set(group) for title, group in GROUPS.items() if cases & set(group)}
    style = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
             "grid.color": "#e4e4e4", "legend.frameon": False, "font.size": 11.0}  # fmt: skip
    with mpl.rc_context(style):
        figure = Figure(figsize=(12.0, 0.5 + 4.0 * len(groups)), layout="constrained")
        panels = figure.subplots(len(groups), 2, squeeze=False, sharex=True, sharey="col")
        for row, (title, group) in zip(panels, groups.items(), strict=True):
            drawn = [case for case in GROUPS[title] if case in group]
            # The reference goes through all rows.
            if "1 stream" in cases and "1 stream" not in drawn:
                drawn.insert(0, "1 stream")
            for case, colour in zip(drawn, COLOURS, strict=False):
                draw_case(row, [r for r in records if r["case"] == case and r["epochs"]], colour)
            row[0].axhline(1e3 * data.energy, color="black", linewidth=0.8)
            row[1].axhline(data.force, color="black", linewidth=0.8, label=data.source)
            row[0].set_ylabel("test energy RMSE [meV/atom]")
            row[1].set_ylabel("test force RMSE [eV/Å]")
            row[0].set_title(title, loc="left")
            row[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        for axes in panels.flat:
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_locator(NullLocator())
        for axes in panels[-1]:
            axes.set_xlabel("seconds of training")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=130)
    write_bytes(path, stream.getvalue())


def draw_case(row: Sequence[Any], records: Sequence[Mapping[str, Any]], colour: str) -> None:
    """Draw a case into both panels of a row."""
    n = min(len(record["epochs"]) for record in records)
    for axes, key, scale in zip(
        row, ("test_energy_rmse", "test_force_rmse"), (1e3, 1.0), strict=True
    ):
        x, y = (
            np.median([[epoch[k] for epoch in r["epochs"][:n]] for r in records], axis=0)
            for k in ("seconds", key)
        )
        axes.plot(x, scale * y, color=colour, label=records[0]["case"], linewidth=1.2)


def warm_up() -> None:
    """Load or compile all kernels, so that no training pays for it."""
    settings, dataset = read_data(DATA["gold"])
    content = settings.model_dump(mode="json", by_alias=True)
    content["training"] |= {"epochs": 1, "updates_per_epoch": 10}
    short = Settings.from_mapping(content)
    train_for(short, prepare(short, dataset), 0, math.inf)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, print the tables, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", nargs="+", choices=DATA, default=["gold"])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="of every training")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    make_folder(options.output)
    path = options.output / "learning_curve.jsonl"
    print(machine_text(describe_machine()), flush=True)
    with threadpool_limits(limits=1, user_api="blas"):
        for name in options.data:
            train = DATA[name].train
            if train and not (SHARED_DATA / train).is_file():
                print(f"\n{name}: left out, {SHARED_DATA / train} is not there")
                continue
            records = run_trainings(name, options.cases, options.seeds, options.seconds, path)
            print("", *table(name, records, options.seconds), sep="\n", flush=True)
            draw(name, records, options.output / f"learning_curve_{name}.png")


if __name__ == "__main__":
    main()
