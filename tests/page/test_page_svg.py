from __future__ import annotations

import pytest
from strict_html import Page

from autune.page.svg import embed
from autune.report.canvas import COLOURS, write_figure


@pytest.fixture(scope="module")
def svg(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("svg") / "figure.svg"

    def draw(figure):
        axes = figure.subplots()
        axes.plot([0.00125, 0.00375], [1.0, 2.0], color=COLOURS[0], label="a < b & <b>c</b>")
        axes.scatter([0.002], [1.5], color=COLOURS[1], facecolor="white", rasterized=True)
        axes.set_xticks([0.00125, 0.00375], ["0.00125", "0.00375"])
        axes.legend()

    write_figure(path, (4.0, 3.0), draw)
    return path.read_text()


def test_two_figures_share_no_id(svg):
    first, second = Page(embed(svg, "a", "alt")), Page(embed(svg, "b", "alt"))
    assert first.ids
    assert not set(first.ids) & set(second.ids)
    assert len(first.ids) == len(set(first.ids))


def test_references_lead_to_ids_of_the_same_figure(svg):
    page = Page(embed(svg, "a", "alt"))
    named = [value[1:] for value in page.attributes("href") if value.startswith("#")]
    clipped = [value[5:-1] for value in page.attributes("clip-path")]
    assert named
    assert clipped
    assert set(named + clipped) <= set(page.ids)


def test_words_stay_as_they_are(svg):
    page = Page(embed(svg, "a", 'what "is" <seen>'))
    assert {"0.00125", "0.00375", "a < b & <b>c</b>"} <= set(page.texts("text"))
    assert page.attributes("aria-label") == ['what "is" <seen>']


def test_colours_are_those_of_the_page(svg):
    styles = " ".join(Page(embed(svg, "a", "alt")).attributes("style"))
    assert "currentColor" in styles
    assert "var(--paper)" in styles
    assert "var(--data-0)" in styles
    assert "#" not in styles


def test_no_rule_of_a_figure_holds_for_the_page(svg):
    page = Page(embed(svg, "a", "alt"))
    assert not page.count("style")
    assert not page.count("metadata")
    assert "http" not in embed(svg, "a", "alt")
