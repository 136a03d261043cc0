"""What is in a data set, and whether it can be trained on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from autune.dataset.composition import fit_atom_energies
from autune.dataset.content import Dataset
from autune.dataset.distances import n_without_neighbours, shortest_distance
from autune.dataset.split import BoolArray, find_duplicates
from autune.errors import ConfigError, DataError
from autune.structures import FloatArray, IntArray, Structure

FAR = 6.0
"""Robust standard deviations beyond which a value is an outlier."""

SMALLEST_SPREAD = {"energy": 1e-3, "force": 0.05}
"""Spread (eV/atom, eV/Angstrom) below which deviations in a group are not counted as large."""

TOO_SHORT = 0.6
"""Share of the sum of covalent radii below which a distance is an outlier."""


@dataclass(frozen=True)
class GroupReport:
    """Numbers of one group; ranges are None where the structures lack what they need.

    Energies per atom in eV, forces in eV/Angstrom, distances in Angstrom.
    """

    name: str
    n_structures: int
    n_atoms: int
    n_force_values: int
    n_test: int
    energy_min: float | None
    energy_max: float | None
    force_max: float | None
    force_rms: float | None
    shortest_distance: float | None


@dataclass(frozen=True)
class Outlier:
    """A structure that is unlike its group, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class DatasetReport:
    """What is in a data set: `total` over all structures, and the same for every group."""

    source: str
    fingerprint: str
    elements: tuple[str, ...]
    total: GroupReport
    groups: tuple[GroupReport, ...]
    n_without_energy: int
    n_without_forces: int
    n_clusters: int
    duplicates: tuple[tuple[str, ...], ...]
    outliers: tuple[Outlier, ...]


def check_trainable(dataset: Dataset, elements: Sequence[str], r_cutoff: float) -> None:
    """Refuse a split data set on which a potential cannot be trained.

    Parameters
    ----------
    dataset
        The data set, split.
    elements
        Elements of the potential.
    r_cutoff
        Cutoff radius in Angstrom.

    Raises
    ------
    DataError
        If a structure, also of the holdout, has no energy or no forces.
    ConfigError
        If the elements of the potential are not those of the data.

    Warns
    -----
    UserWarning
        If atoms have no neighbour within the cutoff: the potential cannot see them.
    """
    indices = sorted([*dataset.train, *dataset.test, *dataset.holdout])
    used = [dataset.structures[i] for i in indices]
    for s in used:
        if s.energy is None or s.forces is None:
            missing = "energy" if s.energy is None else "forces"
            raise DataError(f"{s.label}: has no {missing}; remove it, or leave out its group")
    _check_elements(dataset, used, elements)
    lonely = [(s, n) for s in used if (n := n_without_neighbours(s, r_cutoff))]
    if lonely:
        names = ", ".join(f"{s.name} ({n})" for s, n in lonely[:5])
        warnings.warn(
            f"{sum(n for _, n in lonely)} atoms in {len(lonely)} structures have no neighbour "
            f"within {r_cutoff:g} Angstrom, the potential cannot see them: {names}; raise "
            "potential.cutoff_radius or remove the structures",
            UserWarning,
            stacklevel=2,
        )


def describe_dataset(dataset: Dataset) -> DatasetReport:
    """Count, measure, and look for duplicates and outliers.

    An outlier has an energy or a largest force further from its group's median than six robust
    standard deviations (1.4826 times the median absolute deviation), or a distance shorter than
    0.6 times the sum of covalent radii.  Energies are compared after the subtraction of a fitted
    energy per atom of every element.
    """
    structures = dataset.structures
    nearest = [shortest_distance(s) for s in structures]
    distances = [distance for distance, _ in nearest]
    is_test = np.isin(np.arange(len(structures)), dataset.test)
    by_group = {
        group: np.array([i for i, s in enumerate(structures) if s.group == group])
        for group in dataset.groups
    }
    clusters = find_duplicates(structures)
    repeated = [np.flatnonzero(clusters == c) for c in np.flatnonzero(np.bincount(clusters) > 1)]
    everything = np.arange(len(structures))
    return DatasetReport(
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        elements=dataset.elements,
        total=_group_report("all", structures, everything, is_test, distances),
        groups=tuple(
            _group_report(group, structures, indices, is_test, distances)
            for group, indices in by_group.items()
        ),
        n_without_energy=sum(s.energy is None for s in structures),
        n_without_forces=sum(s.forces is None for s in structures),
        n_clusters=sum(s.cell is None for s in structures),
        duplicates=tuple(tuple(structures[i].name for i in indices) for indices in repeated),
        outliers=(
            *_far_from_group(structures, by_group, _residual_energies(structures), "energy"),
            *_far_from_group(structures, by_group, _largest_forces(structures), "force"),
            *_too_short(structures, nearest),
        ),
    )


