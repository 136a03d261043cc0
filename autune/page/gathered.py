"""What a page tells of: read from the folder of a search, nothing is written."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from autune.dataset import Dataset
from autune.errors import AutuneError
from autune.formats.files import open_text
from autune.log import mask_credentials
from autune.page.trainings import Trainings, read_trainings
from autune.search.checks import load_dataset
from autune.search.confirmed import Confirmed, read_confirmed
from autune.search.folder import SearchFolder
from autune.search.record import Record, ranked
from autune.settings import Settings
from autune.space import SearchSpace


@dataclass(frozen=True, eq=False)
class Gathered:
    """A search as its page shows it.

    Parameters
    ----------
    folder
        Where it lies.
    space
        What is searched.
    records
        All trials.
    objectives
        Metrics that are minimised.
    fingerprint
        Of the data set with which the search began; after a dash those of the potentials from
        which its trainings went on.
    confirmed
        What fresh seeds say about the best trials; None where there are none.
    ended_because
        Why there are no more trials; empty where there may be.
    importances
        Share of each parameter by metric; empty where there are too few trials.
    """

    folder: SearchFolder
    space: SearchSpace
    records: tuple[Record, ...]
    objectives: tuple[str, ...]
    fingerprint: str
    confirmed: Confirmed | None
    ended_because: str
    importances: Mapping[str, Mapping[str, float]]

    @cached_property
    def settings(self) -> Settings:
        """The settings with every searched leaf at its first value."""
        return self.space.example()

    @cached_property
    def ranked(self) -> list[Record]:
        """The complete trials, best first."""
        return ranked(self.records)

    @property
    def counts(self) -> Mapping[str, int]:
        """Trials per state, most frequent first."""
        return dict(Counter(record.state for record in self.records).most_common())

    @cached_property
    def text(self) -> str:
        """The settings file as the user gave it, its passwords masked."""
        with open_text(self.folder.settings_file) as stream:
            return mask_credentials(stream.read())

    @property
    def best(self) -> int | None:
        """The trial that is shown: the confirmed winner, or the one with the lowest score."""
        if self.confirmed is not None:
            return self.confirmed.winner
        return self.ranked[0].number if self.ranked else None

    @cached_property
    def shown(self) -> Trainings | None:
        """The trainings of the best trial: those with fresh seeds, if there are any."""
        if self.best is None:
            return None
        if self.confirmed is None:
            return read_trainings([self.records[self.best].directory])
        folders = [self.folder.confirmation.trial(n) for n in self.confirmed.winner_records]
        place = self.confirmed.confirmation.standings[0].median_seed
        return read_trainings(folders, None if place is None else folders[place])

    @cached_property
    def shown_settings(self) -> Settings:
        """The settings of the best trial."""
        assert self.best is not None
        return self.space.apply(self.records[self.best].params)

    @cached_property
    def dataset(self) -> Dataset | None:
        """The structures, split as in the best trial; None where they are not those of before."""
        searched = any(parameter.path[0] == "dataset" for parameter in self.space.parameters)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # was said when the search began
                dataset = load_dataset(self.settings.dataset)
                if dataset.fingerprint != self.fingerprint.partition("-")[0]:
                    return None
                if searched and self.best is not None:
                    dataset = load_dataset(self.shown_settings.dataset)
        except AutuneError:  # it is on another machine, or was moved
            return None
        return dataset


def gather(folder: SearchFolder) -> Gathered:
    """Read a search.

    Raises
    ------
    SearchError
        If its study cannot be read.
    ConfigError, FormatError
        If its settings, or what was confirmed, are damaged.
    """
    study = folder.study()
    records = tuple(study.records())
    return Gathered(
        folder=folder,
        space=folder.space(),
        records=records,
        objectives=study.objectives,
        fingerprint=study.fingerprint,
        confirmed=_confirmed(folder, records),
        ended_because=folder.ended_because(records),
        importances=study.importances(tuple(dict.fromkeys(("score", *study.objectives)))),
    )


def _confirmed(folder: SearchFolder, records: tuple[Record, ...]) -> Confirmed | None:
    found = read_confirmed(folder)
    if found is None or not found.confirmation.settings or found.winner >= len(records):
        return None
    return found
