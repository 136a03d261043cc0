"""The verb log: what it says, and that it needs no Ray."""

from __future__ import annotations

import subprocess
import sys

import pytest
from made_search import MadeSearch

from autune.cli import main


@pytest.fixture
def log(capsys):
    """Run the verb in this process: exit code, standard output, standard error."""

    def call(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["log", *map(str, arguments)])
        return (end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def made(tmp_path):
    return MadeSearch(tmp_path / "results" / "fake", tracking="default")


def test_log_writes_once_and_needs_no_ray(log, made):
    made.run(2)
    made.end()
    script = (
        "import sys\n"
        "from autune.cli import main\n"
        "try:\n"
        "    main(['log', sys.argv[1]])\n"
        "finally:\n"
        "    print('ray' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(made.folder.path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    words = (
        f"sqlite:///{made.folder.database}: experiment fake has 2 trials and confirmations, "
        "{} of them written now\n"
    )
    assert (done.stdout, done.stderr) == (f"{words.format(2)}False\n", "")
    assert log(made.folder.path) == (0, words.format(0), "")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("htp://me:secret@host", "--mlflow: must be default"),
        ("http://me:secret@127.0.0.1:1", "http://me:***@127.0.0.1:1) cannot be written"),
        ("sqlite:////proc/none/mlflow.db", "(sqlite:////proc/none/mlflow.db) cannot be written"),
    ],
)
def test_mistakes_are_one_line_without_passwords(log, made, monkeypatch, uri, words):
    monkeypatch.setattr("autune.search.tracking.tracker.SHORTEST_PAUSE", 0.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, text, errors = log(made.folder.path, "--mlflow", uri)
    assert (code, text) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert "secret" not in errors


def test_a_search_without_mlflow_needs_an_address(log, tmp_path):
    made = MadeSearch(tmp_path / "fake", tracking=None)
    code, _, errors = log(made.folder.path)
    assert code == 2
    assert "say where to with --mlflow" in errors
