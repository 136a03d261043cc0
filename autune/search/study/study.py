"""The study on disk: which points were tried and what came of them.  A door of Optuna.

The study is the truth about a search; everything else can be made from it and from the folders
of the trials.  One process at a time writes it (see `autune.search.folder`); any number may read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autune.search.folder import SearchFolder
from autune.search.record import MissingObjective, Proposal, Record, State
from autune.search.study.ending import Course, Limits
from autune.search.study.importance import find_importances
from autune.search.study.outcome import TOLD, check_objectives, judge, place_in_course, read_record
from autune.search.study.points import Points, Proposes, all_points, trials_in_all
from autune.search.study.samplers import WholePoints, make_sampler, suggest
from autune.search.study.storage import IN_JOURNAL, Store
from autune.settings import SearchSettings
from autune.space import SearchSpace

Listed = Sequence[Mapping[str, Any]]
"""Points, one after the other."""


class Study:
    """The trials of one search.

    Parameters
    ----------
    folder
        Of the search.
    store
        Where the study is kept.
    study
        Optuna's study.

    Attributes
    ----------
    ended_because
        Why `propose` has nothing more: "all 96 trials", "no better score in 30 trials", "time
        limit of 2 h", "all 12 points of the space"; empty before.
    """

    def __init__(self, folder: SearchFolder, store: Store, study: optuna.Study) -> None:
        self.folder = folder
        self.ended_because = ""
        self._store = store
        self._study = study
        self._objectives = tuple(study.metric_names or ())
        self._records: dict[int, Record] = {}
        self._running: dict[int, optuna.Trial] = {}
        self._left_behind: deque[int] = deque()
        self._n_waiting = 0
        self._n_trials = 0
        self._is_certain = False
        self._space: Proposes | None = None
        self._points = Points()
        self._limits = Limits(0)
        self._constraints: Mapping[str, float] = {}
        self._course = Course()

    @classmethod
    def create(
        cls,
        folder: SearchFolder,
        objectives: Sequence[str],
        fingerprint: str,
        storage: str = IN_JOURNAL,
        later: bool = False,
        compared: dict[str, str] | None = None,
    ) -> Study:
        """Begin a study, or open the one that is there for writing.

        Parameters
        ----------
        folder
            Of the search.
        objectives
            Metrics to minimise.
        fingerprint
            Of the data set.
        storage
            The setting ``search.storage``.
        later
            The search runs already, and waits for its database.
        compared
            Reference values of the properties; an older study keeps them from now on.

        Raises
        ------
        SearchError
            If the storage cannot be used.
        """
        store = Store(folder, storage)

        def begin(place: optuna.storages.BaseStorage) -> optuna.Study:
            study = optuna.create_study(
                storage=place,
                study_name=store.study_name,
                directions=["minimize"] * len(objectives),
                load_if_exists=True,
            )
            if not study.metric_names:
                study.set_metric_names(list(objectives))
            for key, value in {"fingerprint": fingerprint, "compared": compared}.items():
                if value is not None and key not in study.user_attrs:
                    study.set_user_attr(key, value)
            return study

        return cls(folder, store, (store.begin_again if later else store.begin)(begin))

    @classmethod
    def open(cls, folder: SearchFolder) -> Study:
        """Open a study for reading, where the settings in the folder say it is.

        Raises
        ------
        SearchError
            If there is none or it cannot be read.
        """
        store = Store.of(folder)
        study = store.begin(
            lambda place: optuna.load_study(storage=place, study_name=store.study_name),
            for_reading=True,
        )
        check_objectives(study.metric_names, store.where)
        return cls(folder, store, study)

    @property
    def objectives(self) -> tuple[str, ...]:
        """Metrics that are minimised."""
        return self._objectives

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data set."""
        return str(self._store.reach(lambda: self._study.user_attrs).get("fingerprint", ""))

    @property
    def compared(self) -> dict[str, str]:
        """Reference values of the properties with which it began."""
        return dict(self._store.reach(lambda: self._study.user_attrs).get("compared", {}))

    @property
    def queued(self) -> list[dict[str, Any]] | None:
        """Points that were ever put in the queue; None if `queue` was never called."""
        attributes = self._store.reach(lambda: self._study.user_attrs)
        return cast(list[dict[str, Any]] | None, attributes.get("queued"))

    def continue_with(self, space: SearchSpace, settings: SearchSettings) -> int:
        """Make the study ready to propose.

        Parameters
        ----------
        space
            What is searched.
        settings
            Sampler, constraints, and what ends the search.

        Returns
        -------
        int
            Trials that the search has in all when nothing ends it before.

        Raises
        ------
        ConfigError
            If the sampler is ``grid`` and the space has none.
        """
        every = all_points(space)
        grid: list[dict[str, Any]] = []
        if settings.sampler == "grid":
            every = every or space.grid()  # which says what is wrong
            order = np.random.default_rng(settings.seed).permutation(len(every))
            grid = [every[i] for i in order]
        trials = self._begin(space, every, grid)
        self._study.sampler = make_sampler(settings, space, self._points, len(trials))
        self._constraints = settings.constraints
        self._limits = Limits(
            settings.trials, settings.time_limit, settings.patience, self._points.n_points
        )
        return trials_in_all(settings.trials, self._points.n_points, len(trials))

    def continue_with_points(self, space: Proposes, points: Listed) -> int:
        """Make the study ready to propose given points and no others, each once.

        Parameters
        ----------
        space
            Its ``propose(draw)`` calls `draw` with every `Parameter` of a point and returns the
            values by key.
        points
            Key and value of every parameter.  Given again when the search goes on: those that
            were tried are left out, whatever their order.

        Returns
        -------
        int
            Trials that the search has in all when it is finished.
        """
        trials = self._begin(space, points, points)
        self._study.sampler = optuna.samplers.RandomSampler(seed=0)  # is never asked
        n_trials = len(trials) + (self._points.n_left or 0)
        self._limits = Limits(trials=n_trials, points=self._points.n_points)
        return n_trials

    def queue(self, points: Listed) -> None:
        """Put points before all that the sampler proposes.

        Each is run once, also when the search is killed and goes on: the study remembers them.
        They count as trials of the search.  Points that were queued or tried before are left out.

        Parameters
        ----------
        points
            Value of every leaf whose condition holds, as `SearchSpace.propose` returns them.
        """
        known = self.queued or []
        seen = Points(tried=known)
        fresh = [dict(point) for point in points if seen.is_new(point)]
        self._store.reach(lambda: self._study.set_user_attr("queued", known + fresh))
        self._points.put_first(fresh)

    def propose(self) -> Proposal | None:
        """Return the next point: first those that an interruption left unfinished.

        Returns
        -------
        Proposal or None
            None when the search has all its trials or a limit is reached; `ended_because` then
            says which.

        Raises
        ------
        SearchError
            If the study cannot be written.
        """
        return self._store.reach(self._propose)

    def is_over(self) -> bool:
        """Look whether `propose` has nothing more; `ended_because` then says why."""
        return self._store.reach(self._is_over)

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
            If a complete trial lacks an objective or a constrained metric; it is written down as
            failed.
        SearchError
            If the study cannot be written.
        """
        verdict = judge(state, reason, metrics or {}, self._objectives, self._constraints)
        outcome = verdict.to_keep(metrics or {}, seconds, scores, self._course.seconds)
        trial = self._running[number]

        def write() -> FrozenTrial:
            try:
                for name, excess in (verdict.excesses or {}).items():
                    trial.set_constraint(name, excess)
                trial.set_user_attr("outcome", outcome)
                return self._study.tell(
                    trial, verdict.values, TrialState[TOLD[verdict.state]], skip_if_finished=True
                )
            except UpdateFinishedTrialError:  # the answer to a first attempt was lost
                return self._study.get_trials(deepcopy=False)[number]

        record = self._record(self._store.reach(write))
        del self._running[number]
        self._course.note(record)
        if verdict.missing:
            raise MissingObjective(verdict.missing)
        return record

    def keep_time(self) -> None:
        """Write down how long the search ran, unless that was done a moment ago.

        Raises
        ------
        SearchError
            If the study cannot be written.
        """
        if (seconds := self._course.to_keep()) is not None:
            self._store.reach(lambda: self._study.set_user_attr("search_seconds", seconds))

    def records(self) -> list[Record]:
        """Return all trials in the order of their numbers.

        Once the storage was given up, those that this process has seen end.
        """
        if self._store.is_lost:
            return [self._records[number] for number in sorted(self._records)]
        trials = self._store.reach(lambda: self._study.get_trials(deepcopy=False))
        return [self._record(trial) for trial in trials]

    def importances(self, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return per metric the share of each parameter; see `autune.search.study.importance`."""
        return self._store.reach(lambda: find_importances(self._study, metrics))

    def _begin(self, space: Proposes, every: Listed | None, queue: Listed) -> list[FrozenTrial]:
        """Read what there is; nothing is proposed that was tried."""
        trials = self._store.reach(lambda: self._study.get_trials(deepcopy=False))
        ended = [trial for trial in trials if trial.state.is_finished()]
        ended.sort(key=place_in_course)
        seconds = place_in_course(ended[-1])[0] if ended else 0.0
        kept = self._store.reach(lambda: self._study.user_attrs).get("search_seconds", 0.0)
        self._course = Course(map(self._record, ended), max(seconds, kept))
        self._space = space
        self._points = Points(
            every,
            ({**t.system_attrs.get("fixed_params", {}), **t.params} for t in trials),
            [*(self.queued or ()), *queue],
        )
        self.ended_because = ""
        self._is_certain = False
        return trials

    def _propose(self) -> Proposal | None:
        if self._space is None:
            raise RuntimeError("continue_with must be called before propose")
        if self._is_over():
            return None
        self._is_certain = False
        trial = self._next_trial()
        params = self._space.propose(lambda parameter: suggest(trial, parameter))
        self._points.note(params)
        self._running[trial.number] = trial
        self._is_certain = True
        return Proposal(trial.number, params, self.folder.trial(trial.number))

    def _is_over(self) -> bool:
        why = self._why_end()
        if why or not self._is_certain:
            self._look_for_orphans()
            self._is_certain = True
            why = self._why_end()
        if self._left_behind or self._n_waiting:
            return False
        self.ended_because = why
        return bool(why)

    def _next_trial(self) -> optuna.Trial:
        if self._left_behind:
            # The same trial goes on in its folder: nothing is tried twice.
            return optuna.Trial(self._study, self._left_behind.popleft())
        if self._n_waiting:
            self._n_waiting -= 1
        else:
            self._n_trials += 1
            if (queued := self._points.next_in_queue()) is not None:
                self._study.enqueue_trial(queued)
        trial = self._study.ask()
        sampler = self._study.sampler
        if isinstance(sampler, WholePoints) and sampler.needs_generations:
            _ = trial.relative_params
        return trial

    def _look_for_orphans(self) -> None:
        """Find trials that run nowhere: of a killed process, or whose answer was lost."""
        trials = self._study.get_trials(deepcopy=False)
        self._n_trials = len(trials)
        self._n_waiting = sum(t.state == TrialState.WAITING for t in trials)
        self._left_behind = deque(
            t._trial_id  # noqa: SLF001
            for t in trials
            if t.state == TrialState.RUNNING and t.number not in self._running
        )

    def _why_end(self) -> str:
        hours = self._course.seconds / 3600.0
        why = self._limits.reached(self._n_trials, hours, self._course.since_best)
        return why or (self._limits.exhausted() if self._points.all_tried else "")

    def _record(self, trial: FrozenTrial) -> Record:
        record = self._records.get(trial.number)
        if record is None:
            record = read_record(trial, self.folder.trial(trial.number), len(self._objectives))
            if trial.state.is_finished():
                self._records[trial.number] = record
        return record
