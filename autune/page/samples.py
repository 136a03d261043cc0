"""The trials as samples of what the parameters do."""

from __future__ import annotations

from collections.abc import Mapping

from autune.evaluation.effects import Sample
from autune.page.gathered import Gathered
from autune.page.trainings import read_metrics
from autune.search.record import Record


def samples_of(gathered: Gathered) -> list[Sample]:
    """Return the trials that came to an end of their own.

    Those that were stopped early have no errors that could be compared, and those that diverged
    or failed no trainings.
    """
    return [
        Sample(record.number, record.params, _trainings(record))
        for record in gathered.records
        if record.state in ("complete", "diverged", "failed")
    ]


def _trainings(record: Record) -> tuple[Mapping[str, float], ...]:
    """Return the metrics of every training, or where the folder lacks them their means."""
    if record.state != "complete":
        return ()
    found = read_metrics(record.directory)
    return found if any(found) else (record.metrics,)
