"""The page as HTML.  The door of Jinja2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from autune import __version__
from autune.page.blocks import Section

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""What no HTML can hold, as a message of another program or the name of a file may."""


def render(title: str, sections: Sequence[Section], drawn: Mapping[str, str], folder: str) -> str:
    """Return the page.

    Parameters
    ----------
    title
        Its heading.
    sections
        In their order; those without blocks are left out.
    drawn
        SVG of every figure by its name, made for a page.
    folder
        Name of the folder that holds the figures.
    """
    environment = Environment(
        loader=PackageLoader("autune.page", "."), autoescape=True, undefined=StrictUndefined
    )
    style = resources.files("autune.page").joinpath("style.css").read_text(encoding="utf-8")
    page = environment.get_template("template.html").render(
        title=title,
        sections=[section for section in sections if section.blocks],
        drawn=drawn,
        folder=folder,
        style=style,
        version=__version__,
    )
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", page.lstrip())