def _check_elements(dataset: Dataset, used: list[Structure], elements: Sequence[str]) -> None:
    found = {chemical_symbols[n] for s in used for n in np.unique(s.numbers)}
    trained = {chemical_symbols[n] for i in dataset.train for n in dataset.structures[i].numbers}
    for missing in sorted(found - set(elements), key=atomic_numbers.__getitem__):
        name = next(s.name for s in used if atomic_numbers[missing] in s.numbers)
        raise ConfigError(
            "potential.elements",
            f"the data has {missing} (in {name}), the potential has only {', '.join(elements)}; "
            f"add {missing}, or leave those structures out by dataset.elements",
        )
    for surplus in elements:
        if surplus not in trained:
            raise ConfigError(
                "potential.elements",
                f"the training structures have no {surplus}, only {', '.join(sorted(trained))}; "
                + (
                    "all that have it are kept from training: choose another dataset.split_seed"
                    if surplus in found
                    else f"remove {surplus} or add structures with it"
                ),
            )


def _group_report(
    name: str,
    structures: Sequence[Structure],
    indices: IntArray,
    is_test: BoolArray,
    distances: Sequence[float | None],
) -> GroupReport:
    members = [structures[i] for i in indices]
    energies = [s.energy / s.n_atoms for s in members if s.energy is not None]
    forces = [s.forces.ravel() for s in members if s.forces is not None]
    values = np.concatenate(forces) if forces else np.empty(0)
    near = [d for i in indices if (d := distances[i]) is not None]
    return GroupReport(
        name=name,
        n_structures=len(members),
        n_atoms=sum(s.n_atoms for s in members),
        n_force_values=len(values),
        n_test=int(is_test[indices].sum()),
        energy_min=min(energies, default=None),
        energy_max=max(energies, default=None),
        force_max=float(np.abs(values).max()) if len(values) else None,
        force_rms=float(np.sqrt(np.mean(values**2))) if len(values) else None,
        shortest_distance=min(near, default=None),
    )


def _residual_energies(structures: Sequence[Structure]) -> FloatArray:
    """Energy per atom (eV) without a fitted energy of every element, NaN where unknown."""
    residuals = np.full(len(structures), np.nan)
    known = [i for i, s in enumerate(structures) if s.energy is not None]
    if known:
        fitted = fit_atom_energies([structures[i] for i in known]).energies
        for i in known:
            s = structures[i]
            of_atoms = sum(fitted[chemical_symbols[n]] for n in s.numbers)
            residuals[i] = ((s.energy or 0.0) - of_atoms) / s.n_atoms
    return residuals


def _largest_forces(structures: Sequence[Structure]) -> FloatArray:
    return np.array([np.nan if s.forces is None else np.abs(s.forces).max() for s in structures])


def _far_from_group(
    structures: Sequence[Structure], by_group: dict[str, IntArray], values: FloatArray, what: str
) -> list[Outlier]:
    unit = "eV/atom" if what == "energy" else "eV/Angstrom"
    outliers = []
    for indices in by_group.values():
        known = indices[np.isfinite(values[indices])]
        if len(known) < 5:  # too few to tell what is usual
            continue
        center = np.median(values[known])
        deviations = values[known] - center
        spread = max(1.4826 * float(np.median(np.abs(deviations))), SMALLEST_SPREAD[what])
        for i, deviation in zip(known, deviations, strict=True):
            if abs(deviation) > FAR * spread:
                reason = f"{what} {deviation:+.3g} {unit} from the median of its group"
                outliers.append(Outlier(structures[i].name, reason))
    return outliers


def _too_short(
    structures: Sequence[Structure], nearest: Sequence[tuple[float | None, float | None]]
) -> list[Outlier]:
    return [
        Outlier(s.name, f"distance {distance:.2f} Angstrom, {ratio:.2f} of the covalent radii")
        for s, (distance, ratio) in zip(structures, nearest, strict=True)
        if ratio is not None and ratio < TOO_SHORT
    ]
