"""Networks in ``input.nn``: hidden layers, of all elements or of each, and activations."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

from autune.architecture import ACTIVATIONS, Activation, Architecture
from autune.formats.keywords import Keywords, Line, entry

LETTERS = dict(zip("ltsprgcSeh", ACTIVATIONS, strict=True))
"""Letters of the activation functions."""

HiddenLayers = tuple[int, ...] | dict[str, tuple[int, ...]]
"""Neurons of each hidden layer: of all elements, or per element."""


def read_network(
    keywords: Keywords, elements: tuple[str, ...]
) -> tuple[HiddenLayers, tuple[Activation, ...]]:
    """Return hidden layers and activations, the output's included.

    Raises
    ------
    FormatError
        With the line that is wrong or not supported.

    Warns
    -----
    UserWarning
        If n2p2 would read other sizes.
    """
    line = keywords.need("global_hidden_layers_short")
    line.expect(1, "one whole number")
    n_layers = line.count(0)
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
    for line in keywords.all("element_activation_short"):
        raise line.error("not supported; autune gives all elements the same activations")
    for line in keywords.all("element_hidden_layers_short"):
        line.expect(2, "an element and its number of hidden layers")
        line.one_of(0, elements)
        if line.count(1) != n_layers:
            raise line.error(f"expected {n_layers} as for all elements, found {line.words[1]}")
    return _layers_per_element(keywords, elements, hidden), tuple(
        LETTERS[letter] for letter in letters.words
    )


def _layers_per_element(
    keywords: Keywords, elements: tuple[str, ...], hidden: tuple[int, ...]
) -> HiddenLayers:
    lines = keywords.all("element_nodes_short")
    if not lines:
        return hidden
    sizes = {symbol: list(hidden) for symbol in elements}
    given: set[tuple[str, int]] = set()
    for line, layer, n in _element_nodes(lines, hidden):
        symbol = line.one_of(0, elements)
        if not 1 <= layer <= len(hidden):
            raise line.error(f"expected a layer from 1 to {len(hidden)}, found {layer}")
        if n < 1:
            raise line.error("expected at least one neuron in each layer")
        if (symbol, layer) in given:
            raise line.error(f"layer {layer} of {symbol} is given twice; remove one")
        given.add((symbol, layer))
        sizes[symbol][layer - 1] = n
    return {symbol: tuple(of_element) for symbol, of_element in sizes.items()}


def _element_nodes(
    lines: Sequence[Line], hidden: tuple[int, ...]
) -> Iterator[tuple[Line, int, int]]:
    """Yield line, layer (from 1) and neurons, of both layouts of ``element_nodes_short``.

    n2p2 2.3.0 has a line for each layer, ``X layer neurons``; the development version has one for
    each element, ``X neurons neurons ...``.  With two hidden layers they look alike: lines are of
    the second if a first number is that of no layer.
    """
    n_layers = len(hidden)
    if n_layers == 2:
        whole = any(len(line.words) == 3 and line.count(1) > 2 for line in lines)
    else:
        whole = any(len(line.words) == n_layers + 1 for line in lines)
    for line in lines:
        if not whole:
            line.expect(3, "an element, a hidden layer (1, 2, ...) and its neurons")
            yield line, line.count(1), line.count(2)
            continue
        line.expect(n_layers + 1, f"an element and the neurons of {n_layers} hidden layers")
        if line.count(n_layers) != hidden[-1]:
            warnings.warn(
                f"{line.path}, line {line.number}: n2p2's development version, which alone reads "
                f"this layout, takes {hidden[-1]} for the last hidden layer (global_nodes_short) "
                f"in place of {line.count(n_layers)}, so weights that it wrote do not fit",
                UserWarning,
                stacklevel=5,
            )
        for layer in range(1, n_layers + 1):
            yield line, layer, line.count(layer)


def network_entries(architecture: Architecture) -> list[str]:
    """Write hidden layers and activations.

    Sizes that differ between elements are written as n2p2 2.3.0, and LAMMPS with it, read them;
    n2p2's development version (master 61daa0df) would build other networks of them.
    """
    a = architecture
    letter = {name: letter for letter, name in LETTERS.items()}
    hidden = a.hidden_layers
    of_all = hidden[a.elements[0]] if isinstance(hidden, dict) else hidden
    lines = [
        entry("global_hidden_layers_short", len(of_all)),
        entry("global_nodes_short", *of_all),
    ]
    if isinstance(hidden, dict):
        lines += [
            entry("element_nodes_short", symbol, layer, n)
            for symbol in a.elements
            for layer, n in enumerate(hidden[symbol], start=1)
        ]
    return [*lines, entry("global_activation_short", *(letter[name] for name in a.activations))]
