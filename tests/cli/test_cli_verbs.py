from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.io import read

from autune.kernels import jit
from autune.settings import Settings, describe

POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"

SETTINGS = """
name: tiny
dataset: {path: builtin:gold, leave_out_groups: [surface_100, surface_111]}
potential: {elements: [Au], hidden_layers: [3]}
training: {epochs: 2, updates_per_epoch: 5}
evaluation:
  properties: {reference: builtin:gold, lattice_constant: {}}
"""


@pytest.fixture
def settings(tmp_path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS)
    return path


def test_every_verb_teaches_with_an_example(run):
    code, text, _ = run("--help")
    assert code == 0
    listed = text.split("Commands:")[1]
    verbs = [line.split()[0] for line in listed.splitlines() if line.strip()]
    assert {"train", "search", "export", "predict", "evaluate", "properties"} <= set(verbs)
    for verb in [
        *((v,) for v in verbs if v != "data"),
        ("data", "info"),
        ("data", "convert"),
        ("data", "functions"),
    ]:
        code, text, _ = run(*verb, "--help")
        assert code == 0
        assert f"autune {' '.join(verb)}" in text.split("Example")[1]


def test_help_is_fast_because_it_loads_nothing():
    code = (
        "import sys; from autune.cli import main\n"
        "try: main(['--help'])\n"
        "finally: sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stderr.split())
    assert not loaded & {"numpy", "ray", "mlflow", "pandas", "matplotlib", "ase", "pydantic"}


def test_one_thread_unless_asked_otherwise():
    code = (
        "import os, subprocess, sys; from autune.cli import main\n"
        "assert 'OMP_NUM_THREADS' not in os.environ\n"
        "try: main(['settings', 'name'])\n"
        "finally: print(os.environ['OMP_NUM_THREADS'], os.environ['NUMBA_NUM_THREADS'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"NUMBA_NUM_THREADS": "2"},
        check=True,
    )
    assert done.stdout.split()[-2:] == ["1", "2"]


def test_module_and_version():
    command = [sys.executable, "-m", "autune", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("autune 0.")


def test_settings_prints_every_knob(run):
    code, text, _ = run("settings")
    assert code == 0
    for key, default, words in describe():
        assert f"{key} = {default}\n" in text
        assert words in text
    for section in ("training.stop_early", "potential.symmetry_functions.rule", "confirm"):
        assert f"\n{section} = null\n" in text  # off until it is named
    _, part, _ = run("settings", "training.kalman")
    assert 'training.kalman.kind = "standard"' in part
    assert "dataset.path" not in part


def test_data_info(run):
    code, text, _ = run("data", "info", "builtin:gold")
    assert code == 0
    assert "105" in text
    assert "surface_111" in text
    assert "[eV/Angstrom]" in text
    assert "outlier: bcc-21" in text


def test_data_convert_and_back(run, tmp_path):
    assert run("data", "convert", "builtin:gold", tmp_path / "input.data")[0] == 0
    assert run("data", "convert", tmp_path / "input.data", tmp_path / "gold.extxyz")[0] == 0
    images = read(tmp_path / "gold.extxyz", ":")
    assert len(images) == 105
    assert images[0].get_potential_energy() == pytest.approx(-11.044793500559344, abs=1e-9)


def test_predict_writes_what_the_potential_says(run, tmp_path):
    from autune import Dataset, Potential

    output = tmp_path / "out.extxyz"
    code, text, warnings = run("predict", POTENTIAL, "builtin:gold", "-o", output)
    assert code == 0
    assert "105 structures" in text
    assert "of 560 atoms have symmetry functions outside" in warnings
    images = read(output, ":")
    structure = Dataset.read("builtin:gold").structures[37]
    expected = Potential.load(POTENTIAL).predict(structure)
    assert images[37].get_potential_energy() == pytest.approx(expected.energy, abs=1e-8)
    np.testing.assert_allclose(images[37].get_forces(), expected.forces, atol=1e-7)


def test_evaluate_prints_errors_and_draws(run, tmp_path):
    figure, table = tmp_path / "parity.png", tmp_path / "errors.csv"
    code, text, _ = run("evaluate", POTENTIAL, "builtin:gold", "--plot", figure, "--csv", table)
    assert code == 0
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.split()}
    assert rows["all"][1:3] == ["105", "560"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    lines = table.read_text().splitlines()
    assert len(lines) == 6
    assert float(lines[-1].split(",")[5]) == pytest.approx(float(rows["all"][3]), rel=1e-3)


def test_a_predicted_file_has_no_errors(run, tmp_path):
    output = tmp_path / "out.extxyz"
    run("predict", POTENTIAL, "builtin:gold", "-o", output)
    _, text, _ = run("evaluate", POTENTIAL, output)
    everything = next(line for line in text.splitlines() if line.split()[:1] == ["all"])
    assert max(map(float, everything.split()[3:])) < 1e-7


def test_train_writes_a_potential_and_goes_on(run, tmp_path, settings, monkeypatch):
    output = tmp_path / "trained"
    monkeypatch.setattr(jit, "compiled_code", list)
    code, text, said = run("train", settings, "-o", output)
    assert code == 0
    assert "compiling kernels (first run only" in said
    assert "seed 0 epoch   2" in text
    assert "force_rmse" in text
    assert (output / "potential" / "weights.079.data").is_file()
    first = (output / "result.json").read_bytes()
    code, text, said = run("train", settings, "-o", output, "--quiet")
    assert code == 0
    assert "compiling" not in said
    assert "epoch   2" not in text
    assert (output / "result.json").read_bytes() == first

    code, _, errors = run("train", settings, "-o", output, "--set", "potential.hidden_layers=[4]")
    assert code == 2
    assert "holds a training with other settings" in errors

    code, text, _ = run("properties", output / "potential", "--settings", settings)
    assert code == 0
    assert "4.176" in text
    assert "C11" not in text, "only what the settings ask for"


def test_a_finished_training_is_not_that_with_other_reference_values(run, tmp_path):
    table, output, file = tmp_path / "reference.json", tmp_path / "trained", tmp_path / "own.yaml"
    entry = {"value": 4.17, "unit": "Angstrom", "definition": "PBE"}

    def write(**change) -> None:
        table.write_text(json.dumps({"properties": {"lattice_constant": {**entry, **change}}}))

    write()
    file.write_text(SETTINGS.replace("builtin:gold, lat", f"{table}, lat"))
    assert run("train", file, "-o", output)[0] == 0
    first = (output / "result.json").read_bytes()
    write(value=4.08)
    code, _, said = run("train", file, "-o", output)
    assert code == 2
    assert "lattice_constant was 4.17 +- 0.0 Angstrom, is 4.08 +- 0.0 Angstrom" in said
    assert "name another folder" in said
    assert (output / "result.json").read_bytes() == first
    write(definition="the same, in other words")
    assert run("train", file, "-o", output)[0] == 0
    # What was trained before the values were kept is taken as it is.
    content = json.loads(first)
    del content["compared"]
    (output / "result.json").write_text(json.dumps(content))
    write(value=4.08)
    assert run("train", file, "-o", output)[0] == 0


def test_properties_of_gold_by_default(run, tmp_path):
    files = ("--csv", tmp_path / "properties.csv", "--curves", tmp_path / "curves.png")
    code, text, _ = run("properties", POTENTIAL, *files)
    assert code == 0
    for name in (
        *("lattice_constant", "C44", "bulk_modulus_eos", "surface_energy_110", "bcc_fcc"),
        *("vacancy_formation_energy", "stacking_fault_energy", "equation_of_state_rmse_bcc"),
    ):
        assert name in text
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "property error" in text
    assert "0.6905" in (tmp_path / "properties.csv").read_text()


def test_properties_beside_those_of_other_potentials(run, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "evaluation: {properties: {reference: builtin:gold, lattice_constant: {},"
        " baselines: {EMT: {calculator: emt}}}}"
    )
    files = ("--csv", tmp_path / "all.csv", "--plot", tmp_path / "all.png")
    code, text, _ = run("properties", POTENTIAL, "--settings", settings, *files)
    assert code == 0
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[2] == "property unit DFT HDNNP EMT [%]"
    assert "lattice_constant Angstrom 4.176 +- 0.003 - 4.056 -2.9" in lines
    assert any(line.startswith("no lattice_constant: HDNNP: the volume") for line in lines)
    assert "errors are against DFT, not experiment" in text
    table = pd.read_csv(tmp_path / "all.csv").set_index("potential")
    assert list(table.index) == ["HDNNP", "EMT"]
    assert table.loc["EMT", "value"] == pytest.approx(4.0562, abs=1e-4)
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    _, text, _ = run("properties", POTENTIAL, "--settings", settings, "--no-baselines")
    assert "EMT" not in text


def test_baseline_without_its_file_is_refused_at_once(run, tmp_path):
    settings = tmp_path / "settings.yaml"
    baseline = "{calculator: eam, file: nowhere.eam}"
    settings.write_text(
        f"evaluation: {{properties: {{vacancy: {{}}, baselines: {{EAM: {baseline}}}}}}}"
    )
    code, text, message = run("properties", POTENTIAL, "--settings", settings)
    assert (code, text) == (2, "")
    assert "evaluation.properties.baselines.EAM.file: no file 'nowhere.eam'" in message


def test_public_names_are_lazy_and_complete():
    code = (
        "import autune, autune.search.folder; assert callable(autune.search);"
        "print(*(getattr(autune, name) for name in autune.__all__))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Potential" in done.stdout


def test_train_from_python(settings):
    import autune

    trained = autune.train(Settings.read(settings))
    assert trained.epochs[-1].number == 2
    assert autune.train(settings).epochs[-1].test_force_rmse == trained.epochs[-1].test_force_rmse
