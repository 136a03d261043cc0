"""A trial of a search on two MPI ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import autune
from autune.errors import AutuneError, ConfigError
from autune.search.ranks import TrialOnRanks
from autune.settings import Settings
from autune.training.epoch import Epoch

pytestmark = pytest.mark.mpi
RAW: dict[str, Any] = {
    "name": "ranks",
    "dataset": {"path": "builtin:gold"},
    "potential": {
        "elements": ["Au"],
        "cutoff_radius": 4.5,
        "symmetry_functions": {"basis": None, "radial": {"eta": [0.05, 0.4]}},
        "hidden_layers": [4],
    },
    "training": {"epochs": 3, "updates_per_epoch": 10, "streams": 2},
}


def test_epochs_are_heard_and_the_result_is_read(tmp_path: Path) -> None:
    epochs: list[Epoch] = []

    def report(epoch: Epoch) -> bool:
        epochs.append(epoch)
        return True

    result = TrialOnRanks(2)(Settings.from_mapping(RAW), None, tmp_path / "trial", report)
    assert result.state == "complete"
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    kept = int(result.metrics["kept_epoch"])
    assert kept == 0 or result.metrics["energy_rmse"] == epochs[kept - 1].test_energy_rmse
    assert (tmp_path / "trial" / "potential" / "input.nn").is_file()


def test_a_stop_ends_the_ranks(tmp_path: Path) -> None:
    raw = RAW | {"training": {"epochs": 100_000, "updates_per_epoch": 10}}
    result = TrialOnRanks(2)(Settings.from_mapping(raw), None, tmp_path, lambda _: False)
    assert result.state == "stopped"


def test_a_failed_rank_is_an_error_with_its_words(tmp_path: Path) -> None:
    raw = RAW | {"dataset": {"path": str(tmp_path / "missing.extxyz")}}
    with pytest.raises(AutuneError, match=r"a rank failed.*missing\.extxyz"):
        TrialOnRanks(2)(Settings.from_mapping(raw), None, tmp_path / "trial", lambda _: True)


def test_structures_in_memory_are_refused(tmp_path: Path) -> None:
    raw = RAW | {
        "resources": {"mpi_ranks": 2},
        "training": {"force_ratio": {"uniform": [0.5, 0.9]}},
        "search": {"objectives": ["energy_rmse"]},
    }
    with pytest.raises(ConfigError, match=r"resources\.mpi_ranks: ranks read the structures"):
        autune.search(raw, dataset=autune.Dataset.read("builtin:gold"), results=tmp_path)
