"""Bad input: exit code 2, one message that says what to do, no traceback, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from autune.cli import main
from autune.kernels import jit

POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"

FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy={energy} pbc="T T T"
Au 0.0 0.0 0.0 0.1 0.0 0.0
Au {x} 2.0 2.0 -0.1 0.0 0.0
"""


def frame(energy="-6.0", x="2.0") -> str:
    return FRAME.format(energy=energy, x=x)


GOOD = "".join(frame(-6.0 + 0.01 * n, 2.0 + 0.02 * n) for n in range(10))


@pytest.fixture
def refused(run, tmp_path):
    """Run a verb that must be refused, and return its message."""

    def call(*arguments) -> str:
        before = sorted(tmp_path.rglob("*"))
        code, _, printed = run(*arguments)
        assert code == 2
        assert "Traceback" not in printed
        errors = [line for line in printed.splitlines() if line.lower().startswith("error: ")]
        assert len(errors) == 1
        assert printed.splitlines()[-1] == errors[0]
        assert sorted(tmp_path.rglob("*")) == before, "something was written"
        return errors[0]

    return call


@pytest.fixture
def train(refused, tmp_path):
    """Run train with settings that differ from good ones in one key, or data."""

    def call(changes=None, data=GOOD) -> str:
        (tmp_path / "data.extxyz").write_text(data)
        settings = {
            "name": "bad",
            "dataset": {"path": str(tmp_path / "data.extxyz")},
            "potential": {"elements": ["Au"], "hidden_layers": [2]},
            "training": {"epochs": 1, "updates_per_epoch": 2},
        }
        for key, value in (changes or {}).items():
            *rooms, last = key.split(".")
            place = settings
            for room in rooms:
                place = place.setdefault(room, {})
            place[last] = value
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
        return refused("train", tmp_path / "settings.yaml", "-o", tmp_path / "out")

    return call


SETTINGS_MISTAKES = {
    "unknown key": ({"training.epoch": 3}, "training.epoch: unknown key; did you mean epochs?"),
    "wrong type": ({"training.epochs": "many"}, "training.epochs: "),
    "out of range": ({"training.force_ratio": 1.5}, "training.force_ratio: "),
    "distribution": (
        {"training.force_ratio": {"uniform": [0.1, 0.9]}},
        "training.force_ratio: expected a value, found a distribution",
    ),
    "missing data": ({"dataset.path": "nowhere.xyz"}, "nowhere.xyz"),
    "unknown built-in": ({"dataset.path": "builtin:silver"}, "builtin:gold"),
    "element not in the data": ({"potential.elements": ["Au", "Cu"]}, "Cu"),
    "element of the data unknown": ({"potential.elements": ["Cu"]}, "Au"),
    "true for a number": ({"training.epochs": True}, "training.epochs: must be a number"),
    "word for a mapping": ({"training": 5}, "training: must be keys and values"),
    "word for a list": ({"potential.elements": "Au"}, "potential.elements: must be a list"),
    "cutoff that no machine can": ({"potential.cutoff_radius": 1000.0}, "equal to 50"),
    "no layers": ({"potential.hidden_layers": []}, "must have at least 1 item"),
    "no functions": (
        {"potential.symmetry_functions": {"basis": None, "radial": {"eta": []}}},
        "there are no functions",
    ),
    "unused groups": ({"dataset.test_groups": ["fcc"]}, "write split: groups"),
    "weight of an unknown group": ({"training.group_weights": {"fcc": 2.0}}, "no group 'fcc'"),
    "name with a path": ({"name": "../bad"}, "name: must be letters, digits"),
    "address of nothing": ({"tracking.mlflow": "htp://x"}, "mlflow must be default, null"),
    "empty test set": ({"dataset.test_fraction": 0.01}, "test set is empty"),
    "unknown group": ({"dataset.leave_out_groups": ["fcc"]}, "fcc"),
    "reference table missing": (
        {"evaluation.properties": {"reference": "nowhere.json", "lattice_constant": {}}},
        "nowhere.json",
    ),
}


