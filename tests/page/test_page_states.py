"""Searches of which less is known, and what stands in the way of a page."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import pytest
import yaml
from strict_html import Page

from autune.cli import main
from autune.page import write, write_page
from autune.page.baselines import baselines_kept_in
from autune.page.blocks import Drawing, Section
from autune.page.energies import trials_without_energies
from autune.page.gathered import gather
from autune.page.predicted import predict_sides
from autune.page.provenance import provenance_section
from autune.page.samples import samples_of
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


def make_search(results, told, raw=SPACE):
    """Make a search of which trials were told."""
    folder = place("early", results)
    folder.trials.mkdir(parents=True)
    (folder.path / IDENTITY).write_text("0123456789ab\n")
    raw = {**raw, "tracking": {"mlflow": "postgresql://me:secret@host/mlflow"}}
    folder.settings_file.write_text(yaml.safe_dump(raw))
    space = SearchSpace.from_mapping(raw)
    study = Study.create(folder, raw["search"]["objectives"], "fingerprint")
    study.continue_with(space, space.example().search)
    for state, reason, metrics in told:
        proposal = study.propose()
        study.tell(proposal.number, state, reason, metrics, 1.0)
    return folder


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """A search that runs, and its page."""
    folder = make_search(tmp_path_factory.mktemp("early"), TOLD)
    return folder, write_page(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(early):
    return Page(early[1])


@pytest.mark.parametrize(
    "ratio", [1.0, {"choice": [0.5, 0.8, 1.0]}, {"choice": [1.0, 0.9, 0.8]}, 0.9]
)
def test_energies_that_are_not_trained_are_said_and_no_headline(tmp_path, ratio):
    radius = 6.0 if isinstance(ratio, dict) else {"choice": [4.0, 5.0, 6.0]}
    raw = {
        **SPACE,
        "training": {"force_ratio": ratio},
        "potential": {"elements": ["Au"], "cutoff_radius": radius},
        "search": {**SPACE["search"], "sampler": "grid", "trials": 3},
    }
    gathered = gather(make_search(tmp_path, TOLD[:3], raw))
    ratios = [r.params.get("training.force_ratio", ratio) for r in gathered.records]
    assert len(trials_without_energies(gathered)) == ratios.count(1.0)
    page = Page(write_page(gathered.folder).read_text())
    text = " ".join(page.texts())
    headline = page.texts("dt")
    best = ratios[gathered.best]
    assert ("energy RMSE" in headline) == (best != 1.0)
    assert "force RMSE" in headline
    assert "energy RMSE [meV/atom]" in " ".join(page.texts("th")), "in the tables it stays"
    assert ("Energies are not trained" in text) == (best == 1.0)
    sentences = [s for s in page.texts("li") if s.startswith("Energy RMSE: ")]
    assert bool(sentences) == (ratios.count(1.0) < 3)
    assert ("All trainings have the same test structures" in text) == ("Effect of" in text)
    if 0 < ratios.count(1.0) < 3:
        assert f"{ratios.count(1.0)} trial" in text
        assert "of 3 did not train energies" in text


@pytest.mark.parametrize(("value", "words"), [(99.0, ""), (100.0, "as in 1 training here")])
def test_errors_that_are_cut_are_counted(tmp_path, value, words):
    raw = {
        **SPACE,
        "potential": {"elements": ["Au"], "cutoff_radius": {"choice": [4.0, 5.0, 6.0]}},
        "training": {},
        "evaluation": {"properties": {"elastic_constants": {}, "failure_penalty": 100.0}},
        "search": {**SPACE["search"], "sampler": "grid", "trials": 3},
    }
    failed = {"property.C11": math.nan, "property_error.C11": 100.0}
    told = [
        (state, reason, {**metrics, "property.C11": 300.0, "property_error.C11": value} | more)
        for (state, reason, metrics), more in zip(
            TOLD[:3], ({}, failed, {"property_error.C11": 2.0}), strict=True
        )
    ]
    text = write_page(make_search(tmp_path, told, raw)).read_text()
    assert ("means over these are too low" in text) == bool(words)
    assert words in text


@pytest.fixture
def run(capsys):
    """Run a verb in this process: exit code, standard output, standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return (end.value.code, *capsys.readouterr())

    return call


