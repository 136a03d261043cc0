"""The benchmark of many trials makes trials that a search could have, and counts as it says."""

from __future__ import annotations

import json
from importlib import import_module as load
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.search.folder import SearchFolder
from autune.space import SearchSpace

AT = {"storage": "journal", "objectives": 3, "fill": "random"}


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace.from_mapping(load("made_trials").raw_space("made"))


def test_a_made_trial_leaves_what_a_trial_leaves(tmp_path: Path, space: SearchSpace) -> None:
    made = load("made_trials")
    at = space.apply(space.sample(np.random.default_rng(1)))
    epochs = []
    result = made.run_made(at, None, tmp_path, lambda epoch: epochs.append(epoch) or True)
    assert result.state == "complete"
    assert len(result.metrics) == made.N_METRICS
    assert {*made.OBJECTIVES, "score"} <= set(result.metrics)
    assert len(epochs) == at.evaluation.seeds * (at.training.epochs + 1)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == len(epochs) + 1
    assert (tmp_path / "potential" / "input.nn").is_file()
    assert made.run_made(at, None, tmp_path, lambda _: False).state == "stopped"


def test_made_metrics_follow_the_settings(space: SearchSpace) -> None:
    make_metrics = load("made_trials").make_metrics
    generator = np.random.default_rng(2)
    first, second = (space.apply(space.sample(generator)) for _ in range(2))
    assert make_metrics(first) == make_metrics(first)
    assert make_metrics(first)["score"] != make_metrics(second)["score"]


def test_a_study_is_filled_where_it_stands_and_read_again(tmp_path: Path) -> None:
    steps = load("study_steps")
    steps.work(tmp_path / "made", "random", 3, "journal", 5)
    spans = steps.work(tmp_path / "made", "random", 1, "journal", 12, files=True)
    assert len(spans["propose"]) == len(spans["tell"]) == 7
    assert all(wall > 0.0 for wall, _ in spans["propose"])
    found = steps.look(tmp_path / "made")
    assert found["n"] == 12
    assert found["open_s"] > 0.0
    records = SearchFolder(tmp_path / "made").records()
    assert {record.state for record in records} == {"complete"}
    assert (records[11].directory / "result.json").is_file()
    size = (tmp_path / "made" / "study.journal").stat().st_size
    assert steps.size_of(tmp_path / "made", "journal") == size


def test_views_of_a_made_search_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "made"
    load("study_steps").work(path, "random", 3, "journal", 4, files=True)
    steps = load("view_steps")
    found = steps.results(path)
    assert found["n"] == 4
    assert 1 <= found["front"] <= 4
    assert (path / "trials.csv").is_file()
    assert (path / "search.png").is_file()
    room = steps.room(path)
    assert room["files_per_trial"] == 4
    on_disk = sum(p.stat().st_size for p in (path / "trials").rglob("*") if p.is_file())
    assert room["bytes_per_trial"] == pytest.approx(on_disk / 4)


def study_record(sampler: str, trials: int, seconds: float) -> dict[str, Any]:
    times = {
        f"{name}{kind}": seconds
        for name in ("propose", "tell", "open", "list")
        for kind in ("_s", "_cpu_s")
    }
    at = {"part": "study", **AT, "sampler": sampler, "trials": trials}
    return {**at, **times, "memory_MB": 12.0, "bytes": 3e6, "n": trials}


def search_record() -> dict[str, Any]:
    """Return a search of 100 trials, 10 a second at first and 5 a second at last."""
    points = [
        {"trials": n, "s": s, "cpu_s": s / 2, "MB": 300.0 + n} | dict.fromkeys(PARTS, 0.01 * n)
        for n, s in ((0, 0.0), (50, 5.0), (100, 15.0))
    ]
    case = {"part": "search", "concurrent": 8, "trials": 100, "sampler": "tpe", "objectives": 3}
    case |= {"storage": "journal", "mlflow": None, "reports": "few", "states": {"complete": 100}}
    return {**case, "points": points, "returned": 20.0, "last_trial": 15.0, "load": 1.0}


PARTS = ("propose", "tell", "display", "mlflow")


def test_the_table_has_a_column_for_every_number_of_trials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = load("many_trials")
    assert many.PARTS == PARTS
    records = [study_record("random", 50, 0.002), study_record("tpe", 100, 0.25), search_record()]
    records.append({"part": "views", **AT, "trials": 100, "status_s": 3.25, "mlflow_write_s": 0.72})
    marks = (50, 100)
    rows = dict(many.study_rows(records, marks) + many.view_rows(records, marks))
    assert rows["journal: proposal, random [ms]"] == ["2", ""]
    assert rows["journal: proposal, tpe [ms]"] == ["", "250"]
    assert rows["`autune status` [s]"] == ["", "3.2"]
    assert rows["MLflow, all runs at that rate [h]"] == ["", "0.02"]
    rows |= dict(many.search_rows(records, marks))
    search = "search, tpe, 8 at a time"
    assert rows[f"{search}: trials a second"] == ["10", "5"]
    assert rows[f"{search}: memory of the driver [MB]"] == ["350", "400"]
    assert rows[f"{search}: processor of the driver [ms a trial]"] == ["50", "100"]
    assert rows[f"{search}: proposal and tell [ms a trial]"] == ["20", "20"]
    many.show(rows.items(), marks)
    many.show_ends(records)
    printed = capsys.readouterr().out
    assert "| with so many trials | 50 | 100 |" in printed
    assert "at least 5 trials a second; 5.0 s from the end of the last trial" in printed


def test_the_figure_shows_studies_and_searches(tmp_path: Path) -> None:
    records = [study_record("random", 50, 0.002), study_record("random", 100, 0.25)]
    load("many_trials_figure").draw([*records, search_record()], tmp_path / "many.png")
    assert (tmp_path / "many.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    Book = load("many_trials").Book
    Book(tmp_path / "records.jsonl").add({"part": "study", "trials": 5}, {"open_s": 1.0})
    again = Book(tmp_path / "records.jsonl")
    assert not again.lacks({"part": "study", "trials": 5})
    assert again.lacks({"part": "study", "trials": 6})


@pytest.mark.slow
@pytest.mark.ray
def test_many_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = load("many_trials")
    many.main(["--quick", "--storages", "journal", "--output", str(tmp_path)])
    records = [json.loads(line) for line in (tmp_path / "many_trials.jsonl").open()]
    assert {record["part"] for record in records} == {"study", "views", "search"}
    search = records[-1]
    assert search["states"] == {"complete": search["trials"]}
    assert search["points"][-1]["trials"] == search["trials"]
    assert (tmp_path / "many_trials.png").is_file()
    n = len(records)
    capsys.readouterr()
    many.main(["--quick", "--storages", "journal", "--output", str(tmp_path)])
    assert len((tmp_path / "many_trials.jsonl").read_text().splitlines()) == n
    assert "search, random, 2 at a time: trials a second" in capsys.readouterr().out
