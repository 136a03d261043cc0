"""The syntax of ``input.nn``: one keyword per line with its arguments.

Arguments are separated by blanks; comments go from ``#`` or ``!`` to the end of the line; the
order of lines is free; no keyword but those that list something may be given twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from autune.errors import FormatError, short
from autune.formats.files import open_text
from autune.symmetry_lines import finite_number
from autune.units import UNIT_SYSTEMS, UnitName

ALIASES = {
    "symfunction": "symfunction_short",
    "rmse_threshold_energy": "short_energy_error_threshold",
    "rmse_threshold_force": "short_force_error_threshold",
    "energy_fraction": "short_energy_fraction",
    "force_fraction": "short_force_fraction",
    "nnp_generation": "nnp_type",
    "nnp_type_gen": "nnp_type",
    "nnp_gen": "nnp_type",
}
"""Second names of keywords, and the name under which they are kept."""

REPEATABLE = {
    "symfunction_short",
    "atom_energy",
    "element_nodes_short",
    "element_hidden_layers_short",
    "element_activation_short",
}
"""Keywords that may be given more than once."""


UNITS_COMMENT = "Units:"
"""What autune writes before the name of the unit system; n2p2 reads no comments."""


def units_line(name: UnitName) -> str:
    """Return the comment by which a file says its units."""
    return f"{UNITS_COMMENT} {name}"


def read_units(path: str | Path) -> UnitName | None:
    """Return the units that the comments at the head of a file name, None where none do.

    Raises
    ------
    FormatError
        If they name others than autune knows.
    """
    with open_text(path) as stream:
        for number, text in enumerate(stream, start=1):
            words = text.split()
            if words[:1] != ["#"]:
                break
            if words[1:2] == [UNITS_COMMENT]:
                found = " ".join(words[2:])
                name = next((name for name in UNIT_SYSTEMS if name == found), None)
                if name is None:
                    known = " or ".join(UNIT_SYSTEMS)
                    raise FormatError(path, number, f"expected units {known}, found {short(found)}")
                return name
    return None


@dataclass(frozen=True)
class Line:
    """A keyword with its arguments and its place in the file."""

    path: Path
    number: int
    keyword: str
    words: list[str]

    def error(self, message: str) -> FormatError:
        """Make the error of this line."""
        return FormatError(self.path, self.number, f"{self.keyword}: {message}")

    def value(self, index: int) -> float:
        """Return an argument as a finite number."""
        try:
            return finite_number(self.words[index])
        except ValueError as error:
            raise self.error(str(error)) from None

    def count(self, index: int) -> int:
        """Return an argument as a whole number, not negative."""
        value = self.value(index)
        if value != int(value) or value < 0:
            raise self.error(f"expected a whole number, found {short(self.words[index])}")
        return int(value)

    def one_of(self, index: int, elements: Collection[str]) -> str:
        """Return an argument that must be one of the elements."""
        symbol = self.words[index]
        if symbol not in elements:
            known = " ".join(elements)
            raise self.error(f"expected one of the elements {known}, found {symbol!r}")
        return symbol

    def expect(self, n_words: int, layout: str) -> None:
        """Refuse any other number of arguments."""
        if len(self.words) != n_words:
            raise self.error(f"expected {layout}, found {short(' '.join(self.words) or 'nothing')}")


class Keywords:
    """All lines of a file by keyword; those that were asked for are known."""

    def __init__(self, path: Path, lines: list[Line]) -> None:
        self.path = path
        self._lines: dict[str, list[Line]] = {}
        self._asked: set[str] = set()
        for line in lines:
            earlier = self._lines.setdefault(line.keyword, [])
            if earlier and line.keyword not in REPEATABLE:
                raise line.error(f"is given twice, first in line {earlier[0].number}; remove one")
            earlier.append(line)

    @classmethod
    def read(cls, path: Path) -> Keywords:
        """Read all lines of a file."""
        lines = []
        with open_text(path) as stream:
            for number, text in enumerate(stream, start=1):
                words = text.replace("!", "#").partition("#")[0].split()
                if words:
                    keyword = ALIASES.get(words[0], words[0])
                    lines.append(Line(path, number, keyword, words[1:]))
        return cls(path, lines)

    def all(self, keyword: str) -> list[Line]:
        """Return the lines of a keyword that may be repeated."""
        self._asked.add(keyword)
        return self._lines.get(keyword, [])

    def get(self, keyword: str) -> Line | None:
        """Return the line of a keyword, None without one."""
        lines = self.all(keyword)
        return lines[0] if lines else None

    def need(self, keyword: str) -> Line:
        """Return the line of a keyword that must be there."""
        line = self.get(keyword)
        if line is None:
            raise FormatError(self.path, None, f"keyword {keyword} is required and missing; add it")
        return line

    def number(self, keyword: str, default: float) -> float:
        """Return the one number of a keyword."""
        line = self.get(keyword)
        if line is None:
            return default
        line.expect(1, "one number")
        return line.value(0)

    def on(self, keyword: str) -> bool:
        """Tell whether a switch is on."""
        line = self.get(keyword)
        if line is not None:
            line.expect(0, "no argument (the keyword alone means on; to switch off, remove it)")
        return line is not None

    def rest(self) -> dict[str, list[str]]:
        """Return the arguments of the keywords that nobody asked for."""
        return {key: x[0].words for key, x in self._lines.items() if key not in self._asked}


def entry(keyword: str, *values: str | float) -> str:
    """Write a line, numbers with all digits."""
    words = [value if isinstance(value, str) else repr(value) for value in values]
    return f"{keyword:<30} {' '.join(words)}".rstrip()
