"""What MLflow shows of a search: complete, and the same however often it is written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import fake_trial
import pytest

from autune.search import open_search
from autune.search.tracking.addresses import find_address
from autune.search.tracking.presentable import read_history
from autune.search.tracking.server import serve_command
from autune.search.tracking.tracker import rebuild

pytestmark = pytest.mark.usefixtures("without_ray")


@pytest.fixture(scope="module")
def module_path(tmp_path_factory):
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture
def tracked(module_path, run):
    """Make one search for all tests of this module: a fresh database takes seconds."""
    if not (module_path / "fake").exists():
        raw = fake_trial.settings(trials=14)
        raw["tracking"] = {"mlflow": "default"}
        run(raw, fake_trial.run_badly, results=module_path)
    return open_search("fake", module_path)


def client_of(folder):
    import mlflow

    uri = find_address(folder)
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("fake")
    runs = client.search_runs([experiment.experiment_id])
    return client, {run.data.tags.get("autune.trial", "parent"): run for run in runs}


def dump(folder) -> set[str]:
    with sqlite3.connect(folder.database) as connection:
        tables = ("runs", "metrics", "params", "tags", "model_versions", "registered_model_aliases")
        rows = {f"{t}: {row}" for t in tables for row in connection.execute(f"select * from {t}")}
    connection.close()
    return rows


def test_every_trial_is_a_child_run_with_everything(tracked):
    client, runs = client_of(tracked)
    records = tracked.records()
    assert set(runs) == {"parent", *(str(r.number) for r in records)}
    parent = runs["parent"]
    expected = {"complete": "FINISHED", "diverged": "FAILED", "failed": "FAILED"}
    for record in records:
        run = runs[str(record.number)]
        assert run.info.status == expected[record.state]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["autune.state"] == record.state
        assert run.data.tags.get("autune.reason", "") == record.reason
        assert {k: str(v) for k, v in record.params.items()}.items() <= run.data.params.items()
    best = min((r for r in records if r.state == "complete"), key=lambda r: r.score)
    run = runs[str(best.number)]
    assert run.data.params["training.epochs"] == "4"
    assert run.data.metrics["energy_rmse"] == best.metrics["energy_rmse"]
    curve = client.get_metric_history(run.info.run_id, "seed_1/test_force_rmse")
    assert [point.step for point in curve] == [0, 1, 2, 3, 4]
    files = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert {"settings.yaml", "history.csv", "properties.csv", "potential"} <= files
    failed = next(r for r in records if "something in the worker" in r.reason)
    names = [f.path for f in client.list_artifacts(runs[str(failed.number)].info.run_id)]
    assert "error.txt" in names
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["autune.best_trial"] == str(best.number)
    assert parent.data.tags["autune.dataset"] == tracked.study().fingerprint != ""
    for package in ("autune", "numpy", "numba", "ray", "optuna", "python"):
        assert parent.data.tags[f"autune.version.{package}"]
    assert parent.data.metrics["best.score"] == best.score
    version = client.get_model_version_by_alias("fake", "best")
    assert version.run_id == run.info.run_id
    weights = Path(version.source.removeprefix("file://")) / "input.nn"
    assert weights.read_text() == (best.directory / "potential" / "input.nn").read_text()


def test_writing_again_changes_nothing(tracked):
    before = dump(tracked)
    files = sorted(tracked.artifacts.rglob("*"))
    done = rebuild(tracked)
    assert dump(tracked) == before
    assert sorted(tracked.artifacts.rglob("*")) == files
    assert (done.n_runs, done.n_written, done.name) == (14, 0, "fake")


def test_everything_can_be_written_to_another_store(tracked, tmp_path):
    copy = f"sqlite:///{tmp_path}/mlflow.db"
    rebuild(tracked, copy)
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=copy)
    experiment = client.get_experiment_by_name("fake")
    assert len(client.search_runs([experiment.experiment_id])) == 15


def test_the_server_shows_the_store_of_the_search(tracked):
    command, environment = serve_command(tracked, 5001)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == find_address(tracked)
    assert command[command.index("--port") + 1] == "5001"
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_units_in_the_header_of_a_history_are_dropped(tmp_path):
    text = "seed,number,test_force_rmse [eV/Angstrom],score\n0,1,0.5,\n"
    (tmp_path / "history.csv").write_text(text)
    assert list(read_history(tmp_path)) == [("seed_0", 1, {"test_force_rmse": 0.5})]
    assert list(read_history(tmp_path / "missing")) == []
