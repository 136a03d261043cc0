"""SIGTERM, which Slurm, Ray Jobs and Kubernetes send, ends a verb as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
import yaml

from autune.search.folder import open_search

SPACE = {
    "name": "ended",
    "dataset": {"path": "builtin:gold"},
    "potential": {
        "elements": ["Au"],
        "cutoff_radius": 4.0,
        "symmetry_functions": {"basis": None, "radial": {"eta": [0.05]}},
        "hidden_layers": [3],
    },
    "training": {"epochs": 1, "updates_per_epoch": 5, "force_ratio": {"uniform": [0.5, 0.9]}},
    "search": {"trials": 1000, "objectives": ["energy_rmse", "force_rmse"], "pruner": "none"},
    "tracking": {"mlflow": None},
}


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "ended.yaml"
    path.write_text(yaml.safe_dump(SPACE))
    return path


@pytest.fixture
def _keep_handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_keep_handlers")
@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_is_ctrl_c(run, space, monkeypatch, ctrl_c):
    def be_ended(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("went on")

    signal.signal(signal.SIGINT, ctrl_c)
    monkeypatch.setattr("autune.search.run.search", be_ended)
    code, _, errors = run("search", space)
    assert code == 130
    assert errors.endswith("stopped\n")


@pytest.mark.ray
@pytest.mark.deaths
def test_sigterm_leaves_a_whole_search(space, tmp_path):
    command = [sys.executable, "-m", "autune", "search", space, "--results", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("3/"):
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "search ended interrupted" in rest
    assert "--resume" in rest
    folder = open_search("ended", tmp_path)
    assert folder.state == "interrupted"
    states = Counter(record.state for record in folder.records())
    assert states["complete"] >= 3
    assert set(states) <= {"complete", "running"}
