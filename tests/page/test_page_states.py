"""Searches of which less is known, and what stands in the way of a page."""

from __future__ import annotations

import pytest
import yaml
from strict_html import Page

from autune.cli import main
from autune.page import write_page
from autune.search.folder import IDENTITY, place
from autune.search.study.study import Study
from autune.space import SearchSpace

SPACE = {
    "name": "early",
    "dataset": {"path": "nowhere.extxyz"},
    "potential": {"elements": ["Au"], "hidden_layers": {"choice": [[2], [3]]}},
    "training": {"force_ratio": {"uniform": [0.5, 1.0]}},
    "evaluation": {"seeds": 2},
    "search": {"trials": 9, "objectives": ["energy_rmse", "force_rmse"], "sampler": "random"},
}
TOLD = [
    ("complete", "", {"energy_rmse": 0.02, "force_rmse": 0.2, "score": 5.0}),
    ("complete", "", {"energy_rmse": 0.01, "force_rmse": 0.3, "score": 2.5}),
    ("complete", "", {"energy_rmse": 0.03, "force_rmse": 0.1, "score": 3.5}),
    ("stopped", "after epoch 3 with score 19.6", {}),
    ("stopped", "after epoch 3 with score 12.1", {}),
    ("diverged", "seed 1: weights are not finite <b>", {}),
    ("failed", "no connection to postgresql://me:hush@host/db", {}),
]


@pytest.fixture
def make_search(tmp_path):
    """Return what makes a search of which trials were told."""

    def make(told, space=SPACE):
        folder = place(space["name"], tmp_path / "results")
        folder.trials.mkdir(parents=True)
        (folder.path / IDENTITY).write_text("0123456789ab\n")
        folder.settings_file.write_text(yaml.safe_dump(space))
        read = SearchSpace.from_mapping(space)
        study = Study.create(folder, space["search"]["objectives"], "fingerprint")
        study.continue_with(read, read.example().search)
        for state, reason, metrics in told:
            proposal = study.propose()
            study.tell(proposal.number, state, reason, metrics, 1.0)
        return folder

    return make


@pytest.fixture
def run(capsys):
    """Run a verb in this process: exit code, standard output, standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return (end.value.code, *capsys.readouterr())

    return call


def test_a_search_without_a_complete_trial_says_so(make_search):
    page = Page(write_page(make_search([])).read_text())
    assert page.sections == ["summary", "provenance"]
    words = " ".join(page.texts())
    assert "0 trials" in words
    assert "No trial is complete" in words


def test_a_search_that_still_runs_has_what_is_known(make_search):
    page = Page(write_page(make_search(TOLD)).read_text())
    expected = ["summary", "best", "trials", "effects", "failures", "provenance"]
    assert page.sections == expected
    words = " ".join(page.texts())
    assert "has not ended yet" in words
    assert "not confirmed" in words
    assert "The structures are not at hand" in words


def test_best_come_first_and_the_front_is_listed(make_search):
    page = Page(write_page(make_search(TOLD)).read_text())
    cells = page.texts("th", "td", "caption")
    start = next(i for i, text in enumerate(cells) if text.startswith("Trials with the lowest"))
    table = cells[start + 1 : start + 1 + 4 * 4]
    assert table[:4] == ["trial", "score", "energy RMSE [meV/atom]", "force RMSE [eV/Å]"]
    assert table[4::4] == ["1", "2", "0"]
    assert table[6] == "10.00"
    start = next(i for i, text in enumerate(cells) if text.startswith("Pareto front"))
    assert cells[start + 4 : start + 10 : 3] == ["1", "2"]


def test_failures_are_counted_by_reason(make_search):
    page = Page(write_page(make_search(TOLD)).read_text())
    cells = page.texts("th", "td")
    place = cells.index("after epoch 3")
    assert cells[place : place + 4] == ["after epoch 3", "stopped", "2", "3, 4"]
    assert "seed 1: weights are not finite <b>" in cells


def test_passwords_are_masked(make_search):
    folder = make_search(TOLD)
    raw = {**SPACE, "tracking": {"mlflow": "postgresql://me:secret@host/mlflow"}}
    folder.settings_file.write_text(yaml.safe_dump(raw))
    text = write_page(folder).read_text()
    assert "secret" not in text
    assert "hush" not in text
    assert "postgresql://me:***@host/mlflow" in text
    for path in (folder.path / "report").glob("*.csv"):
        assert "hush" not in path.read_text()


def test_damaged_files_of_trials_take_nothing_else_away(copy):
    for name in ("history.csv", "result.json"):
        for path in copy.glob(f"**/{name}"):
            if path.parent != copy:
                path.write_bytes(b"\xff{")
    for path in copy.glob("**/input.nn"):
        path.write_text("nonsense\n")
    for path in copy.glob("**/curves.csv"):
        path.unlink()
    page = Page(write_page(place("small", copy.parent)).read_text())
    assert {"summary", "best", "trials", "properties", "provenance"} <= set(page.sections)
    assert not {"training", "accuracy", "committee"} & set(page.sections)


def test_structures_that_changed_are_not_used(copy):
    folder = place("small", copy.parent)
    text = folder.settings_file.read_text()
    raw = yaml.safe_load(text)
    raw["dataset"]["split_seed"] = 7
    folder.settings_file.write_text(yaml.safe_dump(raw))
    page = Page(write_page(folder).read_text())
    assert not {"accuracy", "committee"} & set(page.sections)
    assert "are not those with which the search began" in " ".join(page.texts())


def test_the_verb_names_page_and_folder(make_search, run, tmp_path):
    folder = make_search(TOLD)
    code, out, _ = run("report", "early", "--results", folder.path.parent)
    assert code == 0
    assert str(folder.path / "report.html") in out
    page = tmp_path / "mine.html"
    assert run("report", folder.path, "-o", page)[0] == 0
    assert (tmp_path / "mine" / "trials.svg").is_file()
    assert Page(page.read_text()).count("h1") == 1


def test_mistakes_are_told_in_one_line(make_search, run, tmp_path):
    folder = make_search(TOLD)
    results = folder.path.parent
    file = tmp_path / "file"
    file.write_text("x")
    for arguments, said in (
        (("erly",), "did you mean early?"),
        (("early", "-o", tmp_path / "page.pdf"), "ends with .html"),
        (("early", "-o", file / "page.html"), "cannot be made"),
        (("early", "-o", tmp_path / "none" / "page.html"), ""),
    ):
        code, out, errors = run("report", *arguments, "--results", results)
        if said:
            assert code == 2
            assert errors.startswith("error: ")
            assert errors.count("\n") == 1
            assert said in errors
            assert not out
        else:
            assert code == 0
