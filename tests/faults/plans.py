"""What is searched while faults come: small, but real in every part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

STRUCTURES = (0, 3, 6, 9, 12, 15, 20, 24, 28, 33)
"""Of the gold set: fcc and bcc crystals of two and four atoms."""


@dataclass(frozen=True)
class Plan:
    """A search, and how it is hurt.

    Parameters
    ----------
    name
        Of the search.
    trials, seeds, epochs, updates
        Size of the search.
    pruner
        asha or none.
    storage
        journal, or postgresql for a database that the run starts.
    mlflow
        default, or server for one that the run starts, or nothing.
    confirm
        Best settings and seeds of the confirmation; none of either: no confirmation.
    nodes
        1: this machine; 2: a cluster of two nodes, which share the folder; 3: which do not.
    small_disk
        The search lies on a file system that can be filled.
    n_faults
        Faults at most.
    traps
        Part of the launches in which a process dies at a write.
    """

    name: str
    trials: int
    seeds: int
    epochs: int
    updates: int
    pruner: str
    seed: int
    storage: str
    mlflow: str | None
    confirm: tuple[int, int] | None
    nodes: int
    small_disk: bool
    n_faults: int
    traps: float

    def settings(self, structures: Path, storage: str, mlflow: str | None) -> dict[str, Any]:
        """Return the settings file of the search.

        Parameters
        ----------
        structures
            Data set.
        storage, mlflow
            Addresses.
        """
        best, seeds = self.confirm or (0, 0)
        return {
            "name": self.name,
            "dataset": {"path": str(structures), "test_fraction": 0.2},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 5.0,
                "cutoff_type": {"choice": ["cos", "poly2"]},
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.02, 0.1, 0.5]},
                    "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
                },
                "hidden_layers": {"choice": [[8], [6, 6]]},
            },
            "training": {
                "epochs": self.epochs,
                "updates_per_epoch": self.updates,
                # No two points are the same, so one that is tried twice is seen.
                "force_ratio": {"uniform": [0.5, 0.95]},
            },
            "evaluation": {
                "seeds": self.seeds,
                "properties": {"reference": "builtin:gold", "lattice_constant": {}},
            },
            "search": {
                "trials": self.trials,
                "sampler": "tpe",
                "seed": self.seed,
                "startup_trials": 3,
                "objectives": ["energy_rmse", "force_rmse"],
                "pruner": self.pruner,
                "storage": storage,
            },
            "confirm": {"best": best, "seeds": seeds} if self.confirm else None,
            "resources": {"concurrent_trials": 2},
            "tracking": {"mlflow": mlflow},
        }


def draw_plan(
    generator: np.random.Generator, number: int, short: bool, missing: Collection[str]
) -> Plan:
    """Draw a search.

    Parameters
    ----------
    generator
        Of all decisions.
    number
        Of the search in this run.
    short
        For a run of minutes.
    missing
        What cannot be had here: postgresql, small disk.
    """

    def happens(share: float) -> bool:
        return bool(generator.random() < share)

    tracked = generator.choice(["none", "default", "server"], p=[0.2, 0.5, 0.3])
    if short:
        tracked = "default" if happens(0.5) else "none"
    nodes = 1 if short or happens(0.7) else int(generator.integers(2, 4))
    return Plan(
        name=f"faults-{number:03d}",
        trials=4 if short else int(generator.integers(4, 8)),
        seeds=2,
        epochs=int(generator.integers(5, 9)),
        updates=400 if short else int(generator.choice([400, 1200, 3000])),
        pruner=str(generator.choice(["asha", "none"])),
        seed=int(generator.integers(1000)),
        storage="postgresql"
        if not short and happens(0.35) and "postgresql" not in missing
        else "journal",
        mlflow=None if tracked == "none" else str(tracked),
        confirm=(2, 2) if happens(0.4) else None,
        nodes=nodes,
        small_disk=nodes == 1 and not short and happens(0.25) and "small disk" not in missing,
        n_faults=3 if short else int(generator.integers(3, 9)),
        traps=0.3 if short else float(generator.choice([0.0, 0.6])),
    )


@cache
def write_structures(path: Path) -> Path:
    """Write the few structures that are trained."""
    from dataclasses import replace

    from autune.dataset import Dataset, write_dataset

    gold = Dataset.read("builtin:gold")
    write_dataset(path, [replace(gold.structures[i]) for i in STRUCTURES])
    return path
