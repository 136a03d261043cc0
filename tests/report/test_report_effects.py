"""Figures of effects and the rows behind them."""

from __future__ import annotations

import json
import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from autune.errors import DataError
from autune.evaluation.accuracy import compare
from autune.evaluation.effects import Sample, find_effects
from autune.kernels.cutoffs import cutoff
from autune.report.canvas import use_log_scale, write_figure
from autune.report.effect_figure import plot_effect, plot_property_effect
from autune.report.effect_tables import effect_rows, point_rows, trend_rows
from autune.report.front_figure import front_rows, pareto_front, plot_fronts
from autune.report.histogram_figure import histogram_rows, plot_error_histograms
from autune.report.importance_figure import importance_rows, plot_importances
from autune.report.symmetry_figure import draw_symmetry_functions, symmetry_rows
from autune.report.tables import tabulate, write_csv
from autune.structures import Structure

METRICS = ("energy_rmse", "force_rmse")
SHIFT = "potential.symmetry_functions.radial.r_shift"
BLUE, ORANGE = "#0072B2", "#D55E00"
NAN = math.nan


def scan(key=SHIFT, values=(-1.0, 0.0, 1.0, 2.0)) -> list[Sample]:
    """Make a scan whose last level is worse, and fails once."""
    rng = np.random.default_rng(0)
    samples = []
    for number, value in enumerate(values):
        worse = 1.0 + (number == len(values) - 1)
        trainings = [
            {
                "score": worse,
                "energy_rmse": 0.003 * worse + 0.0001 * rng.normal(),
                "force_rmse": 0.02 * worse + 0.0005 * rng.normal(),
                "property.C11": 150.0 * worse + rng.normal(),
            }
            for _ in range(5)
        ]
        if worse > 1.0:
            trainings[2] = {"score": math.inf}
        samples.append(Sample(number, {key: value}, tuple(trainings)))
    return samples


def searched() -> list[Sample]:
    rng = np.random.default_rng(1)
    return [
        Sample(
            number,
            {
                "training.kalman.eta": float(10.0 ** rng.uniform(-3, 0)),
                "potential.cutoff_type": str(rng.choice(["cos", "poly2"])),
            },
            tuple(
                {"score": 1.0, "force_rmse": e, "prediction_time": 10.0 / e}
                for e in 0.02 + 0.002 * rng.normal(size=2)
            ),
        )
        for number in range(40)
    ]


def comparisons():
    rng = np.random.default_rng(3)
    structures, predictions = [], []
    for group in ("fcc", "bcc", "bcc"):
        forces = rng.normal(size=(50, 3))
        numbers, positions = np.full(50, 79), rng.normal(size=(50, 3))
        structures.append(Structure(numbers, positions, None, -15.0, forces, group=group))
        predictions.append(SimpleNamespace(energy=-14.9, forces=forces + 0.05))
    return compare(structures, predictions)


def shows(path, colour: str) -> bool:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    picture = imread(path)
    return bool((np.abs(picture[..., :3] - rgb) < 0.05).all(axis=-1).sum() > 20)


