"""The verbs about potentials, given a committee: means, and spreads beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.io import read

import autune
from autune import Committee, Dataset, Potential
from autune.dataset import write_dataset

SETTINGS = {
    "name": "tiny",
    "dataset": {"path": "builtin:gold", "leave_out_groups": ["surface_100", "surface_111"]},
    "potential": {"elements": ["Au"], "hidden_layers": [3]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three potentials of one training each."""
    members = tuple(
        autune.train(
            {**SETTINGS, "training": {"epochs": 2, "updates_per_epoch": 50, "seed": seed}}
        ).potential
        for seed in range(3)
    )
    path = tmp_path_factory.mktemp("potentials") / "committee"
    Committee(members).save(path)
    return path


def test_predict_writes_means_and_spreads(run, folder, tmp_path):
    output = tmp_path / "out.extxyz"
    code, text, notes = run("predict", folder, "builtin:gold", "-o", output)
    assert code == 0
    assert "105 structures" in text
    assert f"{folder}: a committee of 3 potentials" in notes
    atoms = read(output, ":")[60]
    structure = Dataset.read("builtin:gold").structures[60]
    alone = [Potential.load(folder / f"seed-{n}").predict(structure) for n in range(3)]
    energies, forces = [p.energy for p in alone], [p.forces for p in alone]
    assert atoms.get_potential_energy() == pytest.approx(np.mean(energies), abs=1e-9)
    assert atoms.info["energy_std"] == pytest.approx(np.std(energies, ddof=1), abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), np.mean(forces, axis=0), atol=1e-9)
    assert atoms.arrays["forces_std"].max() > 1e-4
    np.testing.assert_allclose(
        atoms.arrays["forces_std"], np.std(forces, axis=0, ddof=1), atol=1e-9
    )
    # What was written is a data set like any other.
    assert Dataset.read(output).structures[60].energy == pytest.approx(np.mean(energies), abs=1e-9)


def test_format_without_room_for_spreads_is_refused(run, folder, tmp_path):
    code, _, message = run("predict", folder, "builtin:gold", "-o", tmp_path / "out.traj")
    assert code == 2
    assert "name a file that ends with .extxyz" in message
    assert list(tmp_path.iterdir()) == []


def test_evaluate_puts_the_spread_beside_the_errors_of_the_mean(run, folder, tmp_path):
    code, text, _ = run("evaluate", folder, "builtin:gold", "--csv", tmp_path / "errors.csv")
    assert code == 0
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.split()}
    table = pd.read_csv(tmp_path / "errors.csv").set_index("group")
    committee, structures = Committee.load(folder), Dataset.read("builtin:gold").structures
    found = [committee.predict(s) for s in structures]
    spread = [p.energy_std / s.n_atoms for s, p in zip(structures, found, strict=True)]
    errors = [(p.energy - s.energy) / s.n_atoms for s, p in zip(structures, found, strict=True)]
    for column, values in (("energy_rmse", errors), ("energy_spread", spread)):
        expected = np.sqrt(np.mean(np.square(values)))
        assert table.loc["all", f"{column} [eV/atom]"] == pytest.approx(expected)
        assert f"{expected:.4g}" in rows["all"]
    components = np.concatenate([p.forces_std.ravel() for p in found])
    assert table.loc["all", "force_spread [eV/Angstrom]"] == pytest.approx(
        np.sqrt(np.mean(components**2))
    )
    assert len(table) == 5


def test_evaluate_of_a_potential_has_no_spread(run, folder):
    code, text, _ = run("evaluate", folder / "seed-1", "builtin:gold")
    assert code == 0
    assert "energy_spread" not in text


def test_properties_are_means_with_deviations(run, folder, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "evaluation: {properties: {reference: builtin:gold, lattice_constant: {},"
        " phase: {crystal: bcc}}}"
    )
    options = ("--settings", settings, "--csv")
    tables = []
    for number in range(3):
        csv = tmp_path / f"{number}.csv"
        assert run("properties", folder / f"seed-{number}", *options, csv)[0] == 0
        tables.append(pd.read_csv(csv).set_index("name"))
    code, text, _ = run("properties", folder, *options, tmp_path / "all.csv", "--plot",
                        tmp_path / "all.png")  # fmt: skip
    assert code == 0
    assert "property error" in text
    assert " +- " in text
    table = pd.read_csv(tmp_path / "all.csv").set_index("name")
    for name, unit in (
        ("lattice_constant", "Angstrom"), ("bcc_fcc_energy_difference", "meV/atom")
    ):  # fmt: skip
        values = [t.loc[name, "value"] for t in tables]
        row = table.loc[name]
        assert row["unit"] == unit
        assert row["potential"] == "HDNNP"
        assert row["value"] == pytest.approx(np.mean(values))
        assert row["std"] == pytest.approx(np.std(values, ddof=1), rel=1e-6)
        assert row["error"] == pytest.approx(row["value"] - row["reference"])
        percent = 100 * row["std"] / abs(row["reference"])
        assert row["error_percent_std [%]"] == pytest.approx(percent)
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_structures_of_other_elements_are_refused(run, folder, tmp_path):
    (tmp_path / "copper.xyz").write_text("1\n\nCu 0.0 0.0 0.0\n")
    code, _, message = run("predict", folder, tmp_path / "copper.xyz", "-o", tmp_path / "o.xyz")
    assert code == 2
    assert "has Cu, the potential knows Au" in message


