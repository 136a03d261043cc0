"""What is said of a calibration: a sentence, and rows for a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from autune.evaluation.calibration import Calibration
from autune.units import MEV

Row = dict[str, str | int | float]

UNITS = {"energy": ("meV/atom", MEV), "force": ("eV/Angstrom", 1.0)}
"""Unit in which a quantity is shown, and its size in that of `Calibration`."""

NUMBERS = (
    *("alpha", "alpha_low", "alpha_high", "alpha_corrected"),
    *("within_one", "within_two", "expected_within_one", "expected_within_two"),
    *("rank_correlation", "normalized_error"),
)
"""Of a `Calibration`, all without unit."""


def describe_calibration(calibration: Calibration) -> str:
    """Say in a sentence how spread and error of a quantity agree."""
    c = calibration
    interval = (
        "" if math.isnan(c.alpha_low) else f" ({c.alpha_low:.3g} to {c.alpha_high:.3g}, 95 %)"
    )
    corrected = (
        ""
        if math.isnan(c.alpha_corrected)
        else f", {c.alpha_corrected:.3g} corrected for {c.n_members} members"
    )
    ranks = "" if math.isnan(c.rank_correlation) else f"; rank correlation {c.rank_correlation:.2f}"
    return (
        f"{c.quantity}: the error is {c.alpha:.3g} times the spread{interval}{corrected}; "
        f"{100 * c.within_one:.0f} % of {len(c.error)} errors are within one spread, "
        f"{100 * c.within_two:.0f} % within two (calibrated: {100 * c.expected_within_one:.0f} and "
        f"{100 * c.expected_within_two:.0f} %)"
        f"{ranks}"
    )


def calibration_rows(calibrations: Sequence[Calibration]) -> Iterator[Row]:
    """Tabulate the numbers of every quantity, one row each.

    Yields
    ------
    dict
        The numbers of a `Calibration`; none has a unit.
    """
    for c in calibrations:
        yield {
            "quantity": c.quantity,
            "n_members": c.n_members,
            "n_structures": c.n_structures,
            "n_values": len(c.error),
            "n_left_out": c.n_left_out,
            **{name: getattr(c, name) for name in NUMBERS},
        }


def calibration_bin_rows(calibrations: Sequence[Calibration]) -> Iterator[Row]:
    """Tabulate the bins of every quantity, by rising spread.

    Yields
    ------
    dict
        ``unit`` is that of ``spread``, ``error``, ``error_low`` and ``error_high``.
    """
    for c in calibrations:
        unit, size = UNITS[c.quantity]
        for b in c.bins:
            yield {
                "quantity": c.quantity,
                "unit": unit,
                "n_values": b.n,
                "n_structures": b.n_structures,
                "spread": b.spread / size,
                "error": b.error / size,
                "error_low": b.error_low / size,
                "error_high": b.error_high / size,
            }
