"""What MPI ranks gain, measured on this machine and drawn by a model to 256 ranks.

    python benchmarks/ranks.py [--ranks 1 2] [--rounds 5] [--output FOLDER] [--json OUT] [--quick]

Jobs of one and of more ranks take turns (1 2 1 2 ...), each a training of the gold study on cells
of 144 atoms with 32 streams and with one, for networks of 1351 and 4987 weights; speed-ups
compare jobs that follow each other.  One thread a rank, nothing is bound.  The first jobs also
measure what the model needs (`rank_model.py`).  ``ranks.png`` goes to the folder.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from machine import Spread, describe_machine, machine_text
from rank_figure import draw, ranks_drawn
from rank_model import (
    CLUSTER,
    Machine,
    largest_share,
    learn_machine,
    speed_up,
    update_seconds,
)
from rank_updates import PARTS, Case, request_for

from autune.formats.files import make_folder, write_text

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
N_INPUTS = 26
"""Symmetry functions of the gold study."""

DRAWN = (661, 1351, 5000, 20_000)
"""Weights of the networks that the model draws."""

STREAMS = (32, 128)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    cases
        Trainings.
    rates
        Weights and streams for which rates of the filter's products are measured.
    cells, repeat
        Gold cells and their size.
    runs, rounds
        Of a rate or message; of jobs.
    largest_message
        Bytes.
    """

    cases: tuple[Case, ...] = (
        Case((25, 25), 32, 40, 3),
        Case((25, 25), 1, 500, 2),
        Case((58, 57), 32, 8, 2),
        Case((58, 57), 1, 60, 2),
    )
    rates: tuple[tuple[int, int], ...] = ((1351, 32), (1351, 1), (4987, 32), (4987, 1))
    cells: int = 20
    repeat: tuple[int, int, int] = (3, 3, 4)
    runs: int = 7
    rounds: int = 5
    largest_message: int = 2**24


QUICK = Plan(
    cases=(Case((4, 4), 4, 4, 1), Case((4, 4), 1, 4, 1)),
    rates=((133, 4), (133, 1)),
    cells=4,
    repeat=(2, 2, 2),
    runs=2,
    rounds=1,
    largest_message=4096,
)
"""To see that everything runs; its numbers say nothing."""


def run_job(plan: Plan, size: int, selection: str, with_rates: bool) -> dict[str, Any]:
    """Run a job of `size` ranks; return what its first rank wrote."""
    mpiexec = Path(sys.executable).parent / "mpiexec"
    program = Path(__file__).with_name("rank_updates.py")
    with tempfile.TemporaryDirectory() as folder:
        request, answer = (Path(folder) / name for name in ("request.json", "answer.json"))
        content = request_for(
            plan.cases,
            selection=selection,
            cells=plan.cells,
            repeat=plan.repeat,
            runs=plan.runs,
            rates=plan.rates if with_rates else [],
            largest_message=plan.largest_message,
        )
        request.write_text(json.dumps(content), encoding="utf-8")
        command = [mpiexec, "-n", size, sys.executable, program, request, answer]
        subprocess.run([str(word) for word in command], check=True)
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def updates_table(rounds: Sequence[dict[int, dict[str, Any]]]) -> list[str]:
    """Write the time of an update and the speed-up; medians, smallest and largest of rounds."""
    lines = _head(
        ["weights", "streams", "ranks", "ms/update", "min - max", "speed-up", "min - max"]
    )
    one = min(rounds[0])
    for i, case in enumerate(rounds[0][one]["cases"]):
        for size in rounds[0]:
            seconds = [statistics.median(r[size]["cases"][i]["update"]) for r in rounds]
            first = [statistics.median(r[one]["cases"][i]["update"]) for r in rounds]
            ms = Spread.of([1e3 * s for s in seconds])
            gain = Spread.of([f / s for f, s in zip(first, seconds, strict=True)])
            cells = [case["n_weights"], case["streams"], size, f"{ms.median:.2f}"]
            cells += [f"{ms.minimum:.2f} - {ms.maximum:.2f}", f"{gain.median:.2f}"]
            lines.append(_line([*cells, f"{gain.minimum:.2f} - {gain.maximum:.2f}"]))
    return lines