def test_evaluate_says_what_is_outside_the_range(run, folder, tmp_path):
    code, text, _ = run("evaluate", folder, "builtin:gold", "--extrapolation", tmp_path / "out.csv")
    assert code == 0
    table = pd.read_csv(tmp_path / "out.csv")
    committee, structures = Committee.load(folder), Dataset.read("builtin:gold").structures
    found = [committee.predict(s) for s in structures]
    outside = [int((p.excess > 0).sum()) for p in found]
    n_structures = sum(n > 0 for n in outside)
    n_atoms = sum(s.n_atoms for s in structures)
    assert f"{sum(outside)} of {n_atoms} atoms have symmetry functions outside" in text
    assert f"in {n_structures} of 105 structures" in text
    assert len(table) == sum(len(p.list_extrapolations()) for p in found) > 0
    assert len(table[["index", "atom"]].drop_duplicates()) == sum(outside)
    furthest = table.loc[table["excess_percent [%]"].idxmax()]
    assert furthest["excess_percent [%]"] == pytest.approx(100 * max(p.excess.max() for p in found))
    lines = text.splitlines()
    title = next(n for n, line in enumerate(lines) if line.startswith("furthest outside"))
    first = next(line for line in lines[title:] if furthest["structure"] in line)
    assert f"{furthest['value']:.4g}" in first
    assert furthest["symmetry_function"] in first
    assert " ".join(first.split()).startswith(f"{furthest['index']} {furthest['structure']} ")


def test_table_of_nothing_outside_has_its_header(run, folder, tmp_path):
    inside = [s for s in Dataset.read("builtin:gold").structures if s.name.startswith("fcc")][:1]
    loose = Potential.load(folder / "seed-0")
    for s in loose.scaling.values():
        s.minimum[:], s.maximum[:] = -1e3, 1e3
    loose.save(tmp_path / "loose")
    write_dataset(tmp_path / "one.extxyz", inside)
    code, text, _ = run("evaluate", tmp_path / "loose", tmp_path / "one.extxyz",
                        "--extrapolation", tmp_path / "out.csv")  # fmt: skip
    assert code == 0
    assert "are inside the range of the training set" in text
    assert "furthest outside" not in text
    assert (tmp_path / "out.csv").read_text().startswith("index,structure,group,atom,element,")


def test_evaluate_compares_spread_and_error(run, folder, tmp_path):
    code, text, _ = run("evaluate", folder, "builtin:gold", "--calibration", tmp_path / "c.png")
    assert code == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    lines = {line.split(":")[0]: line for line in text.splitlines() if "times the spread" in line}
    assert list(lines) == ["energy", "force"]
    committee, structures = Committee.load(folder), Dataset.read("builtin:gold").structures
    found = [committee.predict(s) for s in structures]
    z = [(p.energy - s.energy) / p.energy_std for s, p in zip(structures, found, strict=True)]
    assert f"the error is {np.sqrt(np.mean(np.square(z))):.3g} times the spread" in lines["energy"]
    assert f"{100 * np.mean(np.abs(z) < 1):.0f} % of 105 errors are within" in lines["energy"]
    code, _, message = run("evaluate", folder / "seed-0", "builtin:gold", "--calibration", "c.png")
    assert code == 2
    assert "name a folder with several potentials" in message


def test_evaluate_writes_nothing_where_calibration_is_refused(run, folder, tmp_path):
    one = Potential.load(folder / "seed-0")
    Committee((one, one)).save(tmp_path / "alike")
    before = sorted(tmp_path.iterdir())
    for committee, figure, said in (
        (tmp_path / "alike", tmp_path / "c.png", "the members of the committee do not differ"),
        (folder, tmp_path / "nowhere" / "c.png", "nowhere is no folder; name a file in a folder"),
        (folder, folder / "seed-0" / "input.nn" / "c.png", "input.nn is no folder"),
    ):
        code, text, errors = run(
            *("evaluate", committee, "builtin:gold", "--csv", tmp_path / "errors.csv"),
            *("--plot", tmp_path / "parity.png", "--calibration", figure),
        )
        assert (code, text) == (2, "")
        assert said in errors
        assert sorted(tmp_path.iterdir()) == before
