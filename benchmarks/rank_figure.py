"""Figure of the model of MPI ranks: speed-up, efficiency, memory, and where the time goes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from rank_model import Machine, largest_share, speed_up, update_seconds

from autune.formats.files import write_bytes

LARGEST = 256
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "font.size": 11.0,
}
LINES = ("-", "--")
"""Of the machines, in order."""


def ranks_drawn() -> list[int]:
    """Return numbers of ranks: all up to 8, then four to every doubling."""
    ranks = list(range(1, 9))
    while ranks[-1] < LARGEST:
        base = ranks[-1] // 4
        ranks += [base * step for step in (5, 6, 7, 8)]
    return ranks


def draw(
    machines: Mapping[str, Machine], weights: Sequence[int], streams: Sequence[int], path: Path
) -> None:
    """Draw speed-up and efficiency for each number of streams, memory, and parts of the time."""
    ranks = ranks_drawn()
    colours = dict(zip(weights, mpl.color_sequences["tab10"], strict=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(15.0, 8.0), layout="constrained")
        panels = figure.subplots(2, 3)
        for row, m in zip(panels, streams, strict=True):
            row[0].plot(ranks, ranks, color="black", linewidth=0.8)
            row[1].axhline(50.0, color="black", linewidth=0.8)
            for n in weights:
                for line, machine in zip(LINES, machines.values(), strict=True):
                    gains = [speed_up(machine, size, n, m) for size in ranks]
                    row[0].plot(ranks, gains, line, color=colours[n])
                    percent = [100.0 * g / size for g, size in zip(gains, ranks, strict=True)]
                    row[1].plot(ranks, percent, line, color=colours[n])
            row[0].set_title(f"{m} streams", loc="left")
            row[0].set_ylabel("speed-up over one rank")
            row[0].set_yscale("log", base=2)
            row[0].yaxis.set_major_formatter("{x:g}")
            row[1].set_ylabel("parallel efficiency [%]")
            row[1].set_ylim(0.0, 105.0)
        _draw_memory(panels[0, 2], ranks, colours)
        panels[0, 2].set_title("memory", loc="left")
        name, machine = list(machines.items())[-1]
        _draw_parts(panels[1, 2], ranks, machine, weights[1], streams[0])
        panels[1, 2].set_title(
            f"{weights[1]} weights, {streams[0]} streams, messages: {name}", loc="left"
        )
        for axes in panels.flat:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlim(1, LARGEST)
            axes.set_xlabel("ranks")
        for n in weights:
            panels[0, 0].plot([], [], color=colours[n], label=f"{n} weights")
        for line, name in zip(LINES, machines, strict=True):
            panels[0, 0].plot([], [], line, color="gray", label=f"messages: {name}")
        figure.legend(
            *panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6
        )
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=120)
    write_bytes(path, stream.getvalue())


def _draw_memory(axes: Axes, ranks: Sequence[int], colours: Mapping[int, object]) -> None:
    for n, colour in colours.items():
        axes.plot(ranks, [largest_share(n, size)[1] / 1e6 for size in ranks], color=colour)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("largest part of P on a rank [MB]")


def _draw_parts(axes: Axes, ranks: Sequence[int], machine: Machine, n: int, m: int) -> None:
    parts = [update_seconds(machine, size, n, m) for size in ranks]
    names = list(parts[0])
    totals = [sum(part.values()) for part in parts]
    shares = [
        [100.0 * part[name] / total for part, total in zip(parts, totals, strict=True)]
        for name in names
    ]
    axes.stackplot(ranks, shares, labels=names, colors=mpl.color_sequences["Set2"])
    axes.set_ylim(0.0, 100.0)
    axes.set_ylabel("part of an update [%]")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
