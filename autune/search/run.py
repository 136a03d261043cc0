"""A search from beginning to end, or from where it was stopped to its end."""

from __future__ import annotations

import csv
import difflib
import io
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from autune.dataset import Dataset, check_groups, check_trainable, split_dataset
from autune.errors import ConfigError, SearchError
from autune.formats.files import write_text
from autune.properties import check_properties
from autune.search.folder import IDENTITY, POTENTIAL, SearchFolder, copy_folder, place
from autune.search.progress import make_progress
from autune.search.ranks import TrialOnRanks
from autune.search.record import EndState, Observer, Record, front, ranked
from autune.search.worker import RunTrial, Work
from autune.settings import DatasetSettings, Settings, read_yaml
from autune.space import SearchSpace
from autune.trial import metric_names, run_trial

if TYPE_CHECKING:
    from autune.search.study import Study


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    folder
        Where everything lies.
    state
        finished or interrupted.
    records
        All trials.
    """

    folder: SearchFolder
    state: EndState
    records: tuple[Record, ...]

    @property
    def best(self) -> Record | None:
        """The complete trial with the lowest score."""
        return next(iter(ranked(self.records)), None)

    @property
    def front(self) -> list[Record]:
        """The complete trials that no other one beats in every objective."""
        return front(self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Trials per state."""
        return dict(Counter(record.state for record in self.records))


