"""n2p2's ``input.nn``: the architecture of a potential, and the keywords of its training.

Unlike n2p2, which takes whatever is no number for 0, every word is checked.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase.data import atomic_numbers

from autune.architecture import (
    CUTOFF_TYPES,
    Architecture,
    CutoffType,
    ScalingMode,
    SymmetryFunction,
)
from autune.errors import ExportMismatch, FormatError
from autune.formats.keywords import Keywords, Line, entry
from autune.formats.networks import network_entries, read_network
from autune.symmetry_lines import parse_symmetry_function, symmetry_function_words

SCALING_KEYWORDS: dict[ScalingMode, tuple[str, ...]] = {
    "none": (),
    "scale": ("scale_symmetry_functions",),
    "center": ("center_symmetry_functions",),
    "scale_center": ("scale_symmetry_functions", "center_symmetry_functions"),
    "sigma": ("scale_symmetry_functions_sigma",),
}

NORMALIZATION = ("mean_energy", "conv_energy", "conv_length")
LARGEST_SCALE = 1e6


def read_input_nn(
    path: str | Path, length_unit: float = 1.0, energy_unit: float = 1.0
) -> tuple[Architecture, dict[str, list[str]]]:
    """Read an ``input.nn``.

    Parameters
    ----------
    path
        The file.
    length_unit
        Angstrom in one length unit of the file; kept in the architecture, nothing is converted.
    energy_unit
        eV in one energy unit of the file; the same.

    Returns
    -------
    architecture
        The form of the potential.
    keywords
        Arguments of all other keywords (training), an empty list for switches; second names such
        as ``energy_fraction`` appear as ``short_energy_fraction``.

    Raises
    ------
    FormatError
        With the line that is wrong or not supported.

    Warns
    -----
    UserWarning
        If an angular function has a negative r_shift: n2p2 and LAMMPS take 0 for it, and so does
        the architecture.
    """
    path = Path(path)
    keywords = Keywords.read(path)
    _refuse_other_potentials(keywords)
    elements = _elements(keywords)
    hidden_layers, activations = read_network(keywords, elements)
    cutoff_type, inner_cutoff = _cutoff(keywords)
    mean_energy, conv_energy, conv_length = _normalization(keywords)
    architecture = Architecture(
        elements=elements,
        symmetry_functions=_symmetry_functions(keywords, elements),
        cutoff_type=cutoff_type,
        inner_cutoff=inner_cutoff,
        hidden_layers=hidden_layers,
        activations=activations,
        normalize_nodes=keywords.on("normalize_nodes"),
        scaling=_scaling(keywords),
        scale_min=_scale_end(keywords, "scale_min_short", 0.0),
        scale_max=_scale_end(keywords, "scale_max_short", 1.0),
        atom_energies=_atom_energies(keywords, elements),
        mean_energy=mean_energy,
        conv_energy=conv_energy,
        conv_length=conv_length,
        length_unit=length_unit,
        energy_unit=energy_unit,
    )
    return architecture, keywords.rest()


def _refuse_other_potentials(keywords: Keywords) -> None:
    line = keywords.get("nnp_type")
    if line is not None and not (line.words and line.words[0].startswith("2")):
        found = " ".join(line.words)
        raise line.error(f"expected 2G (short range only), found {found!r}; not supported")


def _elements(keywords: Keywords) -> tuple[str, ...]:
    line = keywords.need("elements")
    for symbol in line.words:
        if atomic_numbers.get(symbol, 0) == 0:
            raise line.error(f"expected chemical symbols, found {symbol!r}")
    if not line.words or len(set(line.words)) != len(line.words):
        raise line.error("expected different chemical symbols")
    number = keywords.need("number_of_elements")
    number.expect(1, "one whole number")
    if number.count(0) != len(line.words):
        found = f"{number.words[0]}, but elements lists {len(line.words)}"
        raise number.error(f"expected the number of elements, found {found}")
    return tuple(sorted(line.words, key=atomic_numbers.__getitem__))


def _cutoff(keywords: Keywords) -> tuple[CutoffType, float]:
    line = keywords.need("cutoff_type")
    if len(line.words) not in (1, 2):
        raise line.error(f"expected a type and alpha at most, found {' '.join(line.words)!r}")
    code = line.count(0)
    if code >= len(CUTOFF_TYPES):
        raise line.error(f"expected 0 to {len(CUTOFF_TYPES) - 1}, found {code}")
    alpha = line.value(1) if len(line.words) == 2 else 0.0
    if not 0.0 <= alpha < 1.0:
        raise line.error(f"expected alpha from 0 to less than 1, found {alpha:g}")
    return CUTOFF_TYPES[code], alpha


def _scaling(keywords: Keywords) -> ScalingMode:
    scale = keywords.on("scale_symmetry_functions")
    center = keywords.on("center_symmetry_functions")
    sigma = keywords.on("scale_symmetry_functions_sigma")
    if scale or center:  # n2p2 looks at sigma only if neither of the others is there
        return "scale_center" if scale and center else "scale" if scale else "center"
    return "sigma" if sigma else "none"


def _scale_end(keywords: Keywords, keyword: str, default: float) -> float:
    end = keywords.number(keyword, default)
    if abs(end) > LARGEST_SCALE:
        message = f"expected a number from -{LARGEST_SCALE:g} to {LARGEST_SCALE:g}, found {end:g}"
        raise keywords.need(keyword).error(message)
    return end


def _normalization(keywords: Keywords) -> tuple[float, float, float]:
    given = [keyword for keyword in NORMALIZATION if keywords.get(keyword) is not None]
    if given and len(given) < len(NORMALIZATION):
        line = keywords.need(given[0])
        raise line.error(f"expected all of {', '.join(NORMALIZATION)} or none; add the others")
    for keyword in given[1:] if given else ():
        if keywords.number(keyword, 1.0) <= 0.0:
            raise keywords.need(keyword).error("expected a positive number")
    return (
        keywords.number("mean_energy", 0.0),
        keywords.number("conv_energy", 1.0),
        keywords.number("conv_length", 1.0),
    )


def _atom_energies(keywords: Keywords, elements: tuple[str, ...]) -> dict[str, float]:
    energies: dict[str, float] = {}
    for line in keywords.all("atom_energy"):
        line.expect(2, "an element and its energy")
        line.one_of(0, elements)
        if line.words[0] in energies:
            raise line.error(f"{line.words[0]} is given twice; remove one")
        energies[line.words[0]] = line.value(1)
    return energies


def _symmetry_functions(
    keywords: Keywords, elements: tuple[str, ...]
) -> dict[str, tuple[SymmetryFunction, ...]]:
    """Read all symmetry functions and put them into n2p2's order.

    n2p2 sorts by the r_shift of the file, also where it then ignores it.
    """
    functions: dict[str, list[SymmetryFunction]] = {element: [] for element in elements}
    for line in keywords.all("symfunction_short"):
        element, function = _symmetry_function(line, elements)
        functions[element].append(function)
    for element, found in functions.items():
        if not found:
            message = f"element {element} has no symmetry function; add symfunction_short lines"
            raise FormatError(keywords.path, None, message)
        found.sort(key=_sort_key)
    return {
        element: tuple(_without_ignored_shift(function) for function in found)
        for element, found in functions.items()
    }


def _symmetry_function(line: Line, elements: tuple[str, ...]) -> tuple[str, SymmetryFunction]:
    try:
        element, function = parse_symmetry_function(line.words, elements)
    except ValueError as error:
        raise line.error(str(error)) from None
    if function.ignores_shift:
        warnings.warn(
            f"{line.path}, line {line.number}: n2p2 and LAMMPS ignore a negative r_shift "
            f"({function.r_shift:g}) of angular functions; 0 is used",
            UserWarning,
            stacklevel=5,
        )
    return element, function


def _without_ignored_shift(function: SymmetryFunction) -> SymmetryFunction:
    return replace(function, r_shift=0.0) if function.ignores_shift else function


def input_nn_text(architecture: Architecture, keywords: Mapping[str, str], title: str = "") -> str:
    """Write an architecture as ``input.nn``, with all digits.

    Parameters
    ----------
    architecture
        The form of the potential, in the units that the file will have.
    keywords
        Further keywords (training) and their arguments; an empty text for switches.
    title
        Lines of comment for the head of the file.

    Raises
    ------
    ExportMismatch
        If an angular function has a negative r_shift, which n2p2 and LAMMPS ignore, or functions
        are not in their order.
    """
    a = architecture
    lines = [f"# {line}" for line in title.splitlines()]
    lines += [
        entry("number_of_elements", len(a.elements)),
        entry("elements", *a.elements),
        *(entry("atom_energy", symbol, energy) for symbol, energy in a.atom_energies.items()),
    ]
    if (a.mean_energy, a.conv_energy, a.conv_length) != (0.0, 1.0, 1.0):
        lines += [entry(keyword, getattr(a, keyword)) for keyword in NORMALIZATION]
    lines += [
        entry("cutoff_type", CUTOFF_TYPES.index(a.cutoff_type), a.inner_cutoff),
        *(entry(keyword) for keyword in SCALING_KEYWORDS[a.scaling]),
        entry("scale_min_short", a.scale_min),
        entry("scale_max_short", a.scale_max),
        *network_entries(a),
        *([entry("normalize_nodes")] if a.normalize_nodes else []),
        *(entry(keyword, arguments) for keyword, arguments in keywords.items()),
    ]
    for element in a.elements:
        functions = a.symmetry_functions[element]
        _refuse_other_order(element, functions)
        lines += [_function_entry(element, f) for f in functions]
    return "\n".join(lines) + "\n"


def _refuse_other_order(element: str, functions: Sequence[SymmetryFunction]) -> None:
    """Refuse functions that whoever reads the file would give each other's scaling and weights."""
    for function, expected in zip(functions, sorted(functions, key=_sort_key), strict=True):
        if function != expected:
            raise ExportMismatch(
                f"{function} of {element} is where n2p2 and LAMMPS expect {expected}, so that they "
                "would run another potential; put them into their order"
            )


def _sort_key(function: SymmetryFunction) -> tuple[Any, ...]:
    return function.sort_key


def _function_entry(element: str, function: SymmetryFunction) -> str:
    if function.ignores_shift:
        raise ExportMismatch(
            f"{function} of {element}: n2p2 and LAMMPS ignore a negative r_shift of angular "
            "functions, so they would run another potential; set it to 0 or more"
        )
    return entry("symfunction_short", *symmetry_function_words(element, function))
