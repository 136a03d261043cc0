"""What cannot be a structure is refused: searches for neighbours would not end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autune.errors import DataError
from autune.structures import Structure

GOOD: dict[str, Any] = {
    "numbers": np.array([79, 79]),
    "positions": np.array([[0.0, 0.0, 0.0], [2.0, 2.0, 0.0]]),
    "cell": 4.0 * np.eye(3),
    "name": "a",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": [79, 0]}, "structure 'a': atomic numbers are 1 to 118, found 0"),
        ({"numbers": [79, -1]}, "found -1"),
        ({"numbers": [119, 1]}, "found 119"),
        ({"numbers": [], "positions": np.zeros((0, 3))}, "has no atoms"),
        ({"positions": [[0, 0, 0], [1e30, 0, 0]]}, "reach 100000 Angstrom at most, found 1e.30"),
        ({"cell": np.diag([4.0, 4.0, 1e308])}, "reach 100000 Angstrom at most"),
        ({"cell": np.diag([1e4, 1e4, 1e4])}, "may have 1e.09 Angstrom.3, found 1e.12"),
        ({"cell": None, "positions": [[0, 0, 0], [9e4] * 3]}, "may have 1e.09 Angstrom.3"),
        ({"cell": np.diag([4.0, 4.0, 0.0])}, "do not span a volume"),
        ({"cell": np.diag([4.0, 4.0, 0.01])}, "planes must be 0.1 Angstrom apart .* found 0.01"),
        ({"cell": [[4, 0, 0], [1e3, 4, 0], [0, 0, 4]]}, "choose less inclined ones"),
        ({"cell": 0.3 * np.eye(3)}, r"2 atoms in 0.027 Angstrom\^3 are too many"),
        ({"energy": float("nan")}, "energy is nan"),
        ({"energy": 1e300}, r"energy is 1e.300, .* size 1e.12 at most"),
        ({"forces": np.full((2, 3), 1e200)}, "forces reach 1e.200"),
        ({"stress": np.full((3, 3), -1e200)}, "stress reach 1e.200"),
        ({"weight": float("inf")}, "weight is inf"),
        ({"weight": -1.0}, "the weight must not be negative, found -1"),
        ({"charge": float("nan")}, "charge is nan"),
    ],
)
def test_what_is_no_structure_is_refused(changes: dict[str, Any], message: str) -> None:
    Structure(**GOOD)
    with pytest.raises(DataError, match=message):
        Structure(**GOOD | changes)


def test_a_long_wire_and_a_molecule_are_structures() -> None:
    assert Structure(**GOOD | {"cell": np.diag([3e4, 10.0, 10.0])}).volume == pytest.approx(3e6)
    assert Structure(**GOOD | {"cell": None}).n_atoms == 2


def test_names_and_groups_can_be_shown() -> None:
    s = Structure(**GOOD | {"name": "a\n\x1b[2Jb", "group": "g\ud800 é"})
    assert (s.name, s.group) == (r"a\n\x1b[2Jb", r"g\ud800 é")
