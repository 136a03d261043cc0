"""What each parameter does: its importance, and its effect on errors and properties."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from autune.errors import AutuneError
from autune.evaluation.effect_sentence import describe_effect
from autune.evaluation.effects import Effect, Sample, find_effects
from autune.evaluation.levels import values_of
from autune.evaluation.quantities import name_of_setting, quantity_of
from autune.page.blocks import Block, Drawing, Heading, Listed, Section, Words, table
from autune.page.energies import ENERGY, NOT_TRAINED, trials_without_energies
from autune.page.gathered import Gathered
from autune.page.samples import COST, cost_varies, samples_of
from autune.page.shapes import shapes_of
from autune.page.standings import standing_table
from autune.page.texts import counted, plain, symbols
from autune.properties import read_reference
from autune.report.effect_figure import plot_effect, plot_property_effect
from autune.report.effect_tables import effect_rows, trend_rows
from autune.report.importance_figure import importance_rows, plot_importances

FEWEST_TRIALS = 3
"""Of which an effect is drawn."""

_SAME_TEST = ("dataset.train_without_groups",)

_SYMMETRIC = (
    " Intervals are those of normally distributed values: one that reaches 0, as no error does, is "
    "of few values that scatter unevenly, and ends at a logarithmic axis."
)

ERRORS = ("energy_rmse", "force_rmse", "property_error")


def importance_section(gathered: Gathered) -> Section:
    """Show how much each parameter has to do with the errors."""
    importances = gathered.importances
    if not importances:
        return Section("importance", "Importance of the parameters", [])
    drawing = Drawing(
        "importance",
        "Share of each parameter in what tells the best tenth of the trials (five at least) from "
        "all (PED-ANOVA), per metric. A share has no interval, and parameters without any effect "
        "have one too: the effects below say what can be told from the scatter.",
        "Table of the share of each parameter in each metric.",
        lambda path: plot_importances(importances, path),
        importance_rows(importances),
        shaded=True,
    )
    return Section("importance", "Importance of the parameters", [drawing])


def is_scan(gathered: Gathered) -> bool:
    """Whether one parameter alone is searched, so that its effect is what the search is about."""
    return len(gathered.space.parameters) == 1


def effects_section(gathered: Gathered) -> Section:
    """Draw what each parameter does, and say it in a sentence for each metric."""
    samples = samples_of(gathered)
    scan = is_scan(gathered)
    metrics = list(dict.fromkeys(["score", *gathered.objectives]))
    if scan:
        metrics = _scanned_metrics(gathered, samples)
    open_energies = trials_without_energies(gathered) & {sample.number for sample in samples}
    if len(open_energies) == len(samples):
        metrics = [name for name in metrics if name.partition(".")[0] != ENERGY]
    effects = _effects(gathered, samples, metrics) if len(samples) >= FEWEST_TRIALS else []
    blocks: list[Block] = []
    for effect in effects:
        drawn = [
            m
            for m in metrics
            if any(level.estimates[m].n for level in effect.levels if m in level.estimates)
        ]
        if not drawn:
            continue
        name = name_of_setting(effect.parameter)
        if not scan:
            blocks.append(Heading(name))
        if scan:
            blocks += _figures_of_scan(gathered, effect, samples, drawn)
            blocks += _values(gathered, samples)
        else:
            blocks += _figure_of_search(effect, samples, drawn)
    if blocks:
        said = [Words(_what_is_compared(gathered, effects) + _what_is_cut(gathered, samples))]
        if words := _about_energies(len(open_energies), len(samples)):
            said.append(Words(words))
        blocks = [*said, *blocks, *_tests(effects)]
    title = "Effects of the parameters"
    if scan:
        title = f"Effect of {name_of_setting(gathered.space.parameters[0].key)}"
    return Section("effects", title, blocks)


def _scanned_metrics(gathered: Gathered, samples: Sequence[Sample]) -> list[str]:
    """Return the errors of a scan, of energies, forces and every property; last its cost."""
    known = {name: None for sample in samples for one in sample.trainings for name in one}
    errors = [*ERRORS, *((COST,) if cost_varies(gathered, samples) else ())]
    properties = [name for name in known if name.startswith("property_error.")]
    return [name for name in (*errors, *properties) if name in known]


def _figures_of_scan(
    gathered: Gathered, effect: Effect, samples: Sequence[Sample], metrics: Sequence[str]
) -> Iterator[Block]:
    """Draw test errors, and in a figure of their own those of the properties."""
    name, slug = name_of_setting(effect.parameter), _slug(effect)
    aims = {*ERRORS, COST, *gathered.objectives}
    of_properties = [m for m in metrics if m not in aims]
    shapes = shapes_of(gathered, effect)
    for suffix, some in {
        "": [m for m in metrics if m in aims], "-properties": of_properties
    }.items():  # fmt: skip
        if not some:
            continue
        labels = ", ".join(quantity_of(metric).label for metric in some)
        what = "errors of the properties" if suffix else labels
        words = (
            f"{what} against {name}: means with {_percent(effect)} intervals, "
            f"and every {effect.points.removesuffix('s')} as a point."
        )
        before, more = None, {}
        if shapes is not None and not suffix:
            before, more = shapes.draw, {"symmetry_functions": shapes.rows}
            words = (
                "First: what a neighbour adds to a radial symmetry function, against its distance "
                f"(the Gaussian around r_s times the cutoff function, which is grey). Then: {words}"
            )
        yield Drawing(
            f"effect-{slug}{suffix}",
            words[0].upper() + words[1:] + (_SYMMETRIC if _reaches_zero(effect, some) else ""),
            f"{labels} against {name}.",
            partial(plot_effect, effect, samples, some, before=before),
            effect_rows(effect, some),
            more=more,
        )
        tables = standing_table(effect, some)
        headline = aims - {COST} if tables else set(some)
        if sentences := [_sentence(effect, metric) for metric in some if metric in headline]:
            yield Listed(sentences)
        yield from tables


def _figure_of_search(
    effect: Effect, samples: Sequence[Sample], metrics: Sequence[str]
) -> Iterator[Block]:
    """Draw scores and objectives; the verdicts on all are in the table of tests."""
    name = name_of_setting(effect.parameter)
    labels = ", ".join(quantity_of(metric).label for metric in metrics)
    yield Drawing(
        f"effect-{_slug(effect)}",
        f"{labels[0].upper()}{labels[1:]} against {name}: means with {_percent(effect)} intervals, "
        f"and every {effect.points.removesuffix('s')} as a point.",
        f"{labels} against {name}.",
        partial(plot_effect, effect, samples, metrics),
        effect_rows(effect, metrics),
    )
    told = [m for m in metrics if m == metrics[0] or effect.trends[m].matters]
    yield Listed([_sentence(effect, metric) for metric in told])


def _slug(effect: Effect) -> str:
    return re.sub(r"[^a-z0-9]+", "-", effect.parameter.lower())


def _effects(gathered: Gathered, samples: Sequence[Sample], metrics: Sequence[str]) -> list[Effect]:
    """Find the effects, and say in which units the settings are."""
    units = gathered.settings.potential.units
    return [replace(effect, units=units) for effect in find_effects(samples, metrics)]


def _reaches_zero(effect: Effect, metrics: Sequence[str]) -> bool:
    """Whether an interval of what is never negative does not end above 0."""
    found = [level.estimates[m] for level in effect.levels for m in metrics if m in level.estimates]
    return any(one.low <= 0.0 < one.mean for one in found)


def _sentence(effect: Effect, metric: str) -> str:
    words = symbols(describe_effect(effect, metric))
    return f"{words[0].upper()}{words[1:]}."


def _percent(effect: Effect) -> str:
    return f"{100.0 * effect.confidence:.3g} %"


def _values(gathered: Gathered, samples: Sequence[Sample]) -> Iterator[Block]:
    """Draw the values of the properties against a scanned parameter, beside those of DFT."""
    references = _references(gathered, samples)
    if not references:
        return
    names = [f"property.{name}" for name in references]
    for effect in _effects(gathered, samples, names):
        name = name_of_setting(effect.parameter)
        yield Drawing(
            "effect-values",
            f"Values of the properties against {name}; the dashed line is that of DFT, the band "
            "its uncertainty.",
            f"Values of {counted(len(names), 'property', 'properties')} against {name}.",
            partial(plot_property_effect, effect, samples, references),
            effect_rows(effect, names),
        )


def _references(gathered: Gathered, samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return DFT's value and its uncertainty of the properties that a training has."""
    wanted = gathered.settings.evaluation.properties
    if wanted is None or wanted.reference is None:
        return {}
    try:
        known = read_reference(wanted.reference)
    except AutuneError:  # the table is on another machine
        return {}
    n_seeds = max((len(sample.trainings) for sample in samples), default=0)
    calculated = {name: None for sample in samples for one in sample.trainings for name in one}
    ordered = [name.removeprefix("property.") for name in calculated if "property." in name]
    return {
        name: (known[name].value, known[name].uncertainty)
        for name in ordered
        if name in known
        and any(
            math.isfinite(value)
            for sample in samples
            for value in values_of(sample, f"property.{name}", n_seeds)
        )
    }


