"""What a trial's folder shows of its trainings: the chosen potential, its properties, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autune.evaluation.accuracy import compare
from autune.properties import PropertyTable
from autune.report.comparison_figure import plot_comparison
from autune.report.curve_figure import plot_curves
from autune.report.figures import plot_learning_curve, plot_parity
from autune.report.tables import tabulate_curves, tabulate_properties, write_csv
from autune.report.trainings import Training, epochs_of


def show_trial(directory: Path, trainings: Sequence[Training], chosen: Training) -> None:
    """Put a training's potential, its properties and the figures into the trial's folder."""
    chosen.trained.potential.save(directory / "potential")
    kept = {number: training.trained.kept for number, training in enumerate(trainings)}
    plot_learning_curve(epochs_of(trainings), directory / "learning_curve.png", kept)
    shown = trainings if chosen.fold.name else [chosen]
    tests = [(t.trained.potential, s) for t in shown for s in t.fold.dataset.test_structures]
    predictions = [potential.predict(structure) for potential, structure in tests]
    plot_parity(
        compare([structure for _, structure in tests], predictions), directory / "parity.png"
    )
    if chosen.table is not None:
        write_properties(chosen.table, directory)
        if any(row.reference is not None for row in chosen.table.rows):
            plot_comparison({"potential": chosen.table}, directory / "properties.png")
        if any(curve.x for curve in chosen.table.curves):
            plot_curves({"potential": chosen.table}, directory / "curves.png")


def write_properties(table: PropertyTable, directory: Path) -> None:
    """Write the properties that are numbers, and those that are curves."""
    write_csv(tabulate_properties(table), directory / "properties.csv")
    if table.curves:
        write_csv(tabulate_curves(table), directory / "curves.csv")
