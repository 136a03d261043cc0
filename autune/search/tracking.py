"""MLflow shows a search: a run per search, a child per trial.  The door of MLflow.

Everything here is a view of the study and of the trials' folders: it can be written again at any
time, and writing it twice changes nothing.  While a search runs, a thread of its own writes, so
the search never waits, and what goes wrong here is a warning.
"""

from __future__ import annotations

import csv
import logging
import math
import os
import platform
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from autune.search.folder import POTENTIAL, SearchFolder
from autune.search.record import EndState, Record, State, ranked
from autune.settings import Settings
from autune.space import flatten

_log = logging.getLogger(__name__)
PACKAGES = ("autune", "numpy", "numba", "ray", "optuna", "mlflow")
FIXED_PARAMS = (
    "dataset.path",
    "potential.elements",
    "potential.cutoff_radius",
    "training.epochs",
    "training.updates_per_epoch",
    "training.streams",
    "evaluation.seeds",
)
"""Settings that are shown for every trial, also where they are not searched."""

_STATUS: dict[State, str] = {
    "running": "RUNNING",
    "complete": "FINISHED",
    "stopped": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
_PARENT_STATUS: dict[str, str] = {
    "finished": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
}
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow opens the pages for trainings, not those for language models."""

PATIENCE = 300.0
"""Seconds that the end of a search waits for MLflow."""


class Tracker:
    """Observer of a search that writes to MLflow in a thread of its own.

    Parameters
    ----------
    folder
        Folder of the search.
    uri
        Tracking URI, or ``default``.
    """

    def __init__(self, folder: SearchFolder, uri: str = "default") -> None:
        self._folder = folder
        self._uri = uri
        self._queue: queue.Queue[Record | str] = queue.Queue()
        self._thread = threading.Thread(target=self._write, name="mlflow", daemon=True)

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Take what is there already; nothing is written before the first epoch."""
        for record in records:
            if record.state != "running":
                self._queue.put(record)

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Write nothing: a run is written when its trial has ended."""

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Begin to write: a trial runs.  Epochs are written together, at its end."""
        self._begin()

    def trial_finished(self, record: Record) -> None:
        """Write a child run."""
        self._queue.put(record)
        self._begin()

    def search_finished(self, state: EndState) -> None:
        """Write the end and wait for it."""
        self._queue.put(state)
        self._begin()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            _log.warning("MLflow is not ready after %g s; autune ui writes the rest", PATIENCE)

    def _begin(self) -> None:
        # MLflow's import and a new database take some seconds of this process, which has to
        # start Ray and the first trials before.
        if self._thread.ident is None:
            self._thread.start()

    def _write(self) -> None:
        try:
            store = _Store(self._folder, self._uri)
            while True:
                item = self._queue.get()
                if isinstance(item, str):
                    store.finish(_PARENT_STATUS[item])
                    return
                store.write(item)
        except Exception as error:  # noqa: BLE001  a view may fail, the search may not
            _log.warning(
                "MLflow does not show this search (%s: %s); autune ui tries again",
                type(error).__name__,
                error,
            )


def rebuild(folder: SearchFolder, uri: str = "default") -> str:
    """Write everything to MLflow from the study; what is there already stays.

    Parameters
    ----------
    folder
        Folder of the search.
    uri
        Tracking URI, or ``default``.

    Returns
    -------
    str
        Identity of the experiment that shows the search.
    """
    store = _Store(folder, uri)
    records = [record for record in folder.records() if record.state != "running"]
    for record in records:
        store.write(record)
    store.finish(_PARENT_STATUS[folder.state])
    return str(store.experiment)


def store_uri(folder: SearchFolder, uri: str = "default") -> str:
    """Return the tracking URI of a search; ``default`` is a database in its folder."""
    return f"sqlite:///{folder.database.resolve()}" if uri == "default" else uri


class _Store:
    """The runs of one search."""

    def __init__(self, folder: SearchFolder, uri: str) -> None:
        _be_quiet()
        import mlflow

        for name in ("mlflow", "alembic", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._entities = mlflow.entities
        self._folder = folder
        address = store_uri(folder, uri)
        self._client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
        experiment = self._client.get_experiment_by_name(folder.name)
        if experiment is not None:
            self.experiment = experiment.experiment_id
        else:
            # A server knows where its files go; a database would put them where we stand.
            remote = address.startswith(("http://", "https://"))
            root = None if remote else folder.artifacts.resolve().as_uri()
            self.experiment = self._client.create_experiment(
                folder.name, artifact_location=root, tags=_EXPERIMENT_TAGS
            )
        if uri == "default":
            _write_ahead(folder.database)
        self._runs = self._find_runs()
        self._parent = self._begin_parent()

    def write(self, record: Record) -> None:
        """Write a child run, unless it is there."""
        key = str(record.number)
        run = self._runs.get(key)
        if run is not None and run.info.status == _STATUS[record.state]:
            return
        if run is None:
            run = self._client.create_run(
                self.experiment,
                start_time=_milliseconds(record.started),
                run_name=f"trial {record.number:04d}",
                tags={"autune.trial": key, "mlflow.parentRunId": self._parent},
            )
        identity = run.info.run_id
        self._log_params(identity, record)
        self._log_metrics(identity, record)
        tags = {"autune.state": record.state, "autune.reason": record.reason}
        for name, text in tags.items():
            self._client.set_tag(identity, name, text[:5000])
        if record.directory.is_dir():
            self._log_files(identity, record.directory)
        self._client.set_terminated(
            identity, _STATUS[record.state], end_time=_milliseconds(record.finished)
        )
        self._runs[key] = self._client.get_run(identity)

    def finish(self, status: str) -> None:
        """Write the result of the search, register its best potential, end the run."""
        records = self._folder.records()
        now = int(time.time() * 1000)
        metrics = {f"trials.{s}": float(sum(r.state == s for r in records)) for s in _STATUS}
        best = ranked(records)
        if best:
            metrics |= {f"best.{name}": value for name, value in best[0].metrics.items()}
            self._client.set_tag(self._parent, "autune.best_trial", str(best[0].number))
            self._register(best[0])
        known = self._client.get_run(self._parent).data.metrics
        changed = {k: v for k, v in metrics.items() if math.isfinite(v) and known.get(k) != v}
        self._client.log_batch(
            self._parent,
            metrics=[self._entities.Metric(k, v, now, 0) for k, v in changed.items()],
        )
        for name in ("search.yaml", "trials.csv", "result.json"):
            if (self._folder.path / name).is_file():
                self._client.log_artifact(self._parent, str(self._folder.path / name))
        for figure in sorted(self._folder.path.glob("*.png")):
            self._client.log_artifact(self._parent, str(figure))
        ended = max((r.finished for r in records if r.finished), default=None)
        self._client.set_terminated(self._parent, status, end_time=_milliseconds(ended))

    def _find_runs(self) -> dict[str, Any]:
        runs, token = {}, None
        while True:
            page = self._client.search_runs([self.experiment], page_token=token)
            for run in page:
                runs[run.data.tags.get("autune.trial", "")] = run
            token = page.token
            if not token:
                return runs

    def _begin_parent(self) -> str:
        """Find or make the run of the search; the empty key is its."""
        run = self._runs.get("")
        if run is None:
            run = self._client.create_run(self.experiment, run_name=self._folder.name)
            for name, text in self._facts().items():
                self._client.set_tag(run.info.run_id, name, text)
        self._client.update_run(run.info.run_id, status="RUNNING")
        return str(run.info.run_id)

    def _facts(self) -> dict[str, str]:
        study = self._folder.study()
        facts = {
            "autune.kind": "search",
            "autune.objectives": ", ".join(study.objectives),
            "autune.dataset": study.fingerprint,
            "autune.version.python": platform.python_version(),
        }
        return facts | {f"autune.version.{name}": text for name, text in versions().items()}

    def _log_params(self, identity: str, record: Record) -> None:
        params = {name: str(value) for name, value in record.params.items()}
        path = record.directory / "settings.yaml"
        if path.is_file():
            leaves = dict(flatten(Settings.read(path).model_dump(mode="json", by_alias=True)))
            params |= {name: str(leaves[name]) for name in FIXED_PARAMS if name not in params}
        self._client.log_batch(
            identity,
            params=[self._entities.Param(name, text[:5000]) for name, text in params.items()],
        )

    def _log_metrics(self, identity: str, record: Record) -> None:
        ended = _milliseconds(record.finished) or 0
        began = _milliseconds(record.started) or 0
        rows = [(name, value, ended, 0) for name, value in record.metrics.items()]
        rows.append(("seconds", record.seconds, ended, 0))
        epochs = list(read_history(record.directory))
        if not epochs:
            epochs = [(0, n, {"score": score}) for n, score in record.scores]
        for seed, number, values in epochs:
            moment = began + int(1000 * values.get("seconds", 0.0))
            rows += [
                (f"seed_{seed}/{name}", value, moment, number)
                for name, value in values.items()
                if name != "seconds"
            ]
        metrics = [self._entities.Metric(*row) for row in rows if math.isfinite(row[1])]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(identity, metrics=metrics[start : start + 1000])

    def _log_files(self, identity: str, directory: Path) -> None:
        for pattern in ("settings.yaml", "result.json", "*.csv", "*.png", "error.txt"):
            for path in sorted(directory.glob(pattern)):
                self._client.log_artifact(identity, str(path))
        if (directory / POTENTIAL).is_dir():
            self._client.log_artifacts(identity, str(directory / POTENTIAL), POTENTIAL)

    def _register(self, best: Record) -> None:
        """Make the best potential a version in the registry, with the alias best."""
        if not (best.directory / POTENTIAL).is_dir():
            return
        name = self._folder.name
        run = self._runs[str(best.number)]
        if not self._client.search_registered_models(f"name='{name}'"):
            self._client.create_registered_model(name)
        known = self._client.search_model_versions(f"name='{name}'")
        version = next((v for v in known if v.run_id == run.info.run_id), None)
        if version is None:
            version = self._client.create_model_version(
                name,
                source=f"{run.info.artifact_uri}/{POTENTIAL}",
                run_id=run.info.run_id,
                tags={"autune.trial": str(best.number)},
            )
        self._client.set_registered_model_alias(name, "best", version.version)


def read_history(directory: Path) -> Iterator[tuple[int, int, dict[str, float]]]:
    """Yield seed, epoch and errors from the history of a trial.

    Units in the header (``test_force_rmse [eV/Angstrom]``) are dropped.
    """
    path = directory / "history.csv"
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            values = {}
            for name, text in row.items():
                try:
                    values[str(name).split(" [")[0]] = float(text)
                except (TypeError, ValueError):
                    continue  # A cell without a number.
            if "number" in values:
                seed, number = int(values.pop("seed", 0)), int(values.pop("number"))
                yield seed, number, values


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide results."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def _be_quiet() -> None:
    """Keep MLflow from telling others and from drawing bars, here and in its server."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _write_ahead(database: Path) -> None:
    """Let readers of the database not block its writer."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _milliseconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment * 1000)
