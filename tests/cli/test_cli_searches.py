"""Verbs about a search, on a study that was made without workers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from autune.errors import ConfigError
from autune.search.folder import place
from autune.search.study.study import Study
from autune.space import SearchSpace

POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"
SPACE = {
    "name": "tiny",
    "dataset": {"path": "builtin:gold"},
    "potential": {"elements": ["Au"], "hidden_layers": {"choice": [[2], [3]]}},
    "training": {"force_ratio": {"uniform": [0.5, 1.0]}},
    "search": {"trials": 5, "objectives": ["energy_rmse", "force_rmse"], "sampler": "random"},
}
TOLD = (
    ("complete", "", {"energy_rmse": 0.02, "force_rmse": 0.2, "score": 5.0}),
    ("complete", "", {"energy_rmse": 0.01, "force_rmse": 0.1, "score": 2.5}),
    ("stopped", "stopped after epoch 3", {}),
    ("diverged", "weights are not finite", {}),
)


@pytest.fixture
def results(tmp_path) -> Path:
    """A folder of searches with one of which four of five trials have ended."""
    folder = place("tiny", tmp_path / "results")
    folder.trials.mkdir(parents=True)
    folder.settings_file.write_text(yaml.safe_dump(SPACE))
    space = SearchSpace.from_mapping(SPACE)
    study = Study.create(folder, SPACE["search"]["objectives"], "fingerprint")
    study.continue_with(space, space.example().search)
    for state, reason, metrics in TOLD:
        proposal = study.propose()
        assert proposal is not None
        if state == "complete":
            shutil.copytree(POTENTIAL, proposal.directory / "potential")
        study.tell(proposal.number, state, reason, metrics, 1.0)
    return folder.path.parent


def test_status_lists_the_best_first(run, results):
    code, text, _ = run("status", "tiny", "--results", results)
    assert code == 0
    assert "4 of 5 trials, 2 complete, 1 stopped, 1 diverged" in text
    assert "1 diverged: weights are not finite" in text
    table = text[text.index("best trials") : text.index("1 diverged:")]
    rows = [line.split() for line in table.splitlines() if line.split()[:1] in (["0"], ["1"])]
    assert [row[:2] for row in rows] == [["1", "2.5"], ["0", "5"]]
    assert "training.force_ratio" in table
    assert (results / "tiny" / "search.png").read_bytes().startswith(b"\x89PNG")


def test_status_of_a_search_of_others_only_lacks_the_figure(run, results, monkeypatch):
    def refuse(rows, path):
        raise ConfigError("", f"{path} cannot be written: permission denied")

    monkeypatch.setattr("autune.report.figures.plot_search", refuse)
    code, text, errors = run("status", "tiny", "--results", results)
    assert code == 0
    assert "best trials" in text
    assert "the trials are not drawn" in errors
    assert "permission denied" in errors


def test_a_search_is_found_by_its_folder(run, results, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run("status", results / "tiny")[0] == 0


def test_export_of_a_trial_loads_again(run, results, tmp_path):
    from autune import Potential

    output = tmp_path / "exported"
    code, _, errors = run("export", "tiny", "--trial", 0, "--results", results, "-o", output)
    assert (code, errors) == (0, "")
    assert (output / "in.lammps").is_file()
    assert Potential.load(output).elements == ("Au",)
    assert run("export", "tiny", "--results", results, "-o", tmp_path / "best")[0] == 0


def test_export_overwrites_nothing_that_a_search_or_training_wrote(run, results, tmp_path):
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    search = results / "tiny"
    trained, exported = tmp_path / "trained", tmp_path / "exported"
    shutil.copytree(POTENTIAL, trained / "seed-0" / "potential")
    shutil.copytree(POTENTIAL, trained / "potential")
    (trained / "settings.yaml").write_text("name: trained")
    assert run("export", trained, "-o", exported)[0] == 0
    before = contents()
    own = search / "trials" / "0001" / "potential"
    for source, output, said in (
        (trained, trained / "potential", "is the potential itself"),
        (trained / "potential", trained / "seed-0" / "potential", "that no export wrote"),
        (trained, trained, "folder of a search or a training"),
        (trained, trained / "seed-0", "folder of a search or a training"),
        (trained, search, "folder of a search or a training"),
        (exported, exported, "is the potential itself"),
        (search, own, "that no export wrote"),
        (search, own.parent, "folder of a search or a training"),
    ):
        for units in ("hartree-bohr", "ev-angstrom"):
            code, _, errors = run("export", source, "-o", output, "--units", units)
            assert code == 2
            assert said in errors
            assert "name another" in errors
    assert contents() == before
    for output in (exported, search / "exported"):
        assert run("export", search, "-o", output, "--units", "hartree-bohr")[0] == 0


@pytest.mark.parametrize("trial", [2, 7])
def test_export_of_a_trial_without_potential(run, results, tmp_path, trial):
    output = tmp_path / "exported"
    code, _, errors = run("export", "tiny", "--trial", trial, "--results", results, "-o", output)
    assert code == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert not output.exists()


SEARCH_MISTAKES = {
    "name in use": ({}, [], "go on with --resume, or give another --name"),
    "nothing to resume": ({}, ["--name", "other", "--resume"], "leave out --resume"),
    "name that leaves the folder": ({}, ["--name", "../other"], "other"),
    "nothing is searched": (
        {"potential": {"elements": ["Au"]}, "training": {}, "name": "fixed"},
        [],
        "nothing is searched",
    ),
    "distribution that does not fit": (
        {"training": {"force_ratio": {"uniform": [0.5, 1.5]}}},
        [],
        "training.force_ratio",
    ),
    "settings changed": (
        {"training": {"force_ratio": {"uniform": [0.5, 0.9]}}},
        ["--resume"],
        "training.force_ratio",
    ),
    "objective that does not exist": (
        {"search": {**SPACE["search"], "objectives": ["energy_rms"]}},
        ["--name", "other"],
        "search.objectives: no metric is called energy_rms; did you mean energy_rmse?",
    ),
    "element not in the data": (
        {"potential": {"elements": ["Cu"], "hidden_layers": {"choice": [[2], [3]]}}},
        ["--name", "other"],
        "Cu",
    ),
}


@pytest.mark.parametrize("name", SEARCH_MISTAKES)
def test_search_is_refused_and_nothing_written(name, run, results, tmp_path):
    changes, options, expected = SEARCH_MISTAKES[name]
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    before = {p: p.stat().st_size for p in results.rglob("*")}
    code, _, errors = run("search", path, "--results", results, *options)
    assert code == 2, errors
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert expected in errors
    after = {p: p.stat().st_size for p in results.rglob("*") if p.name != ".lock"}
    for sizes in (before, after):  # Optuna notes in its journal that a study was opened
        sizes.pop(results / "tiny" / "study.journal")
    assert after == before


def test_folder_of_results_that_cannot_be_made(run, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    (tmp_path / "file").write_text("")
    code, _, errors = run("search", path, "--results", tmp_path / "file" / "results")
    assert code == 2
    assert "cannot be made" in errors


def test_interrupted_search_ends_with_130(run, results, tmp_path, monkeypatch):
    from autune.search.result import SearchResult

    result = SearchResult(place("tiny", results), "interrupted", ())
    monkeypatch.setattr("autune.search.run.search", lambda *_, **__: result)
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    code, _, errors = run("search", path, "--results", results)
    assert code == 130
    assert errors == "stopped\n"


def test_a_search_says_where_its_results_are_and_what_is_next(run, results, monkeypatch):
    from autune.search.folder import open_search
    from autune.search.result import SearchResult

    folder = open_search("tiny", results)
    result = SearchResult(folder, "interrupted", tuple(folder.records()))
    monkeypatch.setattr("autune.search.run.search", lambda *_, **__: result)
    monkeypatch.chdir(results.parent)
    _, said, _ = run("search", "my space.yaml")
    assert said.splitlines() == [
        "results in results/tiny; what is next:",
        "  autune search 'my space.yaml' --name tiny --results results --resume",
        "  autune export results/tiny -o potential  # the best, for n2p2 and LAMMPS",
        "  autune report results/tiny  # a page with all figures",
        "  autune ui results/tiny  # all trials in a browser",
    ]
    assert run("search", "my space.yaml", "--quiet")[1] == ""


def test_settings_given_beside_the_file(run, results, tmp_path, monkeypatch):
    from autune.search.folder import open_search
    from autune.search.result import SearchResult

    folder = open_search("tiny", results)
    result = SearchResult(folder, "interrupted", tuple(folder.records()))
    asked = []

    def search(source, **_):
        asked.append(source)
        return result

    monkeypatch.setattr("autune.search.run.search", search)
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    given = ["potential.elements=[Cu]", "search.storage=postgresql://me:hidden@host/db"]
    words = [word for assignment in given for word in ("--set", assignment)]
    other = tmp_path / "other.yaml"
    other.write_text("potential: {elements: [Ag], cutoff_radius: 5.0}")
    _, said, _ = run("search", path, "--with", other, *words, "--results", results)
    changed = {"elements": ["Cu"], "cutoff_radius": 5.0}
    assert asked[0]["potential"] == {**SPACE["potential"], **changed}
    assert asked[0]["search"]["storage"] == "postgresql://me:hidden@host/db"
    assert f"autune search {path} --with {other} --set" in said
    assert "--set 'potential.elements=[Cu]' --set 'search.storage=postgresql://me:***@host" in said
    assert "hidden" not in said
