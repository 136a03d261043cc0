"""From a few rule parameters to the symmetry functions of a potential."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import NamedTuple

from ase.data import atomic_numbers, chemical_symbols

from autune.architecture import (
    ANGULAR_NARROW,
    ANGULAR_WIDE,
    COMPACT_NARROW,
    COMPACT_RADIAL,
    COMPACT_WIDE,
    RADIAL,
    WEIGHTED_ANGULAR,
    WEIGHTED_COMPACT_NARROW,
    WEIGHTED_COMPACT_RADIAL,
    WEIGHTED_COMPACT_WIDE,
    WEIGHTED_RADIAL,
    Activation,
    Architecture,
    SymmetryFunction,
)
from autune.errors import ConfigError
from autune.potential.compact_grid import compact_functions
from autune.potential.rules import rule_functions
from autune.settings import PotentialSettings
from autune.symmetry_lines import parse_symmetry_function
from autune.units import UNIT_SYSTEMS


class Basis(NamedTuple):
    """Parameters that every combination of elements gets.

    Parameters
    ----------
    radial
        eta in 1/Angstrom^2.
    angular
        (eta in 1/Angstrom^2, lambda, zeta).
    """

    radial: tuple[float, ...]
    angular: tuple[tuple[float, float, float], ...]


def _angular(etas: tuple[float, ...]) -> tuple[tuple[float, float, float], ...]:
    """Three etas with lambda 1, three with lambda -1, in turn for zeta 2, 3, 4."""
    return tuple(
        (eta, 1.0 if place % 6 < 3 else -1.0, float(2 + place // 6))
        for place, eta in enumerate(etas)
    )


# After Loeffler et al., ChemCatChem 12, 4796 (2020).  The radial etas double; the angular ones
# rise by 0.005.
GOLD_STUDY = Basis(
    (0.006428, 0.012856, 0.025712, 0.051424, 0.102848, 0.205696, 0.411392, 0.822784),
    _angular((
        0.000357, 0.005357, 0.010357, 0.015357, 0.020357, 0.025357,
        0.030357, 0.035357, 0.040357, 0.045357, 0.050357, 0.055357,
        0.060357, 0.065357, 0.070357, 0.075357, 0.080357, 0.085357,
    )),
)  # fmt: skip

# The same as once printed, with four numbers that break the sequences.
GOLD_STUDY_PRINTED = Basis(
    (0.006428, 0.012856, 0.010357, 0.051424, 0.102848, 0.205696, 0.411392, 0.822784),
    _angular((
        0.000357, 0.005357, 0.010357, 0.015357, 0.020357, 0.025357,
        0.030357, 0.035357, 0.040357, 0.045357, 0.050357, 0.055357,
        0.60357, 0.65357, 0.70357, 0.075357, 0.080357, 0.085357,
    )),
)  # fmt: skip

BASES = {
    "gold_study": GOLD_STUDY,
    "gold_study_printed": GOLD_STUDY_PRINTED,
    None: Basis((), ()),
}


WEIGHTED = {
    RADIAL: WEIGHTED_RADIAL,
    ANGULAR_NARROW: WEIGHTED_ANGULAR,
    COMPACT_RADIAL: WEIGHTED_COMPACT_RADIAL,
    COMPACT_NARROW: WEIGHTED_COMPACT_NARROW,
    COMPACT_WIDE: WEIGHTED_COMPACT_WIDE,
}
"""Kinds, and those that sum over all elements."""


def build_architecture(settings: PotentialSettings) -> Architecture:
    """Write out the symmetry functions and networks that settings describe.

    Every element gets the radial functions for every neighbouring element and the angular
    functions for every pair of neighbouring elements, in n2p2's order; explicit lines are taken as
    they are.  A common r_shift below 0 moves the radial functions alone: n2p2 and LAMMPS take 0 in
    its place for angular functions, so that is what is trained and written.  Atom energies that are
    to be fitted are left out.

    Raises
    ------
    ConfigError
        If an element is unknown or two symmetry functions are equal.
    """
    given = {} if settings.atom_energies == "fit" else settings.atom_energies
    for symbol in settings.elements:
        _check_symbol(symbol)
    elements = tuple(sorted(settings.elements, key=atomic_numbers.__getitem__))
    functions = {
        symbol: tuple(sorted(found, key=lambda f: f.sort_key))
        for symbol, found in _all_functions(elements, settings).items()
    }
    for of_element in functions.values():
        _refuse_equal(of_element)
    return Architecture(
        elements=elements,
        symmetry_functions=functions,
        cutoff_type=settings.cutoff_type,
        hidden_layers=settings.hidden_layers,
        activations=(
            *_of_layers(settings),
            settings.output_activation,
        ),
        inner_cutoff=settings.inner_cutoff,
        normalize_nodes=settings.normalize_nodes,
        scaling=settings.scaling,
        scale_min=settings.scale_min,
        scale_max=settings.scale_max,
        atom_energies=dict(given),
        length_unit=UNIT_SYSTEMS[settings.units].length,
        energy_unit=UNIT_SYSTEMS[settings.units].energy,
    )


def _of_layers(settings: PotentialSettings) -> tuple[Activation, ...]:
    """Activation of each hidden layer."""
    given = settings.activation
    return given if isinstance(given, tuple) else (given,) * settings.n_hidden_layers


def _refuse_equal(functions: Sequence[SymmetryFunction]) -> None:
    equal = [str(f) for f, times in Counter(functions).items() if times > 1]
    if equal:
        raise ConfigError(
            "potential.symmetry_functions",
            f"{len(equal)} symmetry functions are there twice, the first is {equal[0]}; "
            "give each its own eta, lambda or zeta",
        )


def _all_functions(
    elements: tuple[str, ...], settings: PotentialSettings
) -> dict[str, list[SymmetryFunction]]:
    """Functions per central element: those that are listed one by one, or by the rules."""
    lines = settings.symmetry_functions.explicit
    if not lines:
        functions = list(_functions(elements, settings))
        if settings.symmetry_functions.weighted:
            functions = list(dict.fromkeys(map(_weighted, functions)))
        return dict.fromkeys(elements, functions)
    explicit: dict[str, list[SymmetryFunction]] = {symbol: [] for symbol in elements}
    key = "potential.symmetry_functions.explicit"
    for place, line in enumerate(lines):
        try:
            symbol, function = parse_symmetry_function(line.split(), elements)
        except ValueError as error:
            raise ConfigError(f"{key}.{place}", f"{error}, in the line {line!r}") from None
        explicit[symbol].append(function)
    for symbol, found in explicit.items():
        if not found:
            raise ConfigError(key, f"{symbol} has no symmetry function; add lines '{symbol} ...'")
    return explicit


def _functions(
    elements: tuple[str, ...], settings: PotentialSettings
) -> Iterator[SymmetryFunction]:
    """Functions of one central element; they are the same for all."""
    rules = settings.symmetry_functions
    length = UNIT_SYSTEMS[settings.units].length
    if rules.compact is not None:
        yield from compact_functions(rules.compact, elements, settings.cutoff_radius)
        return
    if rules.rule is not None:
        yield from rule_functions(rules.rule, elements, settings.cutoff_radius, length)
        return
    radial, angular = rules.radial, rules.angular
    basis = BASES[rules.basis]
    # A named basis is in 1/Angstrom^2.
    per_area = length**2
    own = [eta * per_area for eta in basis.radial]
    etas = (own if radial.eta is None else radial.eta)[:: rules.every]
    own_triples = [(eta * per_area, lambda_, zeta) for eta, lambda_, zeta in basis.angular]
    triples = own_triples if angular.functions is None else angular.functions
    triples = triples[:: rules.every]
    shift_radial = rules.r_shift if radial.r_shift is None else radial.r_shift
    shift_angular = max(0.0, rules.r_shift) if angular.r_shift is None else angular.r_shift
    kind = ANGULAR_NARROW if angular.kind == "narrow" else ANGULAR_WIDE
    r_cutoff = settings.cutoff_radius
    for symbol in elements:
        for eta in etas:
            yield SymmetryFunction(
                RADIAL, (symbol,), eta * radial.eta_factor, shift_radial, r_cutoff
            )
    for pair in combinations_with_replacement(elements, 2):
        for eta, lambda_, zeta in triples:
            yield SymmetryFunction(
                kind, pair, eta * angular.eta_factor, shift_angular, r_cutoff, lambda_, zeta
            )


def _weighted(function: SymmetryFunction) -> SymmetryFunction:
    """Return the function of neighbours of all elements that has the same parameters."""
    kind = WEIGHTED.get(function.kind)
    if kind is None:
        raise ConfigError(
            "potential.symmetry_functions.weighted",
            f"type {function.kind} has no weighted form; choose narrow angular functions, or leave "
            "weighted out",
        )
    return replace(function, kind=kind, neighbours=())


def _check_symbol(symbol: str) -> None:
    if symbol not in chemical_symbols[1:]:
        near = difflib.get_close_matches(symbol.capitalize(), chemical_symbols[1:], n=1, cutoff=0)
        raise ConfigError(
            "potential.elements",
            f"{symbol!r} is not a chemical symbol; the nearest is {near[0]}",
        )
