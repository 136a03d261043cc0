"""Verbs about a search: search, status, export, ui."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autune.cli.options import (
    INTERRUPTED,
    OutputFolder,
    Quiet,
    Results,
    SearchName,
    print_table,
)
from autune.cli.potentials import say_if_kernels_compile
from autune.errors import ConfigError

if TYPE_CHECKING:
    from autune.search.folder import SearchFolder
    from autune.search.result import SearchResult

N_SHOWN = 5
"""Trials that `status` lists."""

SHOWN_METRICS = ("score", "energy_rmse", "force_rmse", "property_error")


def search(
    space: Annotated[
        Path,
        typer.Argument(metavar="SETTINGS", help="YAML file of settings, some of them searched."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the search; default: that of the file.")
    ] = None,
    results: Results = Path("results"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was stopped.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Try settings and keep the best potential.

    The search lives in ROOT/NAME; whatever stops it, --resume goes on. Ctrl-C stops it.

    \b
    Examples:
      autune search search_spaces/quick.yaml
      autune search search_spaces/gold.yaml --name gold-2
      autune search search_spaces/gold.yaml --name gold-2 --resume
    """
    from autune.search.run import search as run_search
    from autune.training.parallel import started_with_ranks

    if started_with_ranks():
        raise ConfigError(
            "resources.mpi_ranks",
            "gives every trial its ranks; start autune search without mpiexec",
        )
    say_if_kernels_compile()
    result = run_search(space, name=name, results=results, resume=resume, quiet=quiet)
    draw_overview(result.folder)
    if not quiet:
        _say_what_is_next(result, space)
    if result.state == "interrupted":
        raise typer.Exit(INTERRUPTED)


def status(name: SearchName, results: Results = Path("results")) -> None:
    """Show how far a search is.

    Prints the number of trials in each state and the best trials with their settings, and draws
    all trials to search.png in the folder of the search.

    \b
    Example:
      autune status gold
    """
    from autune.report.tables import tabulate
    from autune.search.folder import open_search
    from autune.search.record import ranked

    folder = open_search(name, results)
    records = folder.records()
    counts = Counter(record.state for record in records)
    wanted = folder.space().example().search.trials
    counted = "".join(f", {count} {state}" for state, count in counts.items())
    typer.echo(f"{folder.path}: {len(records)} of {wanted} trials{counted}")
    best = ranked(records)[:N_SHOWN]
    if best:
        errors = [{n: r.metrics[n] for n in SHOWN_METRICS if n in r.metrics} for r in best]
        rows = [{"trial": r.number, **e, **r.params} for r, e in zip(best, errors, strict=True)]
        print_table(tabulate(rows), "best trials")
    for state in ("failed", "diverged"):
        reasons = Counter(record.reason for record in records if record.state == state)
        for reason, count in reasons.most_common(N_SHOWN):
            typer.echo(f"{count} {state}: {reason}")
    draw_overview(folder)


def export(
    name: SearchName,
    output: OutputFolder,
    trial: Annotated[
        int | None, typer.Option("--trial", metavar="N", help="Trial; default: the best one.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write a potential for n2p2 and LAMMPS.

    Writes input.nn, scaling.data, weights.*.data and a LAMMPS input that uses them, reads them
    back and refuses if they do not predict the same.

    \b
    Examples:
      autune export gold -o potential
      autune export gold --trial 7 -o potential-7
    """
    from autune.potential.export import export_potential
    from autune.potential.model import Potential
    from autune.search.folder import open_search

    folder = open_search(name, results)
    export_potential(Potential.load(folder.potential_of(trial)), output)
    typer.echo(f"written to {output}, read back and compared: input.nn, scaling.data, weights")


def ui(
    name: SearchName,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = 5000,
    results: Results = Path("results"),
) -> None:
    """Show a search in a browser.

    Serves MLflow on this machine (127.0.0.1) until Ctrl-C.

    \b
    Example:
      autune ui gold --port 5000
    """
    from autune.search.folder import open_search
    from autune.search.server import serve

    serve(open_search(name, results), port)


def _say_what_is_next(result: SearchResult, space: Path) -> None:
    """Say where the results are and which verbs use them."""
    path = result.folder.path
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    folder = shlex.quote(str(path))
    lines = [f"results in {path}; what is next:"]
    if result.state == "interrupted":
        name, root = shlex.quote(result.folder.name), shlex.quote(str(path.parent))
        lines.append(
            f"  autune search {shlex.quote(str(space))} --name {name} --results {root} --resume"
        )
    if result.best is not None:
        lines.append(f"  autune export {folder} -o potential  # the best, for n2p2 and LAMMPS")
    lines.append(f"  autune ui {folder}  # all trials in a browser")
    typer.echo("\n".join(lines))


def draw_overview(folder: SearchFolder) -> None:
    """Draw all trials of a search into its folder, if there are some."""
    from autune.report.figures import plot_search

    records = folder.records()
    if records:
        rows = [{"number": r.number, "state": r.state, **r.metrics} for r in records]
        plot_search(rows, folder.path / "search.png")


VERBS = (search, status, export, ui)
