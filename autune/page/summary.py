"""The summary: what was searched, what was found, and how sure that is."""

from __future__ import annotations

from autune.evaluation.quantities import quantity_of
from autune.page.blocks import Block, Listed, Numbers, Section
from autune.page.energies import ENERGY, NOT_TRAINED, trains_energies
from autune.page.gathered import Gathered
from autune.page.texts import (
    counted,
    joined,
    metric_text,
    number_text,
    symbols,
    unit_text,
    with_unit,
)
from autune.report.confirmation import UNITS, describe_confirmation
from autune.search.confirmed import Confirmed, Holdout
from autune.search.record import Record

MOST_NAMED = 6
"""Parameters that a sentence names."""


def summary_section(gathered: Gathered) -> Section:
    """Say in a few sentences what the search found."""
    sentences = [*_what_was_searched(gathered), *_how_it_went(gathered)]
    if not gathered.ranked:
        sentences.append("No trial is complete, so there is no best setting yet.")
    else:
        sentences.append(_best_of_search(gathered, gathered.ranked[0]))
    if (confirmed := gathered.confirmed) is not None:
        sentences.append(_what_fresh_seeds_say(confirmed))
        if confirmed.holdout is not None:
            sentences.append(_what_the_holdout_says(confirmed, confirmed.holdout))
    elif gathered.ranked:
        sentences.append(
            "It was not confirmed with fresh seeds: the lowest of many scores is also the "
            "luckiest, so expect larger errors from another training."
        )
    blocks: list[Block] = []
    if gathered.ranked and not trains_energies(gathered):
        sentences.append(NOT_TRAINED)
    if gathered.ranked:
        blocks.append(Numbers(_numbers(gathered)))
    return Section("summary", "Summary", [*blocks, Listed([symbols(s) for s in sentences])])


def _what_was_searched(gathered: Gathered) -> list[str]:
    keys = [parameter.key for parameter in gathered.space.parameters]
    named = joined(keys) if len(keys) <= MOST_NAMED else f"{len(keys)} settings"
    goals = joined([quantity_of(name).label for name in gathered.objectives])
    return [f"The search varied {named} to minimise {goals}."]


def _how_it_went(gathered: Gathered) -> list[str]:
    states = [f"{count} {state}" for state, count in gathered.counts.items()]
    n = len(gathered.records)
    words = f"{counted(n, 'trial')}{': ' + joined(states) if n else ''}."
    if gathered.ended_because:
        return [f"{words} The search has ended: {gathered.ended_because}."]
    return [f"{words} The search has not ended yet, or was interrupted."]


def _best_of_search(gathered: Gathered, best: Record) -> str:
    names = [name for name in _headline(gathered) if name in best.metrics]
    parts = [
        f"{quantity_of(name).label} {with_unit(name, metric_text(name, best.metrics))}"
        for name in names
    ]
    seeds = gathered.settings.evaluation.seeds
    over = f" (mean +- standard deviation over {seeds} seeds)" if seeds > 1 else ""
    return f"The lowest score is that of trial {best.number}: {', '.join(parts)}{over}."


def _what_fresh_seeds_say(confirmed: Confirmed) -> str:
    words = describe_confirmation(confirmed.confirmation)
    return f"Fresh seeds, which the search has not seen: {words}."


def _what_the_holdout_says(confirmed: Confirmed, holdout: Holdout) -> str:
    setting = confirmed.confirmation.ranked[0][1]
    parts = []
    for name, unseen in holdout.metrics.items():
        test = confirmed.confirmation.estimate(setting, name)
        texts = [number_text(name, found) for found in (unseen, test)]
        parts.append(
            f"{quantity_of(name).label} {with_unit(name, texts[0])} (in the test {texts[1]})"
        )
    earlier = (
        f"; {counted(len(holdout.earlier), 'other winner')} were measured on them before"
        if holdout.earlier
        else ""
    )
    return (
        f"On {counted(holdout.n_structures, 'structure')} that no trial has seen, trial "
        f"{confirmed.winner} has {joined(parts)}{earlier}."
    )


def _headline(gathered: Gathered) -> list[str]:
    """Return the metrics that say how good a potential is."""
    return [name for name in UNITS if name != ENERGY or trains_energies(gathered)]


def _numbers(gathered: Gathered) -> list[tuple[str, str, str]]:
    """Return the errors of the best setting: over fresh seeds, if there are any."""
    if (confirmed := gathered.confirmed) is not None:
        setting = confirmed.confirmation.ranked[0][1]
        texts = {
            name: number_text(name, confirmed.confirmation.estimate(setting, name))
            for name in confirmed.confirmation.metrics
            if name in _headline(gathered)
        }
    else:
        texts = {
            name: metric_text(name, gathered.ranked[0].metrics) for name in _headline(gathered)
        }
    return [
        ("best setting", f"trial {gathered.best}", ""),
        *((quantity_of(n).label, text, unit_text(n)) for n, text in texts.items() if text),
    ]
