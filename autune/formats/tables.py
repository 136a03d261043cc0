"""n2p2's tables of numbers: ``scaling.data`` and ``weights.ZZZ.data``.

Lines that begin with ``#`` are skipped.  Numbers are written with 17 digits, which give back
every double exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autune.architecture import Architecture
from autune.errors import FormatError, short
from autune.formats.files import open_text, write_text
from autune.structures import FloatArray

RULE = "#" * 80
SCALING_HEADER = f"""\
{RULE}
# Symmetry function scaling data.
{RULE}
# Col  Name     Description
{RULE}
# 1    e_index  Element index.
# 2    sf_index Symmetry function index.
# 3    sf_min   Symmetry function minimum.
# 4    sf_max   Symmetry function maximum.
# 5    sf_mean  Symmetry function mean.
# 6    sf_sigma Symmetry function sigma.
{RULE}
"""
WEIGHTS_HEADER = f"""\
{RULE}
# Neural network connection values (weights and biases).
{RULE}
# Col  Name       Description
{RULE}
# 1    connection Neural network connection value.
# 2    t          Connection type (a = weight, b = bias).
# 3    index      Index enumerating weights.
# 4    l_s        Starting point layer (end point layer for biases).
# 5    n_s        Starting point neuron in starting layer (end point neuron for biases).
# 6    l_e        End point layer.
# 7    n_e        End point neuron in end layer.
{RULE}
"""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Statistics of the symmetry functions of one element, unscaled.

    Parameters
    ----------
    minimum, maximum, mean
        Over all atoms of the element, shape (n_functions,).
    sigma
        Standard deviation (n - 1), shape (n_functions,); NaN where an old file has none.
    """

    minimum: FloatArray
    maximum: FloatArray
    mean: FloatArray
    sigma: FloatArray


def read_scaling(path: str | Path, architecture: Architecture) -> dict[str, Scaling]:
    """Read a ``scaling.data``: lines of element, function, minimum, maximum, mean, sigma.

    Files without header, without sigma, and with the last line that RuNNer adds are read too.

    Returns
    -------
    dict
        Statistics per element, in the order of the architecture's symmetry functions.

    Raises
    ------
    FormatError
        If lines are missing, too many, out of order, or no numbers.
    """
    lines = _data_lines(path)
    scaling = {}
    n = 0
    for e_index, element in enumerate(architecture.elements, start=1):
        n_functions = len(architecture.symmetry_functions[element])
        rows = []
        for sf_index in range(1, n_functions + 1):
            n, words = next(lines, (n, []))
            if not words:
                message = f"expected function {sf_index} of {n_functions} of {element}, found the "
                raise FormatError(path, None, message + "end of the file; is it of this input.nn?")
            rows.append(_scaling_row(path, n, words, (e_index, sf_index)))
        scaling[element] = Scaling(*np.array(rows).T.copy())
        if architecture.scaling == "sigma" and np.isnan(scaling[element].sigma).any():
            message = f"has no sigma of {element}, which scale_symmetry_functions_sigma needs"
            raise FormatError(path, None, message)
    for n, words in lines:
        if len(words) > 3:  # RuNNer's last line: two or three numbers about energies
            raise FormatError(path, n, "found more functions than input.nn has; is it of this one?")
    return scaling


def write_scaling(
    path: str | Path, architecture: Architecture, scaling: Mapping[str, Scaling]
) -> None:
    """Write a ``scaling.data``.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    lines = []
    for e_index, element in enumerate(architecture.elements, start=1):
        s = scaling[element]
        columns = (s.minimum, s.maximum, s.mean, s.sigma)
        for sf_index, row in enumerate(np.column_stack(columns).tolist(), start=1):
            numbers = " ".join(f"{value:24.16E}" for value in row if not math.isnan(value))
            lines.append(f"{e_index:10d} {sf_index:10d} {numbers}\n")
    write_text(path, SCALING_HEADER + "".join(lines))


def read_weights(
    path: str | Path, n_expected: int, layer_sizes: tuple[int, ...] | None = None
) -> FloatArray:
    """Read the first column of a ``weights.ZZZ.data``.

    Parameters
    ----------
    path
        The file.
    n_expected
        Number of weights and biases of the network.
    layer_sizes
        Neurons per layer: where lines have n2p2's other columns, these must fit.

    Returns
    -------
    array
        Shape (n_expected,): layer by layer the weights (row-major: source neuron, target neuron),
        then the biases.

    Raises
    ------
    FormatError
        If there are more or fewer lines, no numbers, or columns of another network.
    """
    labels = None if layer_sizes is None else _weight_labels(layer_sizes)
    values = []
    for n, words in _data_lines(path):
        values.append(_number(path, n, words[0]))
        expected = next(labels, None) if labels else None
        if len(words) > 1 and expected is not None and words[1:] != expected.split():
            raise FormatError(
                path,
                n,
                f"expected the columns 'weight {' '.join(expected.split())}', found "
                f"{short(' '.join(words[1:]))}; is it sorted otherwise, or of another network?",
            )
    if len(values) != n_expected:
        raise FormatError(
            path,
            None,
            f"expected {n_expected} weights, found {len(values)}; is it of this input.nn?",
        )
    return np.array(values)


def write_weights(path: str | Path, weights: FloatArray, layer_sizes: tuple[int, ...]) -> None:
    """Write a ``weights.ZZZ.data`` with n2p2's columns.

    Parameters
    ----------
    path
        The file.
    weights
        Shape (n_weights,), in the order of `read_weights`.
    layer_sizes
        Neurons per layer, inputs and output included.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    labels = _weight_labels(layer_sizes)
    lines = [
        f"{value:24.16E} {label}\n" for value, label in zip(weights.tolist(), labels, strict=True)
    ]
    write_text(path, WEIGHTS_HEADER + "".join(lines))


def _weight_labels(layer_sizes: tuple[int, ...]) -> Iterator[str]:
    index = 0
    for layer in range(1, len(layer_sizes)):
        n_sources, n_targets = layer_sizes[layer - 1 : layer + 1]
        for source in range(1, n_sources + 1):
            for target in range(1, n_targets + 1):
                index += 1
                yield f"a {index:9d} {layer - 1:5d} {source:5d} {layer:5d} {target:5d}"
        for target in range(1, n_targets + 1):
            index += 1
            yield f"b {index:9d} {layer:5d} {target:5d}"


def _data_lines(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as stream:
        for n, line in enumerate(stream, start=1):
            words = line.split()
            if words and not line.startswith("#"):
                yield n, words


def _scaling_row(
    path: str | Path, n: int, words: list[str], indices: tuple[int, int]
) -> list[float]:
    if len(words) not in (5, 6):
        message = f"expected element, function, min, max, mean, sigma; found {len(words)} words"
        raise FormatError(path, n, message)
    if words[:2] != [str(index) for index in indices]:
        message = (
            f"expected element {indices[0]}, function {indices[1]}; found {words[0][:40]}, "
            f"{words[1][:40]}; is a line missing, or is it of another input.nn?"
        )
        raise FormatError(path, n, message)
    values = [_number(path, n, word) for word in words[2:]]
    return values if len(values) == 4 else [*values, math.nan]


def _number(path: str | Path, n: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise FormatError(path, n, f"expected a number, found {short(word)}") from None
    if not math.isfinite(value):
        raise FormatError(path, n, f"expected a finite number, found {short(word)}")
    return value
