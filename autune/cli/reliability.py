"""What the verbs say of how far predictions can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from autune.cli.options import print_table

if TYPE_CHECKING:
    from autune.evaluation.calibration import Calibration
    from autune.potential.committee import Committee, CommitteePrediction
    from autune.potential.model import Potential, Prediction
    from autune.structures import Structure

SHOWN_EXTRAPOLATION = (
    *("index", "structure", "atoms_outside", "atom", "element", "symmetry_function"),
    *("value", "minimum", "maximum", "excess_percent"),
)
"""Columns that fit on a terminal; the CSV has all."""

logger = logging.getLogger(__name__)


def warn_of_extrapolation(
    structures: Sequence[Structure], predictions: Sequence[Prediction | CommitteePrediction]
) -> None:
    """Warn of atoms unlike those of the training set, if there are any."""
    from autune.evaluation.extrapolation import describe_extrapolation

    if any(p.extrapolations.any() for p in predictions):
        logger.warning("%s", describe_extrapolation(structures, predictions))


def show_extrapolation(
    structures: Sequence[Structure],
    predictions: Sequence[Prediction | CommitteePrediction],
    csv: Path | None,
) -> None:
    """Print the structures that are furthest outside, and write all that is outside to a file."""
    from autune.evaluation.extrapolation import (
        COLUMNS,
        describe_extrapolation,
        extrapolation_rows,
        furthest_outside,
    )
    from autune.report.tables import tabulate, write_csv

    if csv is not None:
        rows = list(extrapolation_rows(structures, predictions))
        # A table without rows has its header nevertheless.
        write_csv(tabulate(rows or [dict.fromkeys(COLUMNS)]).head(len(rows)), csv)
    if furthest := furthest_outside(structures, predictions):
        shown = [{name: row[name] for name in SHOWN_EXTRAPOLATION} for row in furthest]
        typer.echo()
        print_table(tabulate(shown), "furthest outside the range of the training set")
    typer.echo(describe_extrapolation(structures, predictions))


def refuse_without_spread(potential: Potential | Committee) -> None:
    """Refuse a single potential: it has no spread that could be compared with errors.

    Raises
    ------
    ConfigError
        If it is no committee.
    """
    from autune.errors import ConfigError
    from autune.potential.committee import Committee

    if not isinstance(potential, Committee):
        raise ConfigError(
            "",
            "--calibration compares the spread of a committee with its errors; name a folder with "
            "several potentials, as autune export --committee writes it",
        )


def show_calibration(
    structures: Sequence[Structure], calibrations: Sequence[Calibration], figure: Path
) -> None:
    """Say how spread and error of a committee agree, and draw it."""
    from autune.report.calibration import describe_calibration
    from autune.report.calibration_figure import plot_calibration

    plot_calibration(calibrations, figure)
    for calibration in calibrations:
        typer.echo(describe_calibration(calibration))
    compared = {calibration.quantity for calibration in calibrations}
    if "energy" not in compared and any(s.energy is not None for s in structures):
        typer.echo("energy: the members do not differ, there is nothing to compare")
    if "force" not in compared and any(s.forces is not None for s in structures):
        typer.echo("force: the members do not differ, there is nothing to compare")
