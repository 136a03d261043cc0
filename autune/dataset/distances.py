"""Distances between neighbours: how far atoms can see, and whether the units can be right."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from autune.structures import Structure
from autune.units import UNIT_SYSTEMS, UnitName

POSSIBLE = (0.5, 6.0)
"""Smallest and largest distance of nearest neighbours (Angstrom) of which nobody is warned."""

N_NAMED = 5
"""Structures that a warning names."""

N_MEASURED = 50
"""Structures, at least, by which units are told from each other where there are more."""


def warn_of_distances(structures: Sequence[Structure]) -> None:
    """Warn by name of structures whose nearest neighbours are too near or too far to be right.

    A crystal, molecule or surface has a neighbour between 0.5 and 6 Angstrom; others are in
    another unit, or damaged.  A single atom without neighbours is none of them.

    Warns
    -----
    UserWarning
        With the structures and their shortest distances.
    """
    low, high = POSSIBLE
    strange = []
    for s in structures:
        distance, _ = shortest_distance(s)
        if distance is None and s.n_atoms > 1:
            strange.append(f"{s.name or 'a structure'} (above {SEARCHED[-1]:g})")
        elif distance is not None and not low <= distance <= high:
            strange.append(f"{s.name or 'a structure'} ({distance:.3g})")
    if strange:
        more = f" and {len(strange) - N_NAMED} more" if len(strange) > N_NAMED else ""
        warnings.warn(
            f"{len(strange)} of {len(structures)} structures have nearest neighbours nearer than "
            f"{low:g} or further than {high:g} Angstrom, which hardly can be: "
            f"{', '.join(strange[:N_NAMED])}{more}; see whether they are in another unit "
            f"(dataset.units, --data-units: {', '.join(UNIT_SYSTEMS)}), or remove them",
            UserWarning,
            stacklevel=2,
        )


def likely_units(structures: Sequence[Structure]) -> tuple[UnitName, dict[UnitName, float]]:
    """Propose the unit system of structures that were read as if in Angstrom.

    Parameters
    ----------
    structures
        With the numbers of their file.

    Returns
    -------
    name
        The system in which the distances of atoms from their nearest neighbours, in the median,
        come nearest to the sum of the covalent radii.
    ratios
        That median over the sum of the radii, in each system; NaN where no atom has a neighbour.
    """
    some = structures[:: max(1, len(structures) // N_MEASURED)]
    found = np.concatenate([_nearest_of_atoms(s) for s in some])
    found = found[np.isfinite(found)]
    median = float(np.median(found)) if len(found) else float("nan")
    ratios = {name: median * system.length for name, system in UNIT_SYSTEMS.items()}
    if not len(found):
        return "ev-angstrom", ratios
    return min(ratios, key=lambda name: abs(np.log(ratios[name]))), ratios


SEARCHED = (3.5, 7.0, 14.0)
"""Radii (Angstrom) within which nearest neighbours are looked for, one after the other."""


def _nearest_of_atoms(structure: Structure) -> NDArray[Any]:
    """Distance of each atom's nearest neighbour over the sum of the covalent radii, or infinite."""
    nearest = np.full(structure.n_atoms, np.inf)
    radii = covalent_radii[structure.numbers]
    for cutoff in SEARCHED:
        i, j, d = _neighbours(structure, "ijd", cutoff)
        np.minimum.at(nearest, i, d / (radii[i] + radii[j]))
        if np.isfinite(nearest).all():
            break
    return nearest


def shortest_distance(structure: Structure) -> tuple[float | None, float | None]:
    """Shortest distance (Angstrom), and shortest relative to the sum of covalent radii."""
    for cutoff in SEARCHED:
        i, j, d = _neighbours(structure, "ijd", cutoff)
        if len(d):
            radii = covalent_radii[structure.numbers]
            return float(d.min()), float((d / (radii[i] + radii[j])).min())
    return None, None


def n_without_neighbours(structure: Structure, r_cutoff: float) -> int:
    """Count the atoms without neighbours within a radius (Angstrom)."""
    (first,) = _neighbours(structure, "i", r_cutoff)
    return int((np.bincount(first, minlength=structure.n_atoms) == 0).sum())


def _neighbours(structure: Structure, quantities: str, cutoff: float) -> tuple[NDArray[Any], ...]:
    s = structure
    if s.cell is not None:
        arrays = neighbour_list(
            quantities, positions=s.positions, cell=s.cell, pbc=[True] * 3, cutoff=cutoff
        )
    else:  # a box around the cluster: a flat one would have no volume
        box = np.diag(np.ptp(s.positions, axis=0) + 2.0)
        arrays = neighbour_list(
            quantities, positions=s.positions - s.positions.min(axis=0) + 1.0, cell=box,
            pbc=[False] * 3, cutoff=cutoff,
        )  # fmt: skip
    return arrays if isinstance(arrays, tuple) else (arrays,)
