"""Symmetry functions as lines of text: what follows ``symfunction_short`` in an ``input.nn``.

The settings list them so too (`potential.symmetry_functions.explicit`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from ase.data import atomic_numbers

from autune.architecture import RADIAL, SymmetryFunction
from autune.errors import short

LAYOUTS = {
    2: "X 2 Y eta rs rc",
    3: "X 3 Y Z eta lambda zeta rc [rs]",
    9: "X 9 Y Z eta lambda zeta rc [rs]",
}
"""X central element; Y, Z elements of neighbours."""

LARGEST_ETA, LARGEST_ZETA, LARGEST_LENGTH = 1e15, 1000.0, 100.0
"""Beyond, a symmetry function is 0 or takes for ever; lengths are Angstrom or Bohr."""

CHEMICAL_SYMBOLS = frozenset(atomic_numbers) - {"X"}


def parse_symmetry_function(
    words: Sequence[str], elements: Collection[str] = CHEMICAL_SYMBOLS
) -> tuple[str, SymmetryFunction]:
    """Return the central element and the function of a line.

    Parameters
    ----------
    words
        Of the line; lengths in any unit, which the function then has too.
    elements
        Symbols that may stand in it.

    Raises
    ------
    ValueError
        With what was expected and what was found.
    """
    if len(words) < 2:
        raise ValueError(f"expected {' or '.join(LAYOUTS.values())}, found {short(_line(words))}")
    kind = _kind(words[1])
    n_neighbours = 1 if kind == RADIAL else 2
    allowed = (6,) if kind == RADIAL else (8, 9)
    if len(words) not in allowed:
        raise ValueError(f"expected {LAYOUTS[kind]}, found {short(_line(words))}")
    for symbol in (words[0], *words[2 : 2 + n_neighbours]):
        _check_element(symbol, elements)
    values = [finite_number(word) for word in words[2 + n_neighbours :]]
    if kind == RADIAL:
        eta, r_shift, r_cutoff = values
        lambda_ = zeta = 0.0
    else:
        eta, lambda_, zeta, r_cutoff, r_shift = (*values, 0.0)[:5]
        if abs(lambda_) != 1.0:
            raise ValueError(f"expected lambda -1 or 1, found {lambda_:g}")
        if not 0.0 < zeta <= LARGEST_ZETA:
            raise ValueError(f"expected zeta above 0, up to {LARGEST_ZETA:g}; found {zeta:g}")
    if not 0.0 <= eta <= LARGEST_ETA:
        raise ValueError(f"expected eta from 0 to {LARGEST_ETA:g}, found {eta:g}")
    if not 0.0 < r_cutoff <= LARGEST_LENGTH:
        raise ValueError(
            f"expected a cutoff radius above 0, up to {LARGEST_LENGTH:g}; found {r_cutoff:g}"
        )
    if abs(r_shift) > LARGEST_LENGTH:
        raise ValueError(f"expected r_shift up to {LARGEST_LENGTH:g}, found {r_shift:g}")
    neighbours = tuple(words[2 : 2 + n_neighbours])
    return words[0], SymmetryFunction(kind, neighbours, eta, r_shift, r_cutoff, lambda_, zeta)


def symmetry_function_words(element: str, function: SymmetryFunction) -> list[str]:
    """Return the words of a function's line, numbers with all digits."""
    f = function
    if f.kind == RADIAL:
        values = [f.eta, f.r_shift, f.r_cutoff]
    else:
        values = [f.eta, f.lambda_, f.zeta, f.r_cutoff, f.r_shift]
    return [element, str(f.kind), *f.neighbours, *map(repr, values)]


def finite_number(word: str) -> float:
    """Return a word as a finite number.

    Raises
    ------
    ValueError
        With what was found.
    """
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"expected a number, found {short(word)}") from None
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {short(word)}")
    return value


def _kind(word: str) -> int:
    value = finite_number(word)
    if value != int(value) or value < 0:
        raise ValueError(f"expected a whole number, found {short(word)}")
    kind = int(value)
    if kind not in LAYOUTS:
        raise ValueError(f"type {kind} is not supported; autune knows types 2, 3 and 9")
    return kind


def _check_element(symbol: str, elements: Collection[str]) -> None:
    if symbol in elements:
        return
    if elements is CHEMICAL_SYMBOLS:
        raise ValueError(f"expected chemical symbols, found {short(symbol)}")
    raise ValueError(f"expected one of the elements {' '.join(elements)}, found {short(symbol)}")


def _line(words: Sequence[str]) -> str:
    return " ".join(words) or "nothing"
