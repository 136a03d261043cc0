"""What every step of a training costs on this machine, beside n2p2 v2.3.0 and the reach.

    python benchmarks/speed.py [--json OUT] [--quick]

One thread.  Each value is the median of several runs after a warm-up, with the smallest and the
largest; ``floor`` is the time that the machine's own large copy or large dgemm would need for the
bytes or operations of the step.  Where n2p2's programs are on the PATH they do the same work.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import n2p2
from machine import Spread, describe_machine, limits_record, machine_text, measure_limits
from options import OPTIONS_HEADER, measure_options, option_cells
from steps import HEADER, QUICK, Plan, Work, digits, measure
from threadpoolctl import threadpool_limits

from autune.formats.files import write_text


def compare_with_n2p2(work: Work) -> dict[str, Spread]:
    """Run n2p2 on the same cells, if it is there."""
    missing = n2p2.missing_programs()
    if missing:
        print(f"\nn2p2 was not run: {', '.join(missing)} not on the PATH")
        return {}
    found = n2p2.compare(
        work.structures,
        work.prepared.architecture,
        work.settings,
        {"Au": work.weights},
        len(work.dataset.test),
        work.plan.runs,
    )
    print("\nn2p2 on this machine, on the same cells:")
    for name, spread in found.items():
        print(f"- {name}: {digits(spread.median)}")
    return found


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything to this file")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    chosen = parser.parse_args(arguments)
    plan = QUICK if chosen.quick else Plan()
    with threadpool_limits(limits=1, user_api="blas"):
        machine = describe_machine()
        limits = measure_limits(plan.runs, chosen.quick)
        print(machine_text(machine), f"One thread: {limits.text}", "", sep="\n")
        if chosen.quick:
            print("Quick: tiny sizes, the numbers say nothing.\n")
        print(_line(HEADER), _line(["---"] * len(HEADER)), sep="\n", flush=True)
        work = Work(plan, limits)
        rows = []
        for row in measure(work):
            rows.append(row)
            print(_line(row.cells), flush=True)
        print("", _line(OPTIONS_HEADER), _line(["---"] * len(OPTIONS_HEADER)), sep="\n")
        options = {}
        for name, spreads in measure_options(work):
            options[name] = {
                column: spread and asdict(spread)
                for column, spread in zip(OPTIONS_HEADER[1:], spreads, strict=True)
            }
            print(_line(option_cells(name, spreads)), flush=True)
        side_by_side = compare_with_n2p2(work)
        machine["load_average_at_the_end"] = [round(load, 2) for load in os.getloadavg()]
        print("\nLoad average at the end:", *machine["load_average_at_the_end"])
    if chosen.json:
        content = {
            "machine": machine,
            "limits": limits_record(limits),
            "quick": chosen.quick,
            "plan": asdict(plan),
            "rows": [asdict(row) for row in rows],
            "options": options,
            "n2p2_on_this_machine": {name: asdict(s) for name, s in side_by_side.items()},
        }
        write_text(chosen.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
