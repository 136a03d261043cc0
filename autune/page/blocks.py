"""What a page is made of: sections, and in them words, tables, figures and texts of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Heading:
    """A heading within a section.

    Parameters
    ----------
    text
        Plain text.
    """

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph.

    Parameters
    ----------
    text
        Plain text.
    """

    kind: ClassVar[str] = "words"
    text: str


@dataclass(frozen=True)
class Listed:
    """Sentences, one below the other.

    Parameters
    ----------
    items
        Plain text each.
    """

    kind: ClassVar[str] = "listed"
    items: Sequence[str]


@dataclass(frozen=True)
class Numbers:
    """The few numbers that a reader looks for first.

    Parameters
    ----------
    items
        Name, value and unit of each.
    """

    kind: ClassVar[str] = "numbers"
    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Parameters
    ----------
    caption
        What it shows.
    columns
        Headers, units in brackets.
    rows
        Texts, as many as there are columns.
    numeric
        Columns of numbers, which are set to the right.
    folded
        Whether it is shown only when it is asked for.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure that is still to be drawn.

    Parameters
    ----------
    name
        Of its files, and of its element; a word.
    caption
        What is drawn and how it is to be read.
    alt
        What is seen, for those who see no figure.
    draw
        Writes name.svg and name.png when it is called with the path without suffix.
    rows
        The numbers that are drawn, for a CSV file; empty: there is none.
    shaded
        Whether shades stand for numbers: on dark paper all of it is turned around.
    more
        Further numbers that are drawn, by the name of their file without the suffix.
    """

    kind: ClassVar[str] = "figure"
    name: str
    caption: str
    alt: str
    draw: Callable[[Path], None]
    rows: Sequence[Row] = ()
    shaded: bool = False
    more: Mapping[str, Sequence[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """The text of a file, shown when it is asked for.

    Parameters
    ----------
    name
        Of the file.
    text
        What it holds.
    """

    kind: ClassVar[str] = "file"
    name: str
    text: str


Block = Heading | Words | Listed | Numbers | Table | Drawing | File


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    name
        Of its element, a word.
    title
        Its heading.
    blocks
        What it holds; a section without any is left out.
    """

    name: str
    title: str
    blocks: Sequence[Block]


def table(
    caption: str, rows: Sequence[Mapping[str, str]], texts: Sequence[str] = (), folded: bool = False
) -> list[Table]:
    """Make a table of rows with the same keys, without columns that are empty; none of no rows.

    Parameters
    ----------
    caption
        What it shows.
    rows
        Texts by header.
    texts
        Columns that hold words; all others are numbers.
    folded
        Whether it is shown only when it is asked for.
    """
    columns = [
        name for name in dict.fromkeys(key for row in rows for key in row)
        if any(row.get(name) for row in rows)
    ]  # fmt: skip
    if not columns:
        return []
    numeric = frozenset(place for place, name in enumerate(columns) if name not in texts)
    cells = [[row.get(name, "") for name in columns] for row in rows]
    return [Table(caption, columns, cells, numeric, folded)]