def _what_is_compared(gathered: Gathered, effects: Sequence[Effect]) -> str:
    if all(effect.is_scan for effect in effects):
        words = (
            "Only one setting differs between the trials, and all have the same seeds: levels are "
            "compared in pairs of equal seeds."
        )
    elif all(effect.others == "balanced" for effect in effects):
        words = (
            "Every level met the same combinations of the other settings: levels are compared in "
            "pairs of equal combination and seed. The intervals of their means hold what the other "
            "settings do; those of differences do not."
        )
    else:
        words = (
            "All settings varied at once, and the sampler preferred what was good before: these "
            "are marginal effects over whatever was tried, no controlled ones. They say which "
            "settings deserve a scan."
        )
    if gathered.settings.evaluation.cross_validation == "none" and not _splits(gathered):
        words += (
            " All trainings have the same test structures: intervals and tests are about the "
            "scatter of seeds or trials, and do not include what other test structures would show."
        )
    if any(effect.standings for effect in effects):
        words += (
            " The level with the lowest mean is a lucky one too, so that the differences from it "
            "are rather too large."
        )
    n_stopped = gathered.counts.get("stopped", 0)
    if n_stopped:
        words += (
            f" {counted(n_stopped, 'trial')} that {'was' if n_stopped == 1 else 'were'} stopped "
            "early cannot be compared and are left out."
        )
    return words


