"""The study in a PostgreSQL database: shared, away for a while, refused."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy.exc
import yaml
from fake_trial import settings
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from postgres_server import PASSWORD, PostgresServer, postgres  # noqa: F401, a fixture
from study_alone import begin, measure, small_space, work

from autune.errors import SearchError
from autune.formats.files import write_text
from autune.search.confirm import choose, open_confirmation
from autune.search.folder import IDENTITY, JOURNAL, SearchFolder
from autune.search.study import storage
from autune.search.study.study import Study
from autune.space import SearchSpace

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> str:  # noqa: F811
    """Address of a database for all tests of this module, each with a search of its own.

    It has no encoding, as a server has whose administrator set none.
    """
    return postgres.make_database("searches", "SQL_ASCII")


@pytest.fixture
def patience(monkeypatch):
    """Set how long an outage may last [s], and wait less between attempts."""
    monkeypatch.setattr(storage, "_LONGEST_WAIT", 1.0)
    return lambda seconds: monkeypatch.setattr(storage, "LONGEST_OUTAGE", seconds)


def make_folder(path: Path, name: str, address: str) -> SearchFolder:
    """Make the folder of a search that has begun."""
    folder = SearchFolder(path / name)
    folder.path.mkdir()
    write_text(folder.path / IDENTITY, f"{path.name}-{name}\n")
    write_text(folder.settings_file, yaml.safe_dump(settings(storage=address)))
    return folder


def test_many_searches_share_a_database_and_go_on(tmp_path, database):
    a, b = (make_folder(tmp_path, name, database) for name in "ab")
    study, space = begin(a.path, storage=database, trials=6, constraints={"energy_rmse": 0.2})
    first = work(study, space, limit=3)
    lost = study.propose()
    other, _ = begin(b.path, storage=database, trials=2)
    work(other, space)
    study, _ = begin(a.path, storage=database, trials=6, constraints={"energy_rmse": 0.2})
    assert study.propose() == lost
    study.tell(lost.number, "stopped", "by the pruner", {}, 1.0, [(1, 2.0)])
    work(study, space)
    records = a.records()
    assert [r.number for r in records] == list(range(6))
    assert [r.params for r in records[:3]] == first
    assert [r.state for r in records] == [*["complete"] * 3, "stopped", *["complete"] * 2]
    assert records[3].scores == ((1, 2.0),)
    excess = [max(0.0, r.metrics["energy_rmse"] - 0.2) / 0.2 for r in records if r.metrics]
    assert [r.violation for r in records if r.metrics] == pytest.approx(excess)
    assert len(b.records()) == 2
    assert not (a.path / JOURNAL).exists()
    assert a.study().fingerprint == "fingerprint"


def test_a_search_survives_that_the_server_starts_again(
    tmp_path,
    postgres,  # noqa: F811
    database,
    patience,
    caplog,
):
    patience(60.0)
    folder = make_folder(tmp_path, "a", database)
    study, space = begin(folder.path, storage=database, trials=8)
    work(study, space, limit=3)
    postgres.stop()
    starter = threading.Timer(1.5, postgres.start)
    starter.start()
    try:
        with caplog.at_level(logging.INFO, logger="autune"):
            work(study, space)
    finally:
        starter.join()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "does not answer" in said[0]
    assert PASSWORD not in said[0]
    assert said[1] == "the study's database answers again"
    records = folder.records()
    assert [(r.number, r.state) for r in records] == [(i, "complete") for i in range(8)]
    assert len({str(r.params) for r in records}) == 8


def test_a_confirmation_waits_for_a_database_that_is_away_when_it_begins(
    tmp_path,
    postgres,  # noqa: F811
    database,
    patience,
):
    patience(60.0)
    folder = make_folder(tmp_path, "a", database)
    study, space = begin(folder.path, storage=database, trials=4)
    work(study, space)
    raw = settings(storage=database, trials=4) | {"confirm": {"best": 2, "seeds": 2}}
    wanted = SearchSpace.from_mapping(raw).example()
    repetitions = choose(study.records(), space, wanted)
    postgres.stop()
    starter = threading.Timer(1.5, postgres.start)
    starter.start()
    try:
        _, confirmation = open_confirmation(folder, repetitions, wanted, "fingerprint")
    finally:
        starter.join()
    assert confirmation.propose() is not None


def test_a_database_that_stays_away_ends_the_search(
    tmp_path,
    postgres,  # noqa: F811
    database,
    patience,
):
    patience(0.5)
    folder = make_folder(tmp_path, "a", database)
    study, space = begin(folder.path, storage=database, trials=8)
    work(study, space, limit=3)
    running = study.propose()
    postgres.stop()
    try:
        with pytest.raises(SearchError) as error:
            study.tell(running.number, "complete", "", measure(space, running.params))
        assert "cannot be reached" in str(error.value)
        assert str(error.value).endswith("start it and go on with --resume")
        assert PASSWORD not in str(error.value)
        patience(60.0)  # it was given up: nobody waits again
        with pytest.raises(SearchError, match="cannot be reached"):
            study.propose()
        assert [r.state for r in study.records()] == ["complete"] * 3
        with pytest.raises(SearchError, match="cannot be used: Connection refused"):
            Study.open(folder)
    finally:
        postgres.start()
    study, space = begin(folder.path, storage=database, trials=8)
    assert study.propose() == running
    study.tell(running.number, "complete", "", measure(space, running.params))
    work(study, space)
    assert [r.state for r in folder.records()] == ["complete"] * 8


def test_cmaes_goes_on_from_plain_numbers(tmp_path, database, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a pickle")

    for name in ("load", "loads", "dump", "dumps"):
        monkeypatch.setattr(pickle, name, refuse)
    space = SearchSpace.from_mapping(settings(sampler="cmaes", objectives=["score"], trials=20))
    points = []
    for name, parts in {"a": (20,), "b": (7, 9, 4)}.items():
        folder = make_folder(tmp_path, name, database)
        for limit in parts:
            points += work(*begin(folder.path, space, storage=database), limit=limit)
    assert points[:20] == points[20:]


CALLS = (
    "_create_new_trial",
    "_set_trial_param",
    "set_trial_state_values",
    "set_trial_user_attr",
    "set_trial_system_attr",
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("arrives", [True, False])
def test_what_arrived_is_not_done_twice(tmp_path, database, patience, monkeypatch, call, arrives):
    """Every third answer of one call is lost, after or before it had its effect."""
    patience(60.0)
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    whole = getattr(RDBStorage, call)
    n_calls = []

    def lose(self, *arguments, **named):
        n_calls.append(call)
        if len(n_calls) % 3:
            return whole(self, *arguments, **named)
        if arrives:
            whole(self, *arguments, **named)
        cause = sqlalchemy.exc.OperationalError("", {}, Exception("the connection broke"))
        raise StorageInternalError("lost") from cause

    folder = make_folder(tmp_path, "a", database)
    space = small_space(trials=6, constraints={"energy_rmse": 0.2})
    study, _ = begin(folder.path, space, storage=database)
    study.queue(space.grid()[7:9])
    monkeypatch.setattr(RDBStorage, call, lose)
    points = work(study, space)
    monkeypatch.undo()
    assert len(n_calls) > 3
    records = folder.records()
    assert [r.params for r in records] == points
    assert [r.number for r in records] == list(range(6))
    assert {r.state for r in records} == {"complete"}
    assert points[:2] == [pytest.approx(point) for point in space.grid()[7:9]]
    assert len({str(sorted(point.items())) for point in points}) == 6
    assert [r.metrics for r in records] == [measure(space, point) for point in points]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((PASSWORD, "wrong"), "password authentication failed.*; give the right user and password"),
        (("/searches", "/none"), 'database "none" does not exist; make it'),
        (("127.0.0.1", "host.invalid"), "host.invalid.*; start it, or mend search.storage"),
    ],
)
def test_a_wrong_address_is_one_message_at_once(tmp_path, database, change, says):
    folder = make_folder(tmp_path, "a", database.replace(*change))
    for start in (lambda: begin(folder.path, storage=database.replace(*change)), folder.records):
        with pytest.raises(SearchError, match=says) as error:
            start()
        assert PASSWORD not in str(error.value)
        assert "wrong" not in str(error.value)
        assert "\n" not in str(error.value)


def test_a_database_without_the_study_is_said(tmp_path, postgres, database):  # noqa: F811
    for name, address in {"a": database, "b": postgres.make_database("empty")}.items():
        folder = make_folder(tmp_path, name, address)
        with pytest.raises(SearchError, match=f"holds no study autune-{tmp_path.name}-{name}"):
            folder.records()


def test_tables_of_another_program_are_said(tmp_path, postgres):  # noqa: F811
    address = postgres.make_database("other")
    folder = make_folder(tmp_path, "a", address)
    postgres.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)", "other")
    postgres.execute("INSERT INTO alembic_version VALUES ('of MLflow')", "other")
    with pytest.raises(SearchError, match="made by another version of Optuna, or by MLflow"):
        begin(folder.path, storage=address)


def test_a_missing_package_is_named(tmp_path, database, monkeypatch):
    folder = make_folder(tmp_path, "a", database)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SearchError, match=r"pip install 'autune\[postgres\]'"):
        begin(folder.path, storage=database)


# Optuna's own; what autune does against it (`warnings.catch_warnings`) is not for threads.
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_searches_may_begin_in_an_empty_database_at_the_same_time(tmp_path, postgres):  # noqa: F811
    address = postgres.make_database("race")
    folders = [make_folder(tmp_path, name, address) for name in "abcd"]
    together = threading.Barrier(4)

    def start(folder):
        together.wait()
        Study.create(folder, ("score",), folder.name, address)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, folders))
    assert [folder.study().fingerprint for folder in folders] == list("abcd")