def search(
    source: str | Path | Mapping[str, Any] | Settings,
    name: str | None = None,
    results: str | Path = "results",
    resume: bool = False,
    quiet: bool = False,
    progress: Observer | None = None,
    dataset: Dataset | None = None,
    trial: RunTrial = run_trial,
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
    raw, text = _read(source)
    if name is not None:
        raw["name"] = name
    space = SearchSpace.from_mapping(raw)
    settings = space.example()
    _check(space, settings)
    if trial is run_trial:
        _check_objectives(settings)
    folder = place(settings.name, results)
    _check_new_or_resumed(folder, resume)
    searches_data = any(p.path[0] == "dataset" for p in space.parameters)
    if searches_data and dataset is not None:
        raise ConfigError("dataset", "is searched, so no data set can be given; leave one out")
    dataset_given = dataset is not None
    dataset = _prepare_dataset(dataset, settings)
    _check_cores(settings)
    if settings.resources.mpi_ranks > 1:
        if dataset_given:
            raise ConfigError(
                "resources.mpi_ranks",
                "ranks read the structures that dataset.path names; leave out the data set",
            )
        trial = TrialOnRanks(settings.resources.mpi_ranks)
    work = Work(space, trial, load_dataset if searches_data else None)
    _make(folder)
    with folder.writing():
        if not folder.exists:
            write_text(folder.path / IDENTITY, f"{uuid.uuid4().hex[:12]}\n")
        study = _open_study(folder, space, settings, dataset.fingerprint)
        write_text(folder.settings_file, text)
        observers = [progress or make_progress(quiet), *_trackers(folder, settings)]
        return _run(folder, study, space, settings, work, dataset, observers)


def load_dataset(settings: DatasetSettings) -> Dataset:
    """Read and split the structures that settings name."""
    return split_dataset(Dataset.read(settings.path, settings.units), settings)


def _read(source: str | Path | Mapping[str, Any] | Settings) -> tuple[dict[str, Any], str]:
    """Return the settings and their text, with the user's comments where there are some."""
    if isinstance(source, str | Path):
        return read_yaml(source), Path(source).read_text(encoding="utf-8")
    if isinstance(source, Settings):
        source = source.model_dump(mode="json", by_alias=True)
    raw = dict(source)
    try:
        return raw, yaml.safe_dump(raw, sort_keys=False)
    except yaml.YAMLError:
        raise ConfigError("", "settings are made of mappings, lists, text and numbers") from None


def _check(space: SearchSpace, settings: Settings) -> None:
    """Refuse what can be seen before anything is read or written."""
    if not space.has_distributions:
        raise ConfigError(
            "",
            "nothing is searched: no leaf is a distribution such as {choice: [...]}; give one, or "
            "use the file with autune train",
        )
    if settings.search.sampler == "grid":
        space.grid()
    for objective in settings.search.objectives:
        wants = objective.startswith(("property_error", "property."))
        if wants and settings.evaluation.properties is None:
            raise ConfigError(
                "search.objectives",
                f"{objective} needs evaluation.properties; give them, or leave it out",
            )


def _check_objectives(settings: Settings) -> None:
    """Refuse objectives that no trial will have, before time is spent on one."""
    known = metric_names(settings)
    for objective in settings.search.objectives:
        if objective not in known:
            near = difflib.get_close_matches(objective, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError("search.objectives", f"no metric is called {objective}; {hint}")


def _check_new_or_resumed(folder: SearchFolder, resume: bool) -> None:
    exists = folder.exists
    if exists and not resume:
        raise SearchError(
            f"the search {folder.name} exists in {folder.path}; go on with --resume, or give "
            "another --name"
        )
    if not exists and resume:
        raise SearchError(f"no search {folder.name} in {folder.path.parent}; leave out --resume")
    if (
        not exists
        and folder.path.exists()
        and (not folder.path.is_dir() or any(p.name[0] != "." for p in folder.path.iterdir()))
    ):
        raise SearchError(f"{folder.path} holds something else; give another --name")


def _prepare_dataset(dataset: Dataset | None, settings: Settings) -> Dataset:
    if dataset is None:
        dataset = load_dataset(settings.dataset)
    elif len(dataset.test) == 0:
        dataset = split_dataset(dataset, settings.dataset)
    check_trainable(dataset, settings.potential.elements, settings.potential.cutoff_radius)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    if settings.evaluation.properties is not None:
        check_properties(settings.evaluation.properties, settings.potential.elements)
    return dataset


def _check_cores(settings: Settings) -> None:
    from autune.search.distributed import check_cores

    check_cores(settings.resources)


def _make(folder: SearchFolder) -> None:
    try:
        folder.trials.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SearchError(
            f"{folder.path} cannot be made: {(error.strerror or str(error)).lower()}; give "
            "another --results"
        ) from None


def _open_study(
    folder: SearchFolder, space: SearchSpace, settings: Settings, fingerprint: str
) -> Study:
    from autune.search.study import Study, mend_journal

    mend_journal(folder.path)
    study = Study.create(folder.path, settings.search.objectives, fingerprint)
    if folder.settings_file.is_file():
        before = folder.space()
        changed = _differences(before.summary(), space.summary())
        if before.example().search.objectives != settings.search.objectives:
            changed.append("search.objectives")
        if changed:
            raise SearchError(
                f"the settings of {folder.name} have changed since it began: {', '.join(changed)}; "
                "change them back, or give another --name"
            )
    if study.fingerprint != fingerprint:
        raise SearchError(
            f"the structures of {folder.name} have changed since it began; give another --name"
        )
    return study


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def _trackers(folder: SearchFolder, settings: Settings) -> list[Observer]:
    if settings.tracking.mlflow is None:
        return []
    from autune.search.tracking import Tracker

    return [Tracker(folder, settings.tracking.mlflow)]


def _run(
    folder: SearchFolder,
    study: Study,
    space: SearchSpace,
    settings: Settings,
    work: Work,
    dataset: Dataset,
    observers: Sequence[Observer],
) -> SearchResult:
    from autune.search import distributed

    epochs = next(
        (int(max(p.distribution.corners)) for p in space.parameters if p.key == "training.epochs"),
        settings.training.epochs,
    )
    n_trials = study.continue_with(space, settings.search)
    before = study.records()
    for observer in observers:
        observer.search_started(folder.name, n_trials, study.objectives, before)
    state: EndState = "failed"
    try:
        done = len(before) >= n_trials and all(r.state != "running" for r in before)
        if not done:
            shared = None if work.load is not None else dataset
            done = distributed.run(folder, study, settings, epochs, work, shared, observers)
        state = "finished" if done else "interrupted"
    except KeyboardInterrupt:
        state = "interrupted"
    finally:
        result = SearchResult(folder, state, tuple(study.records()))
        _write(result, study.objectives)
        for observer in observers:
            observer.search_finished(state)
    if state == "finished" and result.best is None:
        reasons = Counter(record.reason for record in result.records).most_common(1)
        raise SearchError(
            f"none of the {len(result.records)} trials is complete; most often: {reasons[0][0]}"
        )
    return result


def _write(result: SearchResult, objectives: Sequence[str]) -> None:
    """Write the best potential, the table of trials, and last the result."""
    folder, best = result.folder, result.best
    if best is not None and (best.directory / POTENTIAL).is_dir():
        copy_folder(best.directory / POTENTIAL, folder.best)
    metrics = sorted({name for record in result.records for name in record.metrics})
    params = sorted({name for record in result.records for name in record.params})
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["number", "state", "reason", "seconds", *metrics, *params])
    for record in result.records:
        values = [record.metrics.get(name, "") for name in metrics]
        chosen = [record.params.get(name, "") for name in params]
        writer.writerow(
            [record.number, record.state, record.reason, record.seconds, *values, *chosen]
        )
    write_text(folder.path / "trials.csv", table.getvalue())
    summary = {
        "name": folder.name,
        "state": result.state,
        "objectives": list(objectives),
        "trials": result.counts,
        "best": None if best is None else _summarize(best),
        "front": [_summarize(record) for record in result.front],
    }
    write_text(folder.path / "result.json", json.dumps(summary, indent=2) + "\n")


def _summarize(record: Record) -> dict[str, Any]:
    return {"number": record.number, "params": record.params, "metrics": record.metrics}
