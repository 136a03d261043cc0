"""Which atoms of a set of structures are unlike those that a potential was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from autune.potential.extrapolation import Extrapolation
from autune.structures import FloatArray, IntArray, Structure

Row = dict[str, str | int | float]

COLUMNS = (
    *("index", "structure", "group", "atom", "element", "symmetry_function"),
    *("value", "minimum", "maximum", "excess_percent"),
)
"""Of `extrapolation_rows`."""


class Extrapolating(Protocol):
    """What is looked at of a prediction."""

    @property
    def extrapolations(self) -> IntArray:
        """Symmetry functions of each atom outside the range of the training set, (n_atoms,)."""

    @property
    def excess(self) -> FloatArray:
        """Distance of the furthest of them in widths of its range, shape (n_atoms,)."""

    def list_extrapolations(self) -> list[Extrapolation]:
        """List them by atom, then by function."""


def describe_extrapolation(
    structures: Sequence[Structure], predictions: Sequence[Extrapolating]
) -> str:
    """Say in a sentence how many atoms have symmetry functions outside the range."""
    atoms = [int((p.extrapolations > 0).sum()) for p in predictions]
    total = sum(s.n_atoms for s in structures)
    if not sum(atoms):
        return f"all symmetry functions of {total} atoms are inside the range of the training set"
    return (
        f"{sum(atoms)} of {total} atoms, in {sum(n > 0 for n in atoms)} of {len(structures)} "
        "structures, have symmetry functions outside the range of the training set; do not trust "
        "them without a check"
    )


def furthest_outside(
    structures: Sequence[Structure], predictions: Sequence[Extrapolating], n_rows: int = 10
) -> list[Row]:
    """Tabulate the structures that are furthest outside, the furthest first.

    Parameters
    ----------
    structures, predictions
        In the same order.
    n_rows
        At most so many structures.

    Returns
    -------
    list of dict
        Of each structure the atom and function that are furthest outside, as in
        `extrapolation_rows`, and how many of its atoms are outside.
    """
    largest = [float(p.excess.max()) for p in predictions]
    order = sorted(range(len(structures)), key=lambda n: -largest[n])[:n_rows]
    rows = []
    for number in order:
        structure, prediction = structures[number], predictions[number]
        if found := prediction.list_extrapolations():
            furthest = max(found, key=lambda e: e.excess)
            row = _row(number, structure, furthest)
            row["atoms_outside"] = f"{(prediction.extrapolations > 0).sum()} of {structure.n_atoms}"
            rows.append(row)
    return rows


def extrapolation_rows(
    structures: Sequence[Structure], predictions: Sequence[Extrapolating]
) -> Iterator[Row]:
    """Tabulate all symmetry functions outside the range, by structure, atom and function.

    Yields
    ------
    dict
        ``index`` of the structure and ``atom``, both from 0 as in ASE; ``value`` of the symmetry
        function, ``minimum`` and ``maximum`` over the training set, without unit;
        ``excess_percent``, the distance from this range over its width.
    """
    for number, (structure, prediction) in enumerate(zip(structures, predictions, strict=True)):
        for extrapolation in prediction.list_extrapolations():
            yield _row(number, structure, extrapolation)


def _row(number: int, structure: Structure, e: Extrapolation) -> Row:
    return {
        "index": number,
        "structure": structure.name,
        "group": structure.group,
        "atom": e.atom,
        "element": e.element,
        "symmetry_function": str(e.function),
        "value": e.value,
        "minimum": e.minimum,
        "maximum": e.maximum,
        "excess_percent": 100.0 * e.excess,
    }
