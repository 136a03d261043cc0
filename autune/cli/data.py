"""Verbs about structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autune.cli.options import Assignments, DataUnits, Layers, PotentialUnits, print_table
from autune.errors import ConfigError

if TYPE_CHECKING:
    from autune.dataset import DatasetReport

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at structures and convert them.",
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="File or folder of structures: extended XYZ, whatever else ASE reads, n2p2's "
        "input.data, or builtin:gold.",
    ),
]


@app.command()
def info(file: Source, units: DataUnits = "ev-angstrom") -> None:
    """Print counts, groups, ranges, shortest distances, duplicates and outliers.

    \b
    Examples:
      autune data info builtin:gold
      autune data info input.data --data-units hartree-bohr
    """
    from autune.dataset import Dataset, describe_dataset, warn_of_distances

    dataset = Dataset.read(file, units)
    warn_of_distances(dataset.structures)
    _print_report(describe_dataset(dataset))


@app.command()
def convert(
    file: Source,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="File to write; its suffix is the format: .extxyz, .xyz, .data (input.data of "
            "n2p2), .db, .json (ASE database), .traj.",
        ),
    ],
    units: DataUnits = "ev-angstrom",
) -> None:
    """Write structures in another format, in eV and Angstrom.

    \b
    Examples:
      autune data convert OUTCAR gold.extxyz
      autune data convert gold.extxyz input.data
    """
    from autune.dataset import Dataset, write_dataset

    structures = Dataset.read(file, units).structures
    write_dataset(output, structures)
    typer.echo(f"{len(structures)} structures in {output}")


@app.command()
def functions(
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", help="Settings file, or folder of a potential."),
    ],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="Structures to look at; default: the training set of the settings.",
        ),
    ] = None,
    layers: Layers = None,
    assignments: Assignments = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="CSV", help="Write the table, all digits.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="PNG", help="Draw the correlation of all functions."),
    ] = None,
    units: PotentialUnits = None,
    data_units: DataUnits = "ev-angstrom",
) -> None:
    """Print spread, redundancy and cost of symmetry functions.

    Of each function: whether a training with these settings keeps it, its range and standard
    deviation, the largest absolute correlation with another function and which (by number, from
    0), and the time that it takes by itself. Of a potential also the sensitivity: how many eV the
    energy of an atom changes, by its slope, over the function's range in the training set.

    \b
    Examples:
      autune data functions settings.yaml
      autune data functions settings.yaml --csv functions.csv --plot correlation.png
      autune data functions potential builtin:gold
    """
    from autune.cli import functions as shown
    from autune.space import read_layers

    if plot is not None:
        from autune.report.canvas import kinds_of

        kinds_of(plot)
    if target.is_dir():
        if layers or assignments:
            raise ConfigError(
                "", f"--with and --set change settings, and {target} is a potential; leave them out"
            )
        subject = shown.of_potential(target, units, file, data_units)
    else:
        raw = read_layers(target, layers or (), assignments or ())
        subject = shown.of_settings(raw, file, data_units)
    shown.show(subject, csv, plot)


def _print_report(report: DatasetReport) -> None:
    from autune.report.tables import tabulate

    typer.echo(f"{report.source}: {', '.join(report.elements)}, sha256 {report.fingerprint[:16]}")
    print_table(tabulate([*report.groups, report.total]))
    for count, what in (
        (report.n_without_energy, "without energy"),
        (report.n_without_forces, "without forces"),
        (report.n_clusters, "not periodic"),
    ):
        if count:
            typer.echo(f"{count} structures are {what}")
    for names in report.duplicates:
        typer.echo(f"duplicates: {', '.join(names)}")
    for outlier in report.outliers:
        typer.echo(f"outlier: {outlier.name}: {outlier.reason}")
    if not report.duplicates and not report.outliers:
        typer.echo("no duplicates, no outliers")
