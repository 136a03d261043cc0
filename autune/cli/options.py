"""What several verbs share: options, exit codes, the form of tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autune.units import NAMES, UNIT_SYSTEMS, UnitName

if TYPE_CHECKING:
    import pandas as pd


MISTAKE, INTERRUPTED = 2, 130
"""Exit codes; typer has 2 for wrong arguments, and 130 for Ctrl-C."""


UNITS = "|".join(UNIT_SYSTEMS)


def parse_units(text: str) -> UnitName:
    """Read the name of a unit system; the old spellings are read too."""
    if text in NAMES:
        return NAMES[text]
    raise typer.BadParameter(f"expected {' or '.join(UNIT_SYSTEMS)}, found {text!r}")


PotentialFolder = Annotated[
    Path,
    typer.Argument(
        metavar="POTENTIAL",
        help="Folder with input.nn, scaling.data and weights.*.data, of autune or n2p2; or a "
        "committee: a folder with several of them, seed-0, seed-1, ...",
    ),
]
PotentialUnits = Annotated[
    Any,
    typer.Option(
        "--units",
        parser=parse_units,
        metavar=UNITS,
        help="Units of the potential's files; default: what they say, or eV and Angstrom.",
    ),
]
DataUnits = Annotated[
    Any,
    typer.Option(
        "--data-units", parser=parse_units, metavar=UNITS, help="Units of an input.data file."
    ),
]
StructureFile = Annotated[
    str, typer.Argument(metavar="FILE", help="Structures, in any format that is read.")
]
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")
]
Results = Annotated[Path, typer.Option("--results", metavar="ROOT", help="Folder of all searches.")]
SearchName = Annotated[
    str, typer.Argument(metavar="SEARCH", help="Name of a search, or its folder.")
]
Layers = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="FILE",
        help="YAML file of settings in place of the file's, key by key; as often as needed.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting in place of the file's, VALUE as in YAML; as often as needed.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print less.")]


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """Print a table as wide as the terminal, or as wide as it is where there is no terminal."""
    from rich.console import Console

    from autune.report.tables import format_table

    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(format_table(frame, title))
