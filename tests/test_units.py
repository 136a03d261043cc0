"""Unit systems by name, and numbers that come back with the same digits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autune.units import BOHR, HARTREE, UNIT_SYSTEMS, convert, unit_name, unit_system

AREA = BOHR**-2


@given(
    digits=st.integers(-(10**15) + 1, 10**15 - 1),
    exponent=st.integers(-20, 5),
    unit=st.sampled_from([BOHR, HARTREE, AREA, 1.0 / HARTREE]),
)
def test_numbers_of_15_digits_come_back_exactly(digits: int, exponent: int, unit: float) -> None:
    value = float(f"{digits}e{exponent}")
    assert convert(convert(value, unit, 1.0), 1.0, unit) == value
    assert convert(convert(value, 1.0, unit), unit, 1.0) == value


def test_names_old_and_new() -> None:
    for name, system in UNIT_SYSTEMS.items():
        assert unit_system(name) == system
        assert unit_name(system) == name
    assert unit_system("Hartree,Bohr") == (BOHR, HARTREE)
    assert unit_system("eV,Angstrom") == (1.0, 1.0)
