"""What a confirmation found, on structures that chose nothing too, and how it is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from autune.errors import FormatError, SearchError
from autune.evaluation.accuracy import measure
from autune.evaluation.confidence import Estimate, estimate
from autune.formats.files import open_text, write_text
from autune.potential.model import Potential
from autune.report.confirmation import Confirmation, confirmation_rows, describe_confirmation
from autune.report.confirmation_figure import plot_confirmation
from autune.report.tables import tabulate, write_csv
from autune.search.folder import POTENTIAL, SearchFolder, copy_folder
from autune.structures import Structure

COMPARED = ("energy_rmse", "force_rmse")
"""Errors that are measured on the holdout."""


@dataclass(frozen=True)
class Holdout:
    """Errors of the winner on structures that no trial has seen.

    Parameters
    ----------
    n_structures
        Number of them.
    metrics
        Mean and interval over the winner's seeds: energy_rmse [eV/atom], force_rmse
        [eV/Angstrom].
    exported
        The same errors of the one potential that is exported.
    earlier
        Winners of earlier confirmations that were measured on them too: the more, the less do
        the structures tell.
    """

    n_structures: int
    metrics: Mapping[str, Estimate]
    exported: Mapping[str, float]
    earlier: tuple[int, ...] = ()


@dataclass(frozen=True)
class Confirmed:
    """What fresh seeds say about the best settings of a search.

    Parameters
    ----------
    confirmation
        The settings and the metrics of their trainings.
    records
        For every setting (number of its trial) the numbers of its trainings in the study of the
        confirmation, in the order of the seeds.
    holdout
        Errors of the winner on structures set aside; None without them.
    """

    confirmation: Confirmation
    records: Mapping[int, tuple[int, ...]]
    holdout: Holdout | None = None

    @property
    def winner(self) -> int:
        """Trial of the search whose settings are best."""
        return self.confirmation.standings[0].setting

    @property
    def same_as_best(self) -> tuple[int, ...]:
        """Trials that cannot be told from the best one, which is the first."""
        return tuple(s.setting for s in self.confirmation.standings if s.same_as_best)

    @property
    def winner_records(self) -> tuple[int, ...]:
        """Trainings of the winner, one for every seed."""
        return self.records[self.winner]

    @property
    def median_record(self) -> int:
        """Training of the winner with the median score; its potential is the one to use.

        Raises
        ------
        SearchError
            If every training of every setting diverged.
        """
        place = self.confirmation.standings[0].median_seed
        if place is None:
            raise SearchError(
                f"none of the {len(self.winner_records)} trainings of each confirmed setting is "
                "complete; see the folder confirm of the search"
            )
        return self.winner_records[place]


_STORED = TypeAdapter(Confirmed)


def write_confirmed(folder: SearchFolder, confirmed: Confirmed) -> None:
    """Make the winner's median potential the best one, and last write what was found."""
    copy_folder(_potential(folder, confirmed.median_record), folder.best)
    rows = tabulate(confirmation_rows(confirmed.confirmation))
    write_csv(rows, folder.path / "confirmed.csv")
    for suffix in ("png", "svg"):
        plot_confirmation(confirmed.confirmation, folder.path / f"confirmed.{suffix}")
    content = {
        "summary": describe_confirmation(confirmed.confirmation),
        "winner": confirmed.winner,
        "same_as_best": confirmed.same_as_best,
        "median_record": confirmed.median_record,
        **to_jsonable_python(confirmed, inf_nan_mode="strings"),
    }
    write_text(folder.confirmed_file, json.dumps(content, indent=1) + "\n")


def read_confirmed(folder: SearchFolder) -> Confirmed | None:
    """Read what was found; None where nothing was confirmed.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    path = folder.confirmed_file
    if not path.is_file():
        return None
    with open_text(path) as stream:
        text = stream.read()
    try:
        return _STORED.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise FormatError(
            path,
            None,
            f"is no confirmation ({key}: {first['msg']}); remove it and go on with --resume",
        ) from None


def committee_folders(folder: SearchFolder, confirmed: Confirmed) -> list[Path]:
    """Return the folders of the winner's potentials, one for every seed that did not fail."""
    scores = confirmed.confirmation.ranked[0][1].values("score")
    paths = [
        _potential(folder, record)
        for record, score in zip(confirmed.winner_records, scores, strict=True)
        if math.isfinite(score)
    ]
    return [path for path in paths if path.is_dir()]


def measure_holdout(
    folder: SearchFolder, confirmed: Confirmed, structures: Sequence[Structure]
) -> Confirmed:
    """Measure the winner, and it alone, on structures that no trial has seen.

    A winner that was measured before is not measured again.
    """
    before = read_confirmed(folder)
    earlier: tuple[int, ...] = ()
    if before is not None and before.holdout is not None:
        if before.winner_records == confirmed.winner_records:
            return replace(confirmed, holdout=before.holdout)
        earlier = (*before.holdout.earlier, before.winner)
    errors = {path: _errors(path, structures) for path in committee_folders(folder, confirmed)}
    confidence = confirmed.confirmation.confidence
    return replace(
        confirmed,
        holdout=Holdout(
            n_structures=len(structures),
            metrics={
                name: estimate([found[name] for found in errors.values()], confidence)
                for name in COMPARED
            },
            exported=errors[_potential(folder, confirmed.median_record)],
            earlier=earlier,
        ),
    )


def _errors(path: Path, structures: Sequence[Structure]) -> dict[str, float]:
    potential = Potential.load(path)
    overall = measure(structures, [potential.predict(s) for s in structures])[-1]
    return {name: getattr(overall, name) for name in COMPARED}


def _potential(folder: SearchFolder, record: int) -> Path:
    return folder.confirmation.trial(record) / POTENTIAL
