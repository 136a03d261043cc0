"""The radial term of a symmetry function for several centres of its Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from autune.architecture import CUTOFF_TYPES, CutoffType
from autune.kernels.cutoffs import cutoff
from autune.structures import FloatArray

_LINES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)))
_POINTS = 301


def draw_symmetry_functions(
    axes: Axes, r_shifts: Sequence[float], eta: float, cutoff_type: CutoffType, r_cutoff: float
) -> None:
    """Draw what a neighbour adds to G2 against its distance, and the cutoff function.

    exp(-eta (r - r_s)^2) fc(r), J. Behler, J. Chem. Phys. 134, 074106 (2011), eq. 9; the numbers
    drawn are those of `symmetry_rows`.

    Parameters
    ----------
    axes
        To draw on.
    r_shifts
        Centres r_s in Angstrom, one or more, in the order of the lines.
    eta
        Inverse square width in 1/Angstrom^2.
    cutoff_type
        Cutoff function, without an inner radius.
    r_cutoff
        Cutoff radius in Angstrom.
    """
    r, fc, terms = _curves(r_shifts, eta, cutoff_type, r_cutoff)
    # From dark to light, so that their order shows without colour; both ends are left out, which
    # are hardly seen on dark and on white paper.
    colours = mpl.colormaps["viridis"](np.linspace(0.25, 0.88, len(r_shifts)))
    axes.plot(r, fc, color="black", linewidth=2.6, alpha=0.35, label="$f_c$")
    for i, (shift, term) in enumerate(zip(r_shifts, terms, strict=True)):
        axes.plot(
            r, term, color=colours[i], linestyle=_LINES[i % len(_LINES)], linewidth=1.8,
            label=f"{shift:g} Å".replace("-", "−"),
        )  # fmt: skip
    axes.set_xlim(0.0, r_cutoff)
    axes.set_ylim(0.0, 1.05)
    axes.set_xlabel("distance $r$ [Å]")
    axes.set_ylabel(r"$\exp(-\eta\,(r - r_s)^2)\, f_c(r)$")
    axes.set_title(
        rf"$\eta$ = {eta:.3g} Å$^{{-2}}$, {cutoff_type}, $r_c$ = {r_cutoff:g} Å", fontsize=10
    )
    handles, labels = axes.get_legend_handles_labels()
    heading = Line2D([], [], linestyle="")
    inside = max(r_shifts) < 0.3 * r_cutoff  # all curves are low where the legend lies
    axes.legend(
        handles=[handles[0], heading, *handles[1:]], labels=[labels[0], "$r_s$ =", *labels[1:]],
        fontsize=9, handlelength=2.6,
        loc="upper right" if inside else "upper left",
        bbox_to_anchor=(1.0, 1.05) if inside else (1.0, 1.03),
    )  # fmt: skip


def symmetry_rows(
    r_shifts: Sequence[float], eta: float, cutoff_type: CutoffType, r_cutoff: float
) -> list[dict[str, Any]]:
    """Make a row for each distance: fc and the term of each centre, as in the figure."""
    r, fc, terms = _curves(r_shifts, eta, cutoff_type, r_cutoff)
    names = [f"r_shift = {shift:g} Angstrom" for shift in r_shifts]
    return [
        {"r [Angstrom]": float(r[i]), "fc": float(fc[i])}
        | {name: float(term[i]) for name, term in zip(names, terms, strict=True)}
        for i in range(len(r))
    ]


def _curves(
    r_shifts: Sequence[float], eta: float, cutoff_type: CutoffType, r_cutoff: float
) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
    """Return distances, cutoff function and the term of each centre, shape (n_points,) each."""
    r = np.linspace(0.0, r_cutoff, _POINTS)
    code = CUTOFF_TYPES.index(cutoff_type)
    fc = np.array([cutoff(code, distance, r_cutoff, 0.0)[0] for distance in r])
    return r, fc, [np.exp(-eta * (r - shift) ** 2) * fc for shift in r_shifts]
