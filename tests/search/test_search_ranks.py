"""A trial of a search on two MPI ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import autune
from autune.dataset import split_dataset
from autune.errors import AutuneError
from autune.search.running.lock import RANKS_LOCK, release, take
from autune.search.running.ranks import TrialOnRanks
from autune.settings import Settings
from autune.training.epoch import Epoch, Judged

pytestmark = pytest.mark.mpi
RAW: dict[str, Any] = {
    "name": "ranks",
    "dataset": {"path": "nowhere.extxyz"},  # ranks have the structures from elsewhere
    "potential": {
        "elements": ["Au"],
        "cutoff_radius": 4.5,
        "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
        "hidden_layers": [4],
    },
    "training": {"epochs": 3, "updates_per_epoch": 10, "streams": 2},
    "evaluation": {"seeds": 2},
}
ENDLESS = RAW | {"training": {"epochs": 100_000, "updates_per_epoch": 10}}


@pytest.fixture(scope="module")
def dataset() -> autune.Dataset:
    return split_dataset(autune.Dataset.read("builtin:gold"), Settings.from_mapping(RAW).dataset)


def test_epochs_and_scores_are_heard_and_the_result_is_read(
    tmp_path: Path, dataset: autune.Dataset
) -> None:
    heard: list[Epoch | Judged] = []

    def report(event: Epoch | Judged) -> bool:
        heard.append(event)
        return True

    result = TrialOnRanks(2)(Settings.from_mapping(RAW), dataset, tmp_path / "trial", report)
    assert result.state == "complete"
    epochs = [event for event in heard if isinstance(event, Epoch)]
    assert [(epoch.seed, epoch.number) for epoch in epochs] == [
        (seed, number) for seed in (0, 1) for number in (1, 2, 3)
    ]
    scores = [event for event in heard if isinstance(event, Judged)]
    assert [event.seed for event in scores] == [0, 1]
    mean = sum(event.score for event in scores) / 2
    assert result.metrics["score"] == pytest.approx(mean)
    assert (tmp_path / "trial" / "potential" / "input.nn").is_file()
    assert not [path for path in (tmp_path / "trial").iterdir() if path.name[0] == "."]


@pytest.mark.parametrize("last", [Epoch, Judged])
def test_a_stop_ends_the_ranks(tmp_path: Path, dataset: autune.Dataset, last: type) -> None:
    raw = ENDLESS if last is Epoch else RAW
    heard: list[Epoch | Judged] = []

    def report(event: Epoch | Judged) -> bool:
        heard.append(event)
        return not isinstance(event, last)

    result = TrialOnRanks(2)(Settings.from_mapping(raw), dataset, tmp_path, report)
    assert result.state == "stopped"
    assert isinstance(heard[-1], last)
    assert sum(isinstance(event, last) for event in heard) == 1
    lock = take(tmp_path, RANKS_LOCK)  # nobody works there any more
    assert lock is not None
    release(lock, tmp_path, RANKS_LOCK)


def test_a_failed_rank_is_an_error_with_its_words(tmp_path: Path, dataset: autune.Dataset) -> None:
    raw = RAW | {"potential": RAW["potential"] | {"elements": ["Cu"]}}
    with pytest.raises(AutuneError, match=r"a rank failed.*Cu"):
        TrialOnRanks(2)(Settings.from_mapping(raw), dataset, tmp_path / "trial", lambda _: True)


WORKER = """
import sys
from pathlib import Path
from autune.dataset import Dataset, split_dataset
from autune.search.running.ranks import TrialOnRanks
from autune.settings import Settings

settings = Settings.read(sys.argv[1])
dataset = split_dataset(Dataset.read("builtin:gold"), settings.dataset)

def report(event):
    print(event, flush=True)
    return True

TrialOnRanks(2)(settings, dataset, Path(sys.argv[2]), report)
"""


def test_ranks_of_a_killed_worker_are_waited_for(tmp_path: Path) -> None:
    request = tmp_path / "settings.yaml"
    request.write_text(Settings.from_mapping(ENDLESS).to_yaml())
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(request), str(tmp_path / "trial")],
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith("Epoch")
        os.kill(worker.pid, signal.SIGSTOP)  # so that the ranks do not notice at once
        assert take(tmp_path / "trial", RANKS_LOCK) is None
        worker.kill()
    lock, until = None, time.monotonic() + 30.0
    while lock is None:
        assert time.monotonic() < until, "the ranks live on"
        time.sleep(0.1)
        lock = take(tmp_path / "trial", RANKS_LOCK)
    release(lock, tmp_path / "trial", RANKS_LOCK)
