"""Potentials side by side: the table, its words, and the figure."""

from __future__ import annotations

import pytest
from matplotlib.image import imread

from autune.errors import ConfigError, DataError
from autune.properties.table import PropertyRow, PropertyTable
from autune.report.comparison import (
    compare_properties,
    list_properties,
    plus_minus,
    summarize_comparison,
)
from autune.report.comparison_figure import plot_comparison
from autune.report.tables import tabulate


def table(c11, surface, reason=""):
    return PropertyTable(
        (
            PropertyRow("C11", c11, "GPa", 152.7, 2.0),
            PropertyRow("surface_energy_111", surface, "J/m^2", 0.6905, 0.006, reason),
            PropertyRow("vacancy_energy", 0.5, "eV"),
        )
    )


TABLES = {"HDNNP": table(154.8, 0.711), "EAM": table(183.2, 0.786), "EMT": table(190.0, None, "no")}
STDS = {"HDNNP": {"C11": 2.1, "surface_energy_111": 0.0032, "vacancy_energy": float("nan")}}


def test_rows_hold_every_potential_and_its_errors():
    first, second, third = compare_properties(TABLES, STDS)
    assert list(first) == [
        *("property", "unit", "DFT", "DFT uncertainty"),
        *("HDNNP", "HDNNP std", "EAM", "EMT"),
        *("HDNNP error [%]", "HDNNP error std [%]", "EAM error [%]", "EMT error [%]", "reason"),
    ]
    assert (first["DFT"], first["DFT uncertainty"], first["EAM"]) == (152.7, 2.0, 183.2)
    assert first["EAM error [%]"] == pytest.approx(100 * (183.2 / 152.7 - 1))
    assert first["HDNNP error std [%]"] == pytest.approx(100 * 2.1 / 152.7)
    assert (second["EMT"], second["EMT error [%]"], second["reason"]) == (None, None, "EMT: no")
    assert third["DFT"] is third["EAM error [%]"] is third["HDNNP std"] is None


def test_a_property_that_one_potential_lacks_has_a_row():
    some = {"HDNNP": PropertyTable(TABLES["HDNNP"].rows[:1]), "EAM": TABLES["EAM"]}
    rows = compare_properties(some)
    assert [row["property"] for row in rows] == ["C11", "surface_energy_111", "vacancy_energy"]
    assert rows[1]["HDNNP"] is None
    assert rows[1]["DFT"] == 0.6905
    assert rows[1]["EAM"] == 0.786


def test_long_form_has_all_digits():
    rows = list_properties(TABLES, STDS)
    assert len(rows) == 9
    assert [row["potential"] for row in rows[::3]] == ["HDNNP", "EAM", "EMT"]
    assert list(rows[0]) == [
        *("potential", "name", "value", "std", "unit", "reference", "uncertainty", "error"),
        *("error_percent", "error_percent_std", "excess_percent", "reason"),
    ]
    assert (rows[0]["value"], rows[0]["std"]) == (154.8, 2.1)
    assert rows[3]["std"] is rows[3]["error_percent_std"] is None
    assert "error_percent [%]" in tabulate(rows).columns


def test_words_have_the_digits_that_count():
    first, second, third = summarize_comparison(compare_properties(TABLES, STDS))
    assert first["DFT"] == "152.7 +- 2"
    assert first["HDNNP"] == "154.8 +- 2.1"
    assert first["HDNNP error [%]"] == "+1.4 +- 1.4"
    assert first["EAM error [%]"] == "+20"
    assert second["HDNNP"] == "0.711 +- 0.003"
    assert second["EMT"] == second["EMT error [%]"] == "-"
    assert third["DFT"] == "-"
    assert third["HDNNP"] == "0.5000"


def test_without_references_there_are_no_columns_of_errors():
    alone = {"EMT": PropertyTable((PropertyRow("C11", 170.0, "GPa"),))}
    assert summarize_comparison(compare_properties(alone)) == [
        {"property": "C11", "unit": "GPa", "EMT": "170.0"}
    ]


@pytest.mark.parametrize(
    ("value", "std", "text"),
    [
        (4.17681, 0.00123, "4.1768 +- 0.0012"),
        (4.17681, 0.0039, "4.177 +- 0.004"),
        (183.19, None, "183.2"),
        (183.19, 0.0, "183.2"),
        (-12345.6, 250.0, "-12346 +- 250"),
        (0.0, None, "0.000"),
        (None, 1.0, "-"),
        (float("nan"), None, "-"),
    ],
)
def test_plus_minus(value, std, text):
    assert plus_minus(value, std) == text


class Drawn:
    """What a figure function drew, before it became a file."""

    def __init__(self, monkeypatch):
        def keep(path, size, draw):
            from matplotlib.figure import Figure

            self.figure = Figure(figsize=size)
            draw(self.figure)
            self.axes = self.figure.axes[0]

        monkeypatch.setattr("autune.report.comparison_figure.write_figure", keep)

    def texts(self):
        return [text.get_text() for text in self.axes.texts]


def test_figure_shows_signed_errors_and_deviations(monkeypatch, tmp_path):
    drawn = Drawn(monkeypatch)
    plot_comparison(TABLES, tmp_path / "a.png", STDS)
    axes = drawn.axes
    assert axes.get_xscale() == "symlog"
    assert "against DFT, not experiment [%]" in axes.get_xlabel()
    assert drawn.texts() == ["+1.4 ± 1.4", "+3.0 ± 0.5", "+20", "+14", "+24", "failed"]
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["$C_{11}$\nDFT: 152.7 GPa", "surface energy (111)\nDFT: 0.6905 J/m²"]
    widths = {round(bar.get_width(), 2) for bar in axes.patches}
    assert {1.38, 19.97, 24.43, 2.97, 13.83} <= widths
    assert round(2 * 100 * 2.0 / 152.7, 2) in widths, "the uncertainty of DFT, to both sides"
    low, high = next(line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2)
    assert high - low == pytest.approx(2 * 100 * 2.1 / 152.7)
    hatches = {bar.get_hatch() for bar in axes.patches} - {None}
    assert len(hatches) == 3, "told apart without colours"
    legend = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert legend == ["HDNNP", "EAM", "EMT", "uncertainty of DFT", "standard deviation over seeds"]


def test_small_and_large_errors_fit_the_axis(monkeypatch, tmp_path):
    drawn = Drawn(monkeypatch)
    wide = {"HDNNP": table(152.8, 0.6), "EAM": table(15000.0, 0.7)}
    plot_comparison(wide, tmp_path / "a.png")
    low, high = drawn.axes.get_xlim()
    assert low < -13
    assert high > 1e4
    assert len([t for t in drawn.axes.get_xticks() if low <= t <= high]) < 12
    legend = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert legend == ["HDNNP", "EAM", "uncertainty of DFT"]


def test_figure_becomes_a_file(tmp_path):
    plot_comparison(TABLES, tmp_path / "a.png", STDS)
    height, width, _ = imread(tmp_path / "a.png").shape
    assert width > 800
    assert height > 300


def test_what_cannot_be_drawn(tmp_path):
    nothing = {"EMT": PropertyTable((PropertyRow("C11", 170.0, "GPa"),))}
    with pytest.raises(DataError, match="no property has a reference"):
        plot_comparison(nothing, tmp_path / "a.png")
    with pytest.raises(ConfigError):
        plot_comparison(TABLES, tmp_path / "nowhere" / "a.png")
