"""Where MLflow keeps what it shows: addresses, and what is said when one fails."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from autune.errors import ConfigError, SearchError
from autune.log import mask_credentials
from autune.search.folder import SearchFolder
from autune.settings.search import quote_user

_CONNECTION = {
    "client_encoding": "utf8",  # also where the database has none
    # A machine that vanished refuses nothing: without these a call waits for hours.
    "connect_timeout": "10",
    "tcp_user_timeout": "30000",
}
"""What libpq is told besides what an address says."""

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Who waits is a thread of ours, which tries again by itself.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
"""MLflow, here and as a server, that tells nobody, draws no bars, and does not wait for long."""

BEST_FIRST = "autune"
"""Name of the view of an experiment in which the runs are sorted by score."""

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]*)")
_POSTGRES = re.compile(r"postgres(?:ql)?(?P<driver>\+\w+)?://")


class Busy(SearchError):
    """Another process writes the same search to the same MLflow."""


def be_quiet() -> None:
    """Set the environment that MLflow reads when it is imported; what is set already stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def find_address(folder: SearchFolder, uri: str = "default") -> str:
    """Return the address that MLflow is given for a search.

    Parameters
    ----------
    folder
        Of the search.
    uri
        Setting `tracking.mlflow`; ``default`` is a database in the folder.

    Raises
    ------
    ConfigError
        If it needs a package that is not installed.
    """
    if uri == "default":
        return f"sqlite:///{folder.database.resolve()}"
    if (path := database_file(uri)) is not None:
        # The process may change its folder.
        return uri.replace(str(path), str(path.resolve()), 1)
    if (match := _POSTGRES.match(uri)) is None:
        return uri
    uri = quote_user(uri)
    if match["driver"] is None:
        if importlib.util.find_spec("psycopg") is None:
            raise ConfigError(
                "tracking.mlflow",
                f"PostgreSQL needs the package psycopg, found {mask_credentials(uri)}; "
                "pip install 'autune[postgres]'",
            )
        uri = f"postgresql+psycopg://{uri[match.end() :]}"
    given = dict(parse_qsl(urlsplit(uri).query))
    missing = [f"{key}={value}" for key, value in _CONNECTION.items() if key not in given]
    if missing:
        uri += ("&" if "?" in uri else "?") + "&".join(missing)
    return uri


def database_file(uri: str) -> Path | None:
    """Return the file of an SQLite address; None for others and for memory."""
    match = _SQLITE.match(uri)
    if match is None or match["path"] in ("", ":memory:"):
        return None
    return Path(match["path"])


def page_of(experiment: str) -> str:
    """Return the page of an experiment below the address of its server."""
    query = f"workflowType=machine_learning&viewStateShareKey={BEST_FIRST}"
    return f"/#/experiments/{experiment}/runs?{query}"


def is_server(address: str) -> bool:
    """Say whether MLflow itself answers there, and not a database."""
    return urlsplit(address).scheme in ("http", "https") or address.startswith("databricks")


def reason_of(error: BaseException) -> str:
    """Say in a few words what lies under an error of MLflow, without credentials."""
    cause = error
    while inner := cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__):
        cause = inner
    # Some carry the cause as an argument.
    cause = next((a for a in cause.args if isinstance(a, Exception)), cause)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    words = mask_credentials(" ".join(text.split()))
    return words if len(words) < 300 else words[:297] + "..."
