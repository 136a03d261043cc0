from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from autune.dataset import Dataset, find_duplicates, split_dataset
from autune.errors import ConfigError, DataError
from autune.settings import DatasetSettings
from autune.structures import Structure

GOLD = Dataset.read("builtin:gold")


def how(**values: Any) -> DatasetSettings:
    return DatasetSettings.model_validate({"path": "-", **values})


def atom(x: float, group: str = "", **values: Any) -> Structure:
    return Structure(
        np.array([79]), np.array([[x, 0.0, 0.0]]), group=group, name=f"{group}{x}", **values
    )


def test_random_split_takes_the_same_share_of_every_group() -> None:
    split = split_dataset(GOLD, how(test_fraction=0.2))
    assert (len(split.train), len(split.test)) == (84, 21)
    groups = [s.group for s in split.test_structures]
    assert [groups.count(g) for g in GOLD.groups] == [5, 4, 6, 6]
    assert sorted([*split.train, *split.test]) == list(range(105))
    same = split_dataset(GOLD, how(test_fraction=0.2))
    np.testing.assert_array_equal(split.test, same.test)
    other = split_dataset(GOLD, how(test_fraction=0.2, split_seed=2))
    assert list(split.test) != list(other.test)
    assert len(split_dataset(GOLD, how()).test) == 10


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    fraction=st.floats(0.05, 0.95),
    copies=st.integers(0, 3),
    seed=st.integers(0, 100),
)
def test_sides_never_share_a_structure(
    sizes: list[int], fraction: float, copies: int, seed: int
) -> None:
    structures = [
        atom(float(k), f"g{g}") for g, n in enumerate(sizes) for k in range(100 * g, 100 * g + n)
    ]
    n_different = len(structures)
    structures += [replace(structures[0], group="copies", energy=1.0)] * copies
    data = Dataset.from_structures(structures)
    try:
        split = split_dataset(data, how(test_fraction=fraction, split_seed=seed))
    except DataError:  # an empty side, see below
        return
    assert sorted([*split.train, *split.test]) == list(range(len(structures)))
    places = [
        {s.positions[0, 0] for s in side}
        for side in (split.train_structures, split.test_structures)
    ]
    assert not places[0] & places[1]
    if not copies:
        assert len(split.test) == round(fraction * n_different)


def test_duplicates() -> None:
    cell = 4.0 * np.eye(3)
    s = [
        atom(0.0), atom(1.0), atom(1.0 + 5e-7), atom(1.0 + 5e-5), atom(1.0, cell=cell),
        atom(1.0, cell=cell + 1e-7), replace(atom(1.0), numbers=np.array([29])),
    ]  # fmt: skip
    labels = find_duplicates(s)
    assert labels[1] == labels[2]
    assert labels[4] == labels[5]
    assert len(set(labels.tolist())) == 5


def test_groups() -> None:
    split = split_dataset(GOLD, how(split="groups", test_groups=["bcc"]))
    assert {s.group for s in split.test_structures} == {"bcc"}
    assert len(split.test) == 25
    assert "bcc" not in {s.group for s in split.train_structures}
    without = split_dataset(GOLD, how(leave_out_groups=["bcc", "fcc"]))
    assert without.groups == ("surface_100", "surface_111")
    assert len(without.train) + len(without.test) == 60


def test_structures_with_other_elements_are_left_out() -> None:
    def made(symbols: str) -> Structure:
        numbers = Atoms(symbols).numbers
        return Structure(numbers=numbers, positions=np.eye(3)[: len(numbers)], energy=1.0)

    alloys = Dataset.from_structures(map(made, ("Au", "Ag", "AuAg", "AuCu", "Cu3")), "alloys")
    by_formula = split_dataset(
        alloys, how(groups="composition", split="groups", test_groups=["Cu"])
    )
    assert by_formula.groups == ("Ag", "AgAu", "Au", "Cu", "CuAu")
    assert [s.group for s in by_formula.test_structures] == ["Cu"]
    kept = split_dataset(alloys, how(elements=["Ag", "Au"], test_fraction=0.4))
    assert [s.numbers.tolist() for s in kept.structures] == [[79], [47], [79, 47]]
    with pytest.raises(
        ConfigError, match=r"dataset\.elements: the data has no element 'Pt'; there"
    ):
        split_dataset(alloys, how(elements=["Pt"]))
    mixed = Dataset.from_structures([made("AuAg")], "alloys")
    with pytest.raises(DataError, match=r"leaves out all structures of alloys: .* none of Au"):
        split_dataset(mixed, how(elements=["Au"]))


