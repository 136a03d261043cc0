"""Benchmarks run, in sizes whose numbers say nothing."""

from __future__ import annotations

import json
from importlib import import_module as load
from pathlib import Path

import pytest


def test_speed_measures_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speed = load("speed")
    monkeypatch.setenv("PATH", str(tmp_path))
    speed.main(["--quick", "--json", str(tmp_path / "speed.json")])
    content = json.loads((tmp_path / "speed.json").read_text())
    steps = [row["step"] for row in content["rows"]]
    assert len(steps) == len(set(steps)) >= 10
    printed = capsys.readouterr().out
    for row in content["rows"]:
        assert 0.0 < row["measured"]["minimum"] <= row["measured"]["median"]
        assert f"| {row['step']} |" in printed
    assert content["limits"]["dgemm_GFLOP_per_s"]["median"] > 0.0
    assert content["machine"]["versions"]["numpy"]
    assert content["n2p2_on_this_machine"] == {}
    assert len(content["options"]) == printed.count(" decoupled") + 2 == 5
    assert "n2p2 was not run: nnp-scaling, nnp-train, nnp-predict not on the PATH" in printed


def test_training_has_a_resident_set() -> None:
    assert load("memory").train_and_look(1, (2, 2, 2), "single") > 1e7


def test_cells_are_always_the_same() -> None:
    make_cells = load("cells").make_cells
    first, again = make_cells(2, (2, 2, 2)), make_cells(2, (2, 2, 2))
    assert [s.energy for s in first] == [s.energy for s in again]
    assert first[0].n_atoms == 32
    assert first[0].energy != first[1].energy


def test_learning_curve_goes_on_where_it_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learning_curve = load("learning_curve")
    records = tmp_path / "learning_curve.jsonl"
    options = ["--seconds", "0.01", "--output", str(tmp_path), "--cases"]
    learning_curve.main([*options, "32 streams", "--seeds", "1"])
    first = records.read_text()
    assert first.count("\n") == 1
    assert (tmp_path / "learning_curve_gold.png").stat().st_size > 10_000
    records.write_text(first + '{"data": "gold", "case"')
    capsys.readouterr()
    learning_curve.main([*options, "32 streams", "--seeds", "2"])
    printed = capsys.readouterr().out
    assert "seed 0:" not in printed
    assert "gold, 32 streams, seed 1: 1 epochs" in printed
    assert "| 32 streams | 2 | > 0.01 |" in printed
    assert len(learning_curve.read_records(records)) == 2


def test_seconds_until_both_errors_are_reached() -> None:
    seconds_until = load("learning_curve").seconds_until
    errors = [(5e-3, 0.02), (3e-3, 0.03), (3e-3, 0.02), (1e-3, 0.01)]
    epochs = [
        {"seconds": 1.0 + i, "test_energy_rmse": e, "test_force_rmse": f}
        for i, (e, f) in enumerate(errors)
    ]
    record = {"preparation": 0.5, "epochs": epochs}
    assert seconds_until(record, 3.6e-3, 0.026) == 3.5
    assert seconds_until(record, 1e-4, 0.026) == float("inf")


def test_observations_of_an_epoch_do_not_depend_on_streams() -> None:
    learning_curve = load("learning_curve")
    settings, _ = learning_curve.read_data(learning_curve.DATA["gold"])
    for name, case in learning_curve.CASES.items():
        training = learning_curve.apply_case(settings, case).training
        assert 990 <= training.streams * training.updates_per_epoch <= 1000, name
        assert training.selection.trials == settings.training.selection.trials


def test_study_goes_on_where_it_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = load("study")
    assert len(set(study.GRID)) == 40
    options = ["--ways", "32 streams", "--settings", "1", "--epochs", "1", "--workers", "1"]
    options += ["--output", str(tmp_path), "--seeds"]
    study.main([*options, "1"])
    assert (tmp_path / "study.jsonl").read_text().count("\n") == 1
    study.main([*options, "2"])
    assert (tmp_path / "study.jsonl").read_text().count("\n") == 2
    assert "| 32 streams | 2 of 200 | 0 |" in capsys.readouterr().out