def test_a_search_without_a_complete_trial_says_so(tmp_path):
    page = Page(write_page(make_search(tmp_path, [])).read_text())
    assert page.sections == ["summary", "provenance"]
    words = " ".join(page.texts())
    assert "0 trials" in words
    assert "No trial is complete" in words


def test_a_search_that_still_runs_has_what_is_known(page):
    expected = ["summary", "best", "trials", "effects", "failures", "provenance"]
    assert page.sections == expected
    words = " ".join(page.texts())
    assert "has not ended yet" in words
    assert "not confirmed" in words
    assert "The structures are not at hand" in words


def test_best_come_first_and_the_front_is_listed(page):
    cells = page.texts("th", "td", "figcaption")
    start = next(i for i, text in enumerate(cells) if text.startswith("Trials with the lowest"))
    table = cells[start + 1 : start + 1 + 4 * 4]
    assert table[:4] == ["trial", "score", "energy RMSE [meV/atom]", "force RMSE [eV/Å]"]
    assert table[4::4] == ["1", "2", "0"]
    assert table[6] == "10.00"
    start = next(i for i, text in enumerate(cells) if text.startswith("Pareto front"))
    assert cells[start + 4 : start + 13 : 3] == ["1", "0", "2"]


def test_failures_are_counted_by_reason(page):
    cells = page.texts("th", "td")
    place = cells.index("after epoch 3")
    assert cells[place : place + 4] == ["after epoch 3", "stopped", "2", "3, 4"]
    assert "seed 1: weights are not finite <b>" in cells


def test_passwords_are_masked(early):
    folder, text = early
    assert "secret" in folder.settings_file.read_text()
    written = [text, *(path.read_text() for path in (folder.path / "report").glob("*.csv"))]
    assert len(written) > 2
    assert not any("secret" in one or "hush" in one for one in written)
    assert "postgresql://me:***@host/mlflow" in text


def test_damaged_files_of_trials_take_nothing_else_away(copy):
    for name in ("history.csv", "result.json", "curves.csv"):
        for path in copy.glob(f"**/{name}"):
            if path.parent != copy:
                path.write_bytes(b"\xff{")
    for path in copy.glob("**/input.nn"):
        path.write_text("nonsense\n")
    shutil.rmtree(copy / "report", ignore_errors=True)
    page = Page(write_page(place("small", copy.parent)).read_text())
    assert {"summary", "best", "trials", "properties", "provenance"} <= set(page.sections)
    assert not {"training", "accuracy", "committee"} & set(page.sections)
    assert not (copy / "report" / "curves.svg").exists()


@pytest.mark.parametrize(
    "seeds", [{"a": 1}, 7, [1, 2], [{"energy_rmse": "low", "kept_epoch": None, "score": [1]}]]
)
def test_metrics_of_trainings_that_are_no_numbers_are_left_out(tmp_path, seeds):
    folder = make_search(tmp_path, TOLD)
    for record in folder.records():
        record.directory.mkdir(exist_ok=True)
        (record.directory / "result.json").write_text(json.dumps({"seeds": seeds}))
    found = gather(folder)
    assert found.shown.kept == {}
    of_complete = [one.trainings for one in samples_of(found)][:3]
    assert of_complete == [(record.metrics,) for record in found.records[:3]]


def test_structures_that_changed_are_not_used(copy):
    folder = place("small", copy.parent)
    raw = yaml.safe_load(folder.settings_file.read_text())
    raw["dataset"]["split_seed"] = 7
    folder.settings_file.write_text(yaml.safe_dump(raw))
    found = gather(folder)
    assert found.dataset is None
    assert predict_sides(found) == []
    provenance = provenance_section(found)
    assert any("are not those with which" in getattr(b, "text", "") for b in provenance.blocks)


def test_structures_of_trainings_that_went_on_from_a_potential_are_used(scan):
    found = gather(place("small", scan.parent))
    assert found.dataset is not None
    assert replace(found, fingerprint=f"{found.fingerprint}-0123456789abcdef").dataset is not None


