"""What is refused before a search begins or goes on: nothing is written then."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from autune.dataset import (
    Dataset,
    check_groups,
    check_stresses,
    check_trainable,
    make_folds,
    read_dataset,
    split_dataset,
)
from autune.errors import ConfigError, DataError, SearchError
from autune.evaluation.metrics import OF_GROUP, STRESS_ERRORS, metric_names
from autune.potential.basis import build_architecture
from autune.properties import (
    check_baselines,
    check_properties,
    compared_values,
    describe_changes,
)
from autune.search.folder import SearchFolder
from autune.settings import DatasetSettings, Settings
from autune.space import SearchSpace
from autune.training.candidates import warn_of_no_updates
from autune.training.start import KEY as START
from autune.training.start import fingerprint_of, load_start


def load_dataset(settings: DatasetSettings) -> Dataset:
    """Read and split the structures that settings name."""
    return split_dataset(read_dataset(settings), settings)


def load_for_trials(settings: DatasetSettings) -> Dataset:
    """Read and split the structures, without those that no trial may see."""
    return load_dataset(settings).without_holdout()


def check_space(space: SearchSpace, settings: Settings) -> None:
    """Refuse what can be seen before anything is read or written."""
    if not space.has_distributions:
        raise ConfigError(
            "",
            "nothing is searched: no leaf is a distribution such as {choice: [...]}; give one, or "
            "use the file with autune train",
        )
    _check_holdout(space, settings)
    if settings.search.sampler == "grid":
        space.grid()
    if settings.search.sampler == "cmaes" and all(
        p.when or p.distribution.kind == "choice" for p in space.parameters
    ):
        raise ConfigError(
            "search.sampler",
            "cmaes searches numbers, and no searched leaf is a number without a condition; use tpe",
        )
    if _database(settings.search.storage) == _database(settings.tracking.mlflow or "") != ():
        raise ConfigError(
            "search.storage",
            "MLflow is in the same database, and makes tables of the same names; make another "
            "database for one of them",
        )
    for key, names in _wanted_metrics(settings):
        for name in names:
            wants = name.startswith(("property_error", "property."))
            if wants and settings.evaluation.properties is None:
                raise ConfigError(
                    key, f"{name} needs evaluation.properties; give them, or leave it out"
                )


def _database(address: str) -> tuple[str, ...]:
    """Return what tells a PostgreSQL database from others; nothing for other addresses."""
    parts = urlsplit(address)
    if not parts.scheme.startswith("postgresql"):
        return ()
    return parts.netloc.rpartition("@")[2], parts.path, parts.query


def _check_holdout(space: SearchSpace, settings: Settings) -> None:
    """Refuse structures that are set aside for nothing, or not the same ones for all trials."""
    if settings.dataset.holdout_fraction == 0.0:
        return
    if settings.confirm is None:
        raise ConfigError(
            "dataset.holdout_fraction",
            "only the winner of a confirmation is measured on these structures; add confirm: "
            "{best: 5, seeds: 10}, or leave holdout_fraction out",
        )
    deciding = (
        "path", "elements", "groups", "holdout_fraction", "split_seed", "test_structures",
        "leave_out_groups",
    )  # fmt: skip
    for parameter in space.parameters:
        if parameter.path[0] == "dataset" and parameter.path[1] in deciding:
            raise ConfigError(
                parameter.key,
                "decides which structures are the holdout, which must be the same for all "
                "trials; give a value, or leave holdout_fraction out",
            )


def check_objectives(settings: Settings, dataset: Dataset | None = None) -> None:
    """Refuse objectives and constraints that no trial will have, before time is spent on one.

    Without the data set, errors of groups (energy_rmse.GROUP) and of stresses are not looked at.
    """
    known = metric_names(settings, dataset)
    of_stress = [name + end for name in STRESS_ERRORS for end in ("", "_std")]
    if dataset is None:
        known += of_stress
    evaluation = settings.evaluation
    of_groups = evaluation.group_errors or evaluation.cross_validation == "leave_one_group_out"
    by_group = (*OF_GROUP, "stress_rmse")
    prefixes = tuple(f"{name}." for name in by_group) if of_groups and dataset is None else ()
    for key, names in _wanted_metrics(settings):
        for name in names:
            if name not in known and not name.startswith(prefixes):
                if name in of_stress:
                    raise ConfigError(
                        key, f"there is no {name}: no structure to measure it has a stress and a "
                        "cell; add stresses to the data, or name another metric"
                    )  # fmt: skip
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise ConfigError(key, f"no metric is called {name}; {hint}")


def _wanted_metrics(settings: Settings) -> list[tuple[str, list[str]]]:
    """Return the metrics that a search needs, with the setting that names them."""
    search = settings.search
    return [
        ("search.objectives", list(search.objectives)),
        ("search.constraints", list(search.constraints)),
    ]


def check_new_or_resumed(folder: SearchFolder, resume: bool) -> None:
    """Refuse a name in use without `resume`, and a `resume` of nothing."""
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


def prepare_dataset(dataset: Dataset | None, settings: Settings) -> Dataset:
    """Read and split the structures unless they are given, and see that they can be used."""
    if dataset is None:
        dataset = load_dataset(settings.dataset)
    elif len(dataset.test) == 0:
        dataset = split_dataset(dataset, settings.dataset)
    elif settings.dataset.holdout_fraction > 0.0 and len(dataset.holdout) == 0:
        raise ConfigError(
            "dataset.holdout_fraction",
            "the given data set is split already and sets nothing aside; leave holdout_fraction "
            "out, or give the data set without a split",
        )
    architecture = build_architecture(settings.potential)
    check_trainable(dataset, architecture.elements, architecture.reach)
    check_groups(dataset, settings.training.group_weights, "training.group_weights")
    for fold in make_folds(dataset, settings):
        check_stresses(fold.dataset, settings)
    load_start(settings)
    if settings.evaluation.properties is not None:
        check_properties(settings.evaluation.properties, settings.potential.elements)
        check_baselines(settings.evaluation.properties, settings.potential.elements)
    return dataset


def check_searched_data(space: SearchSpace) -> None:
    """Read and split the structures in every way that is searched, one leaf changed at a time.

    A group or file that is not there would let each of its trials fail.
    """
    read = cache(Dataset.read)
    for key, value, settings in _at_borders(space, "dataset"):
        how = settings.dataset
        try:
            dataset = split_dataset(read(how.path, how.units, how.energy), how)
            prepare_dataset(dataset, settings)
        except (ConfigError, DataError) as error:
            raise ConfigError(key, f"the value {value} cannot be used: {error}") from None


def warn_of_ratios(space: SearchSpace) -> None:
    """Warn of ratios that train nothing, one searched leaf of the training changed at a time.

    Each trial warns too, but where it runs, which may be another machine.
    """
    warn_of_no_updates(space.example().training)
    for _, _, settings in _at_borders(space, "training"):
        warn_of_no_updates(settings.training)


def check_cores(settings: Settings, address: str | None = None) -> None:
    """Refuse trials that no machine at hand could start."""
    from autune.search.running.cluster import check_cores

    check_cores(settings.resources, address)


def fingerprint(dataset: Dataset, space: SearchSpace) -> str:
    """Return a hash of what all trials read: structures, and potentials from which they go on."""
    starts = [space.example().training.start_from]
    for parameter in space.parameters:
        if parameter.key == START:
            starts += [*parameter.distribution.options, parameter.otherwise]
    named = sorted({start for start in starts if isinstance(start, str)})
    return "-".join([dataset.fingerprint, *map(fingerprint_of, named)])


def check_unchanged(name: str, before: str, now: str) -> None:
    """Refuse to go on with other structures, or other potentials to go on from."""
    if before == now:
        return
    same_structures = before.partition("-")[0] == now.partition("-")[0]
    what = f"potentials of {START}" if same_structures else "structures"
    raise SearchError(f"the {what} of {name} have changed since it began; give another --name")


def compared(space: SearchSpace) -> dict[str, str]:
    """Write down the reference values of the properties of all trials (`compared_values`)."""
    every = [space.example(), *(s for _, _, s in _at_borders(space, "evaluation", "properties"))]
    wanted = [p for settings in every if (p := settings.evaluation.properties) is not None]
    references = {p.reference: None for p in wanted if p.reference is not None}
    # Any property may meet any reference.
    return {
        f"{name} in {reference}" if len(references) > 1 else name: value
        for reference in references
        for p in wanted
        for name, value in compared_values(p.model_copy(update={"reference": reference})).items()
    }


def _at_borders(space: SearchSpace, *section: str) -> Iterator[tuple[str, Any, Settings]]:
    """Yield the settings with each searched leaf of a section at its borders, one at a time."""
    for parameter, point in space.leaves_in_reach():
        if parameter.path[: len(section)] == section:
            for value in parameter.distribution.corners:
                yield parameter.key, value, space.apply({**point, parameter.key: value})


def check_compared(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to go on with other reference values: errors of trials are compared."""
    if changes := describe_changes(before, now):
        raise SearchError(
            f"reference values (evaluation.properties.reference) have changed since {name} began: "
            f"{changes}; errors of its trials could not be compared: change them back, or give "
            "another --name"
        )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """List the keys of two summaries (`SearchSpace.summary`) that differ."""
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
