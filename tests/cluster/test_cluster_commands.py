"""Every call of autune in cluster/ and in its comments is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from autune.cli.main import app

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "cluster").rglob("*") if path.is_file())
COMMAND = typer.main.get_command(app)

BEFORE = r"^(?:#|\s)*(?:\$ )?(?:exec |docker compose [^#]* run --rm )?"
CALL = re.compile(BEFORE + r"autune (?P<words>[a-z]+ .*)$")


def calls(path: Path) -> Iterator[list[str]]:
    """Yield the words after ``autune`` of every line that is a call of it."""
    text = path.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if (match := CALL.match(line)) and match["words"].split()[0] in COMMAND.commands:
            words = match["words"].replace("$resume", "--resume").removesuffix(" &")
            yield shlex.split(words, comments=True)


ALL = [(path, words) for path in FILES for words in calls(path)]


@pytest.mark.parametrize(
    ("path", "words"), ALL, ids=[f"{path.name}: {shlex.join(words)}" for path, words in ALL]
)
def test_call_is_understood(path, words):
    verb, *arguments = words
    COMMAND.commands[verb].make_context(verb, arguments)  # raises what a user would read


def test_files_that_search_have_calls():
    named = {path.name for path, _ in ALL}
    expected = {"slurm.sh", "rayjob.yaml", "raycluster.yaml", "ray-cluster.yaml", "compose.yaml"}
    assert expected <= named
