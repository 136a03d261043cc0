"""What is said of a confirmation: rows, a sentence, a figure."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from rich.console import Console

from autune.errors import DataError
from autune.report.confirmation import (
    Confirmation,
    ConfirmedSetting,
    confirmation_rows,
    describe_confirmation,
    describe_settings,
    terminal_rows,
)
from autune.report.confirmation_figure import plot_confirmation
from autune.report.tables import format_table, tabulate, write_csv

NAN = math.nan


def setting(trial, scores, **params) -> ConfirmedSetting:
    seeds = tuple(
        {"score": s, "energy_rmse": 0.003 * s, "force_rmse": 0.02 * s, "property_error": 2.0 * s}
        for s in scores
    )
    return ConfirmedSetting(trial, params or {"training.epochs": trial}, seeds)


BEST = setting(12, [1.0, 1.1, 0.9, 1.2])
SAME = setting(7, [1.2, 1.0, 1.0, 1.15])
ALSO = setting(31, [1.1, 1.05, 0.95, 1.25])
WORSE = setting(3, [2.0, 2.1, 1.92, 2.2])
FAILS = setting(9, [0.5, NAN, 0.5, 0.6])


@pytest.fixture
def confirmation() -> Confirmation:
    return Confirmation((WORSE, FAILS, SAME, BEST, ALSO))


def test_rows_go_through_a_file_with_units(confirmation, tmp_path):
    write_csv(tabulate(confirmation_rows(confirmation)), tmp_path / "confirmed.csv")
    table = pd.read_csv(tmp_path / "confirmed.csv")
    assert table["trial"].tolist() == [12, 7, 31, 3, 9]
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["failures"].tolist() == [0, 0, 0, 0, 1]
    assert table["same_as_best"].tolist() == ["yes", "yes", "yes", "no", "no"]
    best, worse, fails = table.iloc[0], table.iloc[3], table.iloc[4]
    assert best["energy_rmse [eV/atom]"] == pytest.approx(0.003 * 1.05)
    assert best["force_rmse_std [eV/Angstrom]"] == pytest.approx(
        0.02 * np.std([9, 10, 11, 12], ddof=1) / 10
    )
    half = 3.182446 * np.std([9, 10, 11, 12], ddof=1) / 10 / 2  # Student's t of 3, over sqrt(4)
    assert best["property_error_high [%]"] == pytest.approx(2.0 * (1.05 + half), rel=1e-6)
    assert best[["difference", "p"]].isna().all()
    assert worse["difference"] == pytest.approx(1.005)
    assert worse["difference_low"] < 1.005 < worse["difference_high"]
    assert worse["p"] < 0.05
    assert fails["score"] == pytest.approx(1.6 / 3), "over the seeds that are left"
    assert table["training.epochs"].tolist() == [12, 7, 31, 3, 9]


def test_a_metric_that_no_training_has_is_left_out():
    scores = ({"score": 1.0, "force_rmse": 0.02}, {"score": 1.1, "force_rmse": 0.03})
    rows = confirmation_rows(Confirmation((ConfirmedSetting(1, {}, scores),)))
    assert "force_rmse" in rows[0]
    assert "property_error" not in rows[0]


def test_metrics_of_a_diverged_training_do_not_count():
    seeds = ({"score": math.inf, "force_rmse": 9.0}, {"score": 1.0, "force_rmse": 1.0}, {})
    values = ConfirmedSetting(1, {}, seeds).values("force_rmse")
    np.testing.assert_array_equal(values, [NAN, 1.0, NAN])


def test_terminal_shows_mean_deviation_interval(confirmation):
    rows = terminal_rows(confirmation)
    assert rows[0]["score"] == "1.05 +- 0.13\n0.84 to 1.26"
    assert rows[0]["energy RMSE [meV/atom]"] == "3.1 +- 0.4\n2.5 to 3.8"
    assert rows[3]["difference"].startswith("+1.005\n+")
    assert [row["failures"] for row in rows] == ["0/4", "0/4", "0/4", "0/4", "1/4"]
    stream = io.StringIO()
    Console(file=stream, width=160).print(format_table(tabulate(rows), confirmation.title))
    text = stream.getvalue()
    assert "standard deviation over 4 seeds, 95 % interval of the mean" in text
    assert "[eV/Angstrom]" in text
    without = terminal_rows(Confirmation((BEST, WORSE)))
    assert {row["failures"] for row in without} == {""}, "so that the column is left out"


def test_scores_without_scatter_are_shown_by_four_digits():
    row, other = terminal_rows(Confirmation((setting(1, [0.5] * 3), setting(2, [0.0] * 3))))
    assert (other["score"], row["score"]) == (
        "0.5000 +- 0.0000\n0.5000 to 0.5000",
        "0.0 +- 0.0\n0.0 to 0.0",
    )


def test_settings_are_named_by_the_shortest_words():
    params = {"training.epochs": 5, "basis.radial.eta": 1, "basis.angular.eta": 0.123456789}
    assert describe_settings(Confirmation((setting(1, [1.0], **params),))) == [
        "trial 1: epochs 5, radial.eta 1, angular.eta 0.1235"
    ]


SENTENCES = {
    "5 settings, 4 seeds each: trial 12 is best; trials 7 and 31 cannot be told from it (95 %); "
    "trial 9 failed for 1 of 4 seeds (it diverged, or a property could not be calculated)":
        (BEST, SAME, ALSO, WORSE, FAILS),
    "2 settings, 4 seeds each: trial 12 is best; trial 7 cannot be told from it (95 %)":
        (BEST, SAME),
    "2 settings, 4 seeds each: trial 12 is best, and better than trial 3 (95 %)": (BEST, WORSE),
    "3 settings, 4 seeds each: trial 12 is best, and better than all others (95 %)":
        (BEST, WORSE, setting(2, [3.0, 3.1, 2.9, 3.3])),
    "1 setting, 4 seeds: trial 12 has a score of 1.05 +- 0.13, its mean lies between 0.84 and "
    "1.26 (95 %)": (BEST,),
    "1 setting, 2 seeds: none gave a potential":
        (setting(5, [NAN, math.inf]),),
    "2 settings, 4 seeds each: trial 12 is best; trial 9 failed for 1 of 4 seeds (it diverged, or "
    "a property could not be calculated)": (BEST, FAILS),
}  # fmt: skip


@pytest.mark.parametrize("expected", SENTENCES)
def test_sentence(expected):
    assert describe_confirmation(Confirmation(SENTENCES[expected])) == expected


def test_confidence_is_said():
    sentence = describe_confirmation(Confirmation((BEST, WORSE), confidence=0.9))
    assert sentence.endswith("better than trial 3 (90 %)")


def shows(picture, colour: str) -> bool:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return bool((np.abs(picture[..., :3] - rgb) < 0.05).all(axis=-1).sum() > 50)


def test_figure_tells_settings_apart(confirmation, tmp_path):
    blue, orange = "#0072B2", "#D55E00"
    plot_confirmation(confirmation, tmp_path / "all.png")
    plot_confirmation(Confirmation((BEST, SAME)), tmp_path / "same.png")
    plot_confirmation(Confirmation((BEST, WORSE)), tmp_path / "worse.png")
    pictures = {name: imread(tmp_path / f"{name}.png") for name in ("all", "same", "worse")}
    assert {n: (shows(p, blue), shows(p, orange)) for n, p in pictures.items()} == {
        "all": (True, True), "same": (True, False), "worse": (False, True)
    }  # fmt: skip
    assert pictures["all"].shape[0] > pictures["same"].shape[0]


def test_figure_as_text(confirmation, tmp_path):
    for name in ("a.svg", "b.svg"):
        plot_confirmation(confirmation, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text.startswith("<?xml")
    assert text == (tmp_path / "b.svg").read_text()
    for words in ("trial 12", "1 of 4 failed", "energy RMSE [meV/atom]", "cannot be told from it"):
        assert f">{words}" in text


def test_figure_of_what_has_nothing_to_show(tmp_path):
    failed = Confirmation((setting(5, [NAN, math.inf]),))
    plot_confirmation(failed, tmp_path / "failed.png")
    plot_confirmation(Confirmation((setting(5, [1.0]),)), tmp_path / "one.png")
    with pytest.raises(DataError):
        plot_confirmation(Confirmation(()), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_one_seed_far_out_does_not_hide_the_others(tmp_path):
    plot_confirmation(Confirmation((BEST, setting(8, [1.0, 1.2, 1.1, 100.0]))), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for tick in ("1", "3", "10", "30", "100"):
        assert f">{tick}</text>" in text
