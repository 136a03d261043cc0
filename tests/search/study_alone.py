"""A search without Ray: a study whose trials are a function of its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from fake_trial import objectives, settings
from optuna.storages.journal import _storage

from autune.search.folder import SearchFolder
from autune.search.study.study import Study
from autune.space import SearchSpace

NAMES = ("energy_rmse", "force_rmse")


def measure(space: SearchSpace, params: Mapping[str, Any]) -> dict[str, float]:
    energy, force = objectives(space.apply(params))
    return {"energy_rmse": energy, "force_rmse": force, "score": energy + force}


def begin(
    folder: Path, space: SearchSpace | None = None, storage: str = "journal", **search: Any
) -> tuple[Study, SearchSpace]:
    """Begin a search, or go on with it as a new process would."""
    folder.mkdir(exist_ok=True)
    space = space or SearchSpace.from_mapping(settings(**search))
    at = space.example().search
    study = Study.create(SearchFolder(folder), at.objectives, "fingerprint", storage)
    study.continue_with(space, at)
    return study, space


def work(
    study: Study,
    space: SearchSpace,
    limit: int = 10**6,
    measure: Callable[[SearchSpace, Mapping[str, Any]], dict[str, float]] = measure,
) -> list[dict[str, Any]]:
    """Run trials one at a time and return their points."""
    points: list[dict[str, Any]] = []
    while len(points) < limit and (proposal := study.propose()) is not None:
        study.tell(proposal.number, "complete", "", measure(space, proposal.params), 0.1)
        points.append(proposal.params)
    return points


def small_space(**search: Any) -> SearchSpace:
    """Make a space of 4 x 3 x 2 points, of which one leaf has a condition: 4 x (3 + 1) in all."""
    raw = settings(**search)
    raw["potential"]["scale_min"] = {"uniform": [-0.3, 0.3], "step": 0.2}
    raw["training"]["force_ratio"] = {
        "choice": [0.0, 0.5, 1.0],
        "when": {"potential.hidden_layers": [[5, 5]]},
        "otherwise": 0.25,
    }
    return SearchSpace.from_mapping(raw)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Let a study in a journal read this time from the clock."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return now.astimezone(tz)

    monkeypatch.setattr(_storage, "datetime", Clock)
