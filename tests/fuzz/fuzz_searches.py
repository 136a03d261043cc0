"""Folders of searches, and names of searches, files and folders."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import yaml
from fuzz_contract import check_message
from fuzz_mutations import mutate_file, mutate_text, mutate_tree
from fuzz_potentials import TRAINING, gold
from fuzz_yaml import search_spaces

from autune.dataset import Dataset, check_groups, write_dataset
from autune.errors import AutuneError
from autune.formats.files import is_folder, make_folder
from autune.potential.model import Potential
from autune.properties import read_reference
from autune.report.tables import tabulate
from autune.search.folder import SearchFolder, existing, open_search, place
from autune.search.record import front, ranked
from autune.search.result import SearchResult, write_result
from autune.search.study.study import Study
from autune.settings import Settings
from autune.space import SearchSpace


def make_study(rng: random.Random, folder: Path) -> Path:
    """Change a file of a search."""
    for name, data in search_files().items():
        (folder / name).write_bytes(data)
    name = rng.choice(("study.journal",) * 6 + ("search.yaml", "result.json", "search.id"))
    data = search_files()[name]
    if name == "study.journal" and rng.random() < 0.5:
        lines = [json.loads(line) for line in data.splitlines()]
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(lines))
            lines[at] = mutate_tree(rng, lines[at], 1)
        text = "".join(f"{json.dumps(line, default=str, skipkeys=True)}\n" for line in lines)
        data = text.encode()
    else:
        data = mutate_file(rng, data)
    (folder / name).write_bytes(data)
    return folder


def use_study(path: Path, _: Path) -> None:
    """Do what status, export, and the end of a search do."""
    folder = open_search(path, path)
    assert folder.state in ("finished", "interrupted", "failed")
    records = folder.records()
    folder.space().example()
    front(records)
    rows = [{"trial": r.number, **r.metrics, **r.params} for r in ranked(records)]
    if rows:
        tabulate(rows)
    for number in (None, 0, 10**6):
        with contextlib.suppress(AutuneError):
            folder.potential_of(number)


@cache
def search_files() -> dict[str, bytes]:
    """Files of a short search."""
    text = search_spaces()[-1]
    with tempfile.TemporaryDirectory() as name:
        folder = SearchFolder(Path(name))
        space = SearchSpace.from_mapping(yaml.safe_load(text))
        study = Study.create(folder, ("energy_rmse", "force_rmse"), "fingerprint")
        study.continue_with(space, space.example().search)
        ends = ("complete", "complete", "stopped", "diverged", "failed", "complete")
        for number, state in enumerate(ends):
            study.propose()
            errors = {
                "energy_rmse": 0.1 / (number + 1),
                "force_rmse": 0.1,
                "score": 1.0 / (number + 1),
            }
            study.tell(number, state, "" if state == "complete" else "why", errors, 1.5, [(0, 2.0)])
        study.propose()
        result = SearchResult(folder, "interrupted", tuple(study.records()))
        write_result(result, study.objectives)
        return {
            "study.journal": (folder.path / "study.journal").read_bytes(),
            "result.json": (folder.path / "result.json").read_bytes(),
            "search.yaml": text.encode(),
            "search.id": b"0123456789ab\n",
        }


def make_name(rng: random.Random, folder: Path) -> Path:
    """Write down a name of a search, a file or a folder."""
    parts = [rng.choice(NAME_PARTS) for _ in range(rng.choice((1, 1, 2, 3, 5)))]
    name = rng.choice(("", "/", "-", " ", ".")).join(parts)
    if rng.random() < 0.3:
        name = mutate_text(rng, name)[:10_000]
    path = folder / "name"
    path.write_text(json.dumps(name))
    return path


NAME_PARTS = (
    "a", "gold", "gold-2", "..", ".", "/", "~", "~nobody-of-this-name", "\0", "\n", "\x1b[2J", " ",
    "", "é", "😀", "\ud800", "\u202e", "a" * 79, "a" * 81, "a" * 300, "b/" * 900, "$HOME", "*", "?",
    "[a]", "{a}", "%s", "-", "--resume", "con", "nul", "builtin:gold", "builtin:x",
    "file:///etc/passwd", "postgresql://a:b@c/d", "http://a", "a@1", ":memory:", "|ls", ";ls",
    "`ls`", "..\\..", "%2e%2e",
)  # fmt: skip


def use_name(path: Path, output: Path) -> None:
    """Give a name wherever a user can; nothing may be written beside the folders meant for it."""
    name = json.loads(path.read_text())
    results = output / "results"
    beside = sorted(output.parent.iterdir())
    refused: list[AutuneError] = []
    with contextlib.chdir(output):  # where relative names end
        try:
            folder = place(name, results)
        except AutuneError as error:
            refused.append(error)
        else:
            assert folder.path.parent == results.resolve()
            assert folder.name == name
            make_folder(folder.path)
            shutil.rmtree(results)
        for look in (
            lambda: Settings.from_mapping({**TRAINING, "name": name}),
            lambda: open_search(name, results),
            lambda: existing(name),
            lambda: SearchSpace.read(name),
            lambda: Potential.load(name),
            lambda: read_reference(name),
            lambda: Dataset.read(name) if is_small(name) else None,
            lambda: write_dataset(f"{name}.pdf", ()),
            lambda: check_groups(gold(), [name], "training.group_weights"),
        ):
            try:
                look()
            except AutuneError as error:
                refused.append(error)
    assert sorted(output.parent.iterdir()) == beside
    assert not list(output.iterdir())
    for error in refused:
        check_message(str(error))
    if refused:
        raise refused[0]


def is_small(name: str) -> bool:
    """Whether a folder of this name can be read in no time."""
    if name.startswith("~"):
        return "nobody" in name
    path = Path(name)
    return not is_folder(path) or path.resolve().is_relative_to(Path.cwd())