@pytest.mark.parametrize("name", SETTINGS_MISTAKES)
def test_settings(name, train):
    changes, expected = SETTINGS_MISTAKES[name]
    assert expected in train(changes)


def test_nothing_is_compiled_for_settings_that_are_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "compiled_code", list)
    path = tmp_path / "settings.yaml"
    path.write_text(
        "name: a\ndataset: {path: 'builtin:gold'}\npotential: {elements: [Au]}\n"
        "training: {force_ratio: {uniform: [0.0, 1.0]}, group_weights: {fc: 2.0}}\n"
    )
    words = [path, "--set", "search.objectives=[score]"]
    said = run("search", *words, "--results", tmp_path / "results")[2]
    assert "no group 'fc'" in said
    assert "compiling" not in said
    said = run("train", *words, "--set", "training.force_ratio=0.5", "-o", tmp_path / "out")[2]
    assert "no group 'fc'" in said
    assert "compiling" not in said


DATA_MISTAKES = {
    "no energy": (GOOD.replace("energy=-6.0 ", "", 1), "no energy"),
    "no forces": (
        GOOD.replace(frame(), frame().replace(":forces:R:3", "").replace(" 0.1 0.0 0.0\n", "\n")
                     .replace(" -0.1 0.0 0.0\n", "\n"), 1),
        "no forces",
    ),
    "NaN in positions": (GOOD + frame(x="nan"), "NaN"),
    "NaN energy": (GOOD + frame(energy="nan"), "nan"),
    "a row too short": (GOOD + frame().replace(" 0.1 0.0 0.0\n", " 0.1\n"), "data.extxyz, line"),
    "fewer atoms than announced": (GOOD + frame().replace("2\n", "3\n", 1), "data.extxyz"),
    "empty file": ("", "found an empty file"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA_MISTAKES)
def test_data(name, train):
    data, expected = DATA_MISTAKES[name]
    assert expected in train(data=data)


def test_settings_file_missing_or_not_yaml(refused, tmp_path):
    path = tmp_path / "settings.yaml"
    assert "cannot be read" in refused("train", path, "-o", tmp_path / "out")
    path.write_text("name: [unclosed\n")
    assert "settings.yaml, line 2" in refused("train", path, "-o", tmp_path / "out")
    path.write_text("just words\n")
    assert "expected keys and values" in refused("train", path, "-o", tmp_path / "out")
    path.write_bytes(b"\xff\xfe\x00")
    assert "expected text in UTF-8" in refused("train", path, "-o", tmp_path / "out")


def test_folder_that_cannot_be_written(refused, tmp_path, train):
    (tmp_path / "file").write_text("")
    train({"training.epochs": 0})
    settings = yaml.safe_load((tmp_path / "settings.yaml").read_text())
    settings["training"]["epochs"] = 1
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    below = tmp_path / "file" / "out"
    assert str(below) in refused("train", tmp_path / "settings.yaml", "-o", below)
    for verb in (
        ("predict", POTENTIAL, "builtin:gold", "-o", below / "out.extxyz"),
        ("data", "convert", "builtin:gold", below / "input.data"),
        ("evaluate", POTENTIAL, "builtin:gold", "--plot", below / "parity.png"),
    ):
        assert str(below) in refused(*verb)


def test_potential_missing_or_broken(refused, tmp_path):
    message = refused("predict", tmp_path, "builtin:gold", "-o", tmp_path / "out.extxyz")
    assert "expected a potential" in message
    for file in POTENTIAL.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "weights.079.data"
    weights.write_text("\n".join(weights.read_text().splitlines()[:-3]) + "\n")
    message = refused("evaluate", tmp_path, "builtin:gold")
    assert "weights.079.data" in message


def test_element_that_the_potential_does_not_know(refused, tmp_path):
    data = tmp_path / "copper.extxyz"
    data.write_text(frame().replace("Au", "Cu"))
    message = refused("predict", POTENTIAL, data, "-o", tmp_path / "out.extxyz")
    assert "the potential knows Au" in message


def test_format_that_cannot_be_written(refused, tmp_path):
    message = refused("predict", POTENTIAL, "builtin:gold", "-o", tmp_path / "out.foo")
    assert ".extxyz" in message


def test_properties_not_in_settings(refused, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("evaluation: {seeds: 2}\n")
    message = refused("properties", POTENTIAL, "--settings", path)
    assert "evaluation.properties: is missing" in message
    path.write_text("evaluation: {properties: {latice_constant: {}}}\n")
    message = refused("properties", POTENTIAL, "--settings", path)
    assert "did you mean lattice_constant?" in message
    for section in ("{}", "{reference: 'builtin:gold', baselines: {EMT: {calculator: emt}}}"):
        path.write_text(f"evaluation: {{properties: {section}}}\n")
        message = refused("properties", POTENTIAL, "--settings", path)
        assert f"no property is named in {path}; name some of lattice_constant, " in message
        assert "surface_energy, phase, " in message
        assert "phonons, dynamics, as lattice_constant: {}" in message


def test_arguments(refused, tmp_path):
    assert "No such command 'fly'" in refused("fly")
    assert "No such option" in refused("train", "settings.yaml", "-o", "out", "--resume")
    assert "Missing option '--output'" in refused("train", "settings.yaml")
    assert "did you mean training.kalman?" in refused("settings", "training.calman")


def test_search_that_does_not_exist(refused, tmp_path):
    for verb in (("status",), ("ui",), ("export", "-o", tmp_path / "out")):
        message = refused(verb[0], "nowhere", *verb[1:], "--results", tmp_path / "results")
        assert "no search 'nowhere'" in message


def test_a_bug_keeps_its_traceback(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("autune.settings.describe", broken)
    with pytest.raises(ZeroDivisionError):
        main(["settings"])


def test_interrupt_ends_quietly(monkeypatch, run):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("autune.settings.describe", interrupted)
    assert run("settings") == (130, "", "stopped\n")


def test_folder_with_another_training(refused, tmp_path):
    settings = {"name": "a", "dataset": {"path": "builtin:gold"}, "potential": {"elements": ["Au"]}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "out").mkdir()
    settings["training"] = {"epochs": 7}
    (tmp_path / "out" / "settings.yaml").write_text(yaml.safe_dump(settings))
    message = refused("train", tmp_path / "settings.yaml", "-o", tmp_path / "out")
    assert "holds a training with other settings" in message


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "--set: expected KEY=VALUE"),
        ("training.epoch=3", "training.epoch: unknown key; did you mean epochs?"),
        ("search.storage=postgresql://me:hi dden@host", "storage must be journal"),
    ],
)
def test_settings_beside_the_file(refused, assignment, message):
    errors = refused("search", "search_spaces/quick.yaml", "--set", assignment)
    assert message in errors
    assert "hi dden" not in errors


def test_search_below_mpiexec(refused, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    message = refused("search", "search_spaces/quick.yaml")
    assert "resources.mpi_ranks" in message
    assert "without mpiexec" in message


def test_folder_that_holds_a_potential(refused, tmp_path):
    (tmp_path / "trained" / "potential").mkdir(parents=True)
    message = refused("properties", tmp_path / "trained")
    assert f"there is one in {tmp_path / 'trained' / 'potential'}" in message


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", POTENTIAL, "builtin:gold", "--csv", "errors.csv", "--plot"),
        ("properties", POTENTIAL, "--plot"),
        ("properties", POTENTIAL, "--curves"),
    ],
)
def test_figures_of_other_kinds(words, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "a figure is PNG or SVG; name a file that ends with" in refused(*words, "table.csv")
