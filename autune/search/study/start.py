"""Points that a search tries first: the defaults, a settings file, the best of another search."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autune.errors import AutuneError, ConfigError
from autune.formats.files import is_file
from autune.search.folder import open_search
from autune.search.record import ranked
from autune.search.study.points import identify
from autune.settings import Settings
from autune.space import Distribution, Parameter, SearchSpace

log = logging.getLogger(__name__)

KEY = "search.start_from"
DEFAULTS = "defaults"
"""The source that stands for the defaults of the settings."""

N_BEST = 10
"""Trials that are taken of another search."""

_N_NAMED = 8
"""Differences that are named."""

_TOLERANCE = 1e-9
"""Of a value to the next step, in steps."""


def starting_points(
    space: SearchSpace, sources: Sequence[str], results: str | Path = "results"
) -> list[dict[str, Any]]:
    """Return the points of all sources in their order, none twice.

    Those that are more than the search has trials are counted in the log.

    Parameters
    ----------
    space
        What is searched.
    sources
        ``search.start_from``: ``defaults``, settings files (from the working directory), names or
        folders of searches.
    results
        Folder of all searches.

    Raises
    ------
    ConfigError
        If a source is not known, or a leaf cannot take the value that defaults or a file give it.
    """
    points: dict[Any, dict[str, Any]] = {}
    for source in sources:
        if source == DEFAULTS:
            found = [point_of_defaults(space)]
        elif is_file(source):
            found = [point_of_file(space, Path(source))]
        else:
            found = points_of_search(space, source, results)
        for point in found:
            points.setdefault(identify(point), point)
    n_trials = space.example().search.trials
    if len(points) > n_trials:
        log.warning(
            "%s: the last %d of %d points are not run, since search.trials is %d; raise it to %d, "
            "now or with --resume",
            KEY,
            len(points) - n_trials,
            len(points),
            n_trials,
            len(points),
        )
    return list(points.values())


def point_of_defaults(space: SearchSpace) -> dict[str, Any]:
    """Return the point at which every searched leaf has its default.

    Raises
    ------
    ConfigError
        If a leaf has none or cannot take it.
    """
    # Only a leaf with a default may be left out, and then the settings hold it.
    tree = copy.deepcopy(space.template)
    for parameter in space.parameters:
        if isinstance(parameter.path[-1], int):
            raise ConfigError(
                KEY, f"{DEFAULTS}: {parameter.key} is a place in a list and has no default"
            )
        del _walk(tree, parameter.path[:-1])[parameter.path[-1]]
    try:
        settings = Settings.from_mapping(tree)
    except ConfigError as error:
        raise ConfigError(KEY, f"{DEFAULTS}: {error}") from None
    return point_at(space, settings, DEFAULTS)


def point_of_file(space: SearchSpace, path: Path) -> dict[str, Any]:
    """Return the point at which every searched leaf has its value in a settings file.

    What else differs is named in the log.

    Raises
    ------
    ConfigError
        If the file holds no settings, or a leaf cannot take the value.
    """
    try:
        other = SearchSpace.read(path)
        settings = other.fixed_settings()
    except ConfigError as error:
        raise ConfigError(KEY, f"{path}: {error}") from None
    here, there = space.summary(), other.summary()
    searched = [parameter.key for parameter in space.parameters]
    differ = sorted(
        key
        for key in here.keys() | there.keys()
        if here.get(key) != there.get(key)
        and not any(f"{name}.".startswith(f"{key}.") for name in searched)
    )
    if differ:
        more = f" and {len(differ) - _N_NAMED} more" if len(differ) > _N_NAMED else ""
        log.info(
            "%s: %s differs in %s%s; only what is searched is taken from it",
            KEY,
            path,
            ", ".join(differ[:_N_NAMED]),
            more,
        )
    return point_at(space, settings, str(path))


def points_of_search(
    space: SearchSpace, name_or_folder: str, results: str | Path
) -> list[dict[str, Any]]:
    """Return the best points of another search that this space has.

    How many do not fit is said in the log.

    Raises
    ------
    ConfigError
        If there is no such search.
    """
    try:
        folder = open_search(name_or_folder, results)
        other, records = folder.space(), folder.records()
    except AutuneError as error:
        raise ConfigError(
            KEY,
            f"expected {DEFAULTS}, a settings file that exists, or a search; found "
            f"{name_or_folder} ({error})",
        ) from None
    best = ranked(records)[:N_BEST]
    points = []
    for record in best:
        try:
            points.append(point_at(space, other.apply(record.params), name_or_folder))
        except ConfigError:
            continue
    left_out = len(best) - len(points)
    log.info(
        "%s: %d points of %s%s",
        KEY,
        len(points),
        name_or_folder,
        f", {left_out} do not fit this space" if left_out else "",
    )
    return points


def point_at(space: SearchSpace, settings: Settings, source: str) -> dict[str, Any]:
    """Return the point of a space at which its leaves have the values of settings.

    Parameters
    ----------
    space
        What is searched.
    settings
        Without distributions; what is not searched does not matter.
    source
        Where they come from, for the message.

    Raises
    ------
    ConfigError
        If a leaf that is searched there cannot take its value.
    """
    tree = settings.model_dump(mode="json", by_alias=True)
    return space.propose(partial(_value_at, tree, source))


def _value_at(tree: dict[str, Any], source: str, parameter: Parameter) -> Any:
    """Return the value of a leaf in the words of its distribution."""
    try:
        value = _walk(tree, parameter.path)
    except (KeyError, IndexError, TypeError):
        raise ConfigError(KEY, f"{source} has no {parameter.key}") from None
    found = _encode(tree, parameter, value)
    if found is None:
        raise ConfigError(
            KEY,
            f"{source} has {parameter.key} = {value}, which is not in "
            f"{_words(parameter.distribution)}; widen it, or leave {source} out",
        )
    return found[0]


def _encode(tree: dict[str, Any], parameter: Parameter, value: Any) -> tuple[Any] | None:
    """Return the value as the search has it; None if the leaf cannot take it."""
    distribution = parameter.distribution
    if distribution.kind == "choice":
        for option, label in zip(distribution.options, distribution.labels, strict=True):
            if _is_same_setting(tree, parameter, option):
                return (label,)
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not distribution.low <= value <= distribution.high:
        return None
    if distribution.step is None:
        return (float(value),)
    steps = (value - distribution.low) / distribution.step
    if abs(steps - round(steps)) > _TOLERANCE:
        return None
    exact = distribution.low + round(steps) * distribution.step
    return (int(exact) if distribution.kind == "int" else float(exact),)


def _is_same_setting(tree: dict[str, Any], parameter: Parameter, option: Any) -> bool:
    """Whether settings stay what they are with an option in the place of their own value.

    So a list is compared with a tuple, and a mapping with one in which defaults are left out.
    """
    changed = copy.deepcopy(tree)
    _walk(changed, parameter.path[:-1])[parameter.path[-1]] = option
    try:
        settings = Settings.from_mapping(changed)
    except ConfigError:
        return False
    return settings.model_dump(mode="json", by_alias=True) == tree


def _words(distribution: Distribution) -> str:
    if distribution.kind == "choice":
        return f"[{', '.join(map(str, distribution.labels))}]"
    step = f" in steps of {distribution.step:g}" if distribution.step is not None else ""
    return f"[{distribution.low:g}, {distribution.high:g}]{step}"


def _walk(tree: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        tree = tree[part]
    return tree
