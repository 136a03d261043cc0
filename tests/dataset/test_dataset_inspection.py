from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from autune.dataset import Dataset, check_trainable, describe_dataset, split_dataset
from autune.errors import ConfigError, DataError
from autune.settings import DatasetSettings
from autune.structures import Structure

GOLD = Dataset.read("builtin:gold")


def with_changes(**changes: object) -> Dataset:
    first = replace(GOLD.structures[0], **changes)  # type: ignore[arg-type]
    return Dataset.from_structures([first, *GOLD.structures[1:]])


def test_gold_can_be_trained_on() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_trainable(GOLD, ["Au"], 6.0)


def test_structures_that_cannot_be_trained_on() -> None:
    for field, what in (("energy", "energy"), ("forces", "forces")):
        with pytest.raises(DataError, match=f"'fcc-00': has no {what}"):
            check_trainable(with_changes(**{field: None}), ["Au"], 6.0)
        # What the winner of a search is measured on must have them too, before the search.
        held_out = replace(
            with_changes(**{field: None}), train=np.arange(1, 105), holdout=np.array([0])
        )
        with pytest.raises(DataError, match=f"'fcc-00': has no {what}"):
            check_trainable(held_out, ["Au"], 6.0)


def test_elements_of_data_and_potential() -> None:
    copper = with_changes(numbers=np.array([79, 79, 79, 29]))
    with pytest.raises(ConfigError, match=r"potential\.elements: the data has Cu \(in fcc-00\)"):
        check_trainable(copper, ["Au"], 6.0)
    with pytest.raises(ConfigError, match=r"potential\.elements: .* have no Ag, only Au"):
        check_trainable(GOLD, ["Au", "Ag"], 6.0)
    check_trainable(copper, ["Au", "Cu"], 6.0)
    in_test = replace(copper, train=np.arange(1, 105), test=np.array([0]))
    with pytest.raises(ConfigError, match=r"no Cu, .* kept from training: choose .*split_seed"):
        check_trainable(in_test, ["Au", "Cu"], 6.0)


def test_atoms_without_neighbours() -> None:
    far = np.array([[0.0, 0.0, 0.0], [2.5, 0.0, 0.0], [99.0, 0.0, 0.0]])
    flat = Structure(np.array([79, 79, 79]), far, energy=0.0, forces=np.zeros((3, 3)), name="flat")
    with pytest.warns(UserWarning, match=r"1 atoms in 1 structures .* 6 Angstrom.*: flat \(1\)"):
        check_trainable(Dataset.from_structures([flat]), ["Au"], 6.0)
    alone = replace(flat, positions=np.zeros((1, 3)), numbers=[79], forces=np.zeros((1, 3)))
    periodic = replace(alone, cell=5.0 * np.eye(3))
    check_trainable(Dataset.from_structures([periodic]), ["Au"], 6.0)
    with pytest.warns(UserWarning, match="1 atoms in 1 structures"):
        check_trainable(Dataset.from_structures([alone]), ["Au"], 6.0)


def test_report_of_gold() -> None:
    report = describe_dataset(split_dataset(GOLD, DatasetSettings(path="-")))
    total = report.total
    assert (total.n_structures, total.n_atoms, total.n_force_values) == (105, 560, 1680)
    assert total.n_test == 10
    assert [(g.name, g.n_structures, g.n_atoms) for g in report.groups] == [
        ("bcc", 25, 76),
        ("fcc", 20, 80),
        ("surface_100", 30, 202),
        ("surface_111", 30, 202),
    ]
    assert total.energy_min == pytest.approx(-3.125, abs=1e-3)
    assert total.energy_max == pytest.approx(-2.551, abs=1e-3)
    assert total.shortest_distance == pytest.approx(2.30, abs=1e-3)
    assert total.force_max == pytest.approx(6.2, abs=0.01)
    squares = np.concatenate([np.ravel(s.forces) for s in GOLD.structures]) ** 2
    assert total.force_rms == pytest.approx(np.sqrt(squares.mean()))
    assert report.elements == ("Au",)
    assert report.fingerprint != GOLD.fingerprint
    assert report.duplicates == ()
    assert len(report.outliers) <= 5


def test_report_finds_what_is_wrong() -> None:
    close = GOLD.structures[1].positions.copy()
    close[1] = close[0] + [1.2, 0.0, 0.0]
    structures = [
        *GOLD.structures,
        replace(GOLD.structures[0], name="copy"),
        replace(GOLD.structures[1], name="close", positions=close),
        replace(GOLD.structures[2], name="high", energy=0.0, positions=close + 1.0),
        replace(GOLD.structures[3], name="pushed", forces=np.full((4, 3), 50.0)),
        replace(GOLD.structures[4], name="bare", energy=None, forces=None, cell=None),
    ]
    report = describe_dataset(Dataset.from_structures(structures))
    assert ("fcc-00", "copy") in report.duplicates
    reasons = {(o.name, o.reason.split()[0]) for o in report.outliers}
    assert {("close", "distance"), ("high", "energy"), ("pushed", "force")} <= reasons
    assert (report.n_without_energy, report.n_without_forces, report.n_clusters) == (1, 1, 1)


def test_composition_is_no_outlier() -> None:
    """Mixtures whose energy follows the composition exactly are all usual."""
    rng = np.random.default_rng(0)
    positions = rng.normal(scale=3.0, size=(6, 3))
    structures = []
    for k in range(20):
        numbers = np.where(np.arange(6) < (5 if k == 7 else 1), 79, 29)
        energy = float(np.where(numbers == 79, -3.0, -4.0).sum())
        structures.append(Structure(numbers, positions, energy=energy, name=str(k)))
    report = describe_dataset(Dataset.from_structures(structures))
    assert not [o for o in report.outliers if o.reason.startswith("energy")]
