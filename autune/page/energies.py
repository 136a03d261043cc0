"""Energies of potentials that were trained with forces alone.

Forces are derivatives of the energy: they do not change if a constant is added to the energy of
every atom of an element.  Where energies are not trained this constant stays what the initial
weights make of it, and is most of an energy RMSE.  Differences between energies of the same atoms,
and so the properties, do not have it.
"""

from __future__ import annotations

from autune.page.gathered import Gathered

ENERGY = "energy_rmse"

NOT_TRAINED = (
    "Energies are not trained (training.force_ratio): forces leave a constant per atom open, and "
    "the energy RMSE shows it. It says nothing of the potential, and is left out of the summary "
    "and of what is compared."
)

_DECIDING = ("training.force_ratio", "training.updates_per_epoch")


def trains_energies(gathered: Gathered) -> bool:
    """Whether the best trial has energy updates."""
    settings = gathered.settings if gathered.best is None else gathered.shown_settings
    return settings.training.trains_energies


def trials_without_energies(gathered: Gathered) -> set[int]:
    """Return the numbers of all trials that have no energy updates."""
    if not any(parameter.key in _DECIDING for parameter in gathered.space.parameters):
        trained = gathered.settings.training.trains_energies
        return set() if trained else {record.number for record in gathered.records}
    return {
        record.number
        for record in gathered.records
        if not gathered.space.apply(record.params).training.trains_energies
    }
