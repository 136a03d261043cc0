from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from autune.errors import SearchError
from autune.search.folder import JOURNAL, SearchFolder, copy_folder, existing, open_search, place
from autune.search.progress import LiveTable, PlainLines, clock
from autune.search.record import Record


def make(results: Path, *names: str) -> None:
    for name in names:
        (results / name).mkdir(parents=True)
        (results / name / JOURNAL).touch()


def test_a_search_is_found_by_name_and_by_folder(tmp_path, monkeypatch):
    make(tmp_path / "results", "gold", "silver")
    monkeypatch.chdir(tmp_path)
    here = (tmp_path / "results" / "gold").resolve()
    for given in ("gold", "results/gold", here):
        assert open_search(given).path == here
    assert open_search("gold", tmp_path / "results").name == "gold"
    assert existing() == ["gold", "silver"]


def test_a_missing_search_is_named_with_the_nearest(tmp_path):
    make(tmp_path, "gold", "silver")
    with pytest.raises(SearchError, match=r"no search 'glod' in .*did you mean gold"):
        open_search("glod", tmp_path)
    with pytest.raises(SearchError, match="searches there: gold, silver"):
        open_search("xxxxx", tmp_path)
    with pytest.raises(SearchError, match="there is no search yet"):
        open_search("gold", tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["..", "../gold", "a/b", "/tmp/x", ".hidden", "", "a" * 81, "a\n"])
def test_names_cannot_leave_the_folder_of_results(tmp_path, name):
    with pytest.raises(SearchError, match="name of a search"):
        place(name, tmp_path)


def test_one_process_at_a_time_writes_a_search(tmp_path):
    make(tmp_path, "gold")
    folder = SearchFolder(tmp_path / "gold")
    with (
        folder.writing(),
        pytest.raises(SearchError, match="running in another process"),
        folder.writing(),
    ):
        pass
    with folder.writing():
        pass


def test_a_folder_is_copied_in_the_place_of_another(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    copy_folder(tmp_path / "a", tmp_path / "best")
    copy_folder(tmp_path / "b", tmp_path / "best")
    assert [p.name for p in (tmp_path / "best").iterdir()] == ["b"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "best"]


def ended(number: int, score: float | None) -> Record:
    metrics = {} if score is None else {"score": score, "energy_rmse": 0.0035}
    state = "failed" if score is None else "complete"
    reason = "no such file" if score is None else ""
    return Record(number, state, reason, {}, (), metrics, 1.0, Path())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    source, target = tmp_path / "source", tmp_path / "best"
    for folder, name in ((source, "whole"), (target, "old")):
        folder.mkdir()
        (folder / name).touch()
    (source / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SearchError, match=r"best cannot be written: .*no such file.*--resume"):
        copy_folder(source, target)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert not list(tmp_path.glob(".best*"))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SearchError, match="not a directory"), SearchFolder(file).writing():
        pass


def test_plain_lines_tell_every_trial_and_the_best():
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.search_started("gold", 4, ("energy_rmse",), [ended(0, 3.0)])
    lines.trial_started(1, {})
    lines.epoch_finished(1, 0, 1, 5.0)
    lines.trial_finished(ended(1, None))
    lines.trial_finished(ended(2, 2.0))
    lines.search_finished("interrupted")
    said = stream.getvalue().splitlines()
    assert said[0] == "search gold: 4 trials, 1 done before"
    assert said[1].startswith("2/4 trial 1 failed: no such file; time left 0 s")
    assert said[2].startswith("3/4 trial 2 score 2, energy_rmse 0.0035 eV/atom")
    assert said[2].endswith("best so far")
    assert "interrupted" in said[3]
    assert "best: trial 2" in said[3]


def test_the_live_table_shows_progress_and_the_best():
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    table = LiveTable(console)
    table.search_started("gold", 4, ("energy_rmse",), [])
    table.trial_started(0, {})
    table.trial_started(1, {})
    table.epoch_finished(1, 2, 17, 1.25)
    table.trial_finished(ended(0, 2.0))
    with console.capture() as capture:
        console.print(table)
    shown = capture.get()
    table.search_finished("finished")
    for word in ("gold", "1/4 trials", "1 complete", "best: trial 0, score 2", "17", "1.25"):
        assert word in shown
    assert "search gold finished" in console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (12_000, "3 h 20 min")]
)
def test_durations_are_readable(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "a/" * 3000, "\ud800", "..", "a/../../b", ""])
def test_names_that_no_search_has(tmp_path, monkeypatch, name):
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SearchError, match="no search"):
        open_search(name)
    with pytest.raises(SearchError, match="the name of a search is made of letters"):
        place(name, "results")
    assert [path.name for path in tmp_path.rglob("*")] == ["results"]