def _what_is_cut(gathered: Gathered, samples: Sequence[Sample]) -> str:
    """Say whether errors of properties are at the largest that counts."""
    wanted = gathered.settings.evaluation.properties
    if wanted is None or not is_scan(gathered):
        return ""
    penalty = wanted.failure_penalty
    n_cut = sum(
        any(
            value >= penalty and math.isfinite(one.get(name.replace("_error", "", 1), math.nan))
            for name, value in one.items()
            if name.startswith("property_error.")
        )
        for sample in samples
        for one in sample.trainings
    )
    if not n_cut:
        return ""
    return (
        f" Errors of a property above {penalty:g} % count as {penalty:g} % (failure_penalty), as "
        f"in {counted(n_cut, 'training')} here: means over these are too low."
    )


def _splits(gathered: Gathered) -> bool:
    """Whether the trials differ in their test structures."""
    keys = {parameter.key for parameter in gathered.space.parameters}
    return any(key.startswith("dataset.") and key not in _SAME_TEST for key in keys)


def _about_energies(n_open: int, n_trials: int) -> str:
    """Say of how many trials the energy RMSE has no meaning."""
    if not n_open:
        return ""
    if n_open == n_trials:
        return NOT_TRAINED
    return (
        f"{counted(n_open, 'trial')} of {n_trials} did not train energies: forces leave a constant "
        "per atom open, which is what the energy RMSE shows of them."
    )


def _tests(effects: Sequence[Effect]) -> list[Block]:
    rows = [
        {
            "setting": name_of_setting(row["parameter"]),
            "metric": quantity_of(row["metric"]).label,
            "levels": str(row["levels"]),
            "test": row["test"],
            "p": plain(row["p"], 2),
            "Spearman": plain(row["correlation"], 2),
            "p of the trend": plain(row["trend_p"], 2),
            "p of a pair": plain(row["pair_p"], 2),
            "matters": row["matters"],
        }
        for row in trend_rows(effects)
    ]
    return list(
        table(
            "All tests; p-values are corrected for their number (Holm). Those of ranks in seeds "
            "are drawn, so that the smallest are upper limits.",
            rows,
            ("setting", "metric", "test", "matters"),
            folded=True,
        )
    )
