"""The benchmark of a search's overhead takes its times apart as it says."""

from __future__ import annotations

import json
from importlib import import_module as load
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.settings import Settings
from autune.training.epoch import go_on


def trial(pid: int, began: float, ended: float, reports: list[list[float]]) -> dict[str, Any]:
    spans = {"preparation": [], "training": [[0.0, 6.0]], "properties": [], "figures": []}
    return {
        "pid": pid,
        "began": began,
        "ended": ended,
        "cpu_until_begin": 3.0,
        "dataset_shared": True,
        "spans": {**spans, "report": reports},
    }


@pytest.fixture
def case() -> Any:
    """Two workers: one runs trials 0 and 3, the other 1 and 2."""
    reports = [[0.0, 0.25], [1.0, 1.25]]
    trials = {
        0: trial(7, 10.0, 20.0, []),
        1: trial(8, 10.0, 18.0, []),
        3: trial(7, 24.0, 34.0, reports),
        2: trial(8, 22.0, 30.0, reports),
    }
    plain = {n: trial(1, 0.0, 8.0, []) | {"number": n, "bare": 5.0} for n in range(4)}
    search = {
        "spawned": 0.0,
        "imported": 1.0,
        "started": 2.0,
        "returned": 40.0,
        "drawn": 40.5,
        "driver_cpu_until_return": 5.0,
        "exited": 41.0,
        "told": [1, 0, 2, 3],
        "driver_cpu": [1.0, 2.0, 3.0, 4.0],
        "ray_cpu": [1.0, 1.5, 2.0, 2.5],
        "states": {"complete": 4},
        "spans": {
            "propose": [[8.0, 9.0], [9.0, 9.5], [20.0, 21.0], [22.0, 22.5], [34.0, 34.1]],
            "tell": [[18.5, 19.0], [21.0, 21.5], [30.5, 31.0], [35.0, 36.0]],
            "start_ray": [[2.0, 7.0]],
            "stop_ray": [[36.0, 39.0]],
            "open_mlflow": [[2.0, 9.0]],
            "write_mlflow": [[20.0, 21.0], [31.0, 32.0]],
            "finish_mlflow": [[39.0, 40.0]],
            "queue_mlflow": [[20.0, 20.0]],
            "wait_mlflow": [[39.0, 40.0]],
        },
    }
    return load("overhead").Case(2, search, trials, plain)


def test_steps_between_trials_of_one_worker_add_up(case: Any) -> None:
    steps = {step.name: step.seconds.runs for step in load("overhead").steps_of_trials(case)}
    # First the worker that began with trial 0, then the one that began with trial 1.
    assert steps["end of a trial to the start of the next"] == (4.0, 4.0)
    assert steps["trial ended until the study is told (Ray)"] == (1.0, 0.5)
    assert steps["proposal (Optuna)"] == (0.5, 1.0)
    between = [runs for name, runs in steps.items() if name.endswith(("(Ray)", "(Optuna)"))]
    assert np.allclose(np.sum(between, axis=0), (4.0, 4.0))
    assert steps["one report"] == (0.25,) * 4
    assert steps["lost in all"] == (4.5, 4.5)


def test_percent_of_long_trials(case: Any, capsys: pytest.CaptureFixture[str]) -> None:
    overhead = load("overhead")
    summary = overhead.summarize(case)
    assert summary["processes_that_ran_trials"] == 2
    assert summary["percent"]["30 s"] == pytest.approx(15.0)
    assert summary["percent"]["300 s"] == pytest.approx(1.5)
    # 6 s of one worker, 4 s of the other.
    assert summary["lost_by_wall_s"] == pytest.approx(5.0)
    assert summary["start_and_end_s"]["start in all"] == 10.0
    assert summary["start_and_end_s"]["end in all"] == 7.0
    assert summary["start_and_end_s"]["figure of all trials"] == 0.5
    whole = summary["percent_with_start_and_end_of_96_trials"]["30 s"]
    assert whole == pytest.approx(100.0 * (4.5 + 17.0 * 2 / 96) / 30.0)
    assert summary["processor_time_s"]["driver with MLflow"] == 1.0
    overhead.show(summary)
    printed = capsys.readouterr().out
    assert "| lost in all | 15 | 1.5 |" in printed
    assert "| of that, files | 2000 | 2000 - 2000 |" in printed


def test_a_timed_trial_is_a_trial(tmp_path: Path) -> None:
    settings = Settings.from_mapping(
        {
            "name": "timed",
            "dataset": {"path": "builtin:gold", "test_fraction": 0.2},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.0,
                "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
                "hidden_layers": [2],
            },
            "training": {"epochs": 2, "updates_per_epoch": 1},
        }
    )
    dataset = split_dataset(Dataset.read("builtin:gold"), settings.dataset)
    result = load("timed_search").timed_trial(settings, dataset, tmp_path, go_on)
    assert result.state == "complete"
    times = json.loads((tmp_path / "times.json").read_text())
    assert len(times["spans"]["report"]) == 3  # two epochs, one judgement
    assert len(times["spans"]["training"]) == 1
    assert len(times["spans"]["figures"]) == 2
    spans = [span for spans in times["spans"].values() for span in spans]
    assert all(times["began"] <= begin <= end <= times["ended"] for begin, end in spans)
    assert times["dataset_shared"] is False


@pytest.mark.slow
@pytest.mark.ray
def test_overhead_of_a_search(tmp_path: Path) -> None:
    load("overhead").main(["--quick", "--json", str(tmp_path / "overhead.json")])
    content = json.loads((tmp_path / "overhead.json").read_text())
    (search,) = content["searches"]
    assert search["states"] == {"complete": 3}
    assert search["processes_that_ran_trials"] == 1
    assert search["dataset_shared"]
    assert 0.0 < search["percent"]["300 s"] < search["percent"]["30 s"] < 100.0