def parts_table(answers: dict[int, dict[str, Any]], one: int) -> list[str]:
    """Write where the time of an update goes, ms, the mean of the ranks, medians of rounds."""
    columns = [(i, size) for i in range(len(answers[one]["cases"])) for size in answers]
    cases = answers[one]["cases"]
    header = [f"{cases[i]['n_weights']}, {cases[i]['streams']}, {size}" for i, size in columns]
    lines = _head(["weights, streams, ranks", *header])
    for part in PARTS:
        values = [1e3 * answers[size]["cases"][i]["parts"][part] for i, size in columns]
        lines.append(_line([part, *(f"{value:.3f}" for value in values)]))
    total = [1e3 * answers[size]["cases"][i]["with_barriers"] for i, size in columns]
    lines.append(_line(["all, with barriers", *(f"{value:.2f}" for value in total)]))
    for kind in ("predictions", "Jacobian"):
        counts = [answers[size]["cases"][i]["candidates"][kind] for i, size in columns]
        lines.append(_line([f"candidates of a rank: {kind}", *(f"{c:.1f}" for c in counts)]))
    return lines


def machine_tables(machine: Machine, answers: dict[int, dict[str, Any]]) -> list[str]:
    """Write the parameters of the model."""
    lines = _head(["GFLOP/s of a rank", "n", "m", "P H", "subtraction", "X^T H", "copy, GB/s"])
    for several, name in ((False, "one rank"), (True, f"{max(answers)} ranks at once")):
        for rate in machine.rates[several]:
            names = ("P H", "subtraction", "small algebra", "copy")
            cells = [f"{1e-9 * rate[key]:.1f}" for key in names]
            lines.append(_line([name, rate["n"], rate["m"], *cells]))
    lines += ["", *_head(["message", "latency, microseconds", "GB/s"])]
    for where, network in (("this machine", machine.network), ("cluster, assumed", CLUSTER)):
        for kind in ("allreduce", "allgather"):
            alpha, beta = getattr(network, kind)
            speed = f"{1e-9 / beta:.2f}" if beta else "-"
            lines.append(_line([f"{kind}, {where}", f"{1e6 * alpha:.2f}", speed]))
    measured = answers[max(answers)].get("network", {})
    for kind, points in measured.items():
        texts = [f"{size} B {1e6 * seconds:.1f}" for size, seconds in points]
        lines += ["", f"{kind}, {max(answers)} ranks, microseconds: {', '.join(texts)}"]
    for name, (constant, slope) in (
        ("Jacobian", machine.jacobian),
        ("prediction", machine.prediction),
    ):
        lines += ["", f"{name}: {1e3 * constant:.3f} ms + {1e9 * slope:.2f} ns for each weight"]
    for (several, m), seconds in sorted(machine.overhead.items()):
        ranks = "several ranks" if several else "one rank"
        predicted = f"{machine.asked[several, m] * m:.1f} candidates predicted"
        lines += ["", f"{ranks}, {m} streams: interpreter {1e3 * seconds * m:.3f} ms; {predicted}"]
    return lines


def error_table(
    machine: Machine, rounds: Sequence[dict[int, dict[str, Any]]]
) -> tuple[list[str], float]:
    """Compare the model with the measured updates; return the largest error too."""
    lines = _head(["weights", "streams", "ranks", "measured ms", "model ms", "error"])
    errors = []
    for i, case in enumerate(rounds[0][1]["cases"]):
        for size in rounds[0]:
            seconds = [statistics.median(r[size]["cases"][i]["update"]) for r in rounds]
            measured = statistics.median(seconds)
            n, m = case["n_weights"], case["streams"]
            model = sum(update_seconds(machine, size, n, m).values())
            errors.append(model / measured - 1.0)
            cells = [n, m, size, f"{1e3 * measured:.2f}", f"{1e3 * model:.2f}"]
            lines.append(_line([*cells, f"{100 * errors[-1]:+.0f} %"]))
    return lines, max(abs(error) for error in errors)