def test_names() -> None:
    names = ["fcc-05", "bcc-18", "100-07"]
    split = split_dataset(GOLD, how(test_structures=names))
    assert sorted(s.name for s in split.test_structures) == sorted(names)


def test_sides_of_the_file() -> None:
    structures = [atom(0.0, side="train"), atom(1.0, side="test"), atom(2.0, side="train")]
    split = split_dataset(Dataset.from_structures(structures), how(split="file"))
    assert list(split.test) == [1]
    structures.append(atom(3.0))
    with pytest.raises(DataError, match=r"'3\.0': the file does not say train or test"):
        split_dataset(Dataset.from_structures(structures), how(split="file"))


def test_a_copy_of_a_test_structure_does_not_train() -> None:
    data = Dataset.from_structures([atom(0.0, "a"), atom(0.0, "b"), atom(1.0, "a")])
    with pytest.warns(UserWarning, match=r"1 training structures .* moved to the test \(a0.0\)"):
        split = split_dataset(data, how(split="groups", test_groups=["b"]))
    assert list(split.test) == [0, 1]


def test_holdout_is_a_share_of_every_group_that_neither_trains_nor_tests() -> None:
    plain = split_dataset(GOLD, how(test_fraction=0.2))
    split = split_dataset(GOLD, how(test_fraction=0.2, holdout_fraction=0.2))
    groups = [s.group for s in split.holdout_structures]
    assert [groups.count(g) for g in GOLD.groups] == [5, 4, 6, 6]
    assert sorted([*split.train, *split.test, *split.holdout]) == list(range(105))
    # The rest is split as any other data set.
    rest = Dataset.from_structures(
        [s for i, s in enumerate(GOLD.structures) if i not in split.holdout]
    )
    alone = split_dataset(rest, how(test_fraction=0.2))
    assert [s.name for s in split.test_structures] == [s.name for s in alone.test_structures]
    assert len(split.test) == 17
    other = split_dataset(GOLD, how(test_fraction=0.2, holdout_fraction=0.2, split_seed=2))
    assert list(other.holdout) != list(split.holdout)
    # What is held out was not chosen by what would be the test without it.
    assert 0 < np.isin(split.holdout, plain.test).sum() < len(split.holdout)
    none = split_dataset(split, how(test_fraction=0.2))
    assert none.fingerprint == plain.fingerprint
    assert len(none.holdout) == 0


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    fraction=st.floats(0.05, 0.9),
    copies=st.lists(st.integers(0, 40), max_size=6),
    named=st.booleans(),
    seed=st.integers(0, 100),
)
def test_holdout_keeps_duplicates_together_and_leaves_named_structures(
    sizes: list[int], fraction: float, copies: list[int], named: bool, seed: int
) -> None:
    structures = [
        atom(float(k), f"g{g}") for g, n in enumerate(sizes) for k in range(100 * g, 100 * g + n)
    ]
    names = [structures[0].name] if named else []
    structures += [
        replace(structures[k % len(structures)], group="copies", name="") for k in copies
    ]
    data = Dataset.from_structures(structures)
    values = {"holdout_fraction": fraction, "split_seed": seed, "test_structures": names}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # copies of the named structure are moved to the test
            split = split_dataset(data, how(test_fraction=0.3, **values))
    except DataError:  # an empty side, see below
        return
    assert sorted([*split.train, *split.test, *split.holdout]) == list(range(len(structures)))
    places = [
        {s.positions[0, 0] for s in side}
        for side in (split.train_structures, split.test_structures, split.holdout_structures)
    ]
    assert not places[0] & places[1]
    assert not places[2] & (places[0] | places[1])
    if named:
        assert 0 not in split.holdout
    elif not copies:
        assert len(split.holdout) == round(fraction * len(structures))


