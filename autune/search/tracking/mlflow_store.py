"""The runs of one search in MLflow.  A door of MLflow, imported where a client is needed.

Every call may be the last one before the process is killed: a run says from its beginning what
it is made of (the tag ``autune.content``), and is ended last, so that whoever comes next sees
what is whole, what has to be written again, and what has changed.
"""

from __future__ import annotations

import getpass
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

from autune.errors import SearchError
from autune.search.folder import POTENTIAL, SearchFolder
from autune.search.tracking.addresses import BEST_FIRST, database_file, is_server
from autune.search.tracking.mlflow_client import alone, connect
from autune.search.tracking.overview import SUMMARY, Overview
from autune.search.tracking.presentable import stage
from autune.search.tracking.shown import Shown, milliseconds

PACKAGES = ("autune", "numpy", "numba", "ray", "optuna", "mlflow")
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow opens the pages for trainings, not those for language models."""

_IDENTITY, _CONTENT, _TRIAL = "autune.search", "autune.content", "autune.trial"
_NOTE = "mlflow.note.content"
_VIEW = f"mlflow.sharedViewState.{BEST_FIRST}"
_BATCH, _SMALL_BATCH = 1000, 100
"""Metrics, and params or tags, that MLflow takes at once."""


@dataclass
class _Run:
    """A run as it was found or written."""

    identity: str
    content: str
    status: str
    fresh: bool = False


class Store:
    """The runs of one search; only one process at a time has it.

    Parameters
    ----------
    folder
        Of the search.
    address
        Of MLflow, from `find_address`.

    Raises
    ------
    Busy
        If another process has it.
    """

    def __init__(self, folder: SearchFolder, address: str) -> None:
        self.n_written = 0
        self._folder = folder
        self._is_own_database = database_file(address) == folder.database.resolve()
        # A server knows where its files go; a database would put them where we stand.
        self._root = None if is_server(address) else folder.artifacts.resolve().as_uri()
        with ExitStack() as stack:
            stack.enter_context(alone(folder, address))
            self._client = connect(address, write_ahead=self._is_own_database)
            self.name, self.experiment = self._find_experiment()
            self._parent: _Run | None = None
            self._runs: dict[str, _Run] = {}
            self._list_runs()
            self._held = stack.pop_all()

    def close(self) -> None:
        """Let others write."""
        self._held.close()

    def __contains__(self, key: str) -> bool:
        """Whether a run was written or compared by this very store, and is whole."""
        run = self._runs.get(key)
        return run is not None and run.fresh

    def begin(self, moment: float) -> None:
        """Say that the search runs, since a moment (seconds since 1970) if it is new."""
        parent = self._parent or self._make_parent(milliseconds(moment))
        if parent.status != "RUNNING":
            self._client.update_run(parent.identity, status="RUNNING")
            parent.status = "RUNNING"

    def write(self, shown: Shown) -> None:
        """Write a run, unless it is there as it should be."""
        if shown.key in self:
            return
        old = self._runs.get(shown.key)
        run = old
        if old is not None and (old.content, old.status) == (shown.content, shown.status):
            old.fresh = True
            return
        if run is None or run.content != shown.content:
            run = self._make_run(shown, old)
        self._log(run.identity, shown)
        self._log_files(run.identity, shown.files)
        ended = milliseconds(shown.record.finished)
        self._client.set_terminated(run.identity, shown.status, end_time=ended)
        self._runs[shown.key] = _Run(run.identity, shown.content, shown.status, fresh=True)
        self.n_written += 1

    def finish(self, overview: Overview, status: str) -> None:
        """Write what the search found, register its best potential, end its run."""
        parent = self._parent or self._make_parent(overview.began)
        known = self._client.get_run(parent.identity)
        tags = {**overview.tags, **versions()}
        if known.data.tags.get(_NOTE, SUMMARY).startswith(SUMMARY) and overview.summary:
            tags[_NOTE] = overview.summary
        tags = {name: text for name, text in tags.items() if known.data.tags.get(name) != text}
        now, began = int(1000 * time.time()), known.info.start_time
        values = known.data.metrics
        # The latest time wins, so what changes is of now.
        metrics = [
            Metric(name, value, now if name in values else overview.ended or began, 0)
            for name, value in overview.metrics.items()
            if values.get(name) != value
        ]
        self._log_batch(parent.identity, metrics, tags=tags)
        if parent.content != overview.content:
            self._log_files(parent.identity, overview.files)
            self._client.set_tag(parent.identity, _CONTENT, overview.content)
            parent.content = overview.content
        if self._client.get_experiment(self.experiment).tags.get(_VIEW) != overview.view:
            self._client.set_experiment_tag(self.experiment, _VIEW, overview.view)
        if overview.best is not None:
            self.write(overview.best)
            self._register(overview.best)
        ended = overview.ended or known.info.end_time or now
        if (known.info.status, known.info.end_time) != (status, ended):
            if status == "RUNNING":
                self.begin(time.time())
            else:
                self._client.set_terminated(parent.identity, status, end_time=ended)
                parent.status = status

    def _find_experiment(self) -> tuple[str, str]:
        """Find or make the experiment; return its name and identity."""
        ours = self._client.search_experiments(ViewType.ALL, filter_string=self._filter)
        ours = [e for e in ours if e.tags.get(_IDENTITY, "") == self._folder.identity]
        for found in sorted(ours, key=lambda e: str(e.lifecycle_stage)):  # active, deleted
            if self._is_own_database and found.artifact_location != self._root:
                # The folder was moved or copied, and the files are not where this says.
                old = found.experiment_id
                self._client.set_experiment_tag(old, _IDENTITY, "moved")
                self._client.rename_experiment(old, f"{found.name} (moved, {old})")
                self._client.delete_experiment(old)
                continue
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return found.name, str(found.experiment_id)
        tags = {**_EXPERIMENT_TAGS, _IDENTITY: self._folder.identity}
        for name in self._names():
            try:
                return name, str(self._client.create_experiment(name, self._root, tags))
            except MlflowException:
                if self._client.get_experiment_by_name(name) is None:
                    raise
        raise SearchError(
            f"MLflow has experiments {' and '.join(self._names())} of other searches; rename them"
        )

    @property
    def _filter(self) -> str:
        """Select what bears the identity of the search; its name where it has none."""
        identity = self._folder.identity
        return f"tags.`{_IDENTITY}` = '{identity}'" if identity else f"name = '{self._folder.name}'"

    def _names(self) -> tuple[str, ...]:
        """Return the names to try: another search, of the same name, may have the first."""
        name, identity = self._folder.name, self._folder.identity
        return (name, f"{name}-{identity[:6]}") if identity else (name,)

    def _list_runs(self) -> None:
        """Find all runs of the search; of two with one key the older stays."""
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment], order_by=["attributes.start_time ASC"], page_token=token
            )
            for found in page:
                tags = found.data.tags
                run = _Run(found.info.run_id, tags.get(_CONTENT, ""), found.info.status)
                is_parent = tags.get("autune.kind") == "search"
                if not is_parent and _TRIAL not in tags:
                    continue  # A user's own.
                if (self._parent if is_parent else self._runs.get(tags[_TRIAL])) is not None:
                    self._client.delete_run(run.identity)
                elif is_parent:
                    self._parent = run
                else:
                    self._runs[tags[_TRIAL]] = run
            token = page.token
            if not token:
                return

    def _make_parent(self, began: int | None) -> _Run:
        tags = {"autune.kind": "search", _IDENTITY: self._folder.identity, "mlflow.user": _user()}
        made = self._client.create_run(
            self.experiment, start_time=began, run_name=self._folder.name, tags=tags
        )
        self._parent = _Run(made.info.run_id, "", made.info.status)
        return self._parent

    def _make_run(self, shown: Shown, old: _Run | None) -> _Run:
        """Make a run; one with another content is replaced, for params cannot be changed."""
        parent = self._parent or self._make_parent(None)
        tags = {**shown.tags, "mlflow.parentRunId": parent.identity, "mlflow.user": _user()}
        if old is not None:
            kept = self._client.get_run(old.identity).data.tags
            tags = {k: v for k, v in kept.items() if k != "mlflow.runName"} | tags
        made = self._client.create_run(
            self.experiment,
            start_time=milliseconds(shown.record.started),
            run_name=shown.name,
            tags=tags,
        )
        if old is not None:
            self._client.delete_run(old.identity)
        run = _Run(made.info.run_id, shown.content, made.info.status)
        self._runs[shown.key] = run
        return run

    def _log(self, identity: str, shown: Shown) -> None:
        metrics = [Metric(*point) for point in shown.points()]
        self._log_batch(identity, metrics, shown.params())

    def _log_batch(
        self,
        identity: str,
        metrics: Sequence[Any],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write in as few calls as MLflow allows."""
        p = [Param(*pair) for pair in (params or {}).items()]
        t = [RunTag(*pair) for pair in (tags or {}).items()]
        metrics = list(metrics)
        while metrics or p or t:
            few = _BATCH - len(p[:_SMALL_BATCH]) - len(t[:_SMALL_BATCH])
            self._client.log_batch(
                identity, metrics=metrics[:few], params=p[:_SMALL_BATCH], tags=t[:_SMALL_BATCH]
            )
            metrics, p, t = metrics[few:], p[_SMALL_BATCH:], t[_SMALL_BATCH:]

    def _log_files(self, identity: str, files: Mapping[str, Path]) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory(prefix="autune-") as folder:
            stage(files, Path(folder))
            self._client.log_artifacts(identity, folder)

    def _register(self, best: Shown) -> None:
        """Make the best potential a version in the registry, with the alias best."""
        run = self._runs[best.key]
        name, aliases = self._find_model()
        known = self._client.search_model_versions(f"name='{name}'")
        version = next((v for v in known if v.run_id == run.identity), None)
        if version is None:
            artifacts = self._client.get_run(run.identity).info.artifact_uri
            version = self._client.create_model_version(
                name,
                source=f"{artifacts}/{POTENTIAL}",
                run_id=run.identity,
                tags={_TRIAL: best.key},
                description=f"{best.name}, score {best.record.score:.4g}: input.nn, scaling.data "
                "and weights for n2p2 and LAMMPS",
                await_creation_for=None,
            )
        if str(aliases.get("best")) != str(version.version):
            self._client.set_registered_model_alias(name, "best", version.version)

    def _find_model(self) -> tuple[str, Mapping[str, str]]:
        """Find or make the registered model; return its name and aliases."""
        for found in self._client.search_registered_models(self._filter):
            if found.tags.get(_IDENTITY, "") == self._folder.identity:
                return found.name, self._client.get_registered_model(found.name).aliases
        tags = {_IDENTITY: self._folder.identity}
        for name in self._names():
            try:
                return name, self._client.create_registered_model(name, tags).aliases
            except MlflowException:
                if not self._client.search_registered_models(f"name = '{name}'"):
                    raise
        raise SearchError(
            f"MLflow has models {' and '.join(self._names())} of other searches; rename them"
        )


def versions() -> dict[str, str]:
    """Return tags with the versions of the packages that decide results."""
    found = {"autune.version.python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[f"autune.version.{name}"] = version(name)
        except PackageNotFoundError:
            found[f"autune.version.{name}"] = "not installed"
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A user without a name, as in some containers.
        return "unknown"
