"""Read a training directory of n2p2: input.nn, input.data, scaling.data, weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autune.architecture import Architecture
from autune.dataset import likely_units
from autune.errors import FormatError
from autune.formats.files import is_file
from autune.formats.input_data import read_input_data
from autune.formats.input_nn import read_input_nn
from autune.formats.keywords import Keywords, read_units
from autune.formats.tables import read_scaling, read_weights
from autune.potential.descriptors import element_indices
from autune.potential.model import Potential
from autune.project.keywords import training_settings
from autune.project.notes import NOT_NEEDED, UNKNOWN, Note, joined
from autune.project.weights import WeightFiles, find_weights
from autune.structures import Structure
from autune.symmetry_lines import symmetry_function_words
from autune.units import UNIT_SYSTEMS, UnitName

TEST_FRACTION = 0.1
"""Share of test structures where n2p2 had none."""


@dataclass(frozen=True, eq=False)
class Project:
    """What is in a training directory.

    Parameters
    ----------
    directory
        Where it is.
    settings
        Of autune, without the places of data and potential.
    potential
        With the weights; None where there are none.
    weights
        Where they are from.
    structures
        In eV and Angstrom.
    units
        Of all files.
    evidence
        How the units were found; empty where they were given.
    notes
        What could not be carried over.
    """

    directory: Path
    settings: dict[str, Any]
    potential: Potential | None
    weights: WeightFiles | None
    structures: tuple[Structure, ...]
    units: UnitName
    evidence: str
    notes: tuple[Note, ...]


def read_project(
    directory: str | Path, units: UnitName | None = None, epoch: int | None = None
) -> Project:
    """Read a training directory.

    Parameters
    ----------
    directory
        With input.nn and input.data, and, where it was trained, scaling.data and weights.
    units
        Of its files; None: those that the distances of neighbours speak for.
    epoch
        Of the weights; None: weights.ZZZ.data, else the newest.

    Raises
    ------
    FormatError
        With file and line, if something is missing or wrong.
    """
    directory = Path(directory)
    for name in ("input.nn", "input.data"):
        if not is_file(directory / name):
            raise FormatError(
                directory, None, f"has no file {name}; name a training directory of n2p2"
            )
    structures, units, evidence = _structures(directory, units)
    architecture, rest = read_input_nn(directory / "input.nn", *UNIT_SYSTEMS[units])
    for structure in structures:
        element_indices(structure, architecture)
    keywords = Keywords.read(directory / "input.nn")
    notes: list[Note] = []
    dataset, train = _split(keywords, structures, notes)
    dataset |= {"units": units}
    n_atoms = train * sum(s.n_atoms for s in structures) / len(structures)
    training, more = training_settings(keywords, round(train), round(3 * n_atoms))
    weights, potential = _weights(directory, keywords, architecture, rest, epoch)
    if potential is None and architecture.mean_energy != 0.0:
        reason = "without weights nothing is trained in these units; see training.normalization"
        notes.append(Note("mean_energy, conv_energy, conv_length", reason))
    unseen = keywords.rest()
    unknown = [k for k in rest if k in unseen and k not in NOT_NEEDED]
    known = [Note(k, NOT_NEEDED[k]) for k in rest if k in NOT_NEEDED]
    settings = {
        "name": _name(directory),
        "dataset": dataset,
        "potential": _form(architecture, units),
        "training": training,
    }
    notes += [*more, *known, *(Note(keyword, UNKNOWN) for keyword in unknown)]
    return Project(
        directory, settings, potential, weights, structures, units, evidence, joined(notes)
    )


def _structures(
    directory: Path, units: UnitName | None
) -> tuple[tuple[Structure, ...], UnitName, str]:
    path = directory / "input.data"
    evidence = ""
    if units is None:
        units = read_units(directory / "input.nn")
        evidence = "as input.nn says" if units else ""
    if units is None:
        units, ratios = likely_units(_some(path, read_input_data(path)))
        shares = ", ".join(f"{ratio:.2f} in {name}" for name, ratio in ratios.items())
        evidence = (
            "nearest neighbours are, in the median, at this share of the sum of their covalent "
            f"radii: {shares}"
        )
    return _some(path, read_input_data(path, *UNIT_SYSTEMS[units])), units, evidence


def _some(path: Path, structures: Iterable[Structure]) -> tuple[Structure, ...]:
    found = tuple(structures)
    if not found:
        raise FormatError(path, None, "expected structures, found none")
    return found


def _split(
    keywords: Keywords, structures: Sequence[Structure], notes: list[Note]
) -> tuple[dict[str, Any], float]:
    """Return the settings of the split, and the number of training structures."""
    fraction = keywords.number("test_fraction", TEST_FRACTION)
    if not 0.0 <= fraction < 1.0:
        message = f"expected a number from 0 to less than 1, found {fraction:g}"
        raise keywords.need("test_fraction").error(message)
    n, n_said = len(structures), sum(s.side is not None for s in structures)
    n_test = sum(s.side == "test" for s in structures)
    if n_said == n and 0 < n_test < n:
        return {"split": "file"}, float(n - n_test)
    if n_said:
        reason = f"of {n} structures {n_said} have it, {n_test} of them test; a new split is drawn"
        notes.append(Note("set=train, set=test", reason))
    if round(fraction * n) == 0:
        enough = max(TEST_FRACTION, 1.0 / n)
        reason = f"{fraction:g} leaves no test structures; autune needs some: {enough:g}"
        notes.append(Note("test_fraction", reason))
        return {"split": "random", "test_fraction": enough}, float(n)
    return {"split": "random", "test_fraction": fraction}, n * (1.0 - fraction)


def _weights(
    directory: Path,
    keywords: Keywords,
    architecture: Architecture,
    rest: dict[str, list[str]],
    epoch: int | None,
) -> tuple[WeightFiles | None, Potential | None]:
    found = find_weights(directory, architecture.elements, epoch)
    use_old = keywords.on("use_old_weights_short")
    if found is None:
        if use_old:
            raise keywords.need("use_old_weights_short").error(
                "the directory has no weights.ZZZ.data; add them or remove the keyword"
            )
        return None, None
    if not is_file(directory / "scaling.data"):
        message = "is missing, without which weights mean nothing; add it, or remove the weights"
        raise FormatError(directory / "scaling.data", None, message)
    scaling = read_scaling(directory / "scaling.data", architecture)
    a = architecture
    weights = {e: read_weights(f, a.n_weights(e), a.layer_sizes(e)) for e, f in found.files.items()}
    return found, Potential(architecture, scaling, weights, rest)


def _form(architecture: Architecture, units: UnitName) -> dict[str, Any]:
    """Return potential's settings, with every symmetry function as a line."""
    a = architecture
    hidden = a.activations[:-1]
    same = len(set(hidden)) == 1
    return {
        "elements": list(a.elements),
        "units": units,
        "cutoff_type": a.cutoff_type,
        "cutoff_radius": a.r_cutoff,
        "inner_cutoff": a.inner_cutoff,
        "hidden_layers": (
            {e: list(sizes) for e, sizes in a.hidden_layers.items()}
            if isinstance(a.hidden_layers, dict)
            else list(a.hidden_layers)
        ),
        "activation": hidden[0] if same else list(hidden),
        "output_activation": a.activations[-1],
        "normalize_nodes": a.normalize_nodes,
        "scaling": a.scaling,
        "scale_min": a.scale_min,
        "scale_max": a.scale_max,
        "atom_energies": dict(a.atom_energies),
        "symmetry_functions": {
            "explicit": [
                " ".join(symmetry_function_words(e, f))
                for e, functions in a.symmetry_functions.items()
                for f in functions
            ]
        },
    }


def _name(directory: Path) -> str:
    """Make a name out of the folder's."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "_", directory.resolve().name).lstrip("._-")
    return text[:80] or "imported"
