"""Properties of a potential as a table, a file and a figure, beside those of other potentials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from autune.cli.options import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autune.properties import PropertyTable
    from autune.settings import PropertiesSettings

OURS = "HDNNP"
"""What tables and figures call the potential that is looked at."""


def show_properties(
    name: str,
    members: Sequence[PropertyTable],
    baselines: Mapping[str, PropertyTable],
    settings: PropertiesSettings,
    csv: Path | None,
    plot: Path | None,
) -> None:
    """Print properties, and write and draw them where that is asked for.

    Parameters
    ----------
    name
        Name of the potential.
    members
        Its properties, or those of each member of a committee.
    baselines
        Properties of other potentials by their name.
    settings
        What was calculated.
    csv, plot
        Files to write.
    """
    from autune.evaluation.spread import summarize_properties
    from autune.properties import PropertyTable
    from autune.report import comparison
    from autune.report.tables import tabulate, tabulate_properties, write_csv

    spreads = summarize_properties(members) if len(members) > 1 else []
    table = PropertyTable(tuple(s.mean for s in spreads)) if spreads else members[0]
    compared = {OURS: table, **baselines}
    stds = {OURS: {s.mean.name: s.std for s in spreads}} if spreads else {}
    if csv is not None:
        rows = comparison.list_properties(compared, stds)
        for row, spread in zip(rows, spreads, strict=False):  # those of the committee come first
            row["failed"] = spread.n_failed or None
        write_csv(tabulate(rows), csv)
    if plot is not None:
        _draw(name, compared, stds, plot)
    if baselines:
        side_by_side = comparison.compare_properties(compared, stds)
        print_table(tabulate(comparison.summarize_comparison(side_by_side)))
        for line in side_by_side:
            if line["reason"]:
                typer.echo(f"no {line['property']}: {line['reason']}")
        if spreads:
            typer.echo(
                f"+- is the standard deviation over {len(members)} members; DFT's, its uncertainty"
            )
    elif spreads:
        print_table(tabulate(spread.to_dict() for spread in spreads))
    else:
        print_table(tabulate_properties(table))
    if any(row.reference is not None for row in table.rows):
        _print_errors(members, baselines, settings)


def _draw(
    name: str,
    compared: Mapping[str, PropertyTable],
    stds: Mapping[str, Mapping[str, float]],
    path: Path,
) -> None:
    from autune.report.comparison_figure import plot_comparison

    if len(compared) == 1:
        compared, stds = {name: compared[OURS]}, {name: stds.get(OURS, {})}
    plot_comparison(compared, path, stds)


def _print_errors(
    members: Sequence[PropertyTable],
    baselines: Mapping[str, PropertyTable],
    settings: PropertiesSettings,
) -> None:
    from autune.evaluation.confidence import estimate
    from autune.properties import property_error
    from autune.report.comparison import AGAINST

    error = estimate([property_error(table, settings) for table in members])
    std = f" +- {error.std:.2g}" if error.n > 1 else ""
    others = "".join(
        f", {name} {property_error(table, settings):.3g} %" for name, table in baselines.items()
    )
    typer.echo(
        f"property error {error.mean:.3g}{std} %{others} (errors within the reference's "
        "uncertainty count as none)"
    )
    if baselines:
        typer.echo(AGAINST)
