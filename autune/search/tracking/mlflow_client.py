"""A client of MLflow that is quiet, bounded in time, and safe where several begin at once.

A door of MLflow; imported only where MLflow is used, for that takes seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.store.db import utils as mlflow_database
from sqlalchemy import event

from autune.formats.files import replacing
from autune.search.folder import SearchFolder
from autune.search.tracking.addresses import Busy, database_file

_SILENT = ("mlflow", "alembic", "sqlalchemy.pool", "psycopg", "urllib3")
"""Loggers that show tracebacks, addresses and every attempt; what matters is said by us."""


def connect(address: str, write_ahead: bool = False) -> MlflowClient:
    """Return a client; a database of SQLite that is missing is made.

    Parameters
    ----------
    address
        From `find_address`.
    write_ahead
        Whether readers of a new database shall not block its writer; not for network file systems.
    """
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Of an engine: its ten attempts take minutes, and who calls tries again anyway.
    mlflow_database.MAX_RETRY_COUNT = 2
    if (path := database_file(address)) is not None:
        _make_database(path, write_ahead)
    return MlflowClient(tracking_uri=address, registry_uri=address)


@contextmanager
def alone(folder: SearchFolder, address: str) -> Iterator[None]:
    """Be the only process that writes a search to an MLflow; the lock ends with the process.

    Raises
    ------
    Busy
        If another process does.
    """
    digest = hashlib.blake2b(address.encode(), digest_size=4).hexdigest()
    with _locked(folder.path / f".mlflow-{digest}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    try:
        stream = path.open("a")
    except OSError:  # A folder that may not be written: nobody else writes from there either.
        yield
        return
    with stream:
        try:
            fcntl.flock(stream, how)
        except BlockingIOError:
            raise Busy("another process writes this search to MLflow; wait for its end") from None
        except OSError:
            pass  # A file system without locks: nothing can be said.
        yield


def _make_database(path: Path, write_ahead: bool) -> None:
    """Make a new database whole or not at all.

    MLflow makes its tables step by step, and can neither go on where it was killed nor where
    another process does the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with _locked(lock, fcntl.LOCK_EX):
        if path.is_file() and path.stat().st_size:
            return
        for leftover in set(path.parent.glob(f".{path.name}.*")) - {lock}:
            leftover.unlink()
        with replacing(path) as fresh:
            engine = mlflow_database.create_sqlalchemy_engine(f"sqlite:///{fresh}")
            # It is nobody's yet, and is flushed at its end.
            event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
            mlflow_database._initialize_tables(engine)  # noqa: SLF001
            engine.dispose()
            with closing(sqlite3.connect(fresh)) as connection:
                if write_ahead:
                    connection.execute("PRAGMA journal_mode=WAL")
