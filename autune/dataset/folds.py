"""Folds: the same structures split in several ways, so that each is in the test once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols

from autune.dataset.content import Dataset
from autune.dataset.split import BoolArray, find_duplicates, group_duplicates
from autune.errors import ConfigError, DataError
from autune.settings import Settings
from autune.structures import IntArray, Structure

FOLD_STREAM = 2
"""Beside the seed: folds do not depend on what else is drawn."""

NO_GROUP = "(none)"
"""Name of the structures without a group."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One of the splits that are trained.

    Parameters
    ----------
    name
        From 1 (k_fold); the group that is the test (leave_one_group_out); empty without
        cross-validation.
    dataset
        Split into training and test.
    folder
        Name of a folder that no other fold has; empty without cross-validation.
    """

    name: str
    dataset: Dataset
    folder: str


def make_folds(dataset: Dataset, settings: Settings) -> tuple[Fold, ...]:
    """Return the splits that a trial trains; one, the data set's own, without cross-validation.

    k_fold deals the structures of every group to the folds, so that each is in the test of one
    fold and trains in all others; duplicates (see `autune.dataset.find_duplicates`) stay together.
    The groups' shares differ by one structure at most, as do the folds, where there are no
    duplicates.  The order within groups is drawn by `dataset.split_seed`.

    leave_one_group_out takes every group as the test once, the largest first, because its errors
    are known best.  Structures of other groups that are the same as one in the test are in neither
    training nor test of this fold.

    Parameters
    ----------
    dataset
        Its training and test structures are used; its holdout stays what it is.
    settings
        ``evaluation.cross_validation``, ``evaluation.folds`` and ``dataset.split_seed``.

    Raises
    ------
    ConfigError
        If there are more folds than different structures, or less than two groups.
    DataError
        If a fold has nothing to train with, or nothing with one of the elements.
    """
    how = settings.evaluation.cross_validation
    if how == "none":
        return (Fold("", dataset, ""),)
    used = np.sort(np.concatenate([dataset.train, dataset.test]))
    structures = [dataset.structures[i] for i in used]
    clusters = find_duplicates(structures)
    if how == "k_fold":
        n_folds = settings.evaluation.folds
        number = _deal(structures, clusters, n_folds, settings.dataset.split_seed)
        sides = {str(k + 1): (number != k, number == k) for k in range(n_folds)}
    else:
        sides = {}
        for name, is_test in _groups(structures).items():
            sides[name] = (~np.isin(clusters, clusters[is_test]), is_test)
    folds: list[Fold] = []
    for name, (is_train, is_test) in sides.items():
        _refuse_untrainable(name, structures, is_train)
        split = replace(dataset, train=used[is_train], test=used[is_test])
        folds.append(Fold(name, split, _folder(name, len(folds))))
    return tuple(folds)


def _deal(
    structures: Sequence[Structure], clusters: IntArray, n_folds: int, split_seed: int
) -> IntArray:
    """Return the fold in which each structure is the test, from 0."""
    n_different = len(np.unique(clusters))
    if n_different < n_folds:
        raise ConfigError(
            "evaluation.folds",
            f"{n_folds} folds need as many different structures, there are {n_different}; lower it",
        )
    rng = np.random.default_rng([split_seed, FOLD_STREAM])
    fold = np.zeros(len(structures), dtype=np.int64)
    sizes = [0] * n_folds
    for members in group_duplicates(structures, clusters):
        shares = [0] * n_folds
        drawn = [members[k] for k in rng.permutation(len(members))]
        for indices in sorted(drawn, key=len, reverse=True):
            k = min(range(n_folds), key=lambda k: (shares[k], sizes[k]))
            fold[indices] = k
            shares[k] += len(indices)
            sizes[k] += len(indices)
    return fold


def _groups(structures: Sequence[Structure]) -> dict[str, BoolArray]:
    """Return which structures are in each group, the largest group first."""
    groups = np.array([s.group for s in structures])
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise ConfigError(
            "evaluation.cross_validation",
            f"leave_one_group_out needs two groups of structures at least, found "
            f"{', '.join(names) or 'none'}; name groups in the data, or take k_fold",
        )
    return {
        names[k].item() or NO_GROUP: groups == names[k] for k in np.argsort(-sizes, kind="stable")
    }


def _refuse_untrainable(name: str, structures: Sequence[Structure], is_train: BoolArray) -> None:
    elements = {n for s in structures for n in s.numbers.tolist()}
    trained = {
        n for s, used in zip(structures, is_train, strict=True) if used for n in s.numbers.tolist()
    }
    if missing := sorted(elements - trained):
        symbols = ", ".join(chemical_symbols[n] for n in missing)
        raise DataError(
            f"fold {name} has no {symbols} to train with, only in its test; choose another "
            "evaluation.cross_validation, or add structures"
        )


def _folder(name: str, number: int) -> str:
    """Make a name that any file system takes; ~ tells apart what has been changed."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80]
    return f"fold-{name}" if safe == name else f"fold-{safe}~{number}"
