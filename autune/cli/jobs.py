"""Verbs about searches on a running Ray cluster: submit, jobs, logs, stop."""

from __future__ import annotations

import re
import shlex
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autune.cli.options import print_table
from autune.log import mask_credentials

if TYPE_CHECKING:
    from autune.search.jobs import Job

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="Dashboard of the cluster, http://HEAD:8265; default: RAY_API_SERVER_ADDRESS.",
    ),
]
JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of a job, or of a search: its latest job.")
]

N_LINES = 5
"""Lines of a log that `status` shows."""

_TRIAL = re.compile(r"\d+/\d+ trial ")


def submit(
    settings: Annotated[
        Path,
        typer.Argument(metavar="SETTINGS", help="YAML file of settings, some of them searched."),
    ],
    address: Address = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the search; default: that of the file.")
    ] = None,
    results: Annotated[
        str,
        typer.Option(
            "--results", metavar="ROOT", help="Folder of all searches, on the cluster's head."
        ),
    ] = "~/results",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was stopped.")
    ] = False,
) -> None:
    """Search on a running Ray cluster; this machine may be switched off meanwhile.

    Sends the settings and the files that they name: structures, reference values, settings to
    start from.  What is on the cluster already is named by its absolute path there.

    \b
    Examples:
      autune submit gold.yaml --address http://127.0.0.1:8265
      autune submit gold.yaml --address http://127.0.0.1:8265 --resume
    """
    from autune.search.jobs import submit as submit_job

    job = submit_job(settings, address, name, results, resume)
    option = f" --address {shlex.quote(mask_credentials(address))}" if address else ""
    typer.echo(
        f"submitted as the job {job.name}; results in {results}/{job.search} on the cluster\n"
        f"  autune status {job.search}{option}\n"
        f"  autune logs {job.name}{option} --follow\n"
        f"  autune stop {job.name}{option}"
    )


def jobs(address: Address = None) -> None:
    """List the searches that were submitted to a cluster.

    \b
    Example:
      autune jobs --address http://127.0.0.1:8265
    """
    from autune.report.tables import tabulate
    from autune.search.jobs import list_jobs

    found = list_jobs(address)
    if not found:
        typer.echo("no jobs; start one with autune submit")
        return
    rows = [
        {
            "job": job.name,
            "state": job.state,
            "started": _date(job.started),
            "took": _took(job),
            "message": job.message,
        }
        for job in found
    ]
    print_table(tabulate(rows))


def logs(
    job: JobName,
    address: Address = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends, or Ctrl-C.")
    ] = False,
) -> None:
    """Print what a job has printed.

    \b
    Example:
      autune logs gold --follow
    """
    from autune.search.jobs import find_job, follow_log, read_log

    if not follow:
        typer.echo("\n".join(read_log(job, address)))
        return
    try:
        for line in follow_log(job, address):
            typer.echo(line)
    except KeyboardInterrupt:
        typer.echo("the job goes on", err=True)
        return
    typer.echo(_describe(find_job(job, address)), err=True)


def stop(job: JobName, address: Address = None) -> None:
    """Stop a job, as Ctrl-C stops a search: what is done stays, autune submit --resume goes on.

    \b
    Example:
      autune stop gold
    """
    from autune.search.jobs import stop as stop_job

    typer.echo(_describe(stop_job(job, address)))


def show_status(name: str, address: str | None) -> None:
    """Print how a search on a cluster goes: its job, the best trial, the last lines."""
    from autune.search.jobs import find_job, read_log, said

    job = find_job(name, address)
    lines = said(read_log(job.name, address))
    best = [line for line in lines if _TRIAL.match(line) and line.endswith("best so far")]
    typer.echo("\n".join([_describe(job), *best[-1:], "last lines:", *lines[-N_LINES:]]))


def _describe(job: Job) -> str:
    message = f": {job.message}" if job.message else ""
    if job.started is None:
        return f"{job.name} {job.state}{message}"
    word = "after" if job.ended else "for"
    return f"{job.name} {job.state} {word} {_took(job)}, started {_date(job.started)}{message}"


def _date(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _took(job: Job) -> str:
    from autune.search.progress import clock

    if job.started is None:
        return ""
    return clock((job.finished or time.time()) - job.started)


VERBS = (submit, jobs, logs, stop)
