"""What is shown of symmetry functions, and pruned."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from autune.potential.basis import build_architecture
from autune.potential.model import Potential
from autune.settings import Settings

POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"

SETTINGS = """
name: tiny
dataset: {path: builtin:gold, leave_out_groups: [surface_100, surface_111]}
potential:
  elements: [Au]
  symmetry_functions:
    rule: {resolution: 3, r_first: 2.0}
    selection: {method: cur, number: {int: [4, 9]}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS)
    return path


def test_functions_of_settings(run, settings, tmp_path):
    csv, plot = tmp_path / "functions.csv", tmp_path / "correlation.svg"
    code, text, errors = run("data", "functions", settings, "--csv", csv, "--plot", plot)
    assert code == 0
    assert "Au: 4 of 10 functions kept" in text
    assert "first value" in errors
    table = pd.read_csv(csv)
    assert list(table["number"]) == list(range(10))
    assert list(table["kept"]).count("yes") == 4
    assert (table["correlation"] <= 1.0).all()
    assert table["sensitivity [eV]"].isna().all()
    assert "symmetry function" in plot.read_text()
    key = "potential.symmetry_functions.selection.number=7"
    code, text, _ = run("data", "functions", settings, "--set", key)
    assert "Au: 7 of 10 functions kept" in text


def test_functions_of_a_potential(run, tmp_path):
    csv = tmp_path / "functions.csv"
    data = "builtin:gold"
    code, text, _ = run("data", "functions", POTENTIAL, data, "--csv", csv)
    assert code == 0
    assert "functions kept" in text
    assert (pd.read_csv(csv)["sensitivity [eV]"] >= 0.0).all()


def test_mistakes(run, settings, tmp_path):
    assert run("data", "functions", POTENTIAL)[0] == 2
    assert "name a file of structures" in run("data", "functions", POTENTIAL)[2]
    assert run("data", "functions", settings, "--plot", tmp_path / "figure.pdf")[0] == 2
    assert run("data", "functions", tmp_path / "missing.yaml")[0] == 2
    gold = ("builtin:gold", "--set", "potential.cutoff_radius=5")
    code, _, errors = run("data", "functions", POTENTIAL, *gold)
    assert code == 2
    assert "--with and --set change settings" in errors


def test_lengths_of_functions_in_bohr_are_called_so(run, tmp_path):
    potential = tmp_path / "potential"
    run("export", POTENTIAL, "-o", potential, "--units", "hartree-bohr")
    for folder, in_bohr in ((POTENTIAL, False), (potential, True)):
        code, text, _ = run(
            "data", "functions", folder, POTENTIAL.parents[1] / "structures" / "au.data"
        )
        assert code == 0
        assert ("are in Bohr" in text) == in_bohr


def test_prune_keeps_the_most_sensitive(run, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(
        SETTINGS.replace("{int: [4, 9]}", "6")
        + "  hidden_layers: [3]\ntraining: {epochs: 2, updates_per_epoch: 5}\n"
        "evaluation: {seeds: 2}\n"
    )
    trained, pruned = tmp_path / "trained", tmp_path / "pruned.yaml"
    assert run("train", path, "-o", trained, "-q")[0] == 0
    code, text, _ = run("prune", trained, "--keep", 4, "-o", pruned)
    assert code == 0
    assert "4 of 6 functions kept" in text
    rows = [line.split() for line in text.splitlines() if " G2(" in line or " G9(" in line]
    slopes = [float(words[-2]) for words in rows]
    assert slopes == sorted(slopes, reverse=True)
    assert [words[-1] for words in rows] == ["yes"] * 4 + ["no"] * 2
    settings = Settings.read(pruned)
    kept = build_architecture(settings.potential).symmetry_functions["Au"]
    assert {str(f) for f in kept} == {" ".join(words[1:-2]) for words in rows[:4]}
    before = Potential.load(trained / "potential").architecture.symmetry_functions["Au"]
    assert set(kept) < set(before)
    assert settings.training == Settings.read(trained / "settings.yaml").training
    again = tmp_path / "again"
    assert run("train", pruned, "-o", again, "-q")[0] == 0
    assert Potential.load(again / "potential").architecture.symmetry_functions["Au"] == kept


def test_prune_needs_a_training(run, tmp_path):
    code, _, errors = run("prune", tmp_path, "--keep", 3, "-o", tmp_path / "pruned.yaml")
    assert code == 2
    assert "name a folder that 'autune train' wrote" in errors
