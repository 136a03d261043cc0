"""Two elements end to end: EMT data, training, finite differences, files, properties."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from autune.architecture import ACTIVATIONS
from autune.dataset import Dataset, split_dataset, write_dataset
from autune.evaluation.loss import score
from autune.formats.atoms import from_atoms
from autune.potential.export import export_potential
from autune.potential.model import Potential
from autune.settings import Settings
from autune.structures import Structure
from autune.training.loop import Trained, train_potential
from autune.training.prepare import prepare


def calculated(atoms: Atoms, group: str) -> Structure:
    atoms.calc = EMT()
    atoms.info["group"] = group
    atoms.get_forces()
    return from_atoms(atoms)


def make_structures() -> list[Structure]:
    """Alloys, a molecule, a free atom, atoms with nobody near: what a data set may hold."""
    generator = np.random.default_rng(5)
    structures = []
    for number in range(24):
        atoms = bulk("Au", "fcc", a=generator.uniform(3.7, 4.3), cubic=True)
        atoms.numbers[:] = generator.choice([29, 79], 4)
        atoms.rattle(0.15, seed=number)
        structures.append(calculated(atoms, "alloy"))
    for number in range(6):
        cluster = Atoms("CuAu2", [[0, 0, 0], [2.6, 0, 0], [0.3, 2.6 + 0.05 * number, 0]])
        structures.append(calculated(cluster, "cluster"))
    structures.append(calculated(Atoms("Au", [[0, 0, 0]]), "alone"))
    structures.append(calculated(Atoms("CuAu", [[0, 0, 0], [0, 0, 30.0]]), "alone"))
    structures.append(calculated(bulk("Cu", "fcc", a=3.7), "one_atom_cell"))
    return structures


pytestmark = pytest.mark.filterwarnings("ignore:.* have no neighbour within:UserWarning")

DATASET = Dataset.from_structures(make_structures())


def make_settings(potential: dict[str, Any] | None = None, **training: Any) -> Settings:
    return Settings.from_mapping(
        {
            "name": "alloy",
            "dataset": {"path": "none", "test_fraction": 0.2},
            "potential": {
                "elements": ["Au", "Cu"],
                "cutoff_radius": 4.5,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
                },
                "hidden_layers": [4],
                **(potential or {}),
            },
            "training": {"epochs": 2, "updates_per_epoch": 30, **training},
        }
    )


def run(settings: Settings, **options: Any) -> Trained:
    judge = partial(score, settings=settings.evaluation.score)
    prepared = prepare(settings, split_dataset(DATASET, settings.dataset))
    return train_potential(settings, prepared, judge, **options)


def check_forces(potential: Potential, structure: Structure) -> None:
    """Forces equal finite differences of energies."""
    forces = potential.predict(structure).forces
    generator = np.random.default_rng(1)
    for _ in range(4):
        direction = generator.normal(size=forces.shape)
        sides = [
            potential.predict(
                Structure(
                    structure.numbers,
                    structure.positions + sign * 1e-5 * direction,
                    structure.cell,
                )
            ).energy
            for sign in (1.0, -1.0)
        ]
        slope = (sides[0] - sides[1]) / 2e-5
        assert -np.vdot(forces, direction) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return run(make_settings(epochs=15, updates_per_epoch=200))


def test_alloys_are_learnt(trained: Trained) -> None:
    first, last = trained.epochs[0], trained.epochs[-1]
    assert last.train_energy_rmse < 0.2 * first.train_energy_rmse
    assert last.train_force_rmse < 0.1 * first.train_force_rmse


def test_forces_of_the_trained_potential_are_finite_differences(trained: Trained) -> None:
    for number in (0, 7, 25, 31):
        check_forces(trained.potential, DATASET.structures[number])


def test_a_lone_atom_has_an_energy_and_no_force(trained: Trained) -> None:
    prediction = trained.potential.predict(DATASET.structures[30])
    assert np.isfinite(prediction.energy)
    assert (prediction.forces == 0.0).all()
    pair = trained.potential.predict(DATASET.structures[31])
    assert (pair.forces == 0.0).all()


def test_export_of_two_elements(trained: Trained, tmp_path: Path) -> None:
    export_potential(trained.potential, tmp_path, DATASET.structures)
    again = Potential.load(tmp_path)
    assert again.elements == ("Cu", "Au")
    assert {path.name for path in tmp_path.iterdir()} == {
        "input.nn", "scaling.data", "weights.029.data", "weights.079.data", "in.lammps",
    }  # fmt: skip
    text = (tmp_path / "in.lammps").read_text()
    assert "create_box      2 box" in text
    assert "pair_coeff      * * Cu Au" in text
    assert "mass            1 63.546" in text
    assert "mass            2 196.967" in text


def test_elements_may_have_different_numbers_of_functions(tmp_path: Path) -> None:
    # Copper alone and far from gold: gold's functions of copper have no spread.
    structures = [s for s in make_structures() if len(set(s.numbers.tolist())) == 1]
    generator = np.random.default_rng(2)
    for number in range(12):
        atoms = bulk(("Cu", "Au")[number % 2], a=generator.uniform(3.7, 4.1), cubic=True)
        atoms.rattle(0.1, seed=number)
        structures.append(calculated(atoms, "pure"))
    far = Atoms("Cu2Au", [[0, 0, 0], [0, 0, 2.5], [0, 0, 6.8]])
    structures.append(calculated(far, "far"))
    settings = make_settings(
        {"symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]},
                                "angular": {"functions": [[0.01, 1, 2]]}}},
        epochs=3,
    )  # fmt: skip
    everything = Dataset.from_structures(structures)
    dataset = Dataset(
        everything.structures, np.arange(2, len(structures)), np.arange(2), "pure metals"
    )
    with pytest.warns(UserWarning, match="symmetry functions have the same value"):
        prepared = prepare(settings, dataset)
    counts = [len(f) for f in prepared.architecture.symmetry_functions.values()]
    assert prepared.dropped
    assert sum(counts) + len(prepared.dropped) == 2 * (2 * 2 + 3)
    judge = partial(score, settings=settings.evaluation.score)
    result = train_potential(settings, prepared, judge)
    check_forces(result.potential, structures[-1])
    check_forces(result.potential, structures[-2])
    export_potential(result.potential, tmp_path, structures)


EXPLICIT = [
    "Au 2 Au 0.05 0 4.5", "Au 2 Cu 0.4 0 3.5", "Au 9 Au Cu 0.01 -1 2 4.0",
    "Cu 2 Au 0.05 0 4.5", "Cu 3 Au Au 0.01 1 1.5 4.5 0.5",
]  # fmt: skip

ALL_FAMILIES = [
    *EXPLICIT, "Au 12 0.1 1 4.5", "Au 13 0.05 0 1 2 4.5", "Au 20 Au 1 4.5 p2a", "Au 23 0.5 4.5 p4",
    "Au 21 Cu Au -4 4 20 160 p1", "Cu 22 Au Au 1 4 40 180 e", "Cu 24 0 4.5 100 260 p3",
    "Cu 25 1 4.5 -60 60 p2",
]  # fmt: skip

FORMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({"activation": name}, {}) for name in ACTIVATIONS),
    ({"activation": "softplus", "output_activation": "tanh"}, {}),
    ({"hidden_layers": [3]}, {"initialization": {"method": "nguyen_widrow"}}),
    ({"hidden_layers": [4, 3, 2], "normalize_nodes": True}, {"normalization": "ref"}),
    *(({"scaling": mode}, {}) for mode in ("none", "scale", "center", "scale_center", "sigma")),
    ({"scaling": "scale", "scale_min": -1.0, "scale_max": 2.0}, {"kalman": {"per_element": True}}),
    ({"hidden_layers": {"Au": [5, 2], "Cu": [2, 3]}}, {"kalman": {"per_element": True}}),
    (
        {"symmetry_functions": {"explicit": EXPLICIT}, "hidden_layers": {"Au": [4], "Cu": [2]}},
        {"kalman": {"decoupling": "neuron"}},
    ),
    ({"symmetry_functions": {"explicit": ALL_FAMILIES}}, {"streams": 2}),
    ({"inner_cutoff": 0.4, "cutoff_type": "poly1"}, {"kalman": {"kind": "fading"}}),
    ({"cutoff_type": "tanhu", "atom_energies": {"Au": 3.6, "Cu": 3.4}}, {"streams": 3}),
]


@pytest.mark.parametrize(("potential", "training"), FORMS, ids=str)
def test_every_form_of_potential_trains_and_has_its_forces(
    potential: dict[str, Any], training: dict[str, Any], tmp_path: Path
) -> None:
    trained = run(make_settings(potential, **training))
    assert all(np.isfinite(epoch.train_force_rmse) for epoch in trained.epochs[1:])
    if potential.get("activation") != "relu":  # its forces jump
        check_forces(trained.potential, DATASET.structures[3])
    trained.potential.save(tmp_path)
    assert Potential.load(tmp_path).architecture == trained.potential.architecture
    # The errors of an epoch are those of the potential: scaling and units are the same in both.
    last = run(make_settings(potential, keep="last", **training))
    test = split_dataset(DATASET, make_settings().dataset).test_structures
    errors = [(last.potential.predict(s).energy - s.energy) / s.n_atoms for s in test]
    assert last.epochs[-1].test_energy_rmse == pytest.approx(np.sqrt(np.mean(np.square(errors))))


PROGRAM = """
import os
import signal
import sys
from functools import partial
from pathlib import Path
from autune.dataset import Dataset, split_dataset
from autune.evaluation.loss import score
from autune.settings import Settings
from autune.training import checkpoint, loop
from autune.training.prepare import prepare

