"""The benchmark of sizes runs, fits, and names limits."""

from __future__ import annotations

import json
from importlib import import_module as load
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def same(value: float) -> Any:
    """Return a spread of one run."""
    return load("machine").Spread.of([value])


def make_rates(small: float, large: float) -> Any:
    """Return rates (GB/s) of a machine with a cache of 16 MB."""
    sizes = tuple(1e6 * 2.0**k for k in range(9))
    spreads = tuple(same(small if size <= 16e6 else large) for size in sizes)
    return load("rates").Rates(sizes, spreads, spreads)


def make_point(ms: float, operations: float, moved: float, working_set: float) -> Any:
    count = load("counts").Count(operations, moved, working_set)
    return load("sizes").Point(100.0, same(ms), count)


def test_every_step_is_measured_fitted_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scaling = load("scaling")
    scaling.main(["--quick", "--json", str(tmp_path / "scaling.json")])
    content = json.loads((tmp_path / "scaling.json").read_text())
    printed = capsys.readouterr().out
    assert {series["variable"] for series in content["series"]} == set(scaling.NAMES)
    for series in content["series"]:
        sizes = [point["size"] for point in series["points"]]
        assert sizes == sorted(sizes), series["step"]
        assert len(set(sizes)) >= 3, series["step"]
        for point in series["points"]:
            assert 0.0 < point["time"]["minimum"] <= point["time"]["median"]
            assert point["reached"]["bandwidth"] > 0.0
            assert point["reached"]["limit"]
        assert np.isfinite(series["exponents"]["all"]["exponent"])
        assert f"{series['step']}, by {scaling.NAMES[series['variable']]}" in printed
    assert content["machine"]["versions"]["numba"]
    assert (tmp_path / "scaling.png").stat().st_size > 20_000


def test_exponent_of_a_power_law() -> None:
    of = load("scaling").Fit.of
    x = [1.0, 2.0, 4.0, 8.0, 16.0]
    exact = of(x, [3.0 * value**1.7 for value in x])
    assert exact.exponent == pytest.approx(1.7)
    assert exact.error < 1e-6
    assert (exact.first, exact.last) == (1.0, 16.0)
    # By hand: slope of (0, 1, 2) over (0, 1, 1) is 1/2, residuals (-1, 2, -1)/6, error sqrt(1/12).
    bent = of(np.exp([0.0, 1.0, 2.0]), np.exp([0.0, 1.0, 1.0]))
    assert bent.exponent == pytest.approx(0.5)
    assert bent.error == pytest.approx(12.0**-0.5)


def test_the_longer_floor_is_the_limit() -> None:
    scaling = load("scaling")
    ceiling = scaling.Ceiling(make_rates(60.0, 15.0), 30.0)
    # 30 MB at 15 GB/s take 2 ms, 30 MFLOP at 30 GFLOP/s 1 ms; measured 4 ms.
    verdict = ceiling.judge(make_point(4.0, 30e6, 30e6, 100e6))
    assert verdict.text == "memory traffic (main memory)"
    assert verdict.bandwidth == pytest.approx(7.5)
    assert verdict.of_bandwidth == pytest.approx(50.0)
    assert verdict.arithmetic == pytest.approx(7.5)
    assert verdict.of_arithmetic == pytest.approx(25.0)
    # The same from a cache of 60 GB/s: 0.5 ms.
    assert ceiling.judge(make_point(2.0, 30e6, 30e6, 4e6)).text == "arithmetic"
    assert ceiling.judge(make_point(4.0, 30e6, 30e6, 4e6)).text == "arithmetic, slow"
    assert ceiling.judge(make_point(0.7, 10e6, 30e6, 4e6)).text == "memory traffic (cache)"


def test_the_edge_of_the_cache() -> None:
    rates = make_rates(60.0, 15.0)
    assert 16e6 < rates.edge < 32e6
    assert rates.at_most(4e6) == pytest.approx(60.0)
    assert rates.at_most(1e12) == pytest.approx(15.0)
    assert make_rates(15.0, 15.0).edge is None


def test_filter_is_counted() -> None:
    count_filter = load("counts").count_filter
    one, many = count_filter(1000, 1), count_filter(1000, 64)
    assert one.moved == pytest.approx(4.25e6)  # half of 8 MB, and 1/32 of reading and writing it
    assert many.moved == pytest.approx(12e6 / 64)
    assert one.working_set == many.working_set == 4e6
    assert one.operations == pytest.approx(3e6, rel=0.01)


def test_angular_functions_as_moments_or_pairs() -> None:
    count_functions, gold_model = load("counts").count_functions, load("gold_model")

    def operations(kind: str, n: float) -> float:
        settings = gold_model.gold_settings(kind=kind, grid=2)
        basis = load("autune.potential.basis")
        architecture = basis.build_architecture(settings.potential)
        assert len(architecture.symmetry_functions["Au"]) == 16
        return float(count_functions(architecture, n))

    assert operations("wide", 100.0) == pytest.approx(2.0 * operations("wide", 50.0))
    assert operations("narrow", 1000.0) == pytest.approx(
        4.0 * operations("narrow", 500.0), rel=0.01
    )
