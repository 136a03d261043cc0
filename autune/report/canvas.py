"""What all figures share: the style, the palette, and how they become files.

Figures are made without pyplot, so nothing is shared between calls and no display is needed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from autune.errors import ConfigError
from autune.formats.files import write_bytes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Told apart by colour-blind eyes (Okabe and Ito, Color Universal Design, 2008)."""

_KINDS = (".png", ".svg")
_STYLE: Any = {
    "font.size": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "autune",
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and edited
}
_DOTS_PER_INCH = 130
_LOG_TICKS = (
    (200.0, (1.0,)),
    (8.0, (1.0, 2.0, 5.0)),
    (4.0, (1.0, 2.0, 3.0, 5.0)),
    (2.0, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)),
)
"""Ratio of the ends of a logarithmic axis, and the ticks in each decade above it."""


def write_figure(
    path: str | Path, size: tuple[float, float], draw: Callable[[Figure], None]
) -> None:
    """Draw a figure into a file, whole or not at all.

    Parameters
    ----------
    path
        PNG or SVG, as its suffix says; without a suffix both, beside each other.
    size
        Width and height in inches.
    draw
        Fills the figure.

    Raises
    ------
    ConfigError
        If the file has another suffix or cannot be written.
    """
    path = Path(path)
    kinds = kinds_of(path)
    drawn: dict[Path, bytes] = {}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for kind in kinds:
            stream = io.BytesIO()
            # Without the date, so that the same data give the same file.
            metadata = {"Date": None} if kind == ".svg" else None
            figure.savefig(stream, format=kind[1:], dpi=_DOTS_PER_INCH, metadata=metadata)
            figure.set_layout_engine(None)  # it is laid out, for all kinds alike
            drawn[path if path.suffix else path.with_name(path.name + kind)] = stream.getvalue()
    for place, content in drawn.items():
        write_bytes(place, content)


def kinds_of(path: Path) -> tuple[str, ...]:
    """Return the suffixes of the files that a figure becomes.

    Raises
    ------
    ConfigError
        If its name ends otherwise, or it is a folder's.
    """
    if path.name in ("", ".."):
        raise ConfigError("", f"{path} is a folder; name a file that ends with .png or .svg")
    suffix = path.suffix.lower()
    if suffix in _KINDS:
        return (suffix,)
    if suffix:
        raise ConfigError(
            "", f"a figure is PNG or SVG; name a file that ends with .png or .svg, not {path}"
        )
    return _KINDS


def as_written(text: str) -> str:
    """Return a user's text so that no part of it is taken for a formula."""
    return text.replace("$", r"\$")


def cycle(n: int) -> list[str]:
    """Return n colours; they repeat after eight."""
    return [COLOURS[index % len(COLOURS)] for index in range(n)]


def use_log_scale(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks, if all its data are positive."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_data_interval()
    if not (0.0 < low <= high < math.inf):
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    n_ticks = 5 if which == "y" else 4  # numbers beside each other need more room
    ticks = next((ticks for ratio, ticks in _LOG_TICKS if high > ratio * low), None)
    axis.set_major_locator(MaxNLocator(n_ticks) if ticks is None else LogLocator(subs=ticks))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
