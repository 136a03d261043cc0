"""What symmetry functions do on a set of structures: spread, redundancy, cost, sensitivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autune.architecture import Architecture, SymmetryFunction
from autune.potential.descriptors import SMALLEST_SPREAD
from autune.potential.pool import correlate, sample_atoms, sample_values, spread_of
from autune.structures import FloatArray, IntArray, Structure


@dataclass(frozen=True)
class FunctionRow:
    """A symmetry function over some structures.

    Parameters
    ----------
    element
        Of the central atom.
    number
        Its place among the functions of the element, from 0.
    function
        All its parameters in one line.
    kept
        Whether a training would keep it: yes or no.
    minimum, maximum, mean, sigma
        Over all atoms that were looked at, without unit.
    correlation
        Largest absolute correlation coefficient with another function of the element; None if the
        function is constant or alone.
    like
        The number of that other function.
    cost
        Time of its value and derivatives beyond what all functions share, by itself, in
        microseconds/atom.  Functions that share parts cost less together.
    sensitivity
        See `autune.potential.sensitivity`, in eV; None without a potential.
    """

    element: str
    number: int
    function: str
    kept: str
    minimum: float
    maximum: float
    mean: float
    sigma: float
    correlation: float | None
    like: int | None
    cost: float
    sensitivity: float | None = None


@dataclass(frozen=True, eq=False)
class FunctionValues:
    """Symmetry functions of sampled atoms.

    Parameters
    ----------
    architecture
        With the functions.
    G
        Not scaled, shape (n_atoms, n_max).
    element
        Place of each atom's element in the architecture, shape (n_atoms,).
    """

    architecture: Architecture
    G: FloatArray
    element: IntArray

    def of_element(self, symbol: str) -> FloatArray:
        """Return the functions of the atoms of an element, shape (n, n_functions)."""
        e = self.architecture.elements.index(symbol)
        return self.G[self.element == e, : len(self.architecture.symmetry_functions[symbol])]

    def correlation(self, symbol: str) -> FloatArray:
        """Return the correlation matrix of an element; NaN for functions that are constant."""
        G = self.of_element(symbol)
        moving = np.flatnonzero(spread_of(G) > SMALLEST_SPREAD)
        r = np.full((G.shape[1], G.shape[1]), np.nan)
        if len(moving):
            r[np.ix_(moving, moving)] = correlate(G[:, moving])
        return r


def evaluate_functions(
    architecture: Architecture, structures: Sequence[Structure], most: int
) -> FunctionValues:
    """Compute symmetry functions over at most so many atoms of each element.

    Raises
    ------
    DataError
        If a structure has an unknown element or two atoms at the same place.
    """
    sample = sample_atoms(structures, architecture, most)
    return FunctionValues(
        architecture, sample_values(structures, architecture, sample), sample.element
    )


def tabulate_functions(
    values: FunctionValues,
    kept: Mapping[str, Sequence[SymmetryFunction]],
    costs: Mapping[str, FloatArray],
    sensitivity: Mapping[str, FloatArray] | None = None,
) -> list[FunctionRow]:
    """Make a row for every function, by element, in n2p2's order.

    Parameters
    ----------
    values
        Of the functions.
    kept
        Functions of each element that a training keeps.
    costs
        From `autune.evaluation.function_cost.function_costs`.
    sensitivity
        From `autune.potential.sensitivity.sensitivities`.
    """
    rows = []
    for symbol, functions in values.architecture.symmetry_functions.items():
        G = values.of_element(symbol)
        if not len(G):
            continue
        r = np.abs(values.correlation(symbol))
        np.fill_diagonal(r, np.nan)
        for place, function in enumerate(functions):
            known = not np.isnan(r[place]).all()
            other = int(np.nanargmax(r[place])) if known else place
            rows.append(
                FunctionRow(
                    element=symbol,
                    number=place,
                    function=str(function),
                    kept="yes" if function in kept[symbol] else "no",
                    minimum=float(G[:, place].min()),
                    maximum=float(G[:, place].max()),
                    mean=float(G[:, place].mean()),
                    sigma=float(G[:, place].std(ddof=1)) if len(G) > 1 else 0.0,
                    correlation=float(r[place, other]) if known else None,
                    like=other if known else None,
                    cost=float(costs[symbol][place]),
                    sensitivity=None if sensitivity is None else float(sensitivity[symbol][place]),
                )
            )
    return rows
