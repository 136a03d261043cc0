"""The trials as samples of what the parameters do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autune.evaluation.effects import Sample
from autune.page.gathered import Gathered
from autune.page.trainings import read_metrics
from autune.search.record import Record

COST = "prediction_time"
_SIZES = ("n_weights", "n_symmetry_functions")


def cost_varies(gathered: Gathered, samples: Sequence[Sample]) -> bool:
    """Whether predictions of the trials cost more or less: they are of several sizes.

    Where they are not, measured times differ by what else the machine did.
    """
    sizes = {tuple(map(one.get, _SIZES)) for sample in samples for one in sample.trainings}
    measured = any(COST in one for sample in samples for one in sample.trainings)
    return measured and (len(sizes) > 1 or COST in gathered.objectives)


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
