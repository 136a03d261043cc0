"""What MLflow shows of searches: their own things, under valid names, without passwords."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fake_trial
import mlflow
import pytest
from made_search import MadeSearch, run_or_diverge

from autune.errors import SearchError
from autune.search.folder import IDENTITY, SearchFolder
from autune.search.tracking.mlflow_client import connect
from autune.search.tracking.presentable import LONGEST_CURVE
from autune.search.tracking.tracker import rebuild

SECRET = "p@ss/w:rd"
COUNT = itertools.count()


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """One database for all: a new one takes seconds, and searches do not touch each other."""
    address = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'mlflow.db'}"
    connect(address).search_experiments()
    return address


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def make(tmp_path, request):
    """Make searches that no other test has."""
    name = request.node.name.removeprefix("test_")[:40].strip("_[]")

    def make(place="results", **options):
        return MadeSearch(tmp_path / place / name, f"{next(COUNT):06x}abcdef", **options)

    return make


def runs_of(client, experiment) -> dict[str, mlflow.entities.Run]:
    runs = client.search_runs([experiment])
    keyed = {run.data.tags.get("autune.trial", "parent"): run for run in runs}
    assert len(keyed) == len(runs)
    return keyed


def files_of(folder, run) -> dict[str, Path]:
    root = folder.artifacts / run.info.run_id / "artifacts"
    return {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}


def test_a_search_of_the_same_name_elsewhere_is_not_touched(make, client, uri):
    one, other = make("one"), make("other")
    for made in (one, other):
        made.run(2)
        made.end()
    first, second = rebuild(one.folder, uri), rebuild(other.folder, uri)
    assert first.name == one.folder.name
    assert second.name == f"{one.folder.name}-{other.folder.identity[:6]}"
    for done, made in ((first, one), (second, other)):
        assert len(runs_of(client, done.experiment)) == 3
        version = client.get_model_version_by_alias(done.name, "best")
        assert str(made.folder.artifacts) in version.source
        assert client.get_experiment(done.experiment).tags["autune.search"] == made.folder.identity
    # Again, also when the first has gone.
    client.rename_experiment(first.experiment, f"{first.name} by hand")
    assert rebuild(other.folder, uri).experiment == second.experiment
    again = rebuild(one.folder, uri)
    assert (again.experiment, again.n_written) == (first.experiment, 0)


def test_an_experiment_of_someone_else_is_not_joined(make, client, uri):
    made = make()
    made.run()
    theirs = client.create_experiment(made.folder.name)
    client.create_registered_model(made.folder.name)
    done = rebuild(made.folder, uri)
    assert done.experiment != theirs
    assert client.search_runs([theirs]) == []
    assert not client.search_model_versions(f"name='{made.folder.name}'")


def test_a_search_without_identity_is_found_by_its_name(make, client, uri):
    made = make()
    (made.folder.path / IDENTITY).unlink()
    made.run()
    done = rebuild(made.folder, uri)
    assert done.name == made.folder.name
    assert rebuild(made.folder, uri).n_written == 0


def test_two_searches_of_one_name_and_identity_are_refused(make, client, uri):
    made = make()
    for name in (made.folder.name, f"{made.folder.name}-{made.folder.identity[:6]}"):
        client.create_experiment(name)
    with pytest.raises(SearchError, match="of other searches"):
        rebuild(made.folder, uri)


def test_what_was_deleted_by_hand_comes_back(make, client, uri):
    made = make()
    made.run(2)
    done = rebuild(made.folder, uri)
    client.delete_run(runs_of(client, done.experiment)["1"].info.run_id)
    assert rebuild(made.folder, uri).n_written == 1
    client.delete_experiment(done.experiment)
    assert rebuild(made.folder, uri).experiment == done.experiment
    assert set(runs_of(client, done.experiment)) == {"parent", "0", "1"}


def test_what_differs_is_replaced_and_a_users_tags_stay(make, client, uri):
    made = make()
    (record,) = made.run()
    done = rebuild(made.folder, uri)
    old = runs_of(client, done.experiment)["0"]
    client.set_tag(old.info.run_id, "mlflow.note.content", "look here")
    (record.directory / "settings.yaml").write_text("training: {epochs: 77}\n")
    assert rebuild(made.folder, uri).n_written == 1
    new = runs_of(client, done.experiment)["0"]
    assert new.data.params["training.epochs"] == "77"
    assert new.data.tags["mlflow.note.content"] == "look here"
    assert new.info.start_time == old.info.start_time
    assert rebuild(made.folder, uri).n_written == 0


def test_trials_with_gaps_in_their_numbers(make, client, uri):
    made = make()
    made.run(3)
    records = [r for r in made.folder.records() if r.number != 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SearchFolder, "records", lambda _: records)
        done = rebuild(made.folder, uri)
    assert set(runs_of(client, done.experiment)) == {"parent", "0", "2"}


def test_the_confirmation_is_shown_and_its_potential_registered(make, client, uri):
    made = make()
    made.run(4)
    best = min((r for r in made.folder.records() if r.state == "complete"), key=lambda r: r.score)
    winner = next(
        r.number for r in made.folder.records() if r.state == "complete" and r.number != best.number
    )
    made.confirm(winner, n_seeds=3)
    made.end()
    done = rebuild(made.folder, uri)
    runs = runs_of(client, done.experiment)
    assert set(runs) == {"parent", "0", "1", "2", "3", "c0", "c1", "c2"}
    run, parent = runs["c2"], runs["parent"]
    assert run.info.run_name == f"confirm {winner:04d} seed 2"
    assert run.data.tags["autune.confirm"] == str(winner)
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    params = run.data.params
    assert (params["trial"], params["seed"]) == (str(winner), "2")
    assert params["training.force_ratio"] == runs[str(winner)].data.params["training.force_ratio"]
    scores = [r.score for r in SearchFolder(made.folder.path / "confirm").records()]
    assert parent.data.metrics["confirmed.score"] == pytest.approx(sum(scores) / 3)
    assert parent.data.metrics["confirmed.score_std"] == pytest.approx(0.1)
    assert parent.data.metrics["holdout.energy_rmse"] == 0.5
    assert parent.data.metrics["best.score"] == best.score
    assert parent.data.tags["autune.best_trial"] == str(best.number)
    assert parent.data.tags["autune.confirmed_trial"] == str(winner)
    files = files_of(made.folder, parent)
    expected = {"confirmed.csv", "confirmed.json", "confirmed.png", "best/input.nn", "search.yaml"}
    assert expected <= set(files)
    version = client.get_model_version_by_alias(done.name, "best")
    source = Path(version.source.removeprefix("file://"))
    assert {p.name for p in source.iterdir()} == {p.name for p in made.folder.best.iterdir()}
    assert (source / "input.nn").read_bytes() == (made.folder.best / "input.nn").read_bytes()
    assert version.run_id == run.info.run_id


def test_a_registered_version_stays_when_another_potential_is_the_best(make, client, uri):
    made = make()
    made.run(3)
    done = rebuild(made.folder, uri)
    first = client.get_model_version_by_alias(done.name, "best")
    made.confirm(int(first.tags["autune.trial"]))
    rebuild(made.folder, uri)
    second = client.get_model_version_by_alias(done.name, "best")
    assert (first.version, second.version) == (1, 2)
    assert Path(first.source.removeprefix("file://"), "input.nn").is_file()
    assert client.get_model_version(done.name, 1).source == first.source


def run_with_odd_names(at, dataset, directory, report):
    result = fake_trial.run_fake(at, dataset, directory, report)
    with (directory / "history.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["fold", "seed", "number", "test_energy_rmse [eV/atom]", "seconds"])
        for fold in ("A", "(100) à"):
            writer.writerows([fold, 0, n, 0.5, 0.1 * n] for n in range(1001))
    odd = {"energy_rmse.(100)": 1.0, "energy_rmse.<100>": 2.0, "/../x//y": 3.0, "a" * 300: 4.0}
    result.metrics.update(odd)
    return result


def test_names_that_mlflow_does_not_take_and_long_curves(make, client, uri):
    made = make(trial=run_with_odd_names)
    made.run()
    done = rebuild(made.folder, uri)
    run = runs_of(client, done.experiment)["0"]
    metrics = run.data.metrics
    assert metrics["energy_rmse._100_"] == 1.0
    assert metrics["energy_rmse._100__2"] == 2.0
    assert metrics["x/y"] == 3.0
    for fold in ("A", "_100_ à"):
        curve = client.get_metric_history(run.info.run_id, f"fold_{fold}/seed_0/test_energy_rmse")
        assert len(curve) == LONGEST_CURVE
        assert (curve[0].step, curve[-1].step) == (0, 1000)
    assert rebuild(made.folder, uri).n_written == 0


def run_with_secrets(at, dataset, directory, report):
    address = f"postgresql://me:{SECRET}@host/db"
    if at.training.force_ratio < 0.5:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "error.txt").write_text(f"OperationalError: {address}\n")
        return fake_trial.Result("failed", f"cannot go to {address}")
    return fake_trial.run_fake(at, dataset, directory, report)


def test_no_password_reaches_mlflow(make, client, uri):
    made = make(trial=run_with_secrets, tracking=f"postgresql://me:{SECRET}@host/db")
    assert {r.state for r in made.run(4)} == {"complete", "failed"}
    made.end()
    found = {"state": "finished", "storage": f"host=h password='{SECRET}'"}
    (made.folder.path / "result.json").write_text(json.dumps(found))
    done = rebuild(made.folder, uri)
    database = Path(uri.removeprefix("sqlite:///"))
    written = [database, *made.folder.artifacts.rglob("*")]
    texts = [path.read_bytes() for path in written if path.is_file()]
    assert len(texts) > 20
    assert not any(b"w:rd" in text for text in texts)
    runs = runs_of(client, done.experiment)
    masked = files_of(made.folder, runs["parent"])["search.yaml"].read_text()
    assert "postgresql://me:***@host/db" in masked
    assert SECRET in made.folder.settings_file.read_text()


def test_a_folder_that_was_moved_shows_its_files(tmp_path):
    made = MadeSearch(tmp_path / "here" / "moving")
    made.run(2)
    made.end()
    rebuild(made.folder)
    moved = SearchFolder(Path(shutil.copytree(tmp_path / "here", tmp_path / "there")) / "moving")
    shutil.rmtree(tmp_path / "here")
    done = rebuild(moved)
    address = f"sqlite:///{moved.database}"
    client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    runs = runs_of(client, done.experiment)
    assert set(runs) == {"parent", "0", "1"}
    assert "settings.yaml" in files_of(moved, runs["1"])
    assert str(moved.path) in client.get_model_version_by_alias("moving", "best").source
    assert not (tmp_path / "here").exists()
    assert (rebuild(moved).n_written, rebuild(moved).experiment) == (0, done.experiment)


def test_the_table_of_runs_begins_with_what_was_searched(make, client, uri):
    made = make()
    made.run(2)
    made.end()
    done = rebuild(made.folder, uri)
    tags = client.get_experiment(done.experiment).tags
    view = json.loads(tags["mlflow.sharedViewState.autune"])
    state = json.loads(view["state"])
    assert state["orderByKey"] == "metrics.`score`"
    columns = {"metrics.`score`", "metrics.`force_rmse`", "params.`training.force_ratio`"}
    assert columns <= set(state["selectedColumns"])
    parent = runs_of(client, done.experiment)["parent"]
    assert parent.data.tags["mlflow.note.content"].startswith("Best of 2 trials: trial 000")
    client.set_tag(parent.info.run_id, "mlflow.note.content", "mine")
    made.run(1)
    rebuild(made.folder, uri)
    parent = runs_of(client, done.experiment)["parent"]
    assert parent.data.tags["mlflow.note.content"] == "mine"


def test_a_search_whose_trials_diverged(make, client, uri):
    made = make(trial=lambda *_: fake_trial.Result("diverged", "NaN \0in epoch 3"))
    made.run(2)
    made.end("interrupted")
    done = rebuild(made.folder, uri)
    runs = runs_of(client, done.experiment)
    assert runs["1"].data.tags["autune.reason"] == "NaN in epoch 3"
    assert runs["parent"].info.status == "KILLED"
    assert not client.search_registered_models(f"name='{made.folder.name}'")


def test_an_empty_search(make, client, uri):
    made = make(trial=run_or_diverge)
    done = rebuild(made.folder, uri)
    assert set(runs_of(client, done.experiment)) == {"parent"}
    assert (done.n_runs, done.n_written) == (0, 0)


def test_searches_that_begin_at_once_make_one_database(tmp_path):
    path = tmp_path / "folder" / "mlflow.db"
    together = threading.Barrier(3)

    def begin(_):
        together.wait()
        return [e.name for e in connect(f"sqlite:///{path}").search_experiments()]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(begin, range(3))) == [["Default"]] * 3
    left = {p.name for p in path.parent.iterdir()}
    assert left == {"mlflow.db", ".mlflow.db.lock"}


def test_a_database_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "mlflow.db"
    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            connect(f"sqlite:///{path}")
    assert not path.exists()
    (tmp_path / ".mlflow.db.killed").write_text("half of it")
    assert len(connect(f"sqlite:///{path}").search_experiments()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}
