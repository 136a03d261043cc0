"""Symmetry functions with compact support from a few rule parameters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

from autune.architecture import COMPACT_NARROW, COMPACT_RADIAL, COMPACT_WIDE, SymmetryFunction
from autune.settings import CompactSettings


def compact_functions(
    settings: CompactSettings, elements: tuple[str, ...], r_cutoff: float
) -> Iterator[SymmetryFunction]:
    """Yield the functions of one central element; they are the same for all.

    Neighbouring ranges overlap by half, so that with a polynomial core the functions of one grid
    add up to the same value at any distance, or angle, but for the ends.

    Parameters
    ----------
    settings
        Numbers of ranges and their shape.
    elements
        Of the neighbours: every one, and every pair, has its functions.
    r_cutoff
        Outer end of the last range in Angstrom.
    """
    subtype = settings.core + ("a" if settings.asymmetric else "")
    radial = _distances(settings.r_first, r_cutoff, settings.n_radial)
    for symbol, (low, high) in product(elements, radial):
        yield SymmetryFunction(
            COMPACT_RADIAL, (symbol,), 0.0, 0.0, high, r_low=low, subtype=subtype
        )
    kind = COMPACT_NARROW if settings.angular == "narrow" else COMPACT_WIDE
    distances = _distances(settings.r_first, r_cutoff, settings.n_distances)
    pairs = combinations_with_replacement(elements, 2)
    for pair, (low, high), (left, right) in product(pairs, distances, _angles(settings.n_angles)):
        yield SymmetryFunction(
            kind, pair, 0.0, 0.0, high, r_low=low, left=left, right=right, subtype=subtype
        )


def _distances(first: float, last: float, n: int) -> list[tuple[float, float]]:
    """Return n ranges from first to last, Angstrom; each begins in the middle of the one before."""
    ends = [first + (last - first) * place / (n + 1) for place in range(n + 1)] + [last]
    return [(ends[place], ends[place + 2]) for place in range(n)]


def _angles(n: int) -> list[tuple[float, float]]:
    """Return n ranges in degrees, the middle of the first at 0, of the last at 180."""
    if n == 0:
        return []
    middles = [180.0 * place / (n - 1) for place in range(n)]
    # Written so that the ends of the last add up to 360 exactly, as n2p2 wants them.
    inner = [(middles[place - 1], middles[place + 1]) for place in range(1, n - 1)]
    return [(-middles[1], middles[1]), *inner, (middles[-2], 360.0 - middles[-2])]
