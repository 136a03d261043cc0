"""When a training may end before its last epoch: its test errors have ceased to fall."""

from __future__ import annotations

from collections.abc import Iterable

from autune.settings import StopEarlySettings


def has_stalled(scores: Iterable[float], settings: StopEarlySettings) -> bool:
    """Say whether the last epochs, as many as the patience, brought no better score.

    Parameters
    ----------
    scores
        Of all epochs so far, that before the first update first; infinite where errors were not
        finite.
    settings
        Patience, and by which part a score must be lower to be better.
    """
    best, waited = float("inf"), 0
    for score in scores:
        if score < best * (1.0 - settings.improvement):
            best, waited = score, 0
        else:
            waited += 1
    return waited >= settings.patience
