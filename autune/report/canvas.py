"""What all figures share: the style, the palette, and how they become files.

Figures are made without pyplot, so nothing is shared between calls and no display is needed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from autune.errors import ConfigError
from autune.formats.files import write_bytes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Told apart by colour-blind eyes (Okabe and Ito, Color Universal Design, 2008)."""

_KINDS = (".png", ".svg")
FONT_SIZE = 11.0

_STYLE: Any = {
    "font.size": FONT_SIZE,
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
    (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0),
    (1.0, 2.0, 3.0, 5.0),
    (1.0, 2.0, 5.0),
    (1.0, 3.0),
    (1.0,),
    (2.0,),
    (3.0,),
    (5.0,),
)
"""Ticks in each decade of a logarithmic axis, of which the first two or more that have room
are drawn."""
_DIGIT, _LINE = 0.0085, 0.02
"""Width of a digit and height of a line of numbers at ticks, inches for a point of the font."""


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
        for axes in figure.axes:  # what is inside needs no room; to measure it takes half the time
            for artist in (*axes.lines, *axes.collections, *axes.patches):
                artist.set_in_layout(False)
        engine = figure.get_layout_engine()
        assert engine is not None
        engine.execute(figure)
        figure.set_layout_engine(None)  # it is laid out, once for all kinds
        for kind in kinds:
            stream = io.BytesIO()
            # Without the date, so that the same data give the same file.
            metadata = {"Date": None} if kind == ".svg" else None
            figure.savefig(stream, format=kind[1:], dpi=_DOTS_PER_INCH, metadata=metadata)
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


def use_log_scale(axes: Axes, which: Literal["x", "y"], points: float = FONT_SIZE) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks, if all its data are positive.

    Parameters
    ----------
    axes
        On which everything is drawn.
    which
        Of its axes.
    points
        Size of the numbers at the ticks.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_data_interval()
    if not (0.0 < low <= high < math.inf):
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis.set_major_locator(FixedLocator(_ticks_with_room(axes, which, points)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def size_in_inches(axes: Axes) -> tuple[float, float]:
    """Return width and height of axes before they are laid out, which are a little smaller."""
    box = axes.get_window_extent()
    figure = axes.get_figure(root=True)
    assert figure is not None
    return box.width / figure.dpi, box.height / figure.dpi


def _ticks_with_room(axes: Axes, which: Literal["x", "y"], points: float) -> list[float]:
    """Return ticks of a logarithmic axis: as many as have room for their numbers."""
    room = size_in_inches(axes)[0 if which == "x" else 1]
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    scale = room / math.log10(high / low) / points
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for subs in _LOG_TICKS:
        ticks = [float(f"{sub}e{power}") for power in powers for sub in subs]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 1 and _have_room(ticks, scale, which):
            return ticks
    decades = [float(f"1e{power}") for power in powers if low <= 10.0**power <= high]
    if len(decades) > 1:
        steps = (decades[::step] for step in range(2, len(decades)))
        return next((some for some in steps if _have_room(some, scale, which)), decades[:1])
    candidates = [MaxNLocator(n).tick_values(low, high) for n in (5, 4, 3, 2, 1)]
    inside = [[float(tick) for tick in ticks if low <= tick <= high] for ticks in candidates]
    return next((ticks for ticks in inside if _have_room(ticks, scale, which)), inside[-1])


def _have_room(ticks: Sequence[float], scale: float, which: Literal["x", "y"]) -> bool:
    """Whether numbers do not touch; the scale is inches of a decade per point of the font."""
    for one, other in pairwise(ticks):
        n_digits = 1.0 + 0.5 * (len(f"{one:g}") + len(f"{other:g}"))
        if scale * math.log10(other / one) < (_LINE if which == "y" else _DIGIT * n_digits):
            return False
    return True
