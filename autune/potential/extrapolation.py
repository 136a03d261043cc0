"""Symmetry functions outside the range of the training set: of which atom, which, how far.

A network learns nothing about values of a symmetry function that no atom of its training set
has; outside of their range it extrapolates (Behler, Int. J. Quantum Chem. 115, 1032 (2015),
section on the quality of the training set).  Outside is further than 2.2e-13 outside, as in n2p2: a
function whose range is smaller (`potential.minimum_spread: 0` keeps them) says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from autune.architecture import Architecture, SymmetryFunction
from autune.formats.tables import Scaling
from autune.kernels.prediction import EXTRAPOLATION_MARGIN
from autune.potential.layout import padded_range
from autune.structures import FloatArray, IntArray


@dataclass(frozen=True)
class Extrapolation:
    """A symmetry function of an atom outside the range of the training set.

    Parameters
    ----------
    atom
        Its place in the structure, from 0.
    element
        Its symbol.
    function
        The symmetry function; ``str`` writes it in one line, in the units of the potential's
        files.
    place
        Of the function among those of the element, from 0.
    value
        Of the function, without unit, not scaled.
    minimum, maximum
        Range of the function over all atoms of the element in the training set.
    excess
        Distance of the value from the range over the width of the range.
    """

    atom: int
    element: str
    function: SymmetryFunction
    place: int
    value: float
    minimum: float
    maximum: float
    excess: float


@dataclass(frozen=True, eq=False)
class OutsideAtoms:
    """Atoms of a structure of which a symmetry function is outside its range.

    Parameters
    ----------
    atoms
        Their places in the structure, shape (n,).
    elements
        Places of their elements in the architecture, shape (n,).
    G
        All their symmetry functions, not scaled, shape (n, n_max).
    """

    atoms: IntArray
    elements: IntArray
    G: FloatArray

    @classmethod
    def of(cls, extrapolations: IntArray, elements: IntArray, G: FloatArray) -> OutsideAtoms:
        """Keep the atoms with extrapolations, and forget the symmetry functions of all others.

        Parameters
        ----------
        extrapolations
            Number per potential and atom, shape (n_potentials, n_atoms).
        elements, G
            Of all atoms, shapes (n_atoms,) and (n_atoms, n_max).
        """
        atoms = np.flatnonzero(extrapolations.any(axis=0))
        return cls(atoms, elements[atoms], G[atoms])

    def compare(
        self, scaling: Mapping[str, Scaling], architecture: Architecture
    ) -> list[Extrapolation]:
        """List what is outside the range that a potential knows, by atom, then by function."""
        low, high, width = (b[self.elements] for b in padded_range(scaling, architecture))
        outside = np.maximum(low - self.G, self.G - high)
        return [
            Extrapolation(
                atom=int(self.atoms[i]),
                element=(symbol := architecture.elements[self.elements[i]]),
                function=architecture.symmetry_functions[symbol][k],
                place=int(k),
                value=float(self.G[i, k]),
                minimum=float(low[i, k]),
                maximum=float(high[i, k]),
                excess=float(outside[i, k] / width[i, k]),
            )
            for i, k in np.argwhere(outside > EXTRAPOLATION_MARGIN)
        ]


def furthest(of_members: Iterable[list[Extrapolation]]) -> list[Extrapolation]:
    """Join what members of a committee say: of every atom and function the largest excess.

    Parameters
    ----------
    of_members
        List of each member; functions are the same if they have the same parameters.

    Returns
    -------
    list
        By atom, then by place of the function.
    """
    largest: dict[tuple[int, SymmetryFunction], Extrapolation] = {}
    for found in of_members:
        for e in found:
            known = largest.get((e.atom, e.function))
            if known is None or e.excess > known.excess:
                largest[e.atom, e.function] = e
    return sorted(largest.values(), key=lambda e: (e.atom, e.place, e.function.sort_key))
