"""Figures of trainings, potentials and searches; every function draws one PNG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autune.errors import DataError
from autune.evaluation.accuracy import GroupComparison
from autune.report.canvas import COLOURS, as_written, cycle, use_log_scale, write_figure
from autune.report.front_figure import pareto_front
from autune.training.epoch import Epoch
from autune.units import MEV

_TRAIN, _TEST, _GREY = COLOURS[0], COLOURS[1], "#8c8c8c"

_SIDES = {"train": COLOURS[4], "test": COLOURS[0]}
"""Light and dark, which print without colours keeps apart."""
_MARKERS = "os^DvP*X"

_NOT_PALE = ListedColormap(mpl.colormaps["viridis"](np.linspace(0.0, 0.88, 256)), "not pale")
"""viridis without its end that is hardly seen on white."""

MOST_VECTOR_POINTS = 1000
"""Points of a panel that an SVG holds one by one; more are a picture in it, as large as a PNG."""


def plot_learning_curve(
    epochs: Iterable[Epoch], path: str | Path, kept: Mapping[int, int] | None = None
) -> None:
    """Draw training and test errors of energies and forces over the epochs.

    Parameters
    ----------
    epochs
        Of all seeds, in any order.
    path
        PNG to write.
    kept
        Epoch whose weights were kept, by seed; marked by a dot.

    Raises
    ------
    DataError
        If there are no epochs.
    ConfigError
        If the file cannot be written.
    """
    by_seed: dict[int, list[Epoch]] = {}
    for epoch in sorted(epochs, key=lambda e: (e.seed, e.number)):
        by_seed.setdefault(epoch.seed, []).append(epoch)
    if not by_seed:
        raise DataError("no epochs to draw; train first")

    def draw(figure: Figure) -> None:
        energy, force = figure.subplots(1, 2)
        width = 1.8 if len(by_seed) == 1 else 0.9
        for axes, quantity, scale, unit in (
            (energy, "energy", MEV, "meV/atom"),
            (force, "force", 1.0, "eV/Å"),
        ):
            for side, colour in _SIDES.items():
                for seed, rows in by_seed.items():
                    x = [row.number for row in rows]
                    y = [getattr(row, f"{side}_{quantity}_rmse") / scale for row in rows]
                    axes.plot(x, y, color=colour, linewidth=width)
                    mark = (kept or {}).get(seed)
                    if mark in x:
                        axes.plot(mark, y[x.index(mark)], "o", color=colour, markersize=6)
            use_log_scale(axes, "y")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"{quantity} RMSE [{unit}]")
        handles = [
            Line2D([], [], color=_SIDES["train"], label="training"),
            Line2D([], [], color=_SIDES["test"], label="test"),
        ]
        if kept:
            handles.append(
                Line2D([], [], color=_GREY, marker="o", linestyle="", label="kept epoch")
            )
        if len(by_seed) > 1:
            handles.append(
                Line2D([], [], linestyle="", label=f"({len(by_seed)} trainings, a line each)")
            )
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))

    write_figure(path, (10.0, 4.2), draw)


def plot_parity(comparisons: Sequence[GroupComparison], path: str | Path) -> None:
    """Draw predictions over reference values, above their errors, coloured by group.

    Parameters
    ----------
    comparisons
        From `autune.evaluation.accuracy.compare`; the last, of all structures, is drawn only if
        it is the only one.
    path
        PNG to write.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    groups = comparisons[:-1] or comparisons

    def draw(figure: Figure) -> None:
        panels = figure.subplots(
            2, 2, sharex="col", gridspec_kw={"height_ratios": [2, 1]}, squeeze=False
        )
        for column, (quantity, unit, error_unit, scale) in enumerate(
            (
                ("energy", "eV/atom", "meV/atom", MEV),
                ("force component", "eV/Å", "eV/Å", 1.0),
            )
        ):
            parity, error = panels[0, column], panels[1, column]
            is_energy = column == 0
            drawn = [g.energy_reference if is_energy else g.force_reference for g in groups]
            n_points = sum(values.size for values in drawn)
            size = 18.0 if n_points < 500 else 6.0
            for i, (group, colour) in enumerate(zip(groups, cycle(len(groups)), strict=True)):
                x, y = (
                    (group.energy_reference, group.energy_predicted)
                    if is_energy
                    else (group.force_reference.ravel(), group.force_predicted.ravel())
                )
                for axes, values in ((parity, y), (error, (y - x) / scale)):
                    axes.scatter(
                        x, values, s=size, color=colour, alpha=0.6, linewidths=0,
                        marker=_MARKERS[i % len(_MARKERS)],
                        rasterized=n_points > MOST_VECTOR_POINTS,
                    )  # fmt: skip
            if parity.has_data() and np.isfinite(parity.dataLim.get_points()).all():
                ends = parity.dataLim.intervalx
                parity.plot(ends, ends, color="black", linewidth=0.8, zorder=1.0)
            error.axhline(0.0, color="black", linewidth=0.8, zorder=1.0)
            parity.set_ylabel(f"predicted {quantity} [{unit}]")
            error.set_ylabel(f"error [{error_unit}]")
            error.xaxis.set_major_locator(MaxNLocator(5))
            error.set_xlabel(f"DFT {quantity} [{unit}]")
            figure.align_ylabels(panels[:, column])
        handles = [
            Line2D(
                [],
                [],
                color=colour,
                marker=_MARKERS[i % len(_MARKERS)],
                linestyle="",
                label=as_written(group.group),
            )
            for i, (group, colour) in enumerate(zip(groups, cycle(len(groups)), strict=True))
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(6, len(handles)))

    write_figure(path, (10.0, 6.6), draw)


