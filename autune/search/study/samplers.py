"""Who proposes the next point: Optuna's samplers, kept from trying a point twice.

A door of Optuna.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from autune.search.study.points import Points
from autune.settings import SearchSettings
from autune.space import Distribution, Parameter, SearchSpace

log = logging.getLogger(__name__)

REDRAWS = 10
"""So often is a sampler asked again when it proposes what was tried; then a point is drawn."""

_RANDOM_DRAWS = 1000
"""Random points that are drawn to find one that was not tried, in a space too large to list."""


def make_sampler(
    settings: SearchSettings, space: SearchSpace, points: Points, n_trials: int
) -> BaseSampler:
    """Make the sampler of a search.

    Parameters
    ----------
    settings
        Sampler, seed and its numbers.
    space
        What is searched.
    points
        Those that were tried, which are not proposed.
    n_trials
        Trials that the study has already.  A search that goes on must not draw the numbers of
        its start again, so they change the seed.

    Returns
    -------
    BaseSampler
        For ``grid`` a sampler that is never asked: the points are put in the queue.
    """
    seed = settings.seed
    if n_trials:
        seed = int(np.random.SeedSequence([settings.seed, n_trials]).generate_state(1)[0])
    with warnings.catch_warnings():
        # Group and multivariate are marked as experimental and have been for years.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _make(settings, space, seed)
    return WholePoints(sampler, space, points, seed)


def to_optuna(distribution: Distribution) -> BaseDistribution:
    """Say in Optuna's words which values a leaf may take."""
    if distribution.kind == "choice":
        return CategoricalDistribution(distribution.labels)
    if distribution.kind == "int":
        return IntDistribution(
            int(distribution.low), int(distribution.high), step=int(distribution.step or 1)
        )
    return FloatDistribution(
        distribution.low,
        distribution.high,
        step=distribution.step,
        log=distribution.kind == "loguniform",
    )


def _make(settings: SearchSettings, space: SearchSpace, seed: int) -> BaseSampler:
    match settings.sampler:
        case "tpe":
            return optuna.samplers.TPESampler(
                n_startup_trials=settings.startup_trials,
                multivariate=True,
                # Looks at all trials for each point, and is needed for conditions only.
                group=any(p.when for p in space.parameters),
                constant_liar=True,
                seed=seed,
            )
        case "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=settings.population, seed=seed)
        case "nsga3":
            return optuna.samplers.NSGAIIISampler(population_size=settings.population, seed=seed)
        case "cmaes":
            _say_what_is_random(space)
            return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        case "qmc":
            # The sequence continues where the study stands, so its own seed stays.
            return optuna.samplers.QMCSampler(
                scramble=True,
                seed=settings.seed,
                independent_sampler=optuna.samplers.RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )
        case "random" | "grid":
            return optuna.samplers.RandomSampler(seed=seed)


def _say_what_is_random(space: SearchSpace) -> None:
    """Name the leaves that CMA-ES does not adapt."""
    others = [p.key for p in space.parameters if p.when or p.distribution.kind == "choice"]
    if others:
        log.info(
            "search.sampler: cmaes draws %s at random: choices and what has a condition are "
            "not for it",
            ", ".join(others),
        )


class WholePoints(BaseSampler):
    """Ask another sampler for all leaves of a point, and again if the point was tried.

    Optuna asks for one value after the other and writes each down at once; a point that turned
    out to be an old one would stay in the study.  Here all values are drawn before the first is
    written.

    Parameters
    ----------
    sampler
        Is asked.
    space
        What is searched.
    points
        Those that were tried.
    seed
        Of the points that are drawn where the sampler has no new one.
    """

    def __init__(self, sampler: BaseSampler, space: SearchSpace, points: Points, seed: int) -> None:
        self._sampler = sampler
        self._space = space
        self._points = points
        self._random = optuna.samplers.RandomSampler(seed=seed)
        self._generator = np.random.default_rng(seed)
        self._distributions = {p.key: to_optuna(p.distribution) for p in space.parameters}
        # A leaf that comes and goes would change the dimension of CMA-ES, which then stops.
        fixed = isinstance(sampler, optuna.samplers.CmaEsSampler)
        self._together = {p.key for p in space.parameters if not (fixed and p.when)}

    @property
    def needs_generations(self) -> bool:
        """Whether a trial takes part only if the sampler was asked for it, as those of NSGA."""
        return isinstance(
            self._sampler, optuna.samplers.NSGAIISampler | optuna.samplers.NSGAIIISampler
        )

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return all leaves."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw a point that has the values that the trial has already."""
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        inner = self._sampler.infer_relative_search_space(study, trial)
        inner = {key: value for key, value in inner.items() if key in self._together}
        for _ in range(REDRAWS):
            values = self._sampler.sample_relative(study, trial, inner)
            point = self._fill(study, trial, self._sampler, {**values, **given})
            if self._points.is_new(point):
                return point
        left = self._points.left(given)
        if left is not None:
            return left[self._generator.integers(len(left))] if left else point
        for _ in range(_RANDOM_DRAWS):
            point = self._fill(study, trial, self._random, given)
            if self._points.is_new(point):
                break
        return point

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw a leaf whose condition did not hold in the point that was drawn."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self._sampler.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Pass it on."""
        self._sampler.after_trial(study, trial, state, values)

    def _fill(
        self, study: optuna.Study, trial: FrozenTrial, sampler: BaseSampler, known: dict[str, Any]
    ) -> dict[str, Any]:
        def draw(parameter: Parameter) -> Any:
            key = parameter.key
            if key in known:
                return known[key]
            distribution = self._distributions[key]
            if distribution.single():
                return parameter.distribution.labels[0]
            return sampler.sample_independent(study, trial, key, distribution)

        return self._space.propose(draw)


def suggest(trial: optuna.Trial, parameter: Parameter) -> Any:
    """Draw a leaf for a trial and write it down."""
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
