"""Files of a search in which somebody has written something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_trial import settings

from autune.errors import SearchError
from autune.search.folder import JOURNAL, SearchFolder
from autune.search.study.study import Study
from autune.space import SearchSpace

ERRORS = {"energy_rmse": 0.1, "force_rmse": 0.2, "score": 0.3}


@pytest.fixture
def folder(tmp_path: Path) -> SearchFolder:
    """A search with two complete trials."""
    space = SearchSpace.from_mapping(settings())
    folder = SearchFolder(tmp_path)
    study = Study.create(folder, ("energy_rmse", "force_rmse"), "fingerprint")
    study.continue_with(space, space.example().search)
    for number in range(2):
        study.propose()
        study.tell(number, "complete", "", ERRORS, 1.0, [(0, 2.0)])
    return folder


def in_journal(folder: SearchFolder, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every entry of the journal."""
    entries = [json.loads(line) for line in (folder.path / JOURNAL).read_text().splitlines()]
    for entry in entries:
        change(entry)
    (folder.path / JOURNAL).write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def test_what_is_whole_is_read(folder: SearchFolder) -> None:
    in_journal(folder, lambda entry: None)
    assert [record.metrics for record in folder.records()] == [ERRORS, ERRORS]


def one_objective_more(entry: dict[str, Any]) -> None:
    if entry.get("values"):
        entry["values"].append(0.5)


def no_parameter_name(entry: dict[str, Any]) -> None:
    entry.pop("param_name", None)


def names_that_are_a_number(entry: dict[str, Any]) -> None:
    if "study:metric_names" in entry.get("system_attr", {}):
        entry["system_attr"]["study:metric_names"] = 5


def impossible_step(entry: dict[str, Any]) -> None:
    if "distribution" in entry:
        text = (
            '{"name": "FloatDistribution", "attributes": {"low": 0, "high": 1e300, "step": 1e-9}}'
        )
        entry["distribution"] = text


def metrics_that_are_text(entry: dict[str, Any]) -> None:
    outcome = entry.get("user_attr", {}).get("outcome")
    if outcome:
        outcome["metrics"] = {"score": "good"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_objective_more, r"3 objectives of 2|cannot be read"),
        (no_parameter_name, r"study\.journal cannot be read, it is damaged \('param_name'\)"),
        (names_that_are_a_number, "expected names of objectives, found 5"),
        (impossible_step, r"study\.journal cannot be read, it is damaged"),
        (metrics_that_are_text, "trial 0 of the study cannot be read: could not convert"),
    ],
)
def test_a_damaged_journal_is_refused(
    folder: SearchFolder, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    in_journal(folder, change)
    with pytest.raises(SearchError, match=message):
        folder.records()


@pytest.mark.parametrize("text", ["", "[]", "5", '{"state": []}', "[" * 10_000, "\x00"])
def test_a_damaged_result_is_none(folder: SearchFolder, text: str) -> None:
    (folder.path / "result.json").write_text(text)
    assert folder.state == "interrupted"