def plot_search(trials: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Draw the score over the trials, and force error over energy error.

    Parameters
    ----------
    trials
        One mapping per trial with ``number`` and, where known, ``state``, ``score``,
        ``energy_rmse`` [eV/atom], ``force_rmse`` [eV/Angstrom] and ``property_error`` [%].
        A trial whose state is given and is not ``complete`` is drawn in grey, and one whose
        ``violation`` is above 0 as a grey cross: it is neither the best nor a compromise.
    path
        PNG to write.

    Raises
    ------
    DataError
        If there are no trials.
    ConfigError
        If the file cannot be written.
    """
    if not trials:
        raise DataError("no trials to draw; wait for the first to end")
    finished = np.array([str(t.get("state", "complete")).lower() == "complete" for t in trials])
    breaks = finished & np.array([float(t.get("violation", 0.0)) > 0.0 for t in trials])
    kept = finished & ~breaks
    number, score, energy, force, property_ = (
        np.array([_number(trial.get(key)) for trial in trials])
        for key in ("number", "score", "energy_rmse", "force_rmse", "property_error")
    )
    energy = energy / MEV

    many = len(trials) > MOST_VECTOR_POINTS

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        if np.isfinite(score[~finished]).any():
            left.scatter(
                number[~finished],
                score[~finished],
                color=_GREY,
                s=20,
                label="not complete",
                rasterized=many,
            )
        if breaks.any():
            left.scatter(
                number[breaks], score[breaks], color=_GREY, s=24, marker="x", rasterized=many,
                label="beyond the constraints",
            )  # fmt: skip
        left.scatter(
            number[kept], score[kept], color=_TRAIN, s=28, label="complete", rasterized=many
        )
        known = kept & np.isfinite(score)
        order = np.argsort(number[known])
        left.step(
            number[known][order],
            np.minimum.accumulate(score[known][order]),
            where="post",
            color=_TEST,
            label="best so far",
        )
        use_log_scale(left, "y")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.set_xlabel("trial")
        left.set_ylabel("score")
        n_columns = 2 if breaks.any() else 3  # all that fit above the axes
        left.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=n_columns)

        right.scatter(energy[~finished], force[~finished], color=_GREY, s=20, rasterized=many)
        right.scatter(energy[breaks], force[breaks], color=_GREY, s=24, marker="x", rasterized=many)
        coloured = np.isfinite(property_) & kept
        plain = kept & ~coloured
        right.scatter(energy[plain], force[plain], color=_TRAIN, s=32, rasterized=many)
        if coloured.any():
            # Failed properties count 100 % or so; they would hide all other differences.
            top = 3.0 * float(np.median(property_[coloured])) or None
            beyond = top is not None and bool((property_[coloured] > top).any())
            dots = right.scatter(
                energy[coloured], force[coloured], c=property_[coloured], s=36,
                cmap=_NOT_PALE, vmin=0.0, vmax=top if beyond else None, rasterized=many,
            )  # fmt: skip
            figure.colorbar(
                dots, ax=right, label="property error [%]", extend="max" if beyond else "neither"
            )
        front = pareto_front(energy, force, kept)
        right.step(
            energy[front], force[front], where="post", color=_TEST, linewidth=1.0, zorder=0.5,
            label="best compromises of energy and force",
        )  # fmt: skip
        use_log_scale(right, "x")
        use_log_scale(right, "y")
        right.set_xlabel("test energy RMSE [meV/atom]")
        right.set_ylabel("test force RMSE [eV/Å]")
        right.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0))

    write_figure(path, (11.0, 4.6), draw)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
