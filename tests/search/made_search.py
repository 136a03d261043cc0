"""The folder of a search that was made without running it: no Ray, no workers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import fake_trial
import yaml

from autune.search.folder import IDENTITY, SearchFolder
from autune.search.record import Record
from autune.search.study.study import Study
from autune.settings import Settings
from autune.space import Distribution, Parameter, SearchSpace

RunFake = Callable[..., fake_trial.Result]


def run_or_diverge(at, dataset, directory, report) -> fake_trial.Result:
    """Let the trials of a part of the space diverge."""
    if at.training.force_ratio < 0.4:
        return fake_trial.Result("diverged", "NaN in epoch 3")
    return fake_trial.run_fake(at, dataset, directory, report)


class MadeSearch:
    """A search whose trials are run one by one, when a test wants one.

    Parameters
    ----------
    path
        ``results/NAME``.
    identity
        What tells it from others of its name.
    tracking
        Setting `tracking.mlflow`.
    trial
        What a trial is.
    """

    def __init__(
        self,
        path: Path,
        identity: str = "0123456789ab",
        tracking: str = "default",
        trial: RunFake = run_or_diverge,
    ) -> None:
        self.folder = SearchFolder(path)
        self._trial = trial
        raw = fake_trial.settings(trials=10000, sampler="random", seed=2, patience=None)
        raw = {**raw, "name": path.name, "tracking": {"mlflow": tracking}}
        self.space = SearchSpace.from_mapping(raw)
        settings = self.space.example().search
        self.folder.trials.mkdir(parents=True)
        (path / IDENTITY).write_text(f"{identity}\n")
        self.folder.settings_file.write_text(yaml.safe_dump(raw))
        self._study = Study.create(self.folder, settings.objectives, "fingerprint")
        self._study.continue_with(self.space, settings)

    def run(self, n_trials: int = 1) -> list[Record]:
        """Run trials."""
        return [self._run_one(self._study, self.space.apply) for _ in range(n_trials)]

    def end(self, state: str = "finished") -> None:
        """Write what the end of a search writes."""
        (self.folder.path / "result.json").write_text(json.dumps({"state": state}))
        (self.folder.path / "search.png").write_bytes(b"PNG")
        (self.folder.path / "trials.csv").write_text("number,state\n")

    def confirm(self, winner: int, n_seeds: int = 2) -> None:
        """Train a trial again with fresh seeds, and take the potential of the last one."""
        inner = SearchFolder(self.folder.path / "confirm")
        inner.trials.mkdir(parents=True)
        (inner.path / IDENTITY).write_text("confirmation\n")
        shutil.copy(self.folder.settings_file, inner.settings_file)
        study = Study.create(inner, ("score",), "fingerprint")
        points = [{"trial": winner, "seed": seed} for seed in range(n_seeds)]
        study.continue_with_points(_Given(), points)
        params = self._study.records()[winner].params
        settings = self.space.apply(params)

        def apply(point: dict[str, int]) -> Settings:
            training = settings.training.model_copy(update={"seed": 100 + point["seed"]})
            return settings.model_copy(update={"training": training})

        last = [self._run_one(study, apply) for _ in points][-1]
        found = {"winner": winner, "median_record": last.number}
        found["holdout"] = {"metrics": {"energy_rmse": {"mean": 0.5}}}
        (self.folder.path / "confirmed.json").write_text(json.dumps(found))
        (self.folder.path / "confirmed.csv").write_text(f"trial\n{winner}\n")
        (self.folder.path / "confirmed.png").write_bytes(b"PNG")
        shutil.copytree(last.directory / "potential", self.folder.best)

    def _run_one(self, study: Study, apply: Callable[..., Settings]) -> Record:
        proposal = study.propose()
        assert proposal is not None
        proposal.directory.mkdir(parents=True, exist_ok=True)
        at = apply(proposal.params)
        result = self._trial(at, None, proposal.directory, lambda _: True)
        if "seed" in proposal.params:
            # Otherwise all fresh seeds have the same score and potential.
            seed = proposal.params["seed"]
            metrics = {**result.metrics, "score": result.metrics["score"] + 0.1 * seed}
            result = replace(result, metrics=metrics)
            (proposal.directory / "potential" / "input.nn").write_text(f"# seed {seed}\n")
        return study.tell(
            proposal.number, result.state, result.reason, result.metrics, result.seconds
        )


class _Given:
    """Stands where a confirmation has its points."""

    def propose(self, draw: Callable[[Parameter], object]) -> dict[str, object]:
        keys: Sequence[str] = ("trial", "seed")
        whole = Distribution("int", low=0, high=10**6, step=1)
        return {key: draw(Parameter(key, (key,), whole)) for key in keys}
