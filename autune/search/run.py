"""A search from beginning to end, or from where it was stopped to its end."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from autune.dataset import Dataset, warn_of_distances
from autune.errors import ConfigError, SearchError
from autune.formats.files import write_text
from autune.kernels.jit import say_if_kernels_compile
from autune.search import checks
from autune.search.folder import IDENTITY, JOURNAL, SearchFolder, place
from autune.search.progress import ConfirmationLines, make_progress
from autune.search.record import EndState, Observer, Record, ranked
from autune.search.result import SearchResult, write_result
from autune.search.running.machines import Machines
from autune.search.running.ranks import TrialOnRanks
from autune.search.running.worker import RunTrial, Work
from autune.search.study.start import starting_points
from autune.settings import Settings, read_yaml
from autune.space import SearchSpace
from autune.trial import run_trial

if TYPE_CHECKING:
    from autune.search.confirmed import Confirmed
    from autune.search.study.study import Study

log = logging.getLogger(__name__)


def search(
    source: str | Path | Mapping[str, Any] | Settings,
    name: str | None = None,
    results: str | Path = "results",
    resume: bool = False,
    quiet: bool = False,
    progress: Observer | None = None,
    dataset: Dataset | None = None,
    trial: RunTrial = run_trial,
    address: str | None = None,
) -> SearchResult:
    """Search for the best settings.

    Parameters
    ----------
    source
        YAML file or mapping: settings of which some leaves are distributions.
    name
        Name of the search; default: that of the settings.
    results
        Folder of all searches; this one lives in its folder `name`.
    resume
        Go on with a search that was stopped.
    quiet
        Plain lines in place of a live table.
    progress
        Is told what happens, in place of the display.
    dataset
        Structures; default: those that the settings name.
    trial
        What a trial is; picklable.
    address
        Of a running Ray cluster, on one of its machines: ``auto`` or HOST:PORT; None: this
        machine alone.

    Returns
    -------
    SearchResult
        Also when Ctrl-C interrupted the search.

    Raises
    ------
    ConfigError, DataError, FormatError
        If settings or data cannot be used; nothing is written then.
    SearchError
        If the name is in use, nothing can be resumed, the settings have changed since, or all
        trials fail.
    """
    raw, text = _read(source, name)
    space = SearchSpace.from_mapping(raw)
    settings = space.example()
    checks.check_space(space, settings)
    if trial is run_trial:
        checks.check_objectives(settings)
    folder = place(settings.name, results)
    checks.check_new_or_resumed(folder, resume)
    searches_data = any(p.path[0] == "dataset" for p in space.parameters)
    if searches_data and dataset is not None:
        raise ConfigError("dataset", "is searched, so no data set can be given; leave one out")
    dataset = checks.prepare_dataset(dataset, settings)
    warn_of_distances(dataset.structures)
    checks.warn_of_ratios(space)
    if searches_data:
        checks.check_searched_data(space)
    if trial is run_trial:
        checks.check_objectives(settings, dataset)
    checks.check_cores(settings, address)
    sources = settings.search.start_from
    compared = checks.compared(space)
    first = [] if resume else starting_points(space, sources, results)
    if settings.resources.mpi_ranks > 1:
        trial = TrialOnRanks(settings.resources.mpi_ranks)
    work = Work(space, trial, checks.load_for_trials if searches_data else None)
    _make(folder.path)
    with folder.writing():
        checks.check_new_or_resumed(folder, resume)  # again: another process may have begun it
        with _beginning(folder):
            study = _open_study(
                folder, space, settings, checks.fingerprint(dataset, space), compared
            )
        folder.write_settings(text)
        if sources and study.queued is None:
            study.queue(starting_points(space, sources, results) if resume else first)
        alone = settings.evaluation.cross_validation == "none"
        n_trainings = settings.evaluation.seeds if alone else None
        display = progress or make_progress(quiet, n_trainings)
        trackers = _trackers(folder, settings)
        machines = Machines(address)
        return _Search(
            folder, study, space, settings, work, dataset, display, trackers, machines
        ).run()


def _read(
    source: str | Path | Mapping[str, Any] | Settings, name: str | None
) -> tuple[dict[str, Any], str]:
    """Return the settings, with another name, and their text, with comments if it has some."""
    given = {} if name is None else {"name": name}
    if isinstance(source, str | Path):
        return read_yaml(source) | given, Path(source).read_text(encoding="utf-8")
    if isinstance(source, Settings):
        source = source.model_dump(mode="json", by_alias=True)
    raw = {**source, **given}
    try:
        return raw, yaml.safe_dump(raw, sort_keys=False)
    except yaml.YAMLError:
        raise ConfigError("", "settings are made of mappings, lists, text and numbers") from None


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SearchError(
            f"{path} cannot be made: {(error.strerror or str(error)).lower()}; give another "
            "--results"
        ) from None


@contextmanager
def _beginning(folder: SearchFolder) -> Iterator[None]:
    """Give a new search its identity first, so that one that is killed here can go on.

    One that cannot begin, because its database is away, leaves its name free.
    """
    is_new = not folder.exists
    if is_new:
        write_text(folder.path / IDENTITY, f"{uuid.uuid4().hex[:12]}\n")
    _make(folder.trials)
    try:
        yield
    except SearchError:
        if is_new and not (folder.path / JOURNAL).exists():
            with suppress(OSError):
                (folder.path / IDENTITY).unlink()
                folder.trials.rmdir()
        raise


def _open_study(
    folder: SearchFolder,
    space: SearchSpace,
    settings: Settings,
    fingerprint: str,
    compared: dict[str, str],
) -> Study:
    from autune.search.study.storage import mend_journal
    from autune.search.study.study import Study

    mend_journal(folder.path)
    if folder.settings_file.is_file():
        before = folder.space()
        changed = checks.differences(before.summary(), space.summary())
        then, now = before.example().search, settings.search
        for key in ("objectives", "constraints", "storage"):
            if getattr(then, key) != getattr(now, key):
                changed.append(f"search.{key}")
        if changed:
            raise SearchError(
                f"the settings of {folder.name} have changed since it began: {', '.join(changed)}; "
                "change them back, or give another --name"
            )
    wanted = settings.search
    study = Study.create(folder, wanted.objectives, fingerprint, wanted.storage, compared=compared)
    checks.check_unchanged(folder.name, study.fingerprint, fingerprint)
    checks.check_compared(folder.name, study.compared, compared)
    # Of a search that was killed before its settings were written.
    if study.objectives != settings.search.objectives:
        raise SearchError(
            f"the search {folder.name} began with the objectives {', '.join(study.objectives)}; "
            "give them again, or another --name"
        )
    return study


def _trackers(folder: SearchFolder, settings: Settings) -> list[Observer]:
    if settings.tracking.mlflow is None:
        return []
    from autune.search.tracking.tracker import Tracker

    return [Tracker(folder, settings.tracking.mlflow)]


@dataclass(frozen=True)
class _Search:
    """A search that is ready to run.

    Parameters
    ----------
    folder, study, space, settings
        Where, what was tried, what is searched, and settings at any point.
    work
        What a worker does.
    dataset
        All structures, the holdout too.
    progress
        Display.
    trackers
        What else wants to hear.
    machines
        Where trials run.
    """

    folder: SearchFolder
    study: Study
    space: SearchSpace
    settings: Settings
    work: Work
    dataset: Dataset
    progress: Observer
    trackers: Sequence[Observer]
    machines: Machines

    def run(self) -> SearchResult:
        """Run trials, confirm the best, write the result."""
        n_trials = self.study.continue_with(self.space, self.settings.search)
        before = self.study.records()
        for tracker in self.trackers:
            tracker.search_started(self.folder.name, n_trials, self.study.objectives, before)
        state: EndState = "failed"
        confirmed = None
        try:
            with self.machines:
                if self._run_trials(n_trials, before):
                    confirmed = self._confirm()
                    state = "finished"
                else:
                    state = "interrupted"
        except KeyboardInterrupt:
            state = "interrupted"
        finally:
            result = self._conclude(state, confirmed)
        if state == "finished" and result.best is None:
            reasons = Counter(record.reason for record in result.records).most_common(1)
            why = f"most often: {reasons[0][0]}" if reasons else self.study.ended_because
            raise SearchError(f"none of the {len(result.records)} trials is complete; {why}")
        return result

    def _run_trials(self, n_trials: int, before: Sequence[Record]) -> bool:
        """Run trials until the study has all of them; False after an interruption."""
        if self.study.is_over():
            return True
        observers = [self.progress, *self.trackers]
        say_if_kernels_compile()  # in the workers
        self.progress.search_started(self.folder.name, n_trials, self.study.objectives, before)
        state: EndState = "interrupted"
        try:
            done = self._distribute(self.folder, self.study, self.settings, self.work, observers)
            state = "finished" if done else "interrupted"
        finally:
            self.progress.search_finished(state)
        if self.study.ended_because and len(self.study.records()) < n_trials:
            log.info("search %s ended: %s", self.folder.name, self.study.ended_because)
        return done

    def _confirm(self) -> Confirmed | None:
        """Train the best settings again; None if nobody asked for it or no trial is complete."""
        if self.settings.confirm is None or not ranked(self.study.records()):
            return None
        from autune.search import confirm

        repetitions = confirm.choose(self.study.records(), self.space, self.settings)
        inner, study = confirm.open_confirmation(
            self.folder, repetitions, self.settings, self.study.fingerprint
        )
        settings = confirm.without_early_stops(self.settings)
        work = replace(self.work, space=repetitions)
        if not study.is_over():
            progress = ConfirmationLines(*confirm.to_come(study.records(), repetitions))
            if not self._distribute(inner, study, settings, work, [progress]):
                raise KeyboardInterrupt
        confidence = self.settings.confirm.confidence
        found = confirm.gather(study.records(), repetitions, confidence)
        return confirm.keep(self.folder, found, self.dataset)

    def _distribute(
        self,
        folder: SearchFolder,
        study: Study,
        settings: Settings,
        work: Work,
        observers: Sequence[Observer],
    ) -> bool:
        from autune.search.running import distributed

        epochs = next(
            (
                int(max(p.distribution.corners))
                for p in self.space.parameters
                if p.key == "training.epochs"
            ),
            settings.training.epochs,
        )
        shared = None if work.load is not None else self.dataset.without_holdout()
        return distributed.run(
            folder, study, settings, epochs, work, shared, observers, self.machines
        )

    def _conclude(self, state: EndState, confirmed: Confirmed | None) -> SearchResult:
        """Write the result and tell everyone; a study that is away keeps what it has."""
        records: tuple[Record, ...] = ()
        with suppress(SearchError):
            records = tuple(self.study.records())
        result = SearchResult(self.folder, state, records, confirmed, self.study.ended_because)
        if records:
            write_result(result, self.study.objectives)
        for tracker in self.trackers:
            tracker.search_finished(state)
        return result
