"""How the time of each step of a training grows with its size, and what limits it.

    python benchmarks/scaling.py [--json OUT] [--quick]

One thread.  Times are medians of several runs after a warm-up.  Exponents are slopes of straight
lines through the logarithms of size and time, by least squares, with their standard error.  The
bytes and operations of a step are counted, not measured (`counts` says how).  They have two floors:
the time of the bytes at the higher of the rates at which this machine reads and copies a working
set as large as the step's (`rates`), and the time of the operations at the rate of a large dgemm.
The longer one is named as the limit; its share of the measured time, in percent, tells how close
the step is to it.  Below a third a step is called slow: it moves bytes or calculates in loops,
small products and calls that are not as fast as a copy or a large dgemm.  Draws ``scaling.png``
beside the JSON, or into results/benchmarks.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, limits_record, machine_text, measure_limits
from rates import MEGABYTE, Rates, measure_rates
from scaling_figure import draw
from sizes import NAMES, QUICK, Plan, Point, Series, measure
from steps import digits
from threadpoolctl import threadpool_limits

from autune.formats.files import make_folder, write_text

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"

LARGEST = 4
"""Sizes at the end of a series that have an exponent of their own."""

SLOW = 100.0 / 3.0
"""Percent of the machine's rate."""


@dataclass(frozen=True)
class Fit:
    """Exponent of time over size between two sizes, with its standard error."""

    exponent: float
    error: float
    first: float
    last: float

    @classmethod
    def of(cls, x: Sequence[float], y: Sequence[float]) -> Fit:
        """Fit log y = exponent log x + constant by least squares."""
        line, covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
        return cls(float(line[0]), math.sqrt(covariance[0, 0]), float(x[0]), float(x[-1]))

    @property
    def text(self) -> str:
        """Exponent, error and range."""
        return f"{self.exponent:.2f} ± {self.error:.2f} ({self.first:.0f} - {self.last:.0f})"


@dataclass(frozen=True)
class Ceiling:
    """What the machine can do at most: rates of memory, and of a large dgemm in GFLOP/s."""

    rates: Rates
    dgemm: float

    def floors(self, point: Point) -> tuple[float, float]:
        """Return ms that the point's bytes and its operations would take."""
        count = point.count
        return (
            1e-6 * count.moved / self.rates.at_most(count.working_set),
            1e-6 * count.operations / self.dgemm,
        )

    def judge(self, point: Point) -> Verdict:
        """Say what limits a point."""
        ms = point.time.median
        memory, arithmetic = self.floors(point)
        edge = self.rates.edge
        if arithmetic >= memory:
            limit = "arithmetic"
        elif edge is None:
            limit = "memory traffic"
        else:
            inside = point.count.working_set < edge
            limit = f"memory traffic ({'cache' if inside else 'main memory'})"
        return Verdict(
            1e-6 * point.count.moved / ms,
            100.0 * memory / ms,
            1e-6 * point.count.operations / ms,
            100.0 * arithmetic / ms,
            limit,
        )


@dataclass(frozen=True)
class Verdict:
    """What was reached at a size: GB/s, GFLOP/s, each in percent of the machine's, the limit."""

    bandwidth: float
    of_bandwidth: float
    arithmetic: float
    of_arithmetic: float
    limit: str

    @property
    def text(self) -> str:
        """The limit, and whether it is far."""
        slow = max(self.of_bandwidth, self.of_arithmetic) < SLOW
        return f"{self.limit}, slow" if slow else self.limit

    @property
    def cells(self) -> list[str]:
        """Texts for a table."""
        return [
            digits(self.bandwidth),
            f"{self.of_bandwidth:.0f} %",
            digits(self.arithmetic),
            f"{self.of_arithmetic:.0f} %",
            self.text,
        ]


REACHED = ["GB/s", "of the rate", "GFLOP/s", "of dgemm", "limit"]


def fits(series: Series, ceiling: Ceiling) -> dict[str, Fit]:
    """Fit all sizes, the largest ones, and the floor of all."""
    x = [point.size for point in series.points]
    y = [point.time.median for point in series.points]
    floor = [max(ceiling.floors(point)) for point in series.points]
    return {
        "all": Fit.of(x, y),
        "largest": Fit.of(x[-LARGEST:], y[-LARGEST:]),
        "floor": Fit.of(x, floor),
    }


def table_of(series: Series, ceiling: Ceiling) -> list[str]:
    """Write a line for every size of a step."""
    name = NAMES[series.variable]
    header = [name, f"ms per {series.per}", "min - max", *REACHED]
    rows = [
        [
            f"{point.size:.0f}",
            digits(point.time.median),
            f"{digits(point.time.minimum)} - {digits(point.time.maximum)}",
            *ceiling.judge(point).cells,
        ]
        for point in series.points
    ]
    return ["", f"{series.step}, by {name}", "", *_table(header, rows)]


