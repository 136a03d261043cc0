"""Where the process starts: one thread, log, verbs, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from autune import __version__, log
from autune.cli import (
    data,
    jobs,
    potentials,
    projects,
    records,
    report,
    searches,
    settings,
    training,
)
from autune.cli.options import INTERRUPTED, MISTAKE
from autune.errors import AutuneError

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

app = typer.Typer(
    name="autune",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for room in (searches, report, records, jobs, training, potentials, settings):
    for verb in room.VERBS:
        app.command()(verb)
app.command("import")(projects.import_project)
app.add_typer(data.app, name="data")


def print_version(wanted: bool) -> None:
    """Print the version and end, if it is wanted."""
    if wanted:
        typer.echo(f"autune {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Search for the best neural network potential that a set of DFT calculations allows.

    \b
    First steps:
      autune data info builtin:gold                 what is in a set of structures
      autune search search_spaces/quick.yaml        try settings, keep the best potential
      autune status quick                           how a search goes
      autune export quick -o potential              write the best potential
      autune properties potential                   its physical properties against DFT
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a verb and end the process with its exit code.

    Parameters
    ----------
    arguments
        Words after ``autune``; default: those of the process.
    """
    # Trials run side by side, each on its own core; numpy reads this when it is imported.
    for variable in ONE_THREAD:
        os.environ.setdefault(variable, "1")
    log.configure()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(args=None if arguments is None else list(arguments), prog_name="autune")
    except AutuneError as error:
        typer.echo(f"error: {log.mask_credentials(str(error))}", err=True)
        sys.exit(MISTAKE)
    except MemoryError as error:
        typer.echo(
            f"error: this machine has not enough memory ({error}); lower hidden_layers, streams or "
            "cutoff_radius",
            err=True,
        )
        sys.exit(MISTAKE)
    except SystemExit as end:  # so typer ends, also after Ctrl-C
        if end.code == INTERRUPTED:
            typer.echo("stopped", err=True)
        raise
    sys.exit(0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM, by which Slurm, Ray and Kubernetes end a process, as Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # ignored, as in what a shell starts in the background
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
