"""An SVG of matplotlib as a part of a page: its colours those of the page, its names its own."""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from autune.report.canvas import COLOURS

_NAMED = {
    "#000000": "currentColor",
    "#ffffff": "var(--paper)",
    "#e4e4e4": "var(--grid)",
    **{c.lower(): f"var(--data-{i})" for i, c in enumerate(COLOURS) if c != "#000000"},
}
_GREYS = ((0xC0, "var(--band)"), (0xA0, "var(--pale)"), (0x00, "var(--grey)"))
"""From which lightness on a grey becomes which of the page's."""

_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")


def embed(svg: str, name: str, alt: str, recoloured: bool = True) -> str:
    """Return an SVG for the body of an HTML page.

    Parameters
    ----------
    svg
        A file of matplotlib.
    name
        Of the figure, a word that no other figure of the page has: ids begin with it.
    alt
        What is seen, in words.
    recoloured
        Whether its colours become those of the page; not where shades stand for numbers.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)  # one for all elements
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    head, inner = body.split(">", 1)
    inner = _with_own_ids(inner.replace("xlink:href=", "href="), name)
    if recoloured:
        inner = re.sub(r'style="[^"]*"', lambda found: _recolour(found[0]), inner)
    else:
        inner = inner.replace('style="fill: #ffffff"', 'style="fill: none"')  # its paper
    inner = re.sub(r"; font-family: [^;\"]*|font-family: [^;\"]*;? ?", "", inner)
    inner = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", inner)
    inner = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _shortened(found[0]), inner)
    inner = re.sub(r"\n\s*", "\n", inner)
    box = re.search(r'viewBox="([^"]+)"', head)
    assert box is not None
    size = f"--width:{float(box[1].split()[2]):.0f}pt"  # of which the style of the page knows
    label = quoteattr(alt)
    return f'<svg viewBox="{box[1]}" style="{size}" role="img" aria-label={label}>{inner}'


def _with_own_ids(inner: str, name: str) -> str:
    """Leave out ids that nothing names; the others of all figures of a page would be the same."""
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', inner))
    names = {one for pair in used for one in pair if one}

    def rename(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in names else ""

    inner = re.sub(r' id="([^"]*)"', rename, inner)
    inner = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", inner)
    return re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', inner)


def _recolour(style: str) -> str:
    return _COLOUR.sub(lambda found: _colour_of_page(found[0]), style)


def _colour_of_page(colour: str) -> str:
    if colour in _NAMED:
        return _NAMED[colour]
    if colour[1:3] == colour[3:5] == colour[5:7]:
        return next(name for lightest, name in _GREYS if int(colour[1:3], 16) >= lightest)
    return colour


def _shortened(places: str) -> str:
    """Round to a hundredth of a point, which nobody sees."""
    places = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", places)
    return " " + " ".join(places.split()).replace(' "', '"')