def prediction_table(machines: dict[str, Machine]) -> list[str]:
    """Write what the model says of many ranks."""
    ranks = ranks_drawn()
    header = [
        "messages",
        "streams",
        "weights",
        "ms on one rank",
        "speed-up at 8",
        "at 32",
        "at 256",
    ]
    lines = _head([*header, "highest", "below 50 % from", "P of a rank there, MB"])
    for name, machine in machines.items():
        for m in STREAMS:
            for n in DRAWN:
                gains = {size: speed_up(machine, size, n, m) for size in ranks}
                best = max(ranks, key=lambda size: gains[size])
                half = next((size for size in ranks if gains[size] / size < 0.5), None)
                one = 1e3 * sum(update_seconds(machine, 1, n, m).values())
                cells = [name, m, n, f"{one:.1f}", *(f"{gains[s]:.1f}" for s in (8, 32, 256))]
                cells += [f"{gains[best]:.1f} at {best}", f"{half} ranks" if half else "-"]
                memory = largest_share(n, half or max(ranks))[1] / 1e6
                lines.append(_line([*cells, f"{memory:.1f}"]))
    return lines


def median_answers(rounds: Sequence[dict[int, dict[str, Any]]]) -> dict[int, dict[str, Any]]:
    """Return the answers of the first round with medians of rounds for the parts of updates."""
    answers = {}
    for size, answer in rounds[0].items():
        cases = []
        for i, case in enumerate(answer["cases"]):
            of_rounds = [r[size]["cases"][i] for r in rounds]
            parts = {p: statistics.median(c["parts"][p] for c in of_rounds) for p in PARTS}
            total = statistics.median(c["with_barriers"] for c in of_rounds)
            cases.append({**case, "parts": parts, "with_barriers": total})
        answers[size] = {**answer, "cases": cases}
    return answers


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _head(titles: Sequence[str]) -> list[str]:
    return [_line(titles), _line(["---"] * len(titles))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, draw, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2], metavar="R")
    parser.add_argument("--rounds", type=int, help="jobs of each number of ranks")
    parser.add_argument("--selection", choices=["threshold", "random"], default="threshold")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of ranks.png")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything to this file")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    options = parser.parse_args(arguments)
    sizes = sorted({1, *options.ranks})
    plan = QUICK if options.quick else Plan()
    if options.rounds:
        plan = replace(plan, rounds=options.rounds)
    machine_before = describe_machine()
    print(machine_text(machine_before))
    if options.quick:
        print("Quick: tiny sizes, the numbers say nothing.")
    rounds: list[dict[int, dict[str, Any]]] = []
    for number in range(plan.rounds):
        jobs = {size: run_job(plan, size, options.selection, number == 0) for size in sizes}
        rounds.append(jobs)
        loads = ", ".join(f"{job['load_average']:.2f}" for job in jobs.values())
        print(f"round {number + 1} of {plan.rounds}, load average {loads}", flush=True)
    answers = median_answers(rounds)
    here = learn_machine(answers)
    errors, largest = error_table(here, rounds)
    machines = {"this machine": here, "cluster (assumed)": replace(here, network=CLUSTER)}
    print("\nTime of an update", "", *updates_table(rounds), sep="\n")
    print("\nWhere it goes, ms", "", *parts_table(answers, 1), sep="\n")
    print("\nParameters of the model", "", *machine_tables(here, answers), sep="\n")
    print("\nModel and measurement", "", *errors, "", sep="\n")
    print(f"Largest error of the model: {100 * largest:.0f} %")
    print("\nModel of many ranks", "", *prediction_table(machines), sep="\n")
    make_folder(options.output)
    draw(machines, DRAWN, STREAMS, options.output / "ranks.png")
    print(f"\n{options.output / 'ranks.png'}")
    if options.json:
        content = {
            "machine": machine_before,
            "quick": options.quick,
            "selection": options.selection,
            "rounds": [{str(size): job for size, job in jobs.items()} for jobs in rounds],
            "largest_model_error": largest,
        }
        write_text(options.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
