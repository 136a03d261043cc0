"""n2p2's ``input.nn``: the architecture of a potential, and the keywords of its training.

Unlike n2p2, which takes whatever is no number for 0, every word is checked.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ase.data import atomic_numbers

from autune.architecture import (
    ACTIVATIONS,
    CUTOFF_TYPES,
    RADIAL,
    Activation,
    Architecture,
    CutoffType,
    ScalingMode,
    SymmetryFunction,
)
from autune.errors import ExportMismatch, FormatError
from autune.formats.keywords import Keywords, Line

LETTERS = dict(zip("ltsprgcSeh", ACTIVATIONS, strict=True))
"""Letters of the activation functions."""

SCALING_KEYWORDS: dict[ScalingMode, tuple[str, ...]] = {
    "none": (),
    "scale": ("scale_symmetry_functions",),
    "center": ("center_symmetry_functions",),
    "scale_center": ("scale_symmetry_functions", "center_symmetry_functions"),
    "sigma": ("scale_symmetry_functions_sigma",),
}

NORMALIZATION = ("mean_energy", "conv_energy", "conv_length")
PER_ELEMENT = {"element_nodes_short", "element_hidden_layers_short", "element_activation_short"}
LARGEST_SCALE = 1e6
LARGEST_ETA, LARGEST_ZETA, LARGEST_LENGTH = 1e15, 1000.0, 100.0
"""Beyond, a symmetry function is 0 or takes for ever; lengths are Angstrom or Bohr."""

FUNCTION_LAYOUTS = {
    2: "X 2 Y eta rs rc",
    3: "X 3 Y Z eta lambda zeta rc [rs]",
    9: "X 9 Y Z eta lambda zeta rc [rs]",
}


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
    hidden_layers, activations = _network(keywords)
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
    for keyword in sorted(PER_ELEMENT):
        line = keywords.get(keyword)
        if line is not None:
            raise line.error("not supported; autune gives the networks of all elements one form")
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


def _network(keywords: Keywords) -> tuple[tuple[int, ...], tuple[Activation, ...]]:
    layers = keywords.need("global_hidden_layers_short")
    layers.expect(1, "one whole number")
    n_layers = layers.count(0)
    nodes = keywords.need("global_nodes_short")
    nodes.expect(n_layers, f"the neurons of {n_layers} hidden layers")
    hidden = tuple(nodes.count(index) for index in range(n_layers))
    if not hidden or min(hidden) < 1:
        raise nodes.error("expected at least one hidden layer, each with at least one neuron")
    letters = keywords.need("global_activation_short")
    letters.expect(n_layers + 1, f"letters for {n_layers} hidden layers and the output")
    for letter in letters.words:
        if letter not in LETTERS:
            raise letters.error(f"expected letters of {' '.join(LETTERS)}, found {letter!r}")
    return hidden, tuple(LETTERS[letter] for letter in letters.words)


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
        _known_element(line, line.words[0], elements)
        if line.words[0] in energies:
            raise line.error(f"{line.words[0]} is given twice; remove one")
        energies[line.words[0]] = line.value(1)
    return energies


def _known_element(line: Line, symbol: str, elements: tuple[str, ...]) -> str:
    if symbol not in elements:
        raise line.error(f"expected one of the elements {' '.join(elements)}, found {symbol!r}")
    return symbol


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
        found.sort(key=lambda function: function.sort_key)
    return {
        element: tuple(_without_ignored_shift(function) for function in found)
        for element, found in functions.items()
    }


def _symmetry_function(line: Line, elements: tuple[str, ...]) -> tuple[str, SymmetryFunction]:
    words = line.words
    if len(words) < 2:
        raise line.error(f"expected {' or '.join(FUNCTION_LAYOUTS.values())}")
    kind = line.count(1)
    if kind not in FUNCTION_LAYOUTS:
        raise line.error(f"type {kind} is not supported; autune knows types 2, 3 and 9")
    n_neighbours = 1 if kind == RADIAL else 2
    allowed = (6,) if kind == RADIAL else (8, 9)
    if len(words) not in allowed:
        raise line.error(f"expected {FUNCTION_LAYOUTS[kind]}, found {' '.join(words)!r}")
    for symbol in (words[0], *words[2 : 2 + n_neighbours]):
        _known_element(line, symbol, elements)
    values = [line.value(index) for index in range(2 + n_neighbours, len(words))]
    if kind == RADIAL:
        eta, r_shift, r_cutoff = values
        lambda_ = zeta = 0.0
    else:
        eta, lambda_, zeta, r_cutoff, r_shift = (*values, 0.0)[:5]
        if abs(lambda_) != 1.0:
            raise line.error(f"expected lambda -1 or 1, found {lambda_:g}")
        if not 0.0 < zeta <= LARGEST_ZETA:
            raise line.error(f"expected zeta above 0, up to {LARGEST_ZETA:g}; found {zeta:g}")
        if r_shift < 0.0:
            warnings.warn(
                f"{line.path}, line {line.number}: n2p2 and LAMMPS ignore a negative r_shift "
                f"({r_shift:g}) of angular functions; 0 is used",
                UserWarning,
                stacklevel=5,
            )
    if not 0.0 <= eta <= LARGEST_ETA:
        raise line.error(f"expected eta from 0 to {LARGEST_ETA:g}, found {eta:g}")
    if not 0.0 < r_cutoff <= LARGEST_LENGTH:
        message = f"expected a cutoff radius above 0, up to {LARGEST_LENGTH:g}; found {r_cutoff:g}"
        raise line.error(message)
    if abs(r_shift) > LARGEST_LENGTH:
        raise line.error(f"expected r_shift up to {LARGEST_LENGTH:g}, found {r_shift:g}")
    neighbours = tuple(words[2 : 2 + n_neighbours])
    return words[0], SymmetryFunction(kind, neighbours, eta, r_shift, r_cutoff, lambda_, zeta)


def _without_ignored_shift(function: SymmetryFunction) -> SymmetryFunction:
    if function.kind == RADIAL or function.r_shift >= 0.0:
        return function
    return replace(function, r_shift=0.0)


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
        If an angular function has a negative r_shift, which n2p2 and LAMMPS ignore.
    """
    a = architecture
    letter = {name: letter for letter, name in LETTERS.items()}
    lines = [f"# {line}" for line in title.splitlines()]
    lines += [
        _entry("number_of_elements", len(a.elements)),
        _entry("elements", *a.elements),
        *(_entry("atom_energy", symbol, energy) for symbol, energy in a.atom_energies.items()),
    ]
    if (a.mean_energy, a.conv_energy, a.conv_length) != (0.0, 1.0, 1.0):
        lines += [_entry(keyword, getattr(a, keyword)) for keyword in NORMALIZATION]
    lines += [
        _entry("cutoff_type", CUTOFF_TYPES.index(a.cutoff_type), a.inner_cutoff),
        *(_entry(keyword) for keyword in SCALING_KEYWORDS[a.scaling]),
        _entry("scale_min_short", a.scale_min),
        _entry("scale_max_short", a.scale_max),
        _entry("global_hidden_layers_short", len(a.hidden_layers)),
        _entry("global_nodes_short", *a.hidden_layers),
        _entry("global_activation_short", *(letter[name] for name in a.activations)),
        *([_entry("normalize_nodes")] if a.normalize_nodes else []),
        *(_entry(keyword, arguments) for keyword, arguments in keywords.items()),
    ]
    for element in a.elements:
        lines += [_function_entry(element, f) for f in a.symmetry_functions[element]]
    return "\n".join(lines) + "\n"


def _entry(keyword: str, *values: str | float) -> str:
    words = [value if isinstance(value, str) else repr(value) for value in values]
    return f"{keyword:<30} {' '.join(words)}".rstrip()


def _function_entry(element: str, function: SymmetryFunction) -> str:
    f = function
    if f.kind == RADIAL:
        return _entry(
            "symfunction_short", element, f.kind, *f.neighbours, f.eta, f.r_shift, f.r_cutoff
        )
    if f.r_shift < 0.0:
        raise ExportMismatch(
            f"{f} of {element}: n2p2 and LAMMPS ignore a negative r_shift of angular functions, "
            "so they would run another potential; set it to 0 or more"
        )
    return _entry(
        "symfunction_short", element, f.kind, *f.neighbours,
        f.eta, f.lambda_, f.zeta, f.r_cutoff, f.r_shift,
    )  # fmt: skip