def test_other_potentials_are_compared_with_the_reference_as_it_is(copy, tmp_path):
    def error(value: float | None) -> float:
        table.unlink(missing_ok=True)
        if value is not None:
            entry = {"value": value, "unit": "Angstrom"}
            table.write_text(json.dumps({"properties": {"lattice_constant": entry}}))
        return find(gather(folder))["EMT"].rows[0].error_percent

    table = tmp_path / "reference.json"
    folder = place("small", copy.parent)
    raw = yaml.safe_load(folder.settings_file.read_text())
    raw["evaluation"]["properties"] = {
        "reference": str(table),
        "lattice_constant": {},
        "baselines": {"EMT": {"calculator": "emt"}},
    }
    folder.settings_file.write_text(yaml.safe_dump(raw))
    find = baselines_kept_in(tmp_path / "figures")
    first = error(4.0)
    assert error(4.1) < first - 2.0
    assert error(4.0) == first
    assert error(None) == first, "what was calculated, where the table is not at hand"


def test_the_verb_names_page_and_folder(early, run, tmp_path):
    folder, text = early
    page = tmp_path / "new" / "mine.html"
    code, out, _ = run("report", "early", "--results", folder.path.parent, "-o", page)
    assert code == 0
    assert str(page) in out
    assert (page.parent / "mine" / "trials.svg").is_file()
    # The same search has the same page, wherever it is written.
    assert page.read_text(encoding="utf-8").replace("<code>mine<", "<code>report<") == text


def test_a_page_of_the_name_of_the_search_leaves_its_files_alone(early, run):
    folder, _ = early
    table = folder.path / "trials.csv"
    table.write_text("kept")
    code, _, errors = run("report", folder.path, "-o", folder.path.with_suffix(".html"))
    assert (code, table.read_text()) == (2, "kept")
    assert "choose another name for the page" in errors
    table.unlink()


def test_figures_that_a_page_no_longer_shows_are_gone(tmp_path, monkeypatch):
    folder = make_search(tmp_path / "results", [])
    page = tmp_path / "page.html"
    figures = tmp_path / "page"
    sections = write.sections_of

    def files() -> set[str]:
        return {path.name for path in figures.iterdir() if path.name[0] != "."}

    def with_one_more(*arguments):
        def draw(path) -> None:
            for suffix in (".svg", ".png"):
                path.with_suffix(suffix).write_text('<svg viewBox="0 0 1 1"></svg>')

        rows = [{"number": 1}]
        drawing = Drawing("old", "Words.", "Seen.", draw, rows, more={"old-values": rows})
        return [*sections(*arguments), Section("old", "Old", [drawing])]

    write_page(folder, page)
    shown = files()
    monkeypatch.setattr(write, "sections_of", with_one_more)
    write_page(folder, page)
    assert files() == shown | {"old.svg", "old.png", "old.csv", "old-values.csv"}
    for name in ("mine.png", "notes.csv"):
        (figures / name).write_text("a reader's own")
    # A page that is not written to its end leaves nothing of which the next one does not know.
    with monkeypatch.context() as killed:
        killed.setattr(write, "render", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_page(folder, page)
    monkeypatch.setattr(write, "sections_of", sections)
    write_page(folder, page)
    assert files() == shown | {"mine.png", "notes.csv"}
    # A list that was tampered with leads to no file elsewhere.
    (tmp_path / "elsewhere.csv").write_text("kept")
    (figures / ".written").write_text("../elsewhere.csv\nbaselines.json\n")
    (figures / "baselines.json").write_text("kept")
    write_page(folder, page)
    assert (tmp_path / "elsewhere.csv").read_text() == "kept"
    assert (figures / "baselines.json").read_text() == "kept"


def test_characters_that_no_page_can_hold_are_replaced(tmp_path):
    told = [("failed", "of another program: \x00\x1b[31m", {})]
    page = write_page(make_search(tmp_path, told), tmp_path / "with-\udcff.html")
    text = page.read_text(encoding="utf-8")
    assert "of another program: \ufffd\ufffd[31m" in text
    assert "with-\ufffd" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("earlx",), "did you mean early?"),
        (("early", "-o", "page.pdf"), "ends with .html"),
        (("early", "-o", "file/page.html"), "cannot be made"),
        (("early", "-o", "folder.html"), "is a folder"),
        (("early", "-o", "taken.html"), "holds other things (notes.txt, for example)"),
    ],
)
def test_mistakes_are_told_in_one_line(early, run, tmp_path, monkeypatch, arguments, said):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    code, out, errors = run("report", *arguments, "--results", early[0].path.parent)
    assert code == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert said in errors
    assert not out