checkpoint.WRITING_SHARE = float("inf")  # after every epoch
settings = Settings.read(sys.argv[1])
dataset = split_dataset(Dataset.read(sys.argv[2]), settings.dataset)
judge = partial(score, settings=settings.evaluation.score)

def report(epoch):
    print(epoch.number, flush=True)
    if epoch.number == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return True

trained = loop.train_potential(
    settings, prepare(settings, dataset), judge, report=report, checkpoint=Path(sys.argv[3])
)
trained.potential.save(sys.argv[5])
"""


def test_killed_process_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    settings = make_settings(epochs=4, kalman={"per_element": True})
    (tmp_path / "settings.yaml").write_text(settings.to_yaml())
    write_dataset(tmp_path / "data.extxyz", DATASET.structures)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def start(name: str, die: int) -> subprocess.CompletedProcess[str]:
        arguments = ["settings.yaml", "data.extxyz", f"{name}.npz", str(die), name]
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    # Killed after epoch 3 and before its checkpoint: that of epoch 2 is on disk.
    assert start("cut", 3).returncode == -signal.SIGKILL
    second = start("cut", 0)
    assert second.returncode == 0, second.stderr
    assert second.stdout.split() == ["3", "4"]
    # This process, without a stop, says the same.
    dataset = split_dataset(Dataset.read(tmp_path / "data.extxyz"), settings.dataset)
    judge = partial(score, settings=settings.evaluation.score)
    whole = train_potential(settings, prepare(settings, dataset), judge).potential
    cut = Potential.load(tmp_path / "cut")
    for element in ("Cu", "Au"):
        np.testing.assert_array_equal(cut.weights[element], whole.weights[element])
