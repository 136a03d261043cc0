"""Training directories of n2p2: imported, trained further, exported, equal."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from autune.dataset import Dataset, split_dataset
from autune.errors import FormatError
from autune.formats.input_data import read_input_data
from autune.potential.export import export_potential
from autune.potential.model import Potential
from autune.project import Project, read_project, write_project
from autune.settings import Settings
from autune.training.keywords import training_keywords
from autune.trial import run_trial
from autune.units import UNIT_SYSTEMS

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
MOLYBDENUM = Path(__file__).parents[3] / "shared" / "reference" / "n2p2" / "mlearn" / "Mo"
TRAININGS = sorted(path.name for path in (REFERENCE / "train").iterdir())


def project_of(case: str, folder: Path) -> Path:
    """Put a training of the reference into a directory as nnp-train has it."""
    source = REFERENCE / "train" / case
    shutil.copytree(source, folder)
    data = "aucu" if (folder / "weights.029.000000.out").is_file() else "au"
    shutil.copy(REFERENCE / "structures" / f"{data}.data", folder / "input.data")
    return folder


def change(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def without_comments(path: Path) -> list[list[str]]:
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return sorted([w if not _is_number(w) else repr(float(w)) for w in words] for words in lines)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def numbers(path: Path, column: int | None = None) -> np.ndarray:
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return np.array([[float(w) for w in (r if column is None else r[column : column + 1])]
                     for r in rows])  # fmt: skip


def assert_same_files(project: Path, exported: Path, weights: dict[str, str]) -> None:
    """Compare all numbers of scaling and weights, and all functions, to the last digit."""
    np.testing.assert_array_equal(
        numbers(exported / "scaling.data"), numbers(project / "scaling.data")
    )
    for name, source in weights.items():
        np.testing.assert_array_equal(numbers(exported / name, 0), numbers(project / source, 0))
    found, expected = (
        [line for line in without_comments(folder / "input.nn") if line]
        for folder in (exported, project)
    )
    for kind in (
        *("symfunction_short", "atom_energy", "cutoff_type", "global_nodes_short"),
        *("mean_energy", "conv_energy", "conv_length"),
    ):
        ours, theirs = (
            sorted(_complete(line) for line in lines if line[0] == kind)
            for lines in (found, expected)
        )
        assert ours == theirs, kind


def _complete(line: list[str]) -> list[str]:
    """Add what n2p2 takes where it is left out: alpha, r_shift; put neighbours into one order."""
    if len(line) > 4 and line[3].isalpha() and line[4].isalpha():
        line = [*line[:3], *sorted(line[3:5]), *line[5:]]
    short = len(line) == (2 if line[0] == "cutoff_type" else 9)
    angular = line[0] == "symfunction_short" and line[2] in ("3.0", "9.0")
    return [*line, "0.0"] if short and (angular or line[0] == "cutoff_type") else line


@pytest.mark.parametrize("case", TRAININGS)
def test_every_reference_training_comes_and_goes_with_all_digits(case: str, tmp_path: Path) -> None:
    directory = project_of(case, tmp_path / "project")
    settings = Settings.read(write_project(read_project(directory), tmp_path / "moved"))
    assert settings.training.start_from == str(tmp_path / "moved" / "potential")
    export_potential(Potential.load(tmp_path / "moved" / "potential"), tmp_path / "out")
    names = [path.name for path in (tmp_path / "out").glob("weights.*.data")]
    epoch0 = {n: n if (directory / n).is_file() else n.replace("data", "000000.out") for n in names}
    assert_same_files(directory, tmp_path / "out", epoch0)


def test_training_goes_on_where_nnp_train_ended(tmp_path: Path) -> None:
    """n2p2's learning curve says the errors at the end; autune begins with the same."""
    directory = project_of("replay_normalized_std", tmp_path / "project")
    for file in directory.glob("weights.079.data"):
        file.unlink()
    project = read_project(directory)
    assert project.weights is not None
    assert project.weights.epoch == 4
    settings = Settings.read(write_project(project, tmp_path / "moved"))
    dataset = Dataset.read(settings.dataset.path, settings.dataset.units)
    potential = Potential.load(tmp_path / "moved" / "potential")
    errors = [
        (potential.predict(s).energy - (s.energy or 0.0)) / s.n_atoms for s in dataset.structures
    ]
    curve = numbers(directory / "learning-curve.out")[-1]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(curve[1], rel=1e-6)
    run_trial(settings, split_dataset(dataset, settings.dataset), tmp_path / "trained")
    history = (tmp_path / "trained" / "history.csv").read_text().splitlines()
    assert len(history) == 1 + 1 + settings.training.epochs
    went_on = Potential.load(tmp_path / "trained" / "potential")
    assert went_on.architecture == potential.architecture
    np.testing.assert_array_equal(went_on.scaling["Au"].mean, potential.scaling["Au"].mean)
    export_potential(went_on, tmp_path / "out")
    assert_same_files(directory, tmp_path / "out", {})
    assert json.loads((tmp_path / "trained" / "result.json").read_text())["state"] == "complete"


