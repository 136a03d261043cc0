"""Figure of a search of many trials: time of the study, and rate and memory of its driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from autune.report.canvas import COLOURS, write_figure

MARKERS = {"journal": "o-", "postgresql": "s--"}


def draw(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what a proposal takes over the trials, and rate and memory over those of each search."""
    study = [r for r in records if r["part"] == "study"]
    searches = [r for r in records if r["part"] == "search"]
    cases = list(
        dict.fromkeys((r["sampler"], r["storage"], r["fill"], r["objectives"]) for r in study)
    )

    def fill(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3)
        for place, case in enumerate(cases):
            sampler, storage, filled, n_objectives = case
            found = sorted(
                (r["trials"], 1e3 * r["propose_cpu_s"])
                for r in study
                if (r["sampler"], r["storage"], r["fill"], r["objectives"]) == case
            )
            label = f"{sampler}, {storage}" + ("" if n_objectives == 3 else ", one objective")
            label += "" if filled == "random" else f", filled by {filled}"
            colour = COLOURS[place % len(COLOURS)]
            left.plot(*zip(*found, strict=True), MARKERS[storage], color=colour, label=label)
        left.set_yscale("log")
        left.set_ylabel("processor time of a proposal [ms]")
        for place, case in enumerate(searches):
            colour = COLOURS[place % len(COLOURS)]
            label = f"{case['sampler']}, {case['concurrent']} at a time"
            label += {"many": ", asha"}.get(case["reports"], "")
            label += "" if case["mlflow"] is None else ", MLflow"
            points = case["points"]
            steps = [(a, b) for a, b in pairwise(points) if b["trials"] > a["trials"]]
            middle.plot(
                [b["trials"] for _, b in steps],
                [(b["trials"] - a["trials"]) / (b["s"] - a["s"]) for a, b in steps],
                color=colour,
                label=label,
            )
            right.plot([p["trials"] for p in points], [p["MB"] for p in points], color=colour)
        middle.set_ylabel("trials a second")
        right.set_ylabel("memory of the driver [MB]")
        for axes in (middle, right):
            axes.set_ylim(bottom=0.0)
        for axes in (left, middle, right):
            axes.set_xlabel("trials")
        for axes in (left, middle):
            if axes.has_data():
                axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=9)

    write_figure(path, (13.0, 5.0), fill)
