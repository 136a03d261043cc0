"""The trials: the best settings, all of them, and those that did not come to their end."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from autune.evaluation.quantities import quantity_of
from autune.log import mask_credentials
from autune.page.blocks import Block, Drawing, Section, Words, table
from autune.page.gathered import Gathered
from autune.page.texts import (
    metric_cells,
    plain,
    symbols,
    unit_of_setting,
)
from autune.report.confirmation import (
    UNITS,
    confirmation_rows,
    describe_confirmation,
    short_names,
    short_value,
    terminal_rows,
)
from autune.report.confirmation_figure import plot_confirmation
from autune.report.figures import plot_search
from autune.search.record import Record, front
from autune.space import Distribution
from autune.units import UnitName

N_BEST = 5
MOST_ROWS = 500
"""Trials of the table of all; trials.csv has the others."""


def best_section(gathered: Gathered) -> Section:
    """Show the best settings, with intervals where they were confirmed."""
    blocks: list[Block] = []
    if (confirmed := gathered.confirmed) is not None:
        confirmation = confirmed.confirmation
        rows = [
            {symbols(str(key)): symbols(str(value)) for key, value in row.items()}
            for row in terminal_rows(confirmation)
        ]
        blocks += table(
            f"Confirmed settings: {symbols(confirmation.title)}. The difference is that of the "
            "score to the first setting; p is corrected for the number of comparisons.",
            rows,
            ("same as best",),
        )
        blocks.append(
            Drawing(
                "confirmed",
                "Score and errors of the confirmed settings: a point for every seed, the mean and "
                "the interval of the mean below them.",
                symbols(describe_confirmation(confirmation)),
                lambda path: plot_confirmation(confirmation, path),
                confirmation_rows(confirmation),
            )
        )
        shown = [standing.setting for standing in confirmation.standings[:N_BEST]]
    else:
        best = gathered.ranked[:N_BEST]
        names = [name for name in UNITS if any(name in record.metrics for record in best)]
        blocks += table(
            "Trials with the lowest score"
            + (
                "; mean ± standard deviation over the seeds."
                if gathered.settings.evaluation.seeds > 1
                else "."
            ),
            [
                {
                    "trial": str(record.number),
                    **metric_cells(names, record.metrics),
                }
                for record in best
            ],
        )
        shown = [record.number for record in best]
    return Section("best", "Best settings", [*blocks, *_parameters(gathered, shown)])


def _parameters(gathered: Gathered, trials: Sequence[int]) -> list[Block]:
    if not trials:
        return []
    params = {number: gathered.records[number].params for number in trials}
    rows = []
    for parameter in gathered.space.parameters:
        key = parameter.key
        rows.append(
            {
                "setting": _with_unit(key, key, gathered.settings.potential.units),
                "searched": _range(parameter.distribution),
                **{
                    f"trial {number}": short_value(params[number][key])
                    if key in params[number]
                    else ""
                    for number in trials
                },
            }
        )
    return list(table("Their settings.", rows, ("setting", "searched")))


def _with_unit(key: str, name: str, units: UnitName) -> str:
    unit = unit_of_setting(key, units)
    return f"{name} [{unit}]" if unit else name


def _range(distribution: Distribution) -> str:
    if distribution.kind == "choice":
        return ", ".join(map(short_value, distribution.labels))
    words = f"{distribution.low:g} to {distribution.high:g}"
    if distribution.kind == "loguniform":
        words += ", logarithmic"
    if distribution.step is not None and distribution.kind != "int":
        words += f", step {distribution.step:g}"
    return words


def trials_section(gathered: Gathered) -> Section:
    """Show all trials, and those that no other one beats."""
    records = gathered.records
    blocks: list[Block] = []
    if sum(bool(record.metrics) for record in records) > 1:
        rows = [
            {"number": r.number, "state": r.state, "violation": r.violation, **r.metrics}
            for r in records
        ]
        blocks.append(
            Drawing(
                "trials",
                "Left: the score of every complete trial in the order of the search, and the "
                "lowest so far. Right: test errors of energies and forces; the line joins the "
                "best compromises of the two.",
                f"Score over the number of the trial, and force RMSE over energy RMSE, of "
                f"{len(gathered.ranked)} complete trials.",
                lambda path: plot_search(rows, path),
                rows,
                shaded=True,
            )
        )
    if len(gathered.objectives) > 1:
        blocks += table(
            "Pareto front: trials that no other one beats in "
            f"{', '.join(quantity_of(name).label for name in gathered.objectives)} at once.",
            [
                {
                    "trial": str(record.number),
                    **metric_cells(gathered.objectives, record.metrics),
                }
                for record in front(records)
            ],
        )
    blocks += _all_trials(gathered)
    return Section("trials", "All trials", blocks)


def _all_trials(gathered: Gathered) -> list[Block]:
    units = gathered.settings.potential.units
    names = {
        key: _with_unit(key, name, units)
        for key, name in short_names(p.key for p in gathered.space.parameters).items()
    }
    metrics = dict.fromkeys([*UNITS, *gathered.objectives])
    place = {record.number: rank for rank, record in enumerate(gathered.ranked)}
    records = sorted(gathered.records, key=lambda r: (place.get(r.number, len(place)), r.number))
    rows = [_row(record, list(metrics), names) for record in records[:MOST_ROWS]]
    caption = f"All {len(records)} trials, best first."
    if len(records) > MOST_ROWS:
        caption = f"The best {MOST_ROWS} of {len(records)} trials; trials.csv has all."
    texts = [name for name in rows[0] if not _is_numeric(name, rows)] if rows else []
    return list(table(caption, rows, texts, folded=True))


def _row(record: Record, metrics: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    params: dict[str, Any] = {name: record.params.get(key) for key, name in names.items()}
    return {
        "trial": str(record.number),
        "state": record.state,
        **metric_cells(metrics, record.metrics),
        **{name: plain(value) for name, value in params.items()},
        "time [s]": plain(record.seconds, 3) if record.seconds else "",
    }


def _is_numeric(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    return all(re.match(r"[-+\d.]", row[name]) for row in rows if row[name])


def failures_section(gathered: Gathered) -> Section:
    """List what kept trials from their end, and how many were stopped early."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in gathered.records:
        if record.state in ("failed", "diverged"):
            found[record.state, mask_credentials(record.reason)].append(record.number)
        elif record.state == "stopped":
            found[record.state, record.reason.partition(" with score")[0]].append(record.number)
    order = sorted(found, key=lambda pair: (pair[0] == "stopped", -len(found[pair]), pair))
    rows = [
        {
            "reason": reason or "not said",
            "state": state,
            "trials": str(len(found[state, reason])),
            "numbers": _numbers(found[state, reason]),
        }
        for state, reason in order
    ]
    blocks: list[Block] = list(
        table("Trials without a result, by reason.", rows, ("reason", "state", "numbers"))
    )
    if blocks and any(state == "stopped" for state, _ in found):
        blocks.append(
            Words(
                "Stopped trials were ended early because their errors were larger than those of "
                "others after as many epochs or seeds; this is the purpose of search.pruner and "
                "search.racing."
            )
        )
    return Section("failures", "Trials without a result", blocks)


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:12]))
    return shown if len(numbers) <= 12 else f"{shown}, ..."
