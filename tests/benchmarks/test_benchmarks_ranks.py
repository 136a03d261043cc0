"""The benchmark of ranks runs, and its model says what its equations say."""

from __future__ import annotations

import json
from importlib import import_module as load
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def make_machine(model: Any, **changes: Any) -> Any:
    rate = {"n": 1351, "m": 32, "area": 1e6}
    rate |= {"P H": 1e10, "subtraction": 2e10, "small algebra": 5e9, "copy": 1e9}
    parameters = {
        "rates": {False: [rate], True: [rate]},
        "network": model.Network((2e-6, 1e-9), (1e-6, 5e-10)),
        "jacobian": (1e-5, 1e-7),
        "prediction": (1e-5, 2e-8),
        "overhead": {(False, 32): 1e-5, (True, 32): 1e-5},
        "asked": {(False, 32): 2.0, (True, 32): 3.0},
    }
    return model.Machine(**(parameters | changes))


@pytest.mark.mpi
def test_ranks_are_measured_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "ranks.json"
    load("ranks").main(["--quick", "--output", str(tmp_path), "--json", str(found)])
    content = json.loads(found.read_text())
    (jobs,) = content["rounds"]
    assert list(jobs) == ["1", "2"]
    for size, job in jobs.items():
        assert job["ranks"] == int(size)
        for case in job["cases"]:
            parts = case["parts"]
            assert all(seconds > 0.0 for seconds in case["update"])
            assert sum(parts.values()) == pytest.approx(case["with_barriers"], rel=0.5)
            assert parts["Jacobian"] > 0.0
            assert parts["P H"] > 0.0
            assert case["candidates"]["Jacobian"] == case["streams"] / job["ranks"]
            assert (parts["allreduce"] > 0.0) == (size == "2")
    assert jobs["2"]["network"]["allreduce"][0][0] == 8
    printed = capsys.readouterr().out
    for title in ("Time of an update", "Where it goes", "Model and measurement"):
        assert title in printed
    assert "| cluster (assumed) | 128 | 20000 |" in printed
    assert (tmp_path / "ranks.png").stat().st_size > 10_000


def test_time_inside_is_not_counted_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    updates = load("rank_updates")
    clock = [0.0]
    monkeypatch.setattr(updates.time, "perf_counter", lambda: clock[0])
    watch = updates.Watch()

    def inner() -> list[int]:
        clock[0] += 2.0
        return [1, 2, 3]

    noted = watch.noted(inner, "Jacobian")

    def outer() -> None:
        clock[0] += 1.0
        noted()
        clock[0] += 4.0

    watch.noted(outer, "else")()
    assert watch.seconds["else"] == 5.0
    assert watch.seconds["Jacobian"] == 2.0
    assert watch.counts["Jacobian"] == 3


@pytest.mark.parametrize("size", [2, 8])
def test_latency_and_bandwidth_are_found_again(size: int) -> None:
    model = load("rank_model")
    true = model.Network((3e-6, 1e-9), (2e-6, 4e-10))
    measured = {
        kind: [(8**k, model.message_seconds(true, kind, size, 8**k)) for k in range(1, 9)]
        for kind in model.TERMS
    }
    fitted = model.fit_network(size, measured)
    np.testing.assert_allclose(fitted.allreduce, true.allreduce, rtol=1e-9)
    np.testing.assert_allclose(fitted.allgather, true.allgather, rtol=1e-9)


def test_messages_take_what_their_algorithms_take() -> None:
    model = load("rank_model")
    network = model.Network((1.0, 0.0), (0.0, 1.0))
    assert model.message_seconds(network, "allreduce", 16, 8) == 4.0
    assert model.message_seconds(network, "allreduce", 16, 2**20) == 8.0
    assert model.message_seconds(network, "allgather", 4, 1000.0) == 750.0
    assert model.message_seconds(network, "allgather", 1, 1000.0) == 0.0
    latency = model.Network((0.0, 0.0), (1.0, 0.0))
    assert model.message_seconds(latency, "allgather", 256, 1000) == 8.0
    assert model.message_seconds(latency, "allgather", 256, 2**20) == 255.0


def test_one_rank_takes_the_work_at_the_rates() -> None:
    model = load("rank_model")
    n, m = 1000, 64
    parts = model.update_seconds(make_machine(model), 1, n, m)
    assert parts["gather"] == parts["allreduce"] == 0.0
    assert parts["predictions"] == pytest.approx(128 * 3e-5)
    assert parts["Jacobian"] == pytest.approx(64 * 1.1e-4)
    assert parts["P H"] == pytest.approx(2 * n**2 * m / 1e10)
    assert parts["subtraction"] == pytest.approx(n**2 * m / 2e10)
    assert parts["small algebra"] == pytest.approx((3 * n * m**2 + m**3 / 3 + 2 * n * m) / 5e9)
    assert parts["choice and else"] == pytest.approx(64e-5)


def test_ranks_share_what_can_be_shared() -> None:
    model = load("rank_model")
    assert model.largest_load(32, 1) == 32.0
    assert model.largest_load(2, 2) == pytest.approx(1.5, abs=0.1)
    for size in (2, 5):
        assert 32 / size < model.largest_load(32, size) < 32
        area, stored = model.largest_share(2000, size)
        assert 1.0 <= area * size / (2000**2 / 2) < 1.2
        assert 4 * 2000**2 / size < stored <= 5 * 2000**2 / size
    assert model.largest_share(2000, 1)[0] == 2000**2 / 2
    machine = make_machine(model)
    one, two = (model.update_seconds(machine, size, 2000, 64) for size in (1, 2))
    assert two["small algebra"] == one["small algebra"]
    assert two["subtraction"] == pytest.approx(one["subtraction"] / 2, rel=0.1)
    assert two["gather"] > 8 * 2000 * 64 / 1e9
    assert 1.0 < model.speed_up(machine, 2, 2000, 64) < 2.0
    assert model.speed_up(machine, 1, 2000, 64) == 1.0