def summary(everything: Sequence[Series], ceiling: Ceiling) -> list[str]:
    """Write a line for every step: exponents, and the limit at the largest size."""
    header = ["step", "by", "exponent (range)", f"of the largest {LARGEST}", "of the floor",
              "at", "ms", *REACHED]  # fmt: skip
    rows = []
    for series in everything:
        found, last = fits(series, ceiling), series.points[-1]
        rows.append([
            series.step,
            NAMES[series.variable],
            found["all"].text,
            found["largest"].text,
            f"{found['floor'].exponent:.2f}",
            f"{last.size:.0f}",
            f"{digits(last.time.median)} per {series.per}",
            *ceiling.judge(last).cells,
        ])  # fmt: skip
    return _table(header, rows)


def changes(everything: Sequence[Series], ceiling: Ceiling) -> Iterator[str]:
    """Say at which sizes the limit of each step changes."""
    edge = ceiling.rates.edge
    if edge is None:
        yield "The rates of cache and memory do not differ enough to tell them apart."
    else:
        yield (
            f"Working sets above {edge / MEGABYTE:.1f} MB come from memory: the filter, which "
            f"touches half of P (4 n^2 bytes), leaves the cache at {math.sqrt(edge / 4.0):.0f} "
            "weights."
        )
        for series in everything:
            if series.variable == "weights" and "one at a time" in series.step:
                yield from _cross(series, ceiling, edge)
    for series in everything:
        limits = [ceiling.judge(point).limit for point in series.points]
        runs = [limits[0]]
        for before, after, point in zip(limits, limits[1:], series.points[1:], strict=False):
            if after != before:
                runs.append(f"from {point.size:.0f} {after}")
        name = NAMES[series.variable]
        if len(runs) > 1:
            yield f"{series.step}, by {name}: {', '.join(runs)}"


def _cross(series: Series, ceiling: Ceiling, edge: float) -> Iterator[str]:
    """Say what a step reaches on both sides of the cache's edge."""
    for name, inside in (("in the cache", True), ("beyond", False)):
        points = [p for p in series.points if (p.count.working_set < edge) is inside]
        if points:
            best = max(points, key=lambda p: ceiling.judge(p).bandwidth)
            verdict = ceiling.judge(best)
            yield (
                f"{series.step}, {name}: at most {digits(verdict.bandwidth)} GB/s "
                f"({verdict.of_bandwidth:.0f} % of the rate, at {best.size:.0f} {series.variable})"
            )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def record(series: Series, ceiling: Ceiling) -> dict[str, Any]:
    """Return a series, its fits and verdicts for JSON; times in ms."""
    return {
        "variable": series.variable,
        "step": series.step,
        "per": series.per,
        "exponents": {name: asdict(fit) for name, fit in fits(series, ceiling).items()},
        "points": [
            asdict(point)
            | {"floors": ceiling.floors(point), "reached": asdict(ceiling.judge(point))}
            for point in series.points
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, draw, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything to this file")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    options = parser.parse_args(arguments)
    folder = options.json.parent if options.json else RESULTS
    make_folder(folder)
    plan = QUICK if options.quick else Plan()
    with threadpool_limits(limits=1, user_api="blas"):
        machine = describe_machine()
        limits = measure_limits(plan.runs, options.quick)
        rates = measure_rates(plan.runs, plan.largest)
        ceiling = Ceiling(rates, limits.dgemm.maximum)
        print(machine_text(machine), f"One thread: {limits.text}", "", sep="\n")
        if options.quick:
            print("Quick: tiny sizes, the numbers say nothing.\n")
        print(*rates_table(rates), sep="\n", flush=True)
        everything = []
        for series in measure(plan):
            everything.append(series)
            print(*table_of(series, ceiling), sep="\n", flush=True)
    changed = list(changes(everything, ceiling))
    print("", "Exponents, and what limits the largest size", "", sep="\n")
    print(*summary(everything, ceiling), "", *(f"- {line}" for line in changed), sep="\n")
    machine["load_average_at_the_end"] = [round(load, 2) for load in os.getloadavg()]
    print("\nLoad average at the end:", *machine["load_average_at_the_end"])
    draw(everything, rates, ceiling.floors, folder / "scaling.png")
    if options.json:
        content = {
            "machine": machine,
            "limits": limits_record(limits),
            "rates_GB_per_s": asdict(rates) | {"edge": rates.edge},
            "quick": options.quick,
            "plan": asdict(plan),
            "series": [record(series, ceiling) for series in everything],
            "changes": changed,
        }
        write_text(options.json, json.dumps(content, indent=1) + "\n")


def rates_table(rates: Rates) -> list[str]:
    """Write the rates of memory."""
    rows = [
        [digits(size / MEGABYTE), digits(read.maximum), digits(copy.maximum)]
        for size, read, copy in zip(rates.working_sets, rates.read, rates.copy, strict=True)
    ]
    return _table(["working set [MB]", "read [GB/s]", "copy [GB/s]"], rows)


if __name__ == "__main__":
    main()
