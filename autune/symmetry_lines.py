"""Symmetry functions as lines of text: what follows ``symfunction_short`` in an ``input.nn``.

The settings list them so too (`potential.symmetry_functions.explicit`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from ase.data import atomic_numbers

from autune.architecture import CORES, SymmetryFunction
from autune.errors import short

LAYOUTS = {
    2: "X 2 Y eta rs rc",
    3: "X 3 Y Z eta lambda zeta rc [rs]",
    9: "X 9 Y Z eta lambda zeta rc [rs]",
    12: "X 12 eta rs rc",
    13: "X 13 eta rs lambda zeta rc",
    20: "X 20 Y rl rc subtype",
    21: "X 21 Y Z rl rc left right subtype",
    22: "X 22 Y Z rl rc left right subtype",
    23: "X 23 rl rc subtype",
    24: "X 24 rl rc left right subtype",
    25: "X 25 rl rc left right subtype",
}
"""X central element; Y, Z elements of neighbours; left, right angles in degrees."""

FIELDS = {
    "eta": "eta", "rs": "r_shift", "rc": "r_cutoff", "lambda": "lambda_", "zeta": "zeta",
    "rl": "r_low", "left": "left", "right": "right", "subtype": "subtype",
}  # fmt: skip
"""Words of the layouts, and the parameters of `SymmetryFunction` that they are."""

SUBTYPES = tuple(core + radial for core in CORES for radial in ("", "a"))

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
        raise ValueError(
            f"expected a central element, a type and its parameters ({LAYOUTS[2]}), found "
            f"{short(_line(words))}"
        )
    kind = _kind(words[1])
    names = LAYOUTS[kind].split()
    optional = sum(name.startswith("[") for name in names)
    if not len(names) - optional <= len(words) <= len(names):
        raise ValueError(f"expected {LAYOUTS[kind]}, found {short(_line(words))}")
    for name, word in zip(names, words, strict=False):
        if name in ("X", "Y", "Z"):
            _check_element(word, elements)
    given = dict(zip((name.strip("[]") for name in names), words, strict=False))
    values = {
        name: finite_number(word)
        for name, word in given.items()
        if name in FIELDS and name != "subtype"
    }
    _check_values(values)
    subtype = given.get("subtype", "")
    if "subtype" in given and subtype not in SUBTYPES:
        raise ValueError(
            f"expected a subtype of {', '.join(CORES)}, or one with an a behind it (asymmetric); "
            f"found {short(subtype)}"
        )
    function = SymmetryFunction(
        kind=kind,
        neighbours=tuple(given[name] for name in ("Y", "Z") if name in given),
        subtype=subtype,
        **{FIELDS[name]: values.get(name, 0.0) for name in FIELDS if name != "subtype"},
    )
    return words[0], function


def symmetry_function_words(element: str, function: SymmetryFunction) -> list[str]:
    """Return the words of a function's line, numbers with all digits."""
    words = [element, str(function.kind), *function.neighbours]
    for name in LAYOUTS[function.kind].split():
        if (field := FIELDS.get(name.strip("[]"))) is not None:
            value = getattr(function, field)
            words.append(value if isinstance(value, str) else repr(value))
    return words


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
        known = ", ".join(map(str, LAYOUTS))
        raise ValueError(f"type {kind} is not supported; autune knows types {known}")
    return kind


def _check_element(symbol: str, elements: Collection[str]) -> None:
    if symbol in elements:
        return
    if elements is CHEMICAL_SYMBOLS:
        raise ValueError(f"expected chemical symbols, found {short(symbol)}")
    raise ValueError(f"expected one of the elements {' '.join(elements)}, found {short(symbol)}")


def _check_values(values: Mapping[str, float]) -> None:
    """Refuse numbers out of range; a name that a layout has not is in range."""
    lambda_, zeta, eta = (values.get(name, 1.0) for name in ("lambda", "zeta", "eta"))
    if abs(lambda_) != 1.0:
        raise ValueError(f"expected lambda -1 or 1, found {lambda_:g}")
    if not 0.0 < zeta <= LARGEST_ZETA:
        raise ValueError(f"expected zeta above 0, up to {LARGEST_ZETA:g}; found {zeta:g}")
    if not 0.0 <= eta <= LARGEST_ETA:
        raise ValueError(f"expected eta from 0 to {LARGEST_ETA:g}, found {eta:g}")
    r_cutoff, r_shift = values["rc"], values.get("rs", 0.0)
    if not 0.0 < r_cutoff <= LARGEST_LENGTH:
        raise ValueError(
            f"expected a cutoff radius above 0, up to {LARGEST_LENGTH:g}; found {r_cutoff:g}"
        )
    if abs(r_shift) > LARGEST_LENGTH:
        raise ValueError(f"expected r_shift up to {LARGEST_LENGTH:g}, found {r_shift:g}")
    r_low = values.get("rl", 0.0)
    if not -LARGEST_LENGTH <= r_low < r_cutoff:
        raise ValueError(
            f"expected rl below rc, from {-LARGEST_LENGTH:g}; found rl {r_low:g} and rc "
            f"{r_cutoff:g}"
        )
    if "left" in values:
        _check_angles(values["left"], values["right"])


def _check_angles(left: float, right: float) -> None:
    found = f"found {left:g} and {right:g}"
    if not left < right:
        raise ValueError(f"expected the left angle below the right one, {found}")
    around_0 = left == -right and right <= 180.0
    around_180 = left + right == 360.0 and left >= 0.0
    if not (left >= 0.0 and right <= 180.0) and not around_0 and not around_180:
        raise ValueError(
            "expected angles from 0 to 180 degrees, or a range around 0 (-80 80) or around 180 "
            f"(100 260); {found}"
        )


def _line(words: Sequence[str]) -> str:
    return " ".join(words) or "nothing"
