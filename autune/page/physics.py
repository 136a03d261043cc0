"""Physical properties of the best setting beside those of DFT and of other potentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autune.evaluation.quantities import quantity_of
from autune.evaluation.spread import PropertySpread, summarize_properties
from autune.page.baselines import Baselines
from autune.page.blocks import Block, Drawing, Section, table
from autune.page.gathered import Gathered
from autune.page.texts import counted, symbols
from autune.properties.table import PropertyTable
from autune.report.comparison import (
    AGAINST,
    compare_properties,
    list_properties,
    summarize_comparison,
)
from autune.report.comparison_figure import plot_comparison
from autune.report.curve_figure import plot_curves

HDNNP = "HDNNP"


@dataclass(frozen=True, eq=False)
class _Compared:
    """Tables by potential, the best setting first, and deviations over its seeds."""

    tables: Mapping[str, PropertyTable]
    stds: Mapping[str, Mapping[str, float]]


def physics_section(gathered: Gathered, baselines: Baselines) -> Section:
    """Show properties as means over the seeds, and curves.

    Parameters
    ----------
    gathered
        The search.
    baselines
        Returns the properties of other potentials; called only where they are needed.
    """
    shown = gathered.shown
    tables = shown.tables if shown is not None else ()
    names = {tuple(row.name for row in one.rows) for one in tables}
    blocks: list[Block] = []
    if shown is None or len(names) != 1 or names == {()}:
        return Section("properties", "Physical properties", blocks)
    spreads = summarize_properties(tables)
    mean = PropertyTable(tuple(spread.mean for spread in spreads), shown.curves)
    others = baselines(gathered)
    stds = {HDNNP: {spread.mean.name: spread.std for spread in spreads}} if len(tables) > 1 else {}
    compared = _Compared({HDNNP: mean, **others}, stds)
    blocks += _tables(gathered, compared, spreads, len(tables))
    blocks += _figure(gathered, compared)
    blocks += _curves(compared)
    return Section("properties", "Physical properties", blocks)


def _tables(
    gathered: Gathered, compared: _Compared, spreads: Sequence[PropertySpread], n_seeds: int
) -> list[Block]:
    rows = [
        {
            symbols(name): "" if text == "-" else symbols(text)
            for name, text in (row | {"property": _label(row["property"])}).items()
        }
        for row in summarize_comparison(compare_properties(compared.tables, compared.stds))
    ]
    over = (
        f"mean ± standard deviation over {counted(n_seeds, 'seed')}" if n_seeds > 1 else "one seed"
    )
    caption = (
        f"Properties of trial {gathered.best}, {over}, and of DFT ± its uncertainty; an error "
        "below it has no meaning."
    )
    if len(compared.tables) > 1:
        caption += f" All {AGAINST}."
    failed = [
        {
            "property": _label(spread.mean.name),
            "failed seeds": f"{spread.n_failed} of {n_seeds}",
            "reason": spread.mean.reason,
        }
        for spread in spreads
        if spread.n_failed
    ]
    return [
        *table(caption, rows, ("property", "unit")),
        *table(
            f"Properties of trial {gathered.best} that could not be calculated.",
            failed,
            ("property", "failed seeds", "reason"),
        ),
    ]


def _label(name: str) -> str:
    return quantity_of(f"property.{name}").label


def _figure(gathered: Gathered, compared: _Compared) -> list[Block]:
    if not any(row.reference is not None for row in compared.tables[HDNNP].rows):
        return []
    return [
        Drawing(
            "properties",
            f"Errors of the properties of trial {gathered.best}"
            f"{' and of other potentials' if len(compared.tables) > 1 else ''} in percent of DFT; "
            "the bands behind the bars are the uncertainty of DFT itself.",
            "Bars of the errors of every property beside the uncertainty of DFT.",
            lambda path: plot_comparison(compared.tables, path, compared.stds),
            list_properties(compared.tables, compared.stds),
        )
    ]


def _curves(compared: _Compared) -> list[Block]:
    if not any(curve.x for curve in compared.tables[HDNNP].curves):
        return []
    rows = [
        {"potential": potential, **row}
        for potential, one in compared.tables.items()
        for curve in one.curves
        for row in curve.to_dicts()
    ]
    return [
        Drawing(
            "curves",
            "Curves of the potential that is exported (lines) beside those of DFT (points).",
            "Curves of the calculated energies.",
            lambda path: plot_curves(compared.tables, path),
            rows,
        )
    ]
