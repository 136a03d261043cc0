"""The verb that moves in: import."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from autune.cli.options import UNITS, parse_units


def import_project(
    project: Annotated[
        Path,
        typer.Argument(
            metavar="PROJECT_DIR",
            help="Training directory of n2p2: input.nn, input.data and, where it was trained, "
            "scaling.data and weights.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="New folder; default: PROJECT_DIR-autune here."
        ),
    ] = None,
    units: Annotated[
        Any,
        typer.Option(
            "--units",
            parser=parse_units,
            metavar=UNITS,
            help="Units of its files; default: those that the distances of neighbours speak for.",
        ),
    ] = None,
    epoch: Annotated[
        int | None,
        typer.Option(
            "--epoch",
            min=0,
            metavar="N",
            help="Weights of this epoch; default: weights.ZZZ.data, else the newest epoch.",
        ),
    ] = None,
) -> None:
    """Turn a training directory of n2p2 into settings, data and a potential.

    Writes settings.yaml, input.data and potential/ in the units of the project, with all digits,
    and lists what could not be carried over. 'autune train' goes on from the weights with the
    scaling that they were trained with.

    \b
    Examples:
      autune import n2p2-training -o gold
      autune train gold/settings.yaml -o gold/trained
      autune export gold/trained -o back --units hartree-bohr
    """
    from autune.dataset import warn_of_distances
    from autune.project import read_project, write_project

    found = read_project(project, units, epoch)
    warn_of_distances(found.structures)
    folder = output if output is not None else Path(f"{found.settings['name']}-autune")
    settings = write_project(found, folder)
    typer.echo(f"{len(found.structures)} structures, units {found.units}")
    if found.evidence:
        typer.echo(f"  {found.evidence}; --units says otherwise")
    if found.weights is None:
        typer.echo("no weights: training begins anew")
    else:
        names = ", ".join(path.name for path in found.weights.files.values())
        typer.echo(f"weights of {names}")
        if found.weights.epoch is None and found.weights.newest is not None:
            typer.echo(f"  nnp-train wrote epochs up to {found.weights.newest} (--epoch)")
    typer.echo("not carried over:" if found.notes else "everything was carried over")
    for note in found.notes:
        typer.echo(f"  {note.keyword}: {note.reason}")
    trained = shlex.quote(str(folder / "trained"))
    typer.echo(f"written; what is next:\n  autune train {shlex.quote(str(settings))} -o {trained}")
