"""README.md and the pages under docs/: what they name exists, what they show is understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from ase.build import bulk
from ase.io import write

import autune
from autune.cli.main import app
from autune.settings import describe
from autune.space import SearchSpace, read_layers

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
# Written for others than users, or beside what they describe.
FURTHER = [
    *(ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"),
    *(ROOT / "cluster" / "README.md", ROOT / "autune" / "datasets" / "README.md"),
]
MAKEFILE = (ROOT / "Makefile").read_text()
COMMAND = typer.main.get_command(app)
NETWORK = ROOT / "tests" / "reference" / "n2p2" / "net" / "act_tanh"
SECTIONS = ("dataset", "potential", "training", "evaluation", "search", "resources", "tracking")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
of_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
of_any = pytest.mark.parametrize("page", PAGES + FURTHER, ids=lambda p: str(p.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text()) if name == language]


def lines_of_shell(page: Path) -> Iterator[list[str]]:
    """Yield the words of every line that a reader may copy into a shell."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removesuffix(" &"), comments=True):
                yield words


def spans(page: Path) -> list[str]:
    """Return what stands between backticks in running text and tables."""
    found = re.findall(r"`([^`]+)`", FENCE.sub("", page.read_text()))
    return [re.sub(r"\s+", " ", text) for text in found]


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def find_verb(words: list[str]):
    """Return the verb that some words after ``autune`` begin with, its name and further words."""
    command, name = COMMAND, "autune"
    while words and (inner := getattr(command, "commands", None)):
        name, *words = words
        assert name in inner, f"autune has no verb {name}"
        command = inner[name]
    return command, name, words


def options_of(command) -> set[str]:
    return {option for param in command.params for option in (*param.opts, *param.secondary_opts)}


CALLS = [
    (page, words[words.index("autune") + 1 :])
    for page in PAGES + FURTHER
    for words in lines_of_shell(page)
    if "autune" in words
]


@pytest.mark.parametrize(
    ("page", "words"), CALLS, ids=[f"{page.stem}: {shlex.join(words)}" for page, words in CALLS]
)
def test_command_is_understood(page: Path, words: list[str]) -> None:
    verb, name, arguments = find_verb(words)
    verb.make_context(name, arguments)  # raises what a user would read


@of_page
def test_verbs_and_options_in_text_exist(page: Path) -> None:
    every = {"--help"} | {option for verb in all_verbs(COMMAND) for option in options_of(verb)}
    for text in spans(page):
        if text.startswith("autune "):
            verb, _, words = find_verb(shlex.split(text)[1:])
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given - options_of(verb) == set(), text
        elif text.startswith("--") and not text.startswith("--set "):
            assert text.split()[0].partition("=")[0] in every, text


def all_verbs(command) -> Iterator:
    for inner in getattr(command, "commands", {}).values():
        yield inner
        yield from all_verbs(inner)


def test_readme_lists_every_verb() -> None:
    listed = {find_verb(text.split()[1:])[0] for text in spans(README) if "autune " in text[:7]}
    leaves = {verb for verb in all_verbs(COMMAND) if not getattr(verb, "commands", {})}
    assert leaves - listed == set()


@of_any
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    commands = [words for words in lines_of_shell(page) if words[0] == "make"]
    commands += [text.split() for text in spans(page) if text.startswith("make ")]
    assert {words[1] for words in commands} <= targets
    if page == README:
        assert {"gold", "test"} <= {words[1] for words in commands}


@of_any
def test_files_exist(page: Path) -> None:
    rooms = "autune|benchmarks|cluster|docs|search_spaces|tests"
    names = re.findall(
        rf"(?:(?<![\w./])|(?<=\.\./))((?:{rooms})/[\w./-]+\.\w+)", page.read_text() + MAKEFILE
    )
    assert names
    assert [name for name in sorted(set(names)) if not (ROOT / name).exists()] == []


@of_any
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text()))
    assert targets or page not in PAGES
    for target in targets:
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.is_file(), target
        assert path.is_relative_to(ROOT), target
        assert not anchor or anchor in headings(path), target


def test_readme_lists_every_page() -> None:
    linked = set(re.findall(r"^\| \[[^|]*\]\((docs/[\w.]+)\)", README.read_text(), re.MULTILINE))
    assert {ROOT / name for name in linked} == set(PAGES[1:])
    assert len(README.read_text().splitlines()) <= 260


def test_examples_of_settings_are_search_spaces() -> None:
    whole, *parts = [yaml.safe_load(text) for page in PAGES for text in blocks(page, "yaml")]
    assert len(SearchSpace.from_mapping(whole).parameters) == 2
    assert len(parts) >= 8
    for part in parts:
        sections = {name: {**whole.get(name, {}), **part[name]} for name in part}
        SearchSpace.from_mapping({**whole, **sections})


@of_page
def test_settings_in_text_exist(page: Path) -> None:
    known = [key for key, _, _ in describe()]
    for text in spans(page):
        key = text.partition(":")[0].partition("=")[0]
        if key.endswith((".mod", ".yaml")):
            continue  # files
        if key.split(".")[0] in SECTIONS and re.fullmatch(r"\w+(\.\w+)+", key):
            near = [k for k in known if f"{k}.".startswith(f"{key}.") or key.startswith(f"{k}.")]
            assert near, text


def test_the_same_is_asked_of_another_material() -> None:
    calls = [words for _, words in CALLS if words[0] == "search" and "--with" in words]
    assert calls
    for _, file, *words in calls:
        others = [ROOT / word for before, word in pairwise(words) if before == "--with"]
        given = [word for before, word in pairwise(words) if before == "--set"]
        space = SearchSpace.from_mapping(read_layers(ROOT / file, others, given))
        assert space.example().potential.elements == ("Cu",)
        assert len(space.grid()) == space.example().search.trials


def test_examples_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(autune, "search", asked.append)  # minutes
    monkeypatch.chdir(tmp_path)
    examples = [text for page in PAGES for text in blocks(page, "python")]
    (tmp_path / "copper.yaml").write_text(blocks(README, "yaml")[0])
    write("copper.extxyz", bulk("Cu"))
    for name in ("potential", "copper-potential", "committee/seed-0", "committee/seed-1"):
        autune.Potential.load(NETWORK).save(tmp_path / name)
    for text in examples:
        atoms = bulk("Au")
        names = {"atoms": atoms}
        exec(text, names)
        assert np.isfinite(names["atoms"].get_potential_energy())
    assert asked == ["copper.yaml"]
    assert len(examples) >= 2
