"""The last stage of a search: its best settings are trained again with seeds it has not seen.

A search that takes the best of many trials takes luck for merit: the scores of its winners are
too good.  Fresh seeds, the same for all settings and on the same split, show which settings are
better than others and which cannot be told apart.

A confirmation is a search of its own in the folder ``confirm`` of the search, whose points are
given: a trial of the search, and a seed.  So it goes on after a stop like every search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autune.dataset import Dataset
from autune.evaluation.metrics import failed_properties
from autune.formats.files import make_folder, write_text
from autune.report.confirmation import Confirmation, ConfirmedSetting
from autune.search.confirmed import Confirmed, measure_holdout, write_confirmed
from autune.search.folder import IDENTITY, SearchFolder
from autune.search.record import Record, ranked
from autune.settings import Settings
from autune.space import Distribution, Parameter, SearchSpace

if TYPE_CHECKING:
    from autune.search.study.study import Study

FIRST_FRESH_SEED = 1_000_000
"""Added to training.seed; the seeds of the search lie below."""

TRIAL = Parameter("trial", ("trial",), Distribution("int", low=0, high=10**9, step=1))
SEED = Parameter("seed", ("seed",), Distribution("int", low=0, high=10**6, step=1))


@dataclass(frozen=True)
class Repetitions:
    """The points of a confirmation; stands where a search has its space.

    Parameters
    ----------
    space
        Of the search.
    params
        Point of each complete trial of the search: what was chosen before a stop, and began to
        train, may not be chosen after it.
    chosen
        Trials that are confirmed, best first.
    n_seeds
        Trainings of each.
    """

    space: SearchSpace
    params: Mapping[int, Mapping[str, Any]]
    chosen: tuple[int, ...]
    n_seeds: int

    @property
    def points(self) -> list[dict[str, Any]]:
        """All of them; every setting has one training before any has two."""
        return [
            {TRIAL.key: trial, SEED.key: seed}
            for seed in range(self.n_seeds)
            for trial in self.chosen
        ]

    def propose(self, draw: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Draw trial and seed."""
        return {parameter.key: draw(parameter) for parameter in (TRIAL, SEED)}

    def apply(self, params: Mapping[str, Any]) -> Settings:
        """Return the settings of one training."""
        settings = self.space.apply(self.params[params[TRIAL.key]])
        seed = settings.training.seed + FIRST_FRESH_SEED + int(params[SEED.key])
        return settings.model_copy(
            update={
                "training": settings.training.model_copy(update={"seed": seed}),
                "evaluation": settings.evaluation.model_copy(update={"seeds": 1}),
            }
        )


def choose(records: Sequence[Record], space: SearchSpace, settings: Settings) -> Repetitions:
    """Take the best trials of a search; those beyond its constraints only where no other is."""
    assert settings.confirm is not None
    complete = ranked(records)
    params = {record.number: record.params for record in complete}
    best = [record for record in complete if record.violation == 0.0] or complete
    chosen = tuple(record.number for record in best[: settings.confirm.best])
    return Repetitions(space, params, chosen, settings.confirm.seeds)


def open_confirmation(
    folder: SearchFolder, repetitions: Repetitions, settings: Settings, fingerprint: str
) -> tuple[SearchFolder, Study]:
    """Begin the search of a confirmation, or open the one that is there.

    Returns
    -------
    SearchFolder, Study
        Of the confirmation; the study proposes what has no result yet.
    """
    from autune.search.study.storage import mend_journal
    from autune.search.study.study import Study

    inner = folder.confirmation
    make_folder(inner.trials)
    write_text(inner.path / IDENTITY, f"{folder.identity}-confirm\n")
    inner.write_settings(folder.settings_file.read_text(encoding="utf-8"))
    mend_journal(inner.path)
    study = Study.create(inner, ("score",), fingerprint, settings.search.storage, later=True)
    study.continue_with_points(repetitions, repetitions.points)
    return inner, study


def without_early_stops(settings: Settings) -> Settings:
    """Return settings with which every training runs to its end."""
    search = settings.search.model_copy(update={"pruner": "none", "racing": False})
    return settings.model_copy(update={"search": search})


def to_come(records: Sequence[Record], repetitions: Repetitions) -> tuple[int, list[Record]]:
    """Count the trainings of a confirmation, and return those of them that have ended.

    A training that was interrupted is finished also where its setting is chosen no longer.
    """
    points = repetitions.points
    chosen = [record for record in records if dict(record.params) in points]
    others = [record for record in records if record not in chosen and record.state == "running"]
    return len(points) + len(others), [r for r in chosen if r.state != "running"]


def gather(records: Sequence[Record], repetitions: Repetitions, confidence: float) -> Confirmed:
    """Put the fresh trainings of every setting together.

    A training of which a property could not be calculated failed, as one that diverged: in its
    score, which stays finite, the property counts 100 %, and one such seed would scatter so much
    that a bad setting could not be told from the best.  What no training at all can calculate says
    nothing about settings; and where nothing is left, all count by their scores.

    Parameters
    ----------
    records
        Of the confirmation.
    repetitions
        Which of them count.
    confidence
        Of intervals and comparisons.
    """
    found = {(r.params[TRIAL.key], r.params[SEED.key]): r for r in records if r.params}
    rows = {
        trial: [found[trial, seed] for seed in range(repetitions.n_seeds)]
        for trial in repetitions.chosen
    }
    # The metrics of a training that failed count for nothing.
    failed = _without_a_property([r for row in rows.values() for r in row], repetitions)
    settings = tuple(
        ConfirmedSetting(
            trial,
            repetitions.params[trial],
            tuple({} if r.number in failed else r.metrics for r in row),
        )
        for trial, row in rows.items()
    )
    numbers = {trial: tuple(record.number for record in row) for trial, row in rows.items()}
    return Confirmed(Confirmation(settings, confidence), numbers)


def _without_a_property(records: Sequence[Record], repetitions: Repetitions) -> set[int]:
    """Return the trainings that lack a property which others have."""
    failed = {
        r.number: failed_properties(r.metrics, repetitions.apply(r.params).evaluation)
        for r in records
        if math.isfinite(r.score)
    }
    never = set.intersection(*failed.values()) if failed else set()
    lacking = {number for number, names in failed.items() if names - never}
    return lacking if len(lacking) < len(failed) else set()


def keep(folder: SearchFolder, confirmed: Confirmed, dataset: Dataset) -> Confirmed:
    """Measure the winner on the holdout, if there is one, and write everything down."""
    if dataset.holdout_structures:
        confirmed = measure_holdout(folder, confirmed, dataset.holdout_structures)
    write_confirmed(folder, confirmed)
    return confirmed