@pytest.mark.skipif(not MOLYBDENUM.is_dir(), reason="published potential not at hand")
def test_published_project_in_hartree_and_bohr(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    shutil.copytree(MOLYBDENUM, directory)
    (directory / "structures.data").rename(directory / "input.data")
    project = read_project(directory)
    assert project.units == "hartree-bohr"
    assert "0.8" in project.evidence
    path = write_project(project, tmp_path / "moved")
    change(path, ("epochs: 30", "epochs: 1"), ("updates_per_epoch: ", "updates_per_epoch: 5  # "))
    settings = Settings.read(path)
    dataset = split_dataset(
        Dataset.read(settings.dataset.path, settings.dataset.units), settings.dataset
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # atoms outside the range of the scaling
        result = run_trial(settings, dataset, tmp_path / "trained")
    assert result.state == "complete"
    for source, folder in (("moved", "same"), ("trained", "further")):
        potential = Potential.load(tmp_path / source / "potential")
        export_potential(potential, tmp_path / folder, units="hartree-bohr")
    same = {"weights.042.data": "weights.042.data"}
    assert_same_files(directory, tmp_path / "same", same)
    assert_same_files(directory, tmp_path / "further", {})
    reference = next(iter(read_input_data(directory / "input.data", *UNIT_SYSTEMS[project.units])))
    expected = Potential.load(directory, "hartree-bohr").predict(reference)
    assert Potential.load(tmp_path / "same").predict(reference).energy == expected.energy


def mapped(tmp_path: Path, *pairs: tuple[str, str], case: str = "replay_threshold_std") -> Project:
    directory = project_of(case, tmp_path / "project")
    change(directory / "input.nn", *pairs)
    return read_project(directory)


def reasons(project: Project) -> dict[str, str]:
    return {word: n.reason for n in project.notes for word in n.keyword.split(", ")}


def test_meaning_of_training_keywords(tmp_path: Path) -> None:
    project = mapped(
        tmp_path,
        ("force_weight 1.0", "force_weight 7"),
        ("task_batch_size_energy 1", "task_batch_size_energy 2\nmade_up 3"),
        ("task_batch_size_force 1", "task_batch_size_force 2"),
        ("kalman_q0 0.01", "kalman_q0 0.02\nkalman_nue_short 0.9"),
    )
    training = project.settings["training"]
    assert training["epochs"] == 4
    assert (training["updates_per_epoch"], training["streams"]) == (14, 2)
    assert training["force_ratio"] == pytest.approx(12 / 14)
    assert training["force_weight"] == 7.0
    assert training["seed"] == 4711
    assert training["selection"] == {
        "mode": "threshold", "energy_threshold": 0.0, "force_threshold": 1.0, "trials": 3,
    }  # fmt: skip
    assert training["kalman"]["q0"] == 0.02
    assert training["normalization"] == "none"
    why = reasons(project)
    assert why["made_up"] == "unknown to n2p2 2.3 and to autune"
    assert why["kalman_nue_short"].startswith("not used by the standard filter")
    assert "history.csv" in why["write_trainlog"]
    assert why["test_fraction"] == "0 leaves no test structures; autune needs some: 0.25"


def test_gradient_descent_becomes_adam(tmp_path: Path) -> None:
    adam = mapped(
        tmp_path / "a",
        ("updater_type 1", "updater_type 0\ngradient_type 1\ngradient_adam_eta 0.02"),
        ("jacobian_mode 1", "jacobian_mode 0"),
    )
    training = Settings.from_mapping(adam.settings | {"dataset": {"path": "-"}}).training
    assert (training.optimizer, training.multistream) == ("adam", "sum")
    assert (training.adam.eta, training.adam.beta1) == (0.02, 0.9)
    fixed = mapped(
        tmp_path / "b",
        ("updater_type 1", "updater_type 0\ngradient_type 0\ngradient_eta 1e-4"),
        ("jacobian_mode 1", "jacobian_mode 0"),
    )
    assert fixed.settings["training"]["optimizer"] == "adam"
    assert "Adam takes its place" in reasons(fixed)["gradient_eta"]
    kalman = mapped(tmp_path / "c", ("updater_type 1", "updater_type 1\ngradient_eta 1e-4"))
    assert "optimizer" not in kalman.settings["training"]
    assert "not used by the Kalman filter" in reasons(kalman)["gradient_eta"]


def test_schedule_of_another_form(tmp_path: Path) -> None:
    whole = mapped(tmp_path / "a", case="mixed_full_std")
    assert "as many energies and forces" in reasons(whole)["task_batch_size_force"]
    assert whole.settings["training"]["streams"] == 32
    energies = mapped(tmp_path / "b", case="energy_full_std")
    assert energies.settings["training"]["force_ratio"] == 0.0
    assert energies.settings["training"]["updates_per_epoch"] == 1
    assert energies.settings["training"]["streams"] == 4
    assert "task_batch_size_energy" not in reasons(energies)
    ratio = mapped(
        tmp_path / "c", ("short_force_fraction 0.2", "force_energy_ratio 3\nshort_force_fraction 1")
    )
    assert ratio.settings["training"]["force_ratio"] == 12 / 16
    assert reasons(ratio)["short_force_fraction"] == "force_energy_ratio takes its place"


def test_keywords_that_autune_writes_come_back(tmp_path: Path) -> None:
    """What an exported potential tells nnp-train is what its settings said."""
    settings = read_project(project_of("replay_batch5_full_std", tmp_path / "first"))
    training = Settings.from_mapping(
        settings.settings | {"dataset": {"path": "-"}, "training": {"streams": 3, "epochs": 9,
        "updates_per_epoch": 40, "force_ratio": 0.9, "kalman": {"kind": "fading", "lambda": 0.97},
        "initialization": {"method": "nguyen_widrow"}, "force_weight": 2.5}}
    ).training  # fmt: skip
    words = training_keywords(training, 4, 123, 0.0)
    directory = project_of("replay_batch5_full_std", tmp_path / "second")
    text = (directory / "input.nn").read_text()
    kept = [line for line in text.splitlines() if line.split()[0] not in words]
    kept += [" ".join([keyword, *arguments]) for keyword, arguments in words.items()]
    (directory / "input.nn").write_text("\n".join(kept))
    found = read_project(directory).settings["training"]
    again = Settings.from_mapping(
        settings.settings | {"dataset": {"path": "-"}, "training": found}
    ).training
    assert again.model_dump(exclude={"normalization", "group_weights"}) == training.model_dump(
        exclude={"normalization", "group_weights"}
    )


def test_split_of_the_file_is_kept(tmp_path: Path) -> None:
    directory = project_of("replay_batch1_std", tmp_path / "project")
    text = (directory / "input.data").read_text()
    parts = text.split("begin")
    assert len(parts) == 5
    for n_marked, expected in ((4, "file"), (2, "random")):
        marks = ["begin set=test", *["begin set=train"] * 3][:n_marked] + ["begin"] * (4 - n_marked)
        marked = "".join(m + p for m, p in zip(marks, parts[1:], strict=True))
        (directory / "input.data").write_text(marked)
        project = read_project(directory)
        assert project.settings["dataset"]["split"] == expected
        assert ("set=train" in reasons(project)) == (expected == "random")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs 4", "epochs four", r"line \d+: epochs: expected a number, found 'four'"),
        ("epochs 4", "epochs -1", r"line \d+: epochs: expected a whole number, found '-1'"),
        ("epochs 4", "epochs 4 5", "epochs: expected one whole number, found '4 5'"),
        ("selection_mode 2", "selection_mode 7", r"expected 0 \(random\), 1 .*; found 7"),
        ("selection_mode 2", "selection_mode 2\nselection_mode_force 1", "contradicts selection_m"),
        ("rmse_threshold_trials 3", "", r"selection_mode: mode 2 needs rmse_threshold_trials"),
        ("updater_type 1", "updater_type 0", r"line \d+: jacobian_mode: gradient descent"),
        ("use_short_forces", "use_short_forces\nrepeated_energy_update", "contradicts use_short"),
        ("weights_max 1.0", "weights_max -2", "expected weights_max above weights_min"),
        (
            "epochs 4",
            "epochs 4\nnormalize_data_set ref\nmean_energy 1\nconv_energy 1\nconv_length 1",
            "mean_energy: contradicts normalize_data_set in line",
        ),
        ("force_weight 1.0", "force_weight 0", "expected a positive number, found 0"),
        ("test_fraction 0.0", "test_fraction 1.5", "expected a number from 0 to less than 1"),
        ("kalman_q0 0.01", "kalman_q0 0.0l", "kalman_q0: expected a number, found '0.0l'"),
        ("short_force_fraction 0.2", "short_force_fraction -1", "expected a number not below 0"),
    ],
)
def test_wrong_keywords_are_refused_with_their_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    directory = project_of("replay_threshold_std", tmp_path / "project")
    text = (directory / "input.nn").read_text()
    lines = [new if " ".join(line.split()) == old else line for line in text.splitlines()]
    assert lines != text.splitlines()
    (directory / "input.nn").write_text("\n".join(lines) + "\n")
    with pytest.raises(FormatError, match=r"input\.nn") as caught:
        read_project(directory)
    assert caught.match(message)


