"""The page of a scan that was confirmed: everything that can be there is there."""

from __future__ import annotations

import csv
import re
from collections import Counter

import pytest
from strict_html import Page

from autune.page import write_page
from autune.search import open_search

ODD = r"<b>$\frac$"
SECTIONS = [
    *("summary", "effects", "best", "trials", "training", "accuracy", "properties"),
    *("committee", "provenance"),
]
FIGURES = {
    *("effect-potential-symmetry-functions-r-shift", "effect-values"),
    *("effect-potential-symmetry-functions-r-shift-properties", "confirmed", "trials"),
    *("learning_curve", "parity_test", "parity_training", "histogram_test"),
    *("histogram_training", "properties", "curves", "calibration"),
}


@pytest.fixture(scope="module")
def written(scan):
    return write_page(open_search(scan))


@pytest.fixture(scope="module")
def text(written) -> str:
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_it_lies_in_the_folder_of_the_search(written, scan):
    assert written == scan / "report.html"


def test_sections_stand_in_their_order_and_the_effect_comes_first(page):
    assert page.sections == SECTIONS
    named = [value[1:] for tag, found in page.tags if tag == "a" for value in [found["href"]]]
    assert named == SECTIONS


def test_it_is_one_document(page):
    assert page.count("h1") == 1
    assert page.count("main") == 1
    assert page.count("script") == 0
    assert ("html", {"lang": "en"}) in page.tags
    assert [n for n, count in Counter(page.ids).items() if count > 1] == []


def test_it_needs_no_network(page, text):
    for name in ("href", "src"):
        assert all(value.startswith(("#", "data:")) for value in page.attributes(name))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_every_figure_has_words_and_lies_in_the_folder(page, scan):
    drawings = {found["id"] for tag, found in page.tags if tag == "figure" and "id" in found}
    assert drawings == {f"figure-{name}" for name in FIGURES}
    assert page.count("figcaption") == page.count("figure")
    assert all(found.get("aria-label") for tag, found in page.tags if tag == "svg")
    for name in FIGURES:
        assert (scan / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (scan / "report" / f"{name}.svg").read_text().startswith("<?xml")
        with (scan / "report" / f"{name}.csv").open() as stream:
            assert len(list(csv.reader(stream))) > 1


def test_symmetry_functions_are_drawn_beside_the_scan_of_their_centre(written, scan):
    figure = (scan / "report" / "effect-potential-symmetry-functions-r-shift.svg").read_text()
    assert "distance " in figure, "on an axis"
    with (scan / "report" / "symmetry_functions.csv").open() as stream:
        header = next(csv.reader(stream))
    assert header[:2] == ["r [Angstrom]", "fc"]
    assert all(name.startswith("r_shift = ") for name in header[2:])


def test_every_header_of_a_table_says_what_it_heads(page):
    assert {found.get("scope") for tag, found in page.tags if tag == "th"} == {"col", "row"}
    assert page.count("table") >= 8


def test_no_cell_shows_how_a_program_writes_nothing(page):
    assert not {"nan", "None", "inf", "NaN", "-", "<NA>"} & set(page.texts("td", "th", "dd"))


def test_summary_says_what_was_found(page):
    sentences = " ".join(page.texts("li"))
    assert "varied potential.symmetry_functions.r_shift to minimise" in sentences
    assert "3 trials: 3 complete" in sentences
    assert "all 3 points" in sentences
    assert "2 settings, 3 seeds each" in sentences
    assert "structures that no trial has seen" in sentences


def test_effect_has_a_sentence_for_each_error_and_a_row_for_each_metric(page):
    sentences = page.texts("li")
    for metric in ("Energy RMSE", "Force RMSE", "Property error"):
        assert sum(sentence.startswith(f"{metric}: ") for sentence in sentences) == 1
    assert "best r_shift" in page.texts("th")
    assert "error of lattice constant [%]" in page.texts("th")


def test_properties_stand_beside_those_of_dft_and_emt(page):
    headers = page.texts("th")
    assert {"DFT", "HDNNP", "EMT", "HDNNP error [%]", "EMT error [%]"} <= set(headers)
    assert "lattice constant" in headers


def test_names_of_groups_are_no_elements(page):
    assert page.count("b") == 0
    assert ODD in page.texts("th")
    assert ODD in page.texts("text")


def test_splits_are_counted(page):
    place = page.texts().index("holdout")
    assert page.texts()[place - 3 : place + 1] == ["group", "training", "test", "holdout"]
