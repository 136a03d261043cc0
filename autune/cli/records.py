"""A verb about what is kept of a search elsewhere: log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autune.cli.options import Results, SearchName


def log(
    name: SearchName,
    mlflow: Annotated[
        str | None,
        typer.Option(
            "--mlflow", metavar="URI", help="Address of MLflow; default: tracking.mlflow."
        ),
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Write a search to MLflow, or what of it is missing there.

    Writes trials, confirmation and best potential from the study and the folders. What is there
    already stays, what differs is replaced; called again, it changes nothing. A password is best
    left to PGPASSWORD, ~/.pgpass, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.

    \b
    Examples:
      autune log gold
      autune log gold --mlflow http://127.0.0.1:5000
      autune log gold --mlflow postgresql://me@host/mlflow
    """
    from pydantic import ValidationError

    from autune.errors import ConfigError
    from autune.search.folder import open_search
    from autune.search.tracking.tracker import rebuild
    from autune.settings import TrackingSettings

    folder = open_search(name, results)
    uri = mlflow or folder.space().example().tracking.mlflow
    if uri is None:
        raise ConfigError("tracking.mlflow", "is null; say where to with --mlflow URI")
    try:
        TrackingSettings(mlflow=uri)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, mlflow ")
        raise ConfigError("--mlflow", message) from None
    done = rebuild(folder, uri)
    typer.echo(
        f"{done.address}: experiment {done.name} has {done.n_runs} trials and confirmations, "
        f"{done.n_written} of them written now"
    )


VERBS = (log,)