def test_weights_that_are_missing_or_of_something_else(tmp_path: Path) -> None:
    directory = project_of("energy_full_element", tmp_path / "project")
    copper, gold = directory / "weights.029.data", directory / "weights.079.data"
    chosen = gold.read_bytes()
    gold.unlink()
    with pytest.raises(FormatError, match=r"weights\.079\.data: is missing"):
        read_project(directory)
    gold.write_bytes(chosen)
    with pytest.raises(FormatError, match=r"weights\.029\.000009\.out: is missing"):
        read_project(directory, epoch=9)
    found = read_project(directory, epoch=2)
    assert found.weights is not None
    assert found.weights.files["Au"].name == "weights.079.000002.out"
    lines = copper.read_text().splitlines()
    n = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    swapped = [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]]
    copper.write_text("\n".join(swapped))
    with pytest.raises(FormatError, match=rf"029\.data, line {n + 1}: .*sorted otherwise"):
        read_project(directory)
    copper.write_text("\n".join(lines))
    (directory / "scaling.data").unlink()
    with pytest.raises(FormatError, match=r"scaling\.data: is missing, without which weights"):
        read_project(directory)
    for path in directory.glob("weights.*"):
        path.unlink()
    with pytest.raises(FormatError, match=r"use_old_weights_short: .* no weights"):
        read_project(directory)
    change(directory / "input.nn", ("use_old_weights_short", "# none"))
    begun_anew = read_project(directory)
    assert begun_anew.potential is None
    settings = Settings.read(write_project(begun_anew, tmp_path / "moved"))
    assert settings.training.start_from is None


