"""MLflow shows the same however often, and wherever, the process that writes it is killed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from made_search import MadeSearch

from autune.search.tracking.mlflow_client import connect
from autune.search.tracking.tracker import rebuild

CALLS = (
    "create_experiment",
    "create_run",
    "delete_run",
    "log_batch",
    "log_artifacts",
    "set_tag",
    "set_experiment_tag",
    "set_terminated",
    "create_registered_model",
    "create_model_version",
    "set_registered_model_alias",
)


class Killed(BaseException):
    """The process ends here."""


class Executioner:
    """Counts the calls that write, and kills at one of them: before, within or after it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at: tuple[int, str] | None = None
        self.count = 0
        for name in CALLS:
            patch.setattr(mlflow.MlflowClient, name, self._watched(name))

    def _watched(self, name):
        original = getattr(mlflow.MlflowClient, name)

        def call(client, *args, **kwargs):
            self.count += 1
            when = self.at[1] if self.at and self.at[0] == self.count else ""
            if when == "before":
                raise Killed
            if when == "within" and name == "log_batch":
                # MLflow writes params, metrics and tags one after the other.
                kwargs["metrics"] = kwargs["metrics"][: len(kwargs["metrics"]) // 2]
            if when == "within" and name == "log_artifacts":
                first = min(path for path in Path(args[1]).rglob("*") if path.is_file())
                content = first.read_bytes()
                first.unlink()
                first.write_bytes(content[:3])
            result = original(client, *args, **kwargs)
            if when:
                raise Killed
            return result

        return call


@pytest.fixture(scope="module")
def executioner():
    with pytest.MonkeyPatch.context() as patch:
        yield Executioner(patch)


class Database:
    """A database that can be emptied; a new one takes a second."""

    def __init__(self, path: Path) -> None:
        self.path, self.uri = path, f"sqlite:///{path}"
        connect(self.uri).search_experiments()
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("select name from sqlite_master where type = 'table'")
            counts = {n: f"select count(*) from {n}" for (n,) in names.fetchall()}
            self._empty = [n for n, c in counts.items() if connection.execute(c).fetchone() == (0,)]

    def clear(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            for name in self._empty:
                connection.execute(f"delete from {name}")
            connection.execute("delete from experiments where experiment_id != 0")
            connection.commit()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return Database(tmp_path_factory.mktemp("database") / "mlflow.db")


@pytest.fixture
def searched(tmp_path):
    """A search with complete and diverged trials, and a confirmation."""
    made = MadeSearch(tmp_path / "fake")
    records = made.run(3)
    made.confirm(next(r.number for r in records if r.state == "complete"))
    made.end()
    return made.folder


def view(folder, uri) -> dict:
    """Everything that is shown, without what MLflow chooses or the clock says."""
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    shown = {}
    keys = {}
    for experiment in client.search_experiments(filter_string="name != 'Default'"):
        runs = client.search_runs([experiment.experiment_id])
        shown[experiment.name] = [
            {"tags": dict(experiment.tags), "runs": len(runs), "at": experiment.artifact_location}
        ]
        for run in runs:
            key = keys[run.info.run_id] = run.data.tags.get("autune.trial", "parent")
            curves = {
                name: [(p.timestamp, p.step, p.value) for p in points]
                for name in run.data.metrics
                if (points := client.get_metric_history(run.info.run_id, name))
            }
            files = {
                str(path.relative_to(folder.artifacts / run.info.run_id)): path.read_bytes()
                for path in (folder.artifacts / run.info.run_id).rglob("*")
                if path.is_file()
            }
            tags = dict(run.data.tags)
            times = (run.info.start_time, run.info.end_time) if key != "parent" else ()
            shown[key] = [run.info.status, times, run.data.params, curves, files, tags]
    for _, *rest in [v for k, v in shown.items() if k in keys.values()]:
        if "mlflow.parentRunId" in rest[-1]:
            rest[-1]["mlflow.parentRunId"] = keys[rest[-1]["mlflow.parentRunId"]]
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name='{model.name}'")
        shown[f"model {model.name}"] = [
            (v.version, keys[v.run_id], v.source.rpartition("/")[2], v.tags) for v in versions
        ] + [model.aliases, model.tags]
    return shown


WHEN = ("before", "within", "after")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["some calls", "all calls"]
)
def test_killed_at_any_call_and_written_again_it_shows_the_same(
    executioner, searched, database, every
):
    database.clear()
    executioner.at, executioner.count = None, 0
    rebuild(searched, database.uri)
    n_calls, whole = executioner.count, view(searched, database.uri)
    assert n_calls > 20
    points = [(number, when) for number in range(1, n_calls + 1) for when in WHEN]
    for point in points if every else points[::16]:
        database.clear()
        executioner.at, executioner.count = point, 0
        with pytest.raises(Killed):
            rebuild(searched, database.uri)
        executioner.at = None
        rebuild(searched, database.uri)
        assert view(searched, database.uri) == whole, point
        assert rebuild(searched, database.uri).n_written == 0