def test_holdout_of_other_splits() -> None:
    split = split_dataset(GOLD, how(split="groups", test_groups=["bcc"], holdout_fraction=0.2))
    assert {s.group for s in split.test_structures} == {"bcc"}
    assert (len(split.test), len(split.holdout), len(split.train)) == (20, 21, 64)
    structures = [atom(float(k), side="test" if k % 3 == 0 else "train") for k in range(12)]
    split = split_dataset(
        Dataset.from_structures(structures), how(split="file", holdout_fraction=0.25)
    )
    assert len(split.holdout) == 3
    assert all(s.side == "test" for s in split.test_structures)
    assert all(s.side == "train" for s in split.train_structures)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"test_structures": ["fcc-05", "100-07", "111-04"]},
        {"split": "groups", "test_groups": ["fcc", "surface_100"]},
        {"holdout_fraction": 0.2},
    ],
)
def test_groups_are_left_out_of_the_training_alone(values: dict[str, Any]) -> None:
    whole = split_dataset(GOLD, how(**values))
    split = split_dataset(GOLD, how(train_without_groups=["surface_100", "bcc"], **values))
    np.testing.assert_array_equal(split.test, whole.test)
    np.testing.assert_array_equal(split.holdout, whole.holdout)
    left = [i for i in whole.train if GOLD.structures[i].group in ("fcc", "surface_111")]
    assert split.train.tolist() == left
    assert {s.group for s in split.test_structures} & {"surface_100"}
    assert split.fingerprint != whole.fingerprint


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"leave_out_groups": ["bc"]},
            r"dataset\.leave_out_groups: the data has no group 'bc'; did you mean 'bcc'\?",
        ),
        (
            {"split": "groups", "test_groups": ["xyz"]},
            r"dataset\.test_groups: the data has no group 'xyz'; there are bcc, fcc",
        ),
        (
            {"train_without_groups": ["surface_110"]},
            r"dataset\.train_without_groups: .* no group 'surface_110'; did you mean",
        ),
        (
            {"leave_out_groups": ["fcc"], "test_structures": ["fcc-05", "bcc-18"]},
            r"dataset\.test_structures: 'fcc-05' .* the group in dataset\.train_without_groups",
        ),
        ({"split": "groups"}, r"dataset\.test_groups: .* choose of bcc, fcc"),
        (
            {"test_structures": ["fcc-5"]},
            r"dataset\.test_structures: .* no structure 'fcc-5'; did you mean 'fcc-[01]5'\?",
        ),
    ],
)
def test_unknown_names(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_dataset(GOLD, how(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"test_fraction": 0.001}, r"the test set is empty: dataset\.test_fraction 0\.001 of 105"),
        ({"test_fraction": 0.0}, "the test set is empty"),
        ({"test_fraction": 0.999}, "the training set is empty"),
        ({"split": "groups", "test_groups": list(GOLD.groups)}, "the training set is empty"),
        ({"leave_out_groups": list(GOLD.groups)}, "leaves out all structures of builtin:gold"),
        (
            {"train_without_groups": list(GOLD.groups)},
            r"the training set is empty: dataset\.train_without_groups",
        ),
        (
            {"holdout_fraction": 0.001},
            r"dataset\.holdout_fraction 0\.001 of 105 structures is none of them; take a larger",
        ),
        ({"holdout_fraction": 0.999}, r"holdout_fraction 0\.999 .* is all of them; take a smaller"),
        (
            {"holdout_fraction": 0.97, "test_fraction": 0.1},
            r"the test set is empty: .* of 3 structures; .* or lower dataset\.holdout_fraction",
        ),
        (
            {"holdout_fraction": 0.99, "test_fraction": 0.9},
            r"the training set is empty: .* or lower dataset\.holdout_fraction",
        ),
    ],
)
def test_empty_sides(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_dataset(GOLD, how(**values))
