"""Folds: every structure tests once, duplicates and groups never sit on both sides."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from autune.dataset import Dataset, make_folds, split_dataset
from autune.errors import ConfigError, DataError
from autune.settings import Settings
from autune.structures import Structure

GOLD = Dataset.read("builtin:gold")


def how(cross_validation: str, folds: int = 5, **dataset: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "folds",
            "dataset": {"path": "-", **dataset},
            "potential": {"elements": ["Au"]},
            "evaluation": {"cross_validation": cross_validation, "folds": folds},
        }
    )


def atom(x: float, group: str = "", element: int = 79) -> Structure:
    return Structure(np.array([element]), np.array([[x, 0.0, 0.0]]), group=group, name=f"{x}")


def test_without_cross_validation_the_split_is_the_only_fold() -> None:
    split = split_dataset(GOLD, how("none").dataset)
    (fold,) = make_folds(split, how("none"))
    assert (fold.name, fold.dataset, fold.folder) == ("", split, "")


def test_k_fold_deals_every_group_evenly() -> None:
    folds = make_folds(GOLD, how("k_fold", 4))
    assert [fold.name for fold in folds] == ["1", "2", "3", "4"]
    assert sorted(len(fold.dataset.test) for fold in folds) == [26, 26, 26, 27]
    for group in GOLD.groups:
        shares = [[s.group for s in f.dataset.test_structures].count(group) for f in folds]
        assert max(shares) - min(shares) <= 1
    again = make_folds(GOLD, how("k_fold", 4))
    assert [list(f.dataset.test) for f in again] == [list(f.dataset.test) for f in folds]
    other = make_folds(GOLD, how("k_fold", 4, split_seed=2))
    assert [list(f.dataset.test) for f in other] != [list(f.dataset.test) for f in folds]
    # Every fold is a data set of its own: what was trained on one is not taken for another.
    assert len({fold.dataset.fingerprint for fold in folds}) == 4


@examples(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    copies=st.lists(st.integers(0, 30), max_size=8),
    n_folds=st.integers(2, 6),
    seed=st.integers(0, 50),
)
def test_every_structure_tests_once_and_duplicates_together(
    sizes: list[int], copies: list[int], n_folds: int, seed: int
) -> None:
    structures = [atom(100.0 * g + k, f"g{g}") for g, n in enumerate(sizes) for k in range(n)]
    n_different = len(structures)
    structures += [replace(structures[k % n_different], group="copies") for k in copies]
    settings = how("k_fold", n_folds, split_seed=seed)
    data = Dataset.from_structures(structures)
    if n_different < n_folds or n_folds == 1:
        with pytest.raises(ConfigError, match=r"evaluation\.folds: .* as many different"):
            make_folds(data, settings)
        return
    folds = make_folds(data, settings)
    assert sorted(i for fold in folds for i in fold.dataset.test) == list(range(len(structures)))
    for fold in folds:
        d = fold.dataset
        assert len(d.test) > 0
        assert sorted([*d.train, *d.test]) == list(range(len(structures)))
        sides = [
            {s.positions[0, 0] for s in side} for side in (d.train_structures, d.test_structures)
        ]
        assert not sides[0] & sides[1]


def test_folds_use_the_structures_of_training_and_test_alone() -> None:
    settings = how("k_fold", 3, holdout_fraction=0.2)
    split = split_dataset(GOLD, settings.dataset)
    for fold in make_folds(split, settings):
        used = {*fold.dataset.train.tolist(), *fold.dataset.test.tolist()}
        assert used == {*split.train.tolist(), *split.test.tolist()}
        np.testing.assert_array_equal(fold.dataset.holdout, split.holdout)


def test_leave_one_group_out_names_folds_by_the_group_largest_first() -> None:
    folds = make_folds(split_dataset(GOLD, how("none").dataset), how("leave_one_group_out"))
    assert [fold.name for fold in folds] == ["surface_100", "surface_111", "bcc", "fcc"]
    for fold in folds:
        assert {s.group for s in fold.dataset.test_structures} == {fold.name}
        assert fold.name not in {s.group for s in fold.dataset.train_structures}
        assert len(fold.dataset.train) + len(fold.dataset.test) == 105


def test_copies_of_the_group_that_is_left_out_do_not_train() -> None:
    structures = [atom(0.0, "a"), atom(1.0, "a"), atom(1.0, "b"), atom(2.0, "b"), atom(3.0)]
    folds = make_folds(Dataset.from_structures(structures), how("leave_one_group_out"))
    assert {f.name: (f.dataset.train.tolist(), f.dataset.test.tolist()) for f in folds} == {
        "a": ([3, 4], [0, 1]),
        "b": ([0, 4], [2, 3]),
        "(none)": ([0, 1, 2, 3], [4]),
    }


def test_folders_of_groups_are_safe_and_differ() -> None:
    names = ["bcc", "a b", "a/b", "../up", "", "Å", "x" * 300]
    structures = [atom(float(k), name) for k, name in enumerate(names)]
    folds = make_folds(Dataset.from_structures(structures), how("leave_one_group_out"))
    folders = [fold.folder for fold in folds]
    assert len(set(folders)) == len(names)
    assert all(re.fullmatch(r"fold-[A-Za-z0-9._~-]{1,90}", folder) for folder in folders)
    assert "fold-bcc" in folders


def test_one_group_cannot_be_left_out() -> None:
    data = Dataset.from_structures([atom(0.0, "a"), atom(1.0, "a")])
    with pytest.raises(ConfigError, match=r"cross_validation: .* two groups .* found a; name"):
        make_folds(data, how("leave_one_group_out"))


def test_a_fold_without_an_element_to_train_is_refused() -> None:
    data = Dataset.from_structures([atom(0.0, "a"), atom(1.0, "c"), atom(2.0, "b", element=29)])
    with pytest.raises(DataError, match="fold b has no Cu to train with"):
        make_folds(data, how("leave_one_group_out"))