def test_directories_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"has no file input\.nn; name a training directory"):
        read_project(tmp_path)
    directory = project_of("replay_batch1_std", tmp_path / "project")
    structures = (directory / "input.data").read_text()
    (directory / "input.data").write_text("")
    with pytest.raises(FormatError, match=r"input\.data: expected structures, found none"):
        read_project(directory)
    (directory / "input.data").write_text(structures)
    change(directory / "input.data", (" Au ", " Ag "))
    with pytest.raises(Exception, match="has Ag, the potential knows Au"):
        read_project(directory)


def test_all_types_of_functions_come_and_go(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    shutil.copytree(REFERENCE / "sf" / "aucu_alltypes", directory)
    shutil.copy(REFERENCE / "structures" / "aucu.data", directory / "input.data")
    project = read_project(directory, "hartree-bohr")
    write_project(project, tmp_path / "moved")
    moved = Potential.load(tmp_path / "moved" / "potential")
    export_potential(moved, tmp_path / "eV")
    export_potential(Potential.load(tmp_path / "eV"), tmp_path / "out", units="hartree-bohr")
    assert_same_files(directory, tmp_path / "out", {f"weights.{z}.data": f"weights.{z}.data"
                                                    for z in ("029", "079")})  # fmt: skip
    assert Potential.load(tmp_path / "out").architecture == moved.architecture
