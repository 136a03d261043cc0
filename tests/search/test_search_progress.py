"""What the displays say of trials with several trainings, and of those beyond a constraint."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from autune.search.progress import LiveTable, describe
from autune.search.record import Record


@pytest.mark.parametrize(("n_trainings", "shown"), [(5, "3/5"), (None, "3")])
def test_the_table_says_which_training_of_how_many_runs(n_trainings: int | None, shown: str):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    table = LiveTable(console, n_trainings)
    table.trial_started(7, {})
    table.epoch_finished(7, 2, 17, 1.25)
    with console.capture() as capture:
        console.print(table)
    row = next(line.split() for line in capture.get().splitlines() if "1.25" in line)
    assert row == ["7", shown, "17", "1.25"]


def test_a_trial_beyond_the_constraints_says_so():
    record = Record(0, "complete", "", {}, (), {"score": 2.0}, 1.0, Path(), violation=0.5)
    assert describe(record, ()) == "score 2, beyond the constraints"
