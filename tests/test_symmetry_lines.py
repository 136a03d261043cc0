from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from autune.symmetry_lines import (
    LAYOUTS,
    SUBTYPES,
    parse_symmetry_function,
    symmetry_function_words,
)

SYMBOLS = ("H", "Cu", "Au")
RADII = st.floats(3.0, 100.0)
VALUES = {
    "X": st.sampled_from(SYMBOLS),
    "Y": st.sampled_from(SYMBOLS),
    "Z": st.sampled_from(SYMBOLS),
    "eta": st.floats(0.0, 1e6),
    "rs": st.floats(-100.0, 100.0),
    "rc": RADII,
    "lambda": st.sampled_from([-1, 1]),
    "zeta": st.floats(0.1, 1000.0),
    "rl": st.floats(-100.0, 2.9),
    "left": st.floats(0.0, 89.0),
    "right": st.floats(90.0, 180.0),
    "subtype": st.sampled_from(SUBTYPES),
}


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    kind = draw(st.sampled_from(sorted(LAYOUTS)))
    names = [name.strip("[]") for name in LAYOUTS[kind].split()]
    return [str(draw(VALUES[name])) if name in VALUES else name for name in names]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(lines())
def test_what_is_written_is_read_back(words: list[str]) -> None:
    element, function = parse_symmetry_function(words, SYMBOLS)
    assert (element, str(function.kind)) == (words[0], words[1])
    written = symmetry_function_words(element, function)
    assert parse_symmetry_function(written) == (element, function)
    assert sorted(map(str, written)) == sorted(
        word if name in ("X", "Y", "Z", "subtype") or name.isdigit() else repr(float(word))
        for name, word in zip(LAYOUTS[function.kind].split(), words, strict=True)
    )


@settings(deadline=None, derandomize=True, max_examples=300)
@given(lines(), st.sampled_from([0.529177210903, 1.8897261246]))
def test_lengths_in_another_unit_and_back(words: list[str], unit: float) -> None:
    _, function = parse_symmetry_function(words)
    there = function.in_lengths_of(unit)
    assert abs(there.r_cutoff / function.r_cutoff - unit) < 1e-12
    assert abs(there.eta * unit**2 - function.eta) <= 1e-12 * function.eta
    assert abs(there.r_low - unit * function.r_low) <= 1e-12 * abs(there.r_low)
    assert (there.left, there.right, there.zeta) == (function.left, function.right, function.zeta)
    assert there.sort_key[0] == function.sort_key[0]
