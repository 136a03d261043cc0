"""Errors of the best potential: per group, over DFT values, and where they are largest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autune.evaluation.accuracy import GroupComparison, accuracy_of, compare
from autune.page.blocks import Block, Drawing, Section, Words, table
from autune.page.energies import NOT_TRAINED, trains_energies
from autune.page.gathered import Gathered
from autune.page.predicted import Side, predict_sides
from autune.page.texts import error_text
from autune.potential.model import Prediction
from autune.report.figures import plot_parity
from autune.report.histogram_figure import histogram_rows, plot_error_histograms
from autune.structures import Structure
from autune.units import MEV

N_LARGEST = 8


def accuracy_section(gathered: Gathered) -> Section:
    """Compare the potential of the best trial with DFT."""
    sides = [side for side in predict_sides(gathered) if side.structures]
    if not sides:
        return Section("accuracy", "Errors against DFT", [])
    compared = {side.name: compare(side.structures, side.predictions) for side in sides}
    blocks: list[Block] = [Words(_what_is_shown(gathered, sides))]
    blocks += table(
        "Root mean square errors (RMSE), mean absolute errors (MAE) and the largest errors, per "
        "group of structures.",
        [row for name, groups in compared.items() for row in _error_rows(name, groups)],
        ("set", "group"),
    )
    for name, groups in compared.items():
        blocks.append(
            Drawing(
                f"parity_{name}",
                f"Predicted energies and force components over those of DFT, and below them the "
                f"errors: structures of the {name} set, coloured by group.",
                f"Parity of energies and forces of the {name} set.",
                partial(plot_parity, groups),
                _parity_rows(groups),
            )
        )
    for name, groups in compared.items():
        blocks.append(
            Drawing(
                f"histogram_{name}",
                f"Distribution of the errors of energies and force components in the {name} set, a "
                "row for each group.",
                f"Histograms of energy and force errors of the {name} set, per group.",
                partial(plot_error_histograms, groups),
                histogram_rows(groups),
            )
        )
    blocks += _largest(sides)
    return Section("accuracy", "Errors against DFT", blocks)


def _what_is_shown(gathered: Gathered, sides: Sequence[Side]) -> str:
    which = "of its median seed" if gathered.confirmed is not None else "of its best seed"
    if gathered.shown_settings.evaluation.cross_validation != "none":
        which = "of its median training"
    chosen = "epoch and settings" if gathered.shown_settings.training.keep == "best" else "settings"
    words = (
        f"Predictions of trial {gathered.best} by the potential {which}, which is the one that is "
        f"exported. The structures of the test chose {chosen}, so that larger errors than theirs "
        "are to be expected elsewhere."
    )
    if not trains_energies(gathered):
        words += f" {NOT_TRAINED}"
    for side in sides:
        if len(side.structures) < side.n_all:
            words += (
                f" {len(side.structures)} of {side.n_all} structures of the {side.name} set were "
                "drawn for this."
            )
    return words


def _error_rows(side: str, groups: Sequence[GroupComparison]) -> list[dict[str, str]]:
    return [
        {
            "group": found.group,
            "set": side,
            "structures": str(found.n_structures),
            "atoms": str(found.n_atoms),
            "energy RMSE [meV/atom]": error_text(found.energy_rmse / MEV),
            "energy MAE [meV/atom]": error_text(found.energy_mae / MEV),
            "largest [meV/atom]": error_text(found.energy_largest / MEV),
            "force RMSE [eV/Å]": error_text(found.force_rmse),
            "force MAE [eV/Å]": error_text(found.force_mae),
            "largest [eV/Å]": error_text(found.force_largest),
        }
        for found in map(accuracy_of, groups)
    ]


def _parity_rows(groups: Sequence[GroupComparison]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for group in groups[:-1] or groups:
        for name, reference, predicted in zip(
            group.energy_names, group.energy_reference, group.energy_predicted, strict=True
        ):
            rows.append(
                _pair(group.group, name, "energy per atom", "eV/atom", reference, predicted)
            )
        names = np.repeat(group.force_names, 3)
        for name, reference, predicted in zip(
            names, group.force_reference.ravel(), group.force_predicted.ravel(), strict=True
        ):
            rows.append(
                _pair(group.group, name, "force component", "eV/Angstrom", reference, predicted)
            )
    return rows


def _pair(
    group: str, name: str, quantity: str, unit: str, reference: float, predicted: float
) -> dict[str, Any]:
    return {
        "group": group,
        "structure": name,
        "quantity": quantity,
        "unit": unit,
        "reference": reference,
        "predicted": predicted,
    }


def _largest(sides: Sequence[Side]) -> list[Block]:
    errors = [
        _errors(side.name, structure, prediction)
        for side in sides
        for structure, prediction in zip(side.structures, side.predictions, strict=True)
    ]
    found: list[Block] = []
    for words, quantity in (("energies", "energy"), ("forces", "force")):
        known = [one for one in errors if math.isfinite(getattr(one, quantity))]
        known.sort(key=lambda one: -abs(getattr(one, quantity)))
        found += table(
            f"Structures with the largest errors of {words}; the error of forces is that of the "
            "worst component.",
            [
                {
                    "structure": one.structure.name or one.structure.label,
                    "group": one.structure.group,
                    "set": one.side,
                    "energy error [meV/atom]": error_text(one.energy / MEV),
                    "force error [eV/Å]": error_text(one.force),
                }
                for one in known[:N_LARGEST]
            ],
            ("structure", "group", "set"),
        )
    return found


class _Errors(NamedTuple):
    """Of a structure, eV/atom and largest component in eV/Angstrom; NaN without a reference."""

    side: str
    structure: Structure
    energy: float
    force: float


def _errors(side: str, structure: Structure, prediction: Prediction) -> _Errors:
    dE = dF = math.nan
    if structure.energy is not None:
        dE = (prediction.energy - structure.energy) / structure.n_atoms
    if structure.forces is not None:
        dF = float(np.abs(prediction.forces - structure.forces).max())
    return _Errors(side, structure, dE, dF)
