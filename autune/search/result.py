"""What a search found, and how it is written down."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autune.formats.files import write_text
from autune.search.confirmed import Confirmed, read_confirmed
from autune.search.folder import POTENTIAL, SearchFolder, copy_folder
from autune.search.record import EndState, Record, front, ranked


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    folder
        Where everything lies.
    state
        finished or interrupted.
    records
        All trials.
    confirmed
        What fresh seeds say about the best of them; None where nobody asked or it is to come.
    ended_because
        Why there are no more trials; empty where there may be.
    """

    folder: SearchFolder
    state: EndState
    records: tuple[Record, ...]
    confirmed: Confirmed | None = None
    ended_because: str = ""

    @property
    def best(self) -> Record | None:
        """The complete trial with the lowest score."""
        return next(iter(ranked(self.records)), None)

    @property
    def front(self) -> list[Record]:
        """The complete trials that no other one beats in every objective."""
        return front(self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Trials per state."""
        return dict(Counter(record.state for record in self.records))


def write_result(result: SearchResult, objectives: Sequence[str]) -> None:
    """Write the best potential, the table of trials, and last the result."""
    folder, best = result.folder, result.best
    confirmed = read_confirmed(folder)
    if confirmed is None and best is not None and (best.directory / POTENTIAL).is_dir():
        copy_folder(best.directory / POTENTIAL, folder.best)
    metrics = sorted({name for record in result.records for name in record.metrics})
    params = sorted({name for record in result.records for name in record.params})
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["number", "state", "reason", "seconds", "violation", *metrics, *params])
    for record in result.records:
        values = [record.metrics.get(name, "") for name in metrics]
        chosen = [record.params.get(name, "") for name in params]
        told = [record.number, record.state, record.reason, record.seconds, record.violation]
        writer.writerow([*told, *values, *chosen])
    write_text(folder.path / "trials.csv", table.getvalue())
    summary = {
        "name": folder.name,
        "state": result.state,
        "ended_because": result.ended_because,
        "objectives": list(objectives),
        "trials": result.counts,
        "best": None if best is None else _summarize(best),
        "front": [_summarize(record) for record in result.front],
        "confirmed": None if confirmed is None else _summarize_confirmed(confirmed),
    }
    write_text(folder.path / "result.json", json.dumps(summary, indent=2) + "\n")


def _summarize_confirmed(confirmed: Confirmed) -> dict[str, Any]:
    """Write the winner's errors over its seeds beside those on the holdout."""
    setting = confirmed.confirmation.ranked[0][1]
    names = dict.fromkeys(name for seed in setting.seeds for name in seed)
    holdout = confirmed.holdout
    return {
        "winner": confirmed.winner,
        "same_as_best": confirmed.same_as_best,
        "params": setting.params,
        "test": {name: asdict(confirmed.confirmation.estimate(setting, name)) for name in names},
        "holdout": None if holdout is None else asdict(holdout),
    }


def _summarize(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "params": record.params,
        "metrics": record.metrics,
        "violation": record.violation,
    }
