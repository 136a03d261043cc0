"""The study on disk: which points were tried and what came of them.  The door of Optuna.

The study is the truth about a search; everything else can be made from it and from the folders
of the trials.  One process at a time writes it (see `autune.search.folder`); any number may read.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from autune.errors import SearchError
from autune.search.folder import JOURNAL
from autune.search.record import MissingObjective, Proposal, Record, State
from autune.search.samplers import make_sampler
from autune.settings import SearchSettings
from autune.space import Parameter, SearchSpace

STUDY_NAME = "autune"
_TOLD: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "failed": TrialState.FAIL,
}


class Study:
    """The trials of one search.

    Parameters
    ----------
    folder
        Folder of the search; holds the journal.
    study
        Optuna's study.
    """

    def __init__(self, folder: Path, study: optuna.Study) -> None:
        self.folder = folder
        self._study = study
        self._unfinished: list[FrozenTrial] = []
        self._running: dict[int, optuna.Trial] = {}
        self._grid: list[dict[str, Any]] | None = None
        self._space: SearchSpace | None = None
        self._n_trials = 0

    @classmethod
    def create(cls, folder: Path, objectives: Sequence[str], fingerprint: str) -> Study:
        """Begin a study, or open the one that is there for writing.

        Parameters
        ----------
        folder
            Folder of the search.
        objectives
            Metrics to minimise.
        fingerprint
            Of the data set.
        """
        with _quiet():
            study = optuna.create_study(
                storage=_storage(folder),
                study_name=STUDY_NAME,
                directions=["minimize"] * len(objectives),
                load_if_exists=True,
            )
            if not study.metric_names:
                study.set_metric_names(list(objectives))
        if "fingerprint" not in study.user_attrs:
            study.set_user_attr("fingerprint", fingerprint)
        return cls(folder, study)

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Open a study for reading.

        Raises
        ------
        SearchError
            If there is none or it cannot be read.
        """
        if not (folder / JOURNAL).is_file():
            raise SearchError(
                f"{folder} holds no search: {JOURNAL} is missing; name another folder"
            )
        try:
            with _quiet():
                return cls(
                    folder, optuna.load_study(storage=_storage(folder), study_name=STUDY_NAME)
                )
        except (KeyError, ValueError, OSError) as error:
            raise SearchError(
                f"{folder / JOURNAL} cannot be read: {error}; restore it from a copy"
            ) from None

    @property
    def objectives(self) -> tuple[str, ...]:
        """Metrics that are minimised."""
        return tuple(self._study.metric_names or ())

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data set."""
        return str(self._study.user_attrs.get("fingerprint", ""))

    def continue_with(self, space: SearchSpace, settings: SearchSettings) -> int:
        """Make the study ready to propose.

        Parameters
        ----------
        space
            What is searched.
        settings
            Sampler and number of trials.

        Returns
        -------
        int
            Trials that the search has in all when it is finished.

        Raises
        ------
        ConfigError
            If the sampler cannot search this space.
        """
        trials = self._study.get_trials(deepcopy=False)
        self._study.sampler = make_sampler(settings, len(trials))
        self._space = space
        self._unfinished = [t for t in trials if t.state == TrialState.RUNNING]
        self._n_trials = settings.trials
        if settings.sampler == "grid":
            points = space.grid()
            order = np.random.default_rng(settings.seed).permutation(len(points))
            self._grid = [points[i] for i in order]
            self._n_trials = min(settings.trials, len(points))
        return max(self._n_trials, len(trials))

    def propose(self) -> Proposal | None:
        """Return the next point: first those that an interruption left unfinished.

        Returns
        -------
        Proposal or None
            None when the search has all its trials.
        """
        if self._space is None:
            raise RuntimeError("continue_with must be called before propose")
        with _quiet():
            trials = self._study.get_trials(deepcopy=False)
            if self._unfinished:
                # The same trial goes on in its folder: nothing is tried twice.
                identity = self._unfinished.pop(0)._trial_id  # noqa: SLF001
                trial = optuna.Trial(self._study, identity)
            elif any(t.state == TrialState.WAITING for t in trials):
                trial = self._study.ask()
            elif len(trials) >= self._n_trials:
                return None
            else:
                if self._grid is not None:
                    self._study.enqueue_trial(self._grid[len(trials)])
                trial = self._study.ask()
            self._running[trial.number] = trial
            params = self._space.propose(lambda parameter: _suggest(trial, parameter))
        return Proposal(trial.number, params, self._directory(trial.number))

    def tell(
        self,
        number: int,
        state: State,
        reason: str = "",
        metrics: Mapping[str, float] | None = None,
        seconds: float = 0.0,
        scores: Sequence[tuple[int, float]] = (),
    ) -> Record:
        """Write down how a trial ended.

        A complete trial whose objectives are not finite counts as failed.

        Raises
        ------
        MissingObjective
            If a complete trial lacks an objective; it is written down as failed.
        """
        metrics = dict(metrics or {})
        missing = [name for name in self.objectives if name not in metrics]
        values = [metrics.get(name, math.nan) for name in self.objectives]
        if state == "complete" and missing:
            state, reason = (
                "failed",
                (
                    f"the objective {missing[0]} is not among the metrics of a trial "
                    f"({', '.join(sorted(metrics))}); change search.objectives"
                ),
            )
        elif state == "complete" and not all(map(math.isfinite, values)):
            state = "failed"
            reason = ", ".join(
                f"{name} is {value}"
                for name, value in zip(self.objectives, values, strict=True)
                if not math.isfinite(value)
            )
        attributes = {
            "state": state,
            "reason": reason,
            "metrics": metrics,
            "seconds": seconds,
            "scores": [list(pair) for pair in scores],
        }
        trial = self._running.pop(number)
        for key, value in attributes.items():
            trial.set_user_attr(key, value)
        with _quiet():
            self._study.tell(trial, values if state == "complete" else None, _TOLD[state])
        record = self._record(self._trial(number))
        if missing and reason.startswith("the objective"):
            raise MissingObjective(reason)
        return record

    def records(self) -> list[Record]:
        """Return all trials in the order of their numbers."""
        return [self._record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _directory(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:04d}"

    def _record(self, trial: FrozenTrial) -> Record:
        attributes = trial.user_attrs
        state: State = "running"
        if trial.state == TrialState.COMPLETE:
            state = "complete"
        elif trial.state == TrialState.PRUNED:
            state = "stopped"
        elif trial.state == TrialState.FAIL:
            state = "diverged" if attributes.get("state") == "diverged" else "failed"
        finished = state != "running"
        return Record(
            number=trial.number,
            state=state,
            reason=attributes.get("reason", "") if finished else "",
            params=dict(trial.params),
            objectives=tuple(trial.values or ()) if state == "complete" else (),
            metrics=attributes.get("metrics", {}) if finished else {},
            seconds=attributes.get("seconds", 0.0) if finished else 0.0,
            directory=self._directory(trial.number),
            started=_timestamp(trial.datetime_start),
            finished=_timestamp(trial.datetime_complete),
            scores=tuple((int(n), float(s)) for n, s in attributes.get("scores", ())),
        )


def mend_journal(folder: Path) -> None:
    """Remove what a killed process left behind: half a line and the lock of the journal.

    Only for the one process that may write the study.
    """
    journal = folder / JOURNAL
    if not journal.exists():
        return
    for leftover in folder.glob(f"{JOURNAL}.lock*"):
        leftover.unlink(missing_ok=True)
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with journal.open("r+b") as stream:
            stream.truncate(len(whole))


def _storage(folder: Path) -> JournalStorage:
    # The lock is a link to the absolute path, so the process may change its folder.
    return JournalStorage(JournalFileBackend(str((folder / JOURNAL).resolve())))


def _suggest(trial: optuna.Trial, parameter: Parameter) -> Any:
    distribution, key = parameter.distribution, parameter.key
    if distribution.kind == "choice":
        return trial.suggest_categorical(key, distribution.labels)
    if distribution.kind == "int":
        low, high, step = int(distribution.low), int(distribution.high), int(distribution.step or 1)
        return trial.suggest_int(key, low, high, step=step)
    log = distribution.kind == "loguniform"
    return trial.suggest_float(
        key, distribution.low, distribution.high, step=distribution.step, log=log
    )


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log and its notes about experimental functions from the user."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