def test_effect_is_drawn_with_units_and_standings(tmp_path):
    samples = scan()
    (effect,) = find_effects(samples, METRICS)
    plot_effect(effect, samples, METRICS, tmp_path / "a.svg")
    plot_effect(effect, samples, METRICS, tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for words in (
        "energy RMSE [meV/atom]", "force RMSE [eV/Å]", "radial.r_shift [Å]",
        "cannot be told from it", "fails more often", "trainings failed",
        "95 % interval of the mean", "seeds",
    ):  # fmt: skip
        assert f">{words}<" in text
    plot_effect(effect, samples, ["force_rmse"], tmp_path / "one.png", log=False)
    assert shows(tmp_path / "one.png", BLUE)
    assert imread(tmp_path / "one.png").shape[1] > 500


def test_choices_are_named_on_the_axis(tmp_path):
    values = [json.dumps(names) for names in ([], ["100"], ["111"], ["100", "111"])]
    samples = scan("dataset.left_out", values)
    (effect,) = find_effects(samples, METRICS)
    plot_effect(effect, samples, METRICS, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("none", "111", "100, 111 (1 failed)"):
        assert f">{words}<" in text


def test_crowded_numbers_are_drawn_at_equal_distances(tmp_path):
    samples = scan("training.force_ratio", (0.0, 0.5, 0.98, 0.99, 1.0))
    (effect,) = find_effects(samples, METRICS)
    plot_effect(effect, samples, METRICS, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("force_ratio (evenly spaced)", "0.98", "0.99", "0.5"):
        assert f">{words}<" in text


def test_numbers_of_a_narrow_logarithmic_axis_do_not_touch():
    for size in (1.5, 3.0, 6.0):
        axes = Figure(figsize=(size, 3.0)).subplots()
        axes.plot([130.0, 21000.0], [1.0, 2.0])
        use_log_scale(axes, "x")
        ticks = axes.get_xticks()
        low, high = axes.get_xlim()
        gaps = np.diff(np.log10(ticks)) / np.log10(high / low) * 0.775 * size
        assert len(ticks) > 1
        assert (gaps > 0.09 * 3.5).all(), "inches that numbers of three or more digits need"


def test_search_is_drawn_by_its_trials(tmp_path):
    samples = searched()
    for effect in find_effects(samples, ["force_rmse"]):
        path = tmp_path / f"{effect.parameter}.svg"
        plot_effect(effect, samples, ["force_rmse"], path)
        assert ">trials, which differ in other parameters too<" in path.read_text()
    text = (tmp_path / "training.kalman.eta.svg").read_text()
    assert ">0.01<" in text, "decades on a logarithmic axis"


def test_properties_are_drawn_beside_dft(tmp_path):
    samples = scan()
    (effect,) = find_effects(samples, ["property.C11"])
    plot_property_effect(
        effect, samples, {"C11": (150.0, 1.0), "C12": (9.0, 1.0)}, tmp_path / "a.png"
    )
    assert shows(tmp_path / "a.png", BLUE), "agrees"
    assert shows(tmp_path / "a.png", ORANGE), "differs"
    plot_property_effect(effect, samples, {"C11": (150.0, 1.0)}, tmp_path / "a.svg")
    assert ">C11 [GPa]<" in (tmp_path / "a.svg").read_text()
    with pytest.raises(DataError, match="C12"):
        plot_property_effect(effect, samples, {"C12": (9.0, 1.0)}, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_rows_of_effect_go_through_a_file_with_units(tmp_path):
    samples = scan()
    effects = find_effects(samples, METRICS)
    write_csv(tabulate(effect_rows(effects[0], METRICS)), tmp_path / "a.csv")
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["value"].tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert table["failed"].tolist() == [0, 0, 0, 1]
    assert table["n.force_rmse"].tolist() == [5, 5, 5, 4]
    values = [t["force_rmse"] for t in samples[1].trainings]
    assert table["force_rmse [eV/Angstrom]"][1] == pytest.approx(np.mean(values))
    assert table["force_rmse_std [eV/Angstrom]"][1] == pytest.approx(np.std(values, ddof=1))
    assert table["same_as_best.force_rmse"].tolist() == ["yes", "yes", "yes", "no"]
    assert table["p.force_rmse"].isna().sum() == 1, "of the best"
    points = point_rows(effects[0], samples, METRICS)
    assert len(points) == 20
    first = {metric: samples[1].trainings[0][metric] for metric in METRICS}
    assert points[5] == {"parameter": SHIFT, "value": 0.0, "seed": 0, **first}
    assert [row["metric"] for row in trend_rows(effects)] == list(METRICS)


def test_rows_of_a_search_are_bins_and_trials():
    samples = searched()
    effect = find_effects(samples, ["force_rmse"])[0]
    rows = effect_rows(effect, ["force_rmse"])
    assert sum(row["trials"] for row in rows) == 40
    assert all(row["lowest_value"] <= row["value"] <= row["highest_value"] for row in rows)
    points = point_rows(effect, samples, ["force_rmse"])
    assert sorted(row["trial"] for row in points) == list(range(40))
    first = next(row for row in points if row["trial"] == 0)
    assert first["value"] == samples[0].params["training.kalman.eta"]


def test_symmetry_functions(tmp_path):
    rows = symmetry_rows([-1.0, 2.0], 0.4, "poly2", 6.0)
    row = rows[100]
    r = row["r [Angstrom]"]
    fc = cutoff(6, r, 6.0, 0.0)[0]  # poly2
    assert row["fc"] == pytest.approx(fc)
    assert row["r_shift = 2 Angstrom"] == pytest.approx(math.exp(-0.4 * (r - 2.0) ** 2) * fc)
    assert rows[-1]["fc"] == 0.0
    what = {"r_shifts": [-1.0, 2.0], "eta": 0.4, "cutoff_type": "poly2", "r_cutoff": 6.0}
    draw = partial(draw_symmetry_functions, **what)
    write_figure(tmp_path / "a.svg", (5.4, 3.4), lambda figure: draw(figure.subplots()))
    text = (tmp_path / "a.svg").read_text()
    for words in ("−1 Å", "2 Å"):
        assert f">{words}<" in text


def test_front_and_its_rows(tmp_path):
    x, y = np.array([1.0, 2.0, 3.0, 2.0]), np.array([3.0, 2.0, 2.5, NAN])
    assert pareto_front(x, y, np.ones(4)) == [0, 1]
    samples = searched()
    rows = front_rows(samples, "prediction_time", "force_rmse")
    for row in rows:
        beaten = any(
            other["force_rmse"] < row["force_rmse"]
            and other["prediction_time"] < row["prediction_time"]
            for other in rows
        )
        assert not (row["on_front"] == "yes" and beaten)
    assert rows[0]["force_rmse_low"] < rows[0]["force_rmse"] < rows[0]["force_rmse_high"]
    plot_fronts(rows, "prediction_time", "force_rmse", tmp_path / "a.svg", {"force_rmse": "error"})
    text = (tmp_path / "a.svg").read_text()
    assert ">prediction time [µs/atom]<" in text
    assert ">error<" in text
    plain = [{"number": 3, "a": 1.0, "b": 2.0}, {"number": 4, "a": NAN, "b": 1.0}, {"a": 0.5}]
    plot_fronts(plain, "a", "b", tmp_path / "plain.svg", {3: "the one"})
    assert ">the one<" in (tmp_path / "plain.svg").read_text()
    with pytest.raises(DataError, match="no trial has a and c"):
        plot_fronts(plain, "a", "c", tmp_path / "none.png")


def test_histograms_count_every_error(tmp_path):
    rows = histogram_rows(comparisons())
    counts = {}
    for row in rows:
        key = (row["group"], row["quantity"])
        counts[key] = counts.get(key, 0) + row["count"]
        if row["count"] and row["quantity"] == "energy error":
            assert row["lower_edge"] <= 2.0 <= row["upper_edge"], "0.1 eV of 50 atoms"
    assert counts == {
        ("fcc", "energy error"): 1, ("bcc", "energy error"): 2,
        ("fcc", "force component error"): 150, ("bcc", "force component error"): 300,
    }  # fmt: skip
    plot_error_histograms(comparisons(), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("fcc", "bcc", "energy error [meV/atom]", "force component error [eV/Å]"):
        assert f">{words}<" in text
    with pytest.raises(DataError):
        plot_error_histograms([], tmp_path / "none.png")


def test_importances(tmp_path):
    shares = {"force_rmse": {"a.x": 0.25, "a.y": 0.75}, "energy_rmse": {"a.y": 1.0}, "score": {}}
    assert importance_rows(shares) == [
        {"metric": "force_rmse", "parameter": "a.y", "share": 0.75},
        {"metric": "force_rmse", "parameter": "a.x", "share": 0.25},
        {"metric": "energy_rmse", "parameter": "a.y", "share": 1.0},
    ]
    plot_importances(shares, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("75", "25", "100", "x", "y", "share of the importance [%]"):
        assert f">{words}<" in text
    with pytest.raises(DataError):
        plot_importances({"score": {}}, tmp_path / "none.png")
