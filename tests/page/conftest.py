from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import autune
from autune.dataset import Dataset, write_dataset
from autune.search.running import distributed
from autune.search.running.worker import Task, run_in_worker
from autune.trial import shown

ODD = r"<b>$\frac$"
"""Name of a group, which is neither an element of HTML nor a formula."""

SPACE = {
    "name": "small",
    "dataset": {"path": "", "holdout_fraction": 0.1},
    "potential": {
        "elements": ["Au"],
        "symmetry_functions": {
            "basis": None,
            "r_shift": {"choice": [0.0, 0.5, 1.0]},
            "radial": {"eta": [0.05, 0.2, 0.8]},
        },
        "hidden_layers": [4],
    },
    "training": {"epochs": 3, "updates_per_epoch": 8, "streams": 8},
    "evaluation": {
        "seeds": 2,
        "properties": {
            "reference": "builtin:gold",
            "lattice_constant": {},
            "equation_of_state_curves": {"crystals": ["fcc"]},
            "baselines": {"EMT": {"calculator": "emt"}},
        },
    },
    "search": {"sampler": "grid", "objectives": ["energy_rmse", "force_rmse"], "pruner": "none"},
    "confirm": {"best": 2, "seeds": 3},
    "tracking": {"mlflow": None},
}


def run_here(folder, study, settings, epochs, work, dataset, observers, machines):
    """Run the trials of a search one after the other in this process."""
    while (proposal := study.propose()) is not None:
        told = []
        task = Task(proposal.number, proposal.params, str(proposal.directory))
        run_in_worker(task.to_config(), work, dataset, told.append)
        study.tell(proposal.number, told[-1]["state"], **json.loads(told[-1]["outcome"]))
    return True


@pytest.fixture(scope="session")
def scan(tmp_path_factory) -> Path:
    """A finished scan of r_shift, confirmed, of structures in a group with an odd name."""
    root = tmp_path_factory.mktemp("scan")
    structures = Dataset.read("builtin:gold").structures
    odd = [replace(s, group=ODD) if s.group == "fcc" else s for s in structures]
    write_dataset(root / "gold.extxyz", odd)
    raw = {**SPACE, "dataset": {**SPACE["dataset"], "path": str(root / "gold.extxyz")}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "run", run_here)
        for figure in ("learning_curve", "parity", "comparison", "curves"):  # the page has its own
            patch.setattr(shown, f"plot_{figure}", lambda *_: None)
        autune.search(raw, results=root, quiet=True)
    return root / "small"


@pytest.fixture
def copy(scan, tmp_path) -> Path:
    """The same search, which a test may change."""
    return Path(shutil.copytree(scan, tmp_path / "results" / "small"))
