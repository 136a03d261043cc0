"""Trainings that go on from a potential, in any unit, and atom energies that are fitted."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import ConfigError
from autune.evaluation.loss import score
from autune.potential.model import Potential
from autune.settings import Settings
from autune.training.loop import Trained, train_potential
from autune.training.prepare import prepare
from autune.training.start import identity_of
from autune.units import BOHR, HARTREE

GOLD = Dataset.read("builtin:gold")
FEW = Dataset.from_structures(
    [s for s in GOLD.structures if s.group not in ("surface_100", "surface_111")], "few"
)


def make_settings(potential: dict[str, Any] | None = None, **training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "small",
            "dataset": {"path": "builtin:gold"},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
                },
                "hidden_layers": [4],
                **(potential or {}),
            },
            "training": {"epochs": 1, "updates_per_epoch": 20, "keep": "last", **training},
        }
    )


def run(settings: Settings, dataset: Dataset = FEW) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    prepared = prepare(settings, split_dataset(dataset, settings.dataset))
    return train_potential(settings, prepared, judge)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    folder = tmp_path_factory.mktemp("first")
    trained = run(make_settings())
    trained.potential.save(folder / "potential")
    return trained, folder


def test_training_begins_where_the_other_ended(first: tuple[Trained, Path]) -> None:
    trained, folder = first
    for start in (folder, folder / "potential"):
        went_on = run(make_settings(start_from=str(start)))
        before, after = trained.epochs[-1], went_on.epochs[0]
        assert after.train_energy_rmse == pytest.approx(before.train_energy_rmse, rel=1e-9)
        assert after.test_force_rmse == pytest.approx(before.test_force_rmse, rel=1e-9)
        assert went_on.potential.architecture == trained.potential.architecture
        for name in ("minimum", "maximum", "mean", "sigma"):
            np.testing.assert_array_equal(
                getattr(went_on.potential.scaling["Au"], name),
                getattr(trained.potential.scaling["Au"], name),
            )
        assert not np.array_equal(went_on.potential.weights["Au"], trained.potential.weights["Au"])


def test_new_structures_are_scaled_as_the_old_ones(first: tuple[Trained, Path]) -> None:
    trained, folder = first
    settings = make_settings(start_from=str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(settings)
    with pytest.warns(UserWarning, match=r"\d+ of \d+ training atoms .* outside the range"):
        went_on = run(settings, GOLD)
    np.testing.assert_array_equal(
        went_on.potential.scaling["Au"].maximum, trained.potential.scaling["Au"].maximum
    )


def test_functions_that_were_dropped_stay_so(first: tuple[Trained, Path]) -> None:
    _, folder = first
    more = {
        "symmetry_functions": {
            "basis": None,
            "radial": {"eta": [0.05, 0.4, 0.9]},
            "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
        }
    }
    with pytest.warns(UserWarning, match=r"1 symmetry functions are not in .*eta=0\.9"):
        trained = run(make_settings(more, start_from=str(folder)))
    assert len(trained.potential.architecture.symmetry_functions["Au"]) == 4


@pytest.mark.parametrize(
    ("potential", "message"),
    [
        ({"hidden_layers": [5]}, r"the settings have hidden_layers \[5\], .* has \[4\]"),
        ({"cutoff_type": "cos"}, "the settings have cutoff_type cos, .* has poly2"),
        ({"cutoff_radius": 5.0}, r"has the symmetry function Au G2.*rc=4\.5, the settings do not"),
        ({"atom_energies": {"Au": -1.0}}, r"the atom energy -1\.0 of Au, .* has 0\.0"),
        ({"units": "hartree-bohr"}, "is in ev-angstrom; write potential.units: ev-angstrom"),
    ],
)
def test_settings_of_another_potential_are_refused(
    first: tuple[Trained, Path], potential: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"training\.start_from: .*{message}"):
        run(make_settings(potential, start_from=str(first[1])))


def test_identity_knows_the_weights(first: tuple[Trained, Path], tmp_path: Path) -> None:
    potential = first[0].potential
    potential.save(tmp_path)
    settings = make_settings(start_from=str(tmp_path))
    before = identity_of(settings, FEW)
    other = {"Au": potential.weights["Au"] + 1e-3}
    Potential(potential.architecture, potential.scaling, other).save(tmp_path)
    assert identity_of(settings, FEW) != before


def test_units_of_the_potential_do_not_change_the_training() -> None:
    """The same settings in Hartree and Bohr: rounding apart, the same errors."""
    in_eV = make_settings({"atom_energies": {"Au": -2.5}})
    functions = {
        "basis": None,
        "radial": {"eta": [0.05 * BOHR**2, 0.4 * BOHR**2]},
        "angular": {"functions": [[0.01 * BOHR**2, -1, 2], [0.01 * BOHR**2, 1, 2]]},
    }
    in_hartree = make_settings(
        {
            "units": "hartree-bohr",
            "cutoff_radius": 4.5 / BOHR,
            "symmetry_functions": functions,
            "atom_energies": {"Au": -2.5 / HARTREE},
        }
    )
    expected, found = run(in_eV), run(in_hartree)
    for a, b in zip(expected.epochs, found.epochs, strict=True):
        assert b.train_energy_rmse == pytest.approx(a.train_energy_rmse, rel=1e-6)
        assert b.test_force_rmse == pytest.approx(a.test_force_rmse, rel=1e-6)
    structure = FEW.structures[3]
    assert found.potential.predict(structure).energy == pytest.approx(
        expected.potential.predict(structure).energy, rel=1e-6
    )


def test_fitted_atom_energy_of_one_element_is_the_mean() -> None:
    settings = make_settings({"atom_energies": "fit"})
    trained = run(settings)
    parts = split_dataset(FEW, settings.dataset).train_structures
    mean = np.mean([(s.energy or 0.0) / s.n_atoms for s in parts])
    assert trained.potential.architecture.atom_energies["Au"] == pytest.approx(mean, rel=1e-12)
    in_hartree = make_settings(
        {"atom_energies": "fit", "units": "hartree-bohr", "cutoff_radius": 8.5}
    )
    prepared = prepare(in_hartree, split_dataset(FEW, settings.dataset))
    assert prepared.architecture.atom_energies["Au"] == pytest.approx(mean / HARTREE, rel=1e-12)


def test_energies_of_one_composition_leave_a_choice() -> None:
    alloy = [replace(s, numbers=np.where(np.arange(s.n_atoms) % 2, 29, 79)) for s in FEW.structures]
    settings = make_settings({"elements": ["Au", "Cu"], "atom_energies": "fit"})
    even = Dataset.from_structures([s for s in alloy if s.n_atoms % 2 == 0])
    with pytest.warns(UserWarning, match="leave the atom energies of Cu, Au open"):
        prepare(settings, split_dataset(even, settings.dataset))
