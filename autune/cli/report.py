"""The verb that writes what is known of a search for people: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autune.cli.options import Results, SearchName


def report(
    name: SearchName,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="HTML",
            help="Page to write; default: report.html in the folder of the search.",
        ),
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write a page about a search.

    One HTML file that needs nothing else: what was searched and found, how sure that is, the
    effect of every setting, errors, properties, and where all numbers come from. The folder beside
    it, of the same name without .html, holds its figures as SVG and PNG and their numbers as CSV.
    A search that still runs can be reported too.

    \b
    Examples:
      autune report gold
      autune report gold -o gold.html
    """
    from autune.page import write_page
    from autune.search.folder import open_search

    page = write_page(open_search(name, results), output)
    typer.echo(f"written to {page}; figures and their numbers in {page.with_suffix('')}")


VERBS = (report,)
