"""Verbs about a search: search, status, export, ui."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autune.cli.jobs import show_status
from autune.cli.options import (
    INTERRUPTED,
    UNITS,
    Assignments,
    Layers,
    OutputFolder,
    Quiet,
    Results,
    SearchName,
    parse_units,
    print_table,
)
from autune.errors import ConfigError
from autune.formats.files import is_file
from autune.log import mask_credentials

if TYPE_CHECKING:
    from autune.search.confirmed import Confirmed
    from autune.search.folder import SearchFolder
    from autune.search.record import Record
    from autune.search.result import SearchResult

log = logging.getLogger(__name__)

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
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="auto|HOST:PORT",
            help="Running Ray cluster to use, from one of its machines; default: this machine.",
        ),
    ] = None,
    layers: Layers = None,
    assignments: Assignments = None,
    quiet: Quiet = False,
) -> None:
    """Try settings and keep the best potential.

    The search lives in ROOT/NAME; whatever stops it, --resume goes on. Ctrl-C stops it. With
    confirm: in the settings the best are trained again with fresh seeds and compared.

    \b
    Examples:
      autune search search_spaces/quick.yaml
      autune search search_spaces/gold.yaml --name gold-2
      autune search search_spaces/gold.yaml --name gold-2 --resume
      autune search search_spaces/gold.yaml --name gold-3 --set potential.cutoff_radius=5.0
      autune search search_spaces/gold_cutoff.yaml --with copper.yaml --name copper_cutoff
    """
    from autune.search.run import search as run_search
    from autune.space import read_layers
    from autune.training.parallel import started_with_ranks

    if started_with_ranks():
        raise ConfigError(
            "resources.mpi_ranks",
            "gives every trial its ranks; start autune search without mpiexec",
        )
    changed = layers or assignments
    source = read_layers(space, layers or (), assignments or ()) if changed else space
    result = run_search(
        source, name=name, results=results, resume=resume, quiet=quiet, address=address
    )
    draw_overview(result.folder, result.records)
    if result.confirmed is not None:
        show_confirmed(result.confirmed)
    if not quiet:
        _say_what_is_next(result, space, layers or (), assignments or ())
    if result.state == "interrupted":
        raise typer.Exit(INTERRUPTED)


def status(
    name: SearchName,
    results: Results = Path("results"),
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="URL", help="Cluster to which the search was submitted."),
    ] = None,
) -> None:
    """Show how far a search is.

    Prints the number of trials in each state, why there are no more, and the best trials with
    their settings, and draws all trials to search.png in the folder of the search.

    \b
    Example:
      autune status gold
    """
    if address is not None:
        show_status(name, address)
        return
    from autune.report.tables import tabulate
    from autune.search.confirmed import read_confirmed
    from autune.search.folder import open_search
    from autune.search.record import ranked
    from autune.search.study.points import all_points, trials_in_all

    folder = open_search(name, results)
    records = folder.records()
    counts = Counter(record.state for record in records)
    space = folder.space()
    every = all_points(space)
    n_points = None if every is None else len(every)
    n_trials = trials_in_all(space.example().search.trials, n_points, len(records))
    counted = "".join(f", {count} {state}" for state, count in counts.items())
    why = folder.ended_because(records)
    ended = f"; ended: {why}" if why else ""
    typer.echo(f"{folder.path}: {len(records)} of {n_trials} trials{counted}{ended}")
    best = ranked(records)[:N_SHOWN]
    if best:
        shown = dict.fromkeys((*SHOWN_METRICS, *space.example().search.objectives))
        errors = [{n: r.metrics[n] for n in shown if n in r.metrics} for r in best]
        rows = [{"trial": r.number, **e, **r.params} for r, e in zip(best, errors, strict=True)]
        print_table(tabulate(rows), "best trials")
    confirmed = read_confirmed(folder)
    if confirmed is not None:
        show_confirmed(confirmed)
    for state in ("failed", "diverged"):
        reasons = Counter(record.reason for record in records if record.state == state)
        for reason, count in reasons.most_common(N_SHOWN):
            typer.echo(f"{count} {state}: {reason}")
    draw_overview(folder, records)


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SEARCH",
            help="Name of a search, its folder, the folder of a training, or a potential.",
        ),
    ],
    output: OutputFolder,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Trial; default: the confirmed or best one."),
    ] = None,
    committee: Annotated[
        bool,
        typer.Option("--committee", help="Potentials of all seeds of the confirmed settings."),
    ] = False,
    units: Annotated[
        Any,
        typer.Option(
            "--units",
            parser=parse_units,
            metavar=UNITS,
            help="Units of the files to write; the LAMMPS input fits them.",
        ),
    ] = "ev-angstrom",
    results: Results = Path("results"),
) -> None:
    """Write a potential for n2p2 and LAMMPS.

    Writes input.nn, scaling.data, weights.*.data and a LAMMPS input that uses them, reads them
    back and refuses if they do not predict the same. In the units in which the potential is, all
    digits stay as they are. The folder lammps has inputs for the lattice constant, elastic
    constants and surface energies in LAMMPS.

    \b
    Examples:
      autune export gold -o potential
      autune export gold --trial 7 -o potential-7
      autune export gold --committee -o committee
      autune export trained -o potential --units hartree-bohr
    """
    from autune.potential.export import export_committee, export_potential
    from autune.potential.model import Potential
    from autune.search.confirmed import committee_folders, read_confirmed
    from autune.search.folder import open_search

    trained = [Path(name), Path(name) / "potential"]
    alone = next((path for path in trained if (path / "input.nn").is_file()), None)
    if not committee:
        _refuse_folder_of_results(output)
    if alone is not None and trial is None and not committee:
        if output.resolve() == alone.resolve():
            raise ConfigError(
                "", f"{output} is the potential itself, which stays as it is; name another folder"
            )
        export_potential(Potential.load(alone), output, units=units)
        typer.echo(f"{alone} written to {output}, read back and compared")
        return
    folder = open_search(name, results)
    if committee:
        confirmed = read_confirmed(folder)
        if confirmed is None or trial is not None:
            raise ConfigError(
                "",
                "a committee are the potentials of all seeds of the confirmed settings; leave out "
                "--trial, and where nothing is confirmed yet, add confirm: to the settings and go "
                "on with --resume",
            )
        members = [Potential.load(path) for path in committee_folders(folder, confirmed)]
        export_committee(members, output, units=units)
        typer.echo(f"{len(members)} potentials written to {output}, read back and compared")
        return
    export_potential(Potential.load(folder.potential_of(trial)), output, units=units)
    typer.echo(f"written to {output}, read back and compared: input.nn, scaling.data, weights")


def ui(
    name: SearchName,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = 5000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than this machine can read.")
    ] = "127.0.0.1",
    results: Results = Path("results"),
) -> None:
    """Show a search in a browser.

    Serves MLflow on this machine (127.0.0.1) until Ctrl-C; with --host also for others, without
    asking who they are.

    \b
    Example:
      autune ui gold --port 5000
    """
    from autune.search.folder import open_search
    from autune.search.tracking.server import serve

    serve(open_search(name, results), port, host)


def _refuse_folder_of_results(output: Path) -> None:
    """Refuse the folder of a search, a trial or a training; a new one within it is fine."""
    from autune.search.folder import SearchFolder

    inside = (output / "settings.yaml", output / "potential" / "input.nn")
    if SearchFolder(output).exists or any(map(is_file, inside)):
        raise ConfigError(
            "",
            f"{output} is the folder of a search or a training; name another one, as "
            f"{output / 'exported'}",
        )


def _say_what_is_next(
    result: SearchResult, space: Path, layers: Sequence[Path], assignments: Sequence[str]
) -> None:
    """Say where the results are and which verbs use them."""
    path = result.folder.path
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    folder = shlex.quote(str(path))
    lines = [f"results in {path}; what is next:"]
    if result.state == "interrupted":
        name, root = shlex.quote(result.folder.name), shlex.quote(str(path.parent))
        given = "".join(f" --with {shlex.quote(str(layer))}" for layer in layers)
        given += "".join(f" --set {shlex.quote(mask_credentials(a))}" for a in assignments)
        lines.append(
            f"  autune search {shlex.quote(str(space))}{given} --name {name} --results {root} "
            "--resume"
        )
    if result.best is not None:
        lines.append(f"  autune export {folder} -o potential  # the best, for n2p2 and LAMMPS")
    lines.append(f"  autune report {folder}  # a page with all figures")
    lines.append(f"  autune ui {folder}  # all trials in a browser")
    typer.echo("\n".join(lines))


def show_confirmed(confirmed: Confirmed) -> None:
    """Print what fresh seeds say about the best settings, and draw it."""
    from autune.report.confirmation import (
        describe_confirmation,
        describe_settings,
        terminal_rows,
    )
    from autune.report.tables import header, tabulate

    confirmation, holdout = confirmed.confirmation, confirmed.holdout
    print_table(tabulate(terminal_rows(confirmation)), confirmation.title)
    typer.echo("\n".join([*describe_settings(confirmation), describe_confirmation(confirmation)]))
    if holdout is not None:
        setting = confirmation.ranked[0][1]
        for name in holdout.metrics:
            test, unseen = confirmation.estimate(setting, name), holdout.metrics[name]
            typer.echo(
                f"trial {confirmed.winner}, {header(name)}: {test.mean:.4g} +- {test.std:.2g} in "
                f"the test, {unseen.mean:.4g} +- {unseen.std:.2g} on the {holdout.n_structures} "
                "structures that no trial has seen"
            )


def draw_overview(folder: SearchFolder, records: Sequence[Record]) -> None:
    """Draw all trials of a search into its folder, if there are some."""
    from autune.report.figures import plot_search

    if records:
        rows = [
            {"number": r.number, "state": r.state, "violation": r.violation, **r.metrics}
            for r in records
        ]
        try:
            plot_search(rows, folder.path / "search.png")
        except ConfigError as error:  # those who may only read see the rest
            log.warning("the trials are not drawn: %s", error)


VERBS = (search, status, export, ui)
