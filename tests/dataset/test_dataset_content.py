from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset, write_dataset
from autune.errors import ConfigError, DataError, FormatError
from autune.settings import DatasetSettings
from autune.structures import Structure
from autune.units import BOHR, HARTREE

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2" / "structures"


def test_builtin_gold() -> None:
    gold = Dataset.read("builtin:gold")
    assert len(gold.structures) == 105
    assert sum(s.n_atoms for s in gold.structures) == 560
    assert gold.elements == ("Au",)
    assert gold.groups == ("bcc", "fcc", "surface_100", "surface_111")
    assert gold.source == "builtin:gold"
    assert all(s.energy is not None and s.forces is not None for s in gold.structures)
    assert all(s.stress is not None and s.cell is not None for s in gold.structures)
    assert len({s.name for s in gold.structures}) == 105
    assert (len(gold.train), len(gold.test)) == (105, 0)


def test_input_data_is_known_by_its_first_word(tmp_path: Path) -> None:
    assert len(Dataset.read(REFERENCE / "au.data").structures) == 4
    odd = tmp_path / "structures.txt"
    odd.write_text("# comment\n\n" + (REFERENCE / "au4.data").read_text())
    plain = Dataset.read(odd).structures[0]
    other = Dataset.read(odd, units="Hartree,Bohr").structures[0]
    assert plain.energy is not None
    assert other.energy == pytest.approx(plain.energy * HARTREE)
    np.testing.assert_allclose(other.positions, plain.positions * BOHR)
    with pytest.raises(
        ConfigError, match=r"hartree-bohr is only for input\.data.*builtin:gold car"
    ):
        Dataset.read("builtin:gold", "hartree-bohr")
    with pytest.raises(ConfigError, match=r"dataset\.units: Hartree,Bohr is only for input\.data"):
        Dataset.read(tmp_path, units="Hartree,Bohr")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no builtin:silver; built in are builtin:gold"):
        Dataset.read("builtin:silver")
    with pytest.raises(FormatError, match=r"missing\.xyz: cannot be read: no such file"):
        Dataset.read(tmp_path / "missing.xyz")
    (tmp_path / "input.data").touch()
    with pytest.raises(DataError, match="has no structures"):
        Dataset.read(tmp_path / "input.data")


def test_fingerprint_sees_every_digit() -> None:
    gold = Dataset.read("builtin:gold")
    original = gold.fingerprint
    assert Dataset.read("builtin:gold").fingerprint == original
    first = gold.structures[0]
    assert first.energy is not None
    assert first.forces is not None
    assert first.cell is not None
    moved = first.positions.copy()
    moved[3, 2] = np.nextafter(moved[3, 2], 10.0)
    pushed = first.forces.copy()
    pushed[0, 0] += 1e-8
    changes: list[Structure] = [
        replace(first, positions=moved),
        replace(first, forces=pushed),
        replace(first, energy=np.nextafter(first.energy, 0.0)),
        replace(first, cell=first.cell * (1 + 1e-15)),
        replace(first, stress=None),
        replace(first, group="other"),
        replace(first, weight=2.0),
    ]
    found = {original}
    for changed in changes:
        found.add(Dataset.from_structures([changed, *gold.structures[1:]]).fingerprint)
    found.add(split_dataset(gold, DatasetSettings(path="-")).fingerprint)
    found.add(Dataset.from_structures(gold.structures[::-1]).fingerprint)
    assert len(found) == len(changes) + 3
    renamed = [replace(first, name="other"), *gold.structures[1:]]
    assert Dataset.from_structures(renamed, "elsewhere").fingerprint == original


def test_trials_get_nothing_of_the_holdout() -> None:
    how = DatasetSettings(path="-", test_fraction=0.2, holdout_fraction=0.1)
    split = split_dataset(Dataset.read("builtin:gold"), how)
    assert len(split.holdout_structures) == 10
    seen = split.without_holdout()
    assert len(seen.structures) == 95
    assert {s.name for s in seen.structures}.isdisjoint(s.name for s in split.holdout_structures)
    for side in ("train_structures", "test_structures"):
        assert [s.name for s in getattr(seen, side)] == [s.name for s in getattr(split, side)]
    assert len(seen.holdout) == 0
    assert seen.without_holdout() is seen
    # The holdout counts; without one, a fingerprint is that of a data set that knows of none.
    other = replace(split, holdout=split.holdout[1:])
    assert other.fingerprint != split.fingerprint
    again = Dataset.from_structures(seen.structures)
    assert replace(again, train=seen.train, test=seen.test).fingerprint == seen.fingerprint


@pytest.mark.parametrize("name", ["a.extxyz", "a.XYZ", "input.data", "a.db", "a.json", "a.traj"])
def test_conversion_keeps_all_that_training_uses(tmp_path: Path, name: str) -> None:
    gold = [replace(s, stress=None) for s in Dataset.read("builtin:gold").structures[::20]]
    path = tmp_path / name
    write_dataset(path, gold)
    again = Dataset.read(path)
    assert again.fingerprint == Dataset.from_structures(gold).fingerprint
    assert [s.name for s in again.structures] == [s.name for s in gold]
    write_dataset(path, gold[:2])
    assert len(Dataset.read(path).structures) == 2


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"use one of \.extxyz, \.xyz, \.data"):
        write_dataset(tmp_path / "a.pdf", [])
    with pytest.raises(ConfigError, match="cannot be written"):
        write_dataset(tmp_path / "missing" / "a.db", [])


def test_datasets_travel_to_workers() -> None:
    gold = split_dataset(Dataset.read("builtin:gold"), DatasetSettings(path="-"))
    copy = pickle.loads(pickle.dumps(gold))
    assert copy.fingerprint == gold.fingerprint
    assert len(copy.test_structures) == 10


def test_byte_order_mark_before_input_data(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "reference" / "n2p2" / "structures" / "au4.data"
    (tmp_path / "x.data").write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    assert Dataset.read(tmp_path / "x.data").fingerprint == Dataset.read(source).fingerprint


@pytest.mark.parametrize(
    "name",
    ["~nobody-has-this-name/a.xyz", "~\ud800", "a\0b", "a" * 300, "a/" * 3000, "..", "", "\ud800"],
)
def test_paths_that_lead_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    with pytest.raises(FormatError, match=r"no such file or folder|expected files with struct"):
        Dataset.read(name)


def test_damaged_begin_of_input_data(tmp_path: Path) -> None:
    (tmp_path / "x.data").write_text("bgin\natom 0 0 0 Au 0 0 0 0 0\nend\n")
    with pytest.raises(FormatError, match=r"is an input.data that does not begin with begin"):
        Dataset.read(tmp_path / "x.data")
