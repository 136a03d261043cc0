"""Physical properties of the best setting beside those of DFT."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autune.evaluation.confidence import Estimate
from autune.evaluation.spread import PropertySpread, summarize_properties
from autune.page.blocks import Block, Drawing, Section, table
from autune.page.gathered import Gathered
from autune.page.texts import plain, symbols
from autune.properties.table import PropertyTable
from autune.report.confirmation import plus_minus
from autune.report.figures import plot_properties


def physics_section(gathered: Gathered) -> Section:
    """Show properties as means over the seeds."""
    shown = gathered.shown
    tables = shown.tables if shown is not None else ()
    names = {tuple(row.name for row in one.rows) for one in tables}
    blocks: list[Block] = []
    if len(names) == 1 and names != {("",)}:
        spreads = summarize_properties(tables)
        blocks += _table(gathered, spreads, len(tables))
        blocks += _figure(gathered, spreads)
    return Section("properties", "Physical properties", blocks)


def _table(gathered: Gathered, spreads: Sequence[PropertySpread], n: int) -> list[Block]:
    over = f"mean ± standard deviation over {n} seeds" if n > 1 else "one seed"
    rows = []
    for spread in spreads:
        row, std = spread.mean, spread.std
        percent = 100.0 / abs(row.reference) if row.reference else math.nan
        rows.append(
            {
                "property": row.name.replace("_", " "),
                "unit": symbols(row.unit),
                "DFT": plain(row.reference),
                "± DFT": plain(row.uncertainty, 2),
                "HDNNP": _text(row.value, std, n - spread.n_failed),
                "error [%]": _text(row.error_percent, std * percent, n - spread.n_failed),
                "failed seeds": str(spread.n_failed or ""),
                "reason": row.reason,
            }
        )
    return list(
        table(
            f"Properties of trial {gathered.best}, {over}. An error below the uncertainty of DFT "
            "(± DFT) has no meaning.",
            rows,
            ("property", "unit", "reason"),
        )
    )


def _text(value: float | None, std: float, n: int) -> str:
    if value is None:
        return ""
    if not math.isfinite(std):
        return plain(value)
    return symbols(plus_minus(Estimate(value, std, n, math.nan, math.nan)))


def _figure(gathered: Gathered, spreads: Sequence[PropertySpread]) -> list[Block]:
    rows = tuple(spread.mean for spread in spreads)
    if not any(row.reference is not None for row in rows):
        return []
    label = f"trial {gathered.best}, mean over the seeds"
    return [
        Drawing(
            "properties",
            "Errors of the properties in percent of DFT; the grey bars are the uncertainty of DFT "
            "itself.",
            "Bars of the errors of every property beside the uncertainty of DFT.",
            lambda path: plot_properties({label: PropertyTable(rows)}, path),
            [spread.to_dict() for spread in spreads],
        )
    ]
