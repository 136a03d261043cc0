"""How the best setting was trained: its learning curves."""

from __future__ import annotations

from dataclasses import asdict

from autune.page.blocks import Drawing, Section
from autune.page.gathered import Gathered
from autune.page.texts import counted
from autune.report.figures import plot_learning_curve


def training_section(gathered: Gathered) -> Section:
    """Draw errors over the epochs of all trainings of the best setting."""
    shown = gathered.shown
    if shown is None or not shown.epochs:
        return Section("training", "Training", [])
    epochs, kept = shown.epochs, shown.kept
    fresh = " with fresh seeds" if gathered.confirmed is not None else ""
    drawing = Drawing(
        "learning_curve",
        f"Training and test errors of trial {gathered.best} over the epochs, "
        f"{counted(shown.n_seeds, 'training')}{fresh}; a dot marks the epoch whose weights were "
        "kept.",
        f"Energy and force RMSE over {max(epoch.number for epoch in epochs)} epochs.",
        lambda path: plot_learning_curve(epochs, path, kept),
        [asdict(epoch) for epoch in epochs],
    )
    return Section("training", "Training", [drawing])
