"""Which structures train and which test: train and test never share a structure."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from autune.dataset.composition import group_by_composition
from autune.dataset.content import Dataset
from autune.errors import ConfigError, DataError
from autune.settings import DatasetSettings
from autune.structures import FloatArray, IntArray, Structure

BoolArray = NDArray[np.bool_]

SAME = 1e-6
"""Largest difference (Angstrom) of cells and positions of duplicates."""

HOLDOUT_STREAM = 1
"""Beside the seed: the holdout has random numbers of its own, so that none changes no split."""


def split_dataset(dataset: Dataset, settings: DatasetSettings) -> Dataset:
    """Split a data set as the settings say.

    Structures with other elements and groups that are left out are removed.  Then
    `holdout_fraction` of every group is put aside for the holdout, but no structure that the
    settings name for the test; the rest is split into training and test.  Duplicates (see
    `find_duplicates`) are always on the same side.  A random split draws the same share of every
    group, and as many structures as the share of all that are left says.  At last the groups of
    `train_without_groups` are taken out of the training set alone, so that test and holdout are
    the same whichever groups these are.

    Raises
    ------
    ConfigError
        If the settings name an element, group or structure that is not there or left out.
    DataError
        If the training set, the test set or a holdout that is asked for would be empty, or the
        file does not say the side of a structure.

    Warns
    -----
    UserWarning
        If a training structure is moved to the test because a test structure is the same.
    """
    if settings.groups == "composition":
        grouped = group_by_composition(dataset.structures)
        dataset = Dataset.from_structures(grouped, dataset.source)
    _refuse_left_out(dataset, settings)
    dataset = _of_elements(dataset, settings.elements)
    dataset = _leave_out(dataset, settings.leave_out_groups)
    structures = dataset.structures
    clusters = find_duplicates(structures)
    sides = _given_sides(dataset, settings)
    is_held_out = _held_out(structures, clusters, settings)
    rest = np.flatnonzero(~is_held_out)
    if sides is not None:
        is_test = sides[rest]
    else:
        left = [structures[i] for i in rest]
        rng = np.random.default_rng(settings.split_seed)
        is_test = _drawn(left, clusters[rest], settings.test_fraction, rng)
    is_test = _keep_duplicates_together([structures[i] for i in rest], clusters[rest], is_test)
    _refuse_empty(is_test, settings)
    train = _without_groups(dataset, rest[~is_test], settings.train_without_groups)
    return replace(
        dataset,
        train=train,
        test=rest[is_test].astype(np.int64),
        holdout=np.flatnonzero(is_held_out).astype(np.int64),
    )


def find_duplicates(structures: Sequence[Structure]) -> IntArray:
    """Give every structure a number that only its duplicates share.

    Duplicates have the same elements in the same order, and no coordinate of their cells and
    positions differs by more than 1e-6 Angstrom.

    Returns
    -------
    array
        Shape (n_structures,).
    """
    alike: dict[tuple[bytes, bool], list[int]] = {}
    for index, s in enumerate(structures):
        alike.setdefault((s.numbers.tobytes(), s.cell is None), []).append(index)
    pairs = [(i, i) for i in range(len(structures))]
    for indices in alike.values():
        if len(indices) > 1:
            tree = cKDTree(np.array([_coordinates(structures[i]) for i in indices]))
            found = tree.query_pairs(SAME, p=np.inf, output_type="ndarray")
            pairs += [(indices[a], indices[b]) for a, b in found]
    rows, columns = np.array(pairs).T
    shape = (len(structures), len(structures))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=shape)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def group_duplicates(structures: Sequence[Structure], clusters: IntArray) -> list[list[list[int]]]:
    """Return the indices of duplicates, group by group in alphabetical order.

    Duplicates count for the group of the first of them.
    """
    groups: dict[str, dict[int, list[int]]] = {}
    home: dict[int, str] = {}
    for index, (s, cluster) in enumerate(zip(structures, clusters.tolist(), strict=True)):
        group = home.setdefault(cluster, s.group)
        groups.setdefault(group, {}).setdefault(cluster, []).append(index)
    return [list(groups[name].values()) for name in sorted(groups)]


def _coordinates(structure: Structure) -> FloatArray:
    if structure.cell is None:
        return structure.positions.ravel()
    return np.concatenate([structure.cell.ravel(), structure.positions.ravel()])


def check_groups(dataset: Dataset, names: Iterable[str], key: str) -> None:
    """Refuse names of groups that the data does not have.

    Raises
    ------
    ConfigError
        With the setting `key` and the nearest group that is there.
    """
    _refuse_unknown(key, names, dataset.groups, "group")


def _of_elements(dataset: Dataset, elements: tuple[str, ...]) -> Dataset:
    """Keep the structures that have no other elements than these; without any, all."""
    if not elements:
        return dataset
    _refuse_unknown("dataset.elements", elements, dataset.elements, "element")
    numbers = [atomic_numbers[element] for element in elements]
    kept = [s for s in dataset.structures if np.isin(s.numbers, numbers).all()]
    if not kept:
        raise DataError(
            f"dataset.elements leaves out all structures of {dataset.source}: each has an element "
            f"that is none of {', '.join(elements)}"
        )
    return Dataset.from_structures(kept, dataset.source)


def _leave_out(dataset: Dataset, groups: tuple[str, ...]) -> Dataset:
    if not groups:
        return dataset
    _refuse_unknown("dataset.leave_out_groups", groups, dataset.groups, "group")
    kept = [s for s in dataset.structures if s.group not in groups]
    if not kept:
        raise DataError(f"dataset.leave_out_groups leaves out all structures of {dataset.source}")
    return Dataset.from_structures(kept, dataset.source)


def _refuse_left_out(dataset: Dataset, settings: DatasetSettings) -> None:
    """Refuse test structures of groups that are left out: the test would be another one."""
    for s in dataset.structures:
        if s.group in settings.leave_out_groups and s.name in settings.test_structures:
            raise ConfigError(
                "dataset.test_structures",
                f"{s.name!r} is of the group {s.group!r}, which dataset.leave_out_groups leaves "
                "out of the test too; name the group in dataset.train_without_groups instead, or "
                "remove the structure",
            )


def _without_groups(dataset: Dataset, train: IntArray, groups: tuple[str, ...]) -> IntArray:
    """Take groups out of the training set."""
    _refuse_unknown("dataset.train_without_groups", groups, dataset.groups, "group")
    kept = [i for i in train.tolist() if dataset.structures[i].group not in groups]
    if not kept:
        raise DataError(
            "the training set is empty: dataset.train_without_groups names all groups of its "
            "structures; leave one out"
        )
    return np.array(kept, dtype=np.int64)


def _named(structures: Sequence[Structure], names: tuple[str, ...]) -> BoolArray:
    _refuse_unknown("dataset.test_structures", names, [s.name for s in structures], "structure")
    return np.array([s.name in names for s in structures])


def _of_groups(dataset: Dataset, groups: tuple[str, ...]) -> BoolArray:
    if not groups:
        known = ", ".join(dataset.groups)
        message = f"split: groups needs groups for the test; choose of {known}"
        raise ConfigError("dataset.test_groups", message)
    _refuse_unknown("dataset.test_groups", groups, dataset.groups, "group")
    return np.array([s.group in groups for s in dataset.structures])


def _as_in_file(structures: Sequence[Structure]) -> BoolArray:
    for s in structures:
        if s.side is None:
            raise DataError(
                f"{s.label}: the file does not say train or test, which dataset.split: file needs; "
                "write set=train or set=test (input.data), split=train or split=test (extended "
                "XYZ), or choose split: random"
            )
    return np.array([s.side == "test" for s in structures])


def _given_sides(dataset: Dataset, settings: DatasetSettings) -> BoolArray | None:
    """Return which structures test as settings or file say; None where that is drawn."""
    if settings.test_structures:
        return _named(dataset.structures, settings.test_structures)
    if settings.split == "groups":
        return _of_groups(dataset, settings.test_groups)
    if settings.split == "file":
        return _as_in_file(dataset.structures)
    return None


def _held_out(
    structures: Sequence[Structure], clusters: IntArray, settings: DatasetSettings
) -> BoolArray:
    fraction = settings.holdout_fraction
    if fraction == 0.0:
        return np.zeros(len(structures), dtype=bool)
    named = np.array([s.name in settings.test_structures for s in structures])
    free = ~np.isin(clusters, clusters[named])
    rng = np.random.default_rng([settings.split_seed, HOLDOUT_STREAM])
    is_held_out = _drawn(structures, clusters, fraction, rng, free)
    n_held_out = int(is_held_out.sum())
    if n_held_out in (0, len(structures)):
        which, remedy = ("none", "a larger") if n_held_out == 0 else ("all", "a smaller")
        raise DataError(
            f"dataset.holdout_fraction {fraction:g} of {len(structures)} structures is {which} of "
            f"them; take {remedy} fraction, 0 for no holdout, or more structures"
        )
    return is_held_out


def _drawn(
    structures: Sequence[Structure],
    clusters: IntArray,
    fraction: float,
    rng: np.random.Generator,
    free: BoolArray | None = None,
) -> BoolArray:
    """Draw a share of every group, of structures that are free (default: all) to be drawn."""
    groups = group_duplicates(structures, clusters)
    sizes = [sum(map(len, members)) for members in groups]
    is_drawn = np.zeros(len(structures), dtype=bool)
    for members, quota in zip(groups, _quotas(sizes, fraction), strict=True):
        left = quota
        candidates = [c for c in members if free is None or free[c[0]]]
        for k in rng.permutation(len(candidates)):
            if len(candidates[k]) <= left:
                is_drawn[candidates[k]] = True
                left -= len(candidates[k])
    return is_drawn


def _quotas(sizes: list[int], fraction: float) -> list[int]:
    """Share out round(fraction * sum) so that every group gets its share as near as can be.

    Largest remainders: first the whole parts, then one more where the rest is largest.
    """
    exact = [fraction * size for size in sizes]
    quotas = [int(share + 1e-9) for share in exact]
    missing = round(fraction * sum(sizes)) - sum(quotas)
    by_rest = sorted(range(len(sizes)), key=lambda k: quotas[k] - exact[k])
    for k in by_rest[: max(missing, 0)]:
        quotas[k] += 1
    return quotas


def _keep_duplicates_together(
    structures: Sequence[Structure], clusters: IntArray, is_test: BoolArray
) -> BoolArray:
    moved = np.isin(clusters, clusters[is_test]) & ~is_test
    if moved.any():
        names = ", ".join(structures[i].name for i in np.flatnonzero(moved)[:5])
        warnings.warn(
            f"{moved.sum()} training structures are the same as test structures and are moved to "
            f"the test ({names})",
            UserWarning,
            stacklevel=3,
        )
    together: BoolArray = is_test | moved
    return together


def _refuse_empty(is_test: BoolArray, settings: DatasetSettings) -> None:
    """Refuse a split, of what the holdout leaves, without training or test."""
    held_out = settings.holdout_fraction > 0.0
    remedy = "; or lower dataset.holdout_fraction" if held_out else ""
    if not is_test.any():
        raise DataError(
            f"the test set is empty: dataset.test_fraction {settings.test_fraction:g} of "
            f"{len(is_test)} structures; take a larger fraction or more structures{remedy}"
            if settings.split == "random"
            else f"the test set is empty: no structure{' outside the holdout' if held_out else ''} "
            f"is marked test; mark some, or choose dataset.split: random{remedy}"
        )
    if is_test.all():
        raise DataError(
            "the training set is empty: all structures are for the test; see dataset.test_fraction,"
            f" dataset.test_groups and dataset.test_structures{remedy}"
        )


def _refuse_unknown(key: str, wanted: Iterable[str], known: Sequence[str], what: str) -> None:
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            listed = ", ".join(sorted(set(known))[:10])
            hint = f"did you mean {near[0]!r}?" if near else f"there are {listed}"
            raise ConfigError(key, f"the data has no {what} {name!r}; {hint}")
