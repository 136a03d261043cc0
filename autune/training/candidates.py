"""Which energies, forces and stresses enter the next update (N2P2 8.2 and 8.3)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np

from autune.settings import SelectionSettings, TrainingSettings
from autune.settings.training import count_updates
from autune.structures import FloatArray, IntArray

Kind = Literal["energy", "force", "stress"]


def schedule_updates(
    n_updates: int,
    force_ratio: float,
    generator: np.random.Generator,
    stress_ratio: float = 0.0,
) -> list[Kind]:
    """Return the kinds of an epoch's updates, in random order: all that is left are energies."""
    n_forces, n_stresses = count_updates(n_updates, force_ratio, stress_ratio)
    places: IntArray = generator.permutation(n_updates)

    def kind(place: int) -> Kind:
        if place < n_forces:
            return "force"
        return "stress" if place < n_forces + n_stresses else "energy"

    return [kind(place) for place in places.tolist()]


def warn_of_no_updates(settings: TrainingSettings) -> None:
    """Warn of a ratio above 0 that is so small that an epoch has no update of its kind.

    No error, because a search may have a ratio near 0 among others.

    Warns
    -----
    UserWarning
        With the smallest ratio that surely gives one update.
    """
    n_updates = settings.updates_per_epoch
    for kind, ratio, n in (
        ("force", settings.force_ratio, settings.n_force_updates),
        ("stress", settings.stress_ratio, settings.n_stress_updates),
    ):
        if ratio > 0.0 and n == 0:
            warnings.warn(
                f"training.{kind}_ratio: {ratio:g} of {n_updates} updates of an epoch is not one, "
                f"so that no {kind} is trained; give {1.0 / n_updates:g} or more, more "
                "updates_per_epoch, or 0",
                UserWarning,
                stacklevel=2,
            )


def group_observations(
    mode: Literal["full", "task", "sum"], owner: IntArray
) -> list[IntArray] | None:
    """Return which candidates of an update are added up to one observation each.

    Parameters
    ----------
    mode
        full: none; task: those of a rank; sum: all (n2p2's jacobian_mode 2, 1, 0).
    owner
        Rank of each candidate, shape (m,).

    Returns
    -------
    groups
        Places among the candidates; None where every candidate is an observation.
    """
    if mode == "full":
        return None
    everything = np.arange(len(owner))
    if mode == "sum":
        return [everything]
    return [everything[owner == rank] for rank in np.unique(owner)]


class Candidates:
    """The candidates of one kind, taken in order and from the start again at the end.

    Parameters
    ----------
    count
        Number of candidates.
    threshold
        Error over RMSE that a candidate must exceed in threshold mode.
    settings
        Mode and number of trials.
    """

    def __init__(self, count: int, threshold: float, settings: SelectionSettings) -> None:
        self._order: IntArray = np.arange(count)
        self._position = 0
        self._threshold = threshold
        self._settings = settings

    def begin_epoch(self, generator: np.random.Generator, errors: FloatArray) -> None:
        """Shuffle, or sort by the errors of the last epoch, largest first."""
        self._position = 0
        if self._settings.mode == "sorted":
            self._order = np.argsort(-np.abs(errors), kind="stable")
        else:
            self._order = generator.permutation(len(self._order))

    def take(
        self,
        count: int,
        rmse: float,
        present_errors: Callable[[IntArray], FloatArray],
    ) -> IntArray:
        """Return the next candidates.

        Parameters
        ----------
        count
            How many.
        rmse
            RMSE of the training set after the last epoch.
        present_errors
            Absolute errors of candidates with the present weights, in the unit of `rmse`; asked
            for in threshold mode only.
        """
        if self._settings.mode != "threshold":
            return self._next(count)
        # The errors of all that may be tried at once: one call, one answer of all ranks together.
        trials = self._settings.trials
        limit = self._threshold * rmse
        start = self._position
        tried = self._next(count * trials)
        errors = present_errors(tried).tolist()
        chosen = []
        place = 0
        for _ in range(count):
            stop = place + trials
            # The first above the threshold, or else the worst of those tried.
            k = place
            while k < stop and not errors[k] > limit:
                k += 1
            chosen.append(k if k < stop else max(range(place, stop), key=errors.__getitem__))
            place = min(k + 1, stop)
        self._position = (start + place) % len(self._order)
        return tried[chosen]

    def _next(self, count: int) -> IntArray:
        places = np.arange(self._position, self._position + count)
        self._position = (self._position + count) % len(self._order)
        return self._order.take(places, mode="wrap")
