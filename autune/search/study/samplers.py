"""Who proposes the next point: Optuna's samplers, kept from trying a point twice.

A door of Optuna.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any, cast

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

from autune.search.study.evolution import Evolution, Told
from autune.search.study.outcome import place_in_course
from autune.search.study.points import Points
from autune.settings import SearchSettings
from autune.space import Distribution, Parameter, SearchSpace

log = logging.getLogger(__name__)

REDRAWS = 10
"""So often is a sampler asked again when it proposes what was tried; then a point is drawn."""

SEEN_BY_TPE = 1000
"""So many of the newest trials are shown to TPE, which compares all with all for each point."""

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
            # Draws by the number of the trial, so its seed stays.
            return CmaEsSampler(space, settings.seed)
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


def _is_evolved(parameter: Parameter) -> bool:
    """Whether CMA-ES adapts a leaf."""
    return not parameter.when and parameter.distribution.kind != "choice"


def _say_what_is_random(space: SearchSpace) -> None:
    """Name the leaves that CMA-ES does not adapt."""
    others = [p.key for p in space.parameters if not _is_evolved(p)]
    if others:
        log.info(
            "search.sampler: cmaes draws %s at random: choices and what has a condition are "
            "not for it",
            ", ".join(others),
        )


class CmaEsSampler(BaseSampler):
    """CMA-ES for numbers, chance for choices and what has a condition.

    A trial keeps the number of the generation for which it was drawn; the state is made again
    from the trials (see `Evolution`).

    Parameters
    ----------
    space
        What is searched.
    seed
        With the number of a trial it gives all its values.
    """

    GENERATION = "cma:generation"
    """Attribute of a trial, as Optuna's own sampler calls it."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        evolved = [p for p in space.parameters if _is_evolved(p)]
        self._evolution = Evolution(evolved)
        self._evolved = {p.key: to_optuna(p.distribution) for p in evolved}
        self._seed = seed
        self._number = -1
        self._generator = np.random.default_rng(seed)
        self._random = optuna.samplers.RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the numbers without conditions."""
        return self._evolved

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw them."""
        self._turn_to(trial)
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        complete.sort(key=place_in_course)
        self._evolution.learn([self._read(t) for t in complete])
        return self._evolution.draw(int(self._generator.integers(2**32)))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw any other leaf."""
        self._turn_to(trial)
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def note(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Write down that a trial tries what was drawn for it."""
        if "fixed_params" not in trial.system_attrs and self.GENERATION not in trial.system_attrs:
            study._storage.set_trial_system_attr(  # noqa: SLF001, as all samplers of Optuna do
                trial._trial_id,  # noqa: SLF001
                self.GENERATION,
                self._evolution.generation,
            )

    def _turn_to(self, trial: FrozenTrial) -> None:
        if trial.number != self._number:
            self._number = trial.number
            numbers = np.random.SeedSequence([self._seed, trial.number])
            self._generator = np.random.default_rng(numbers)
            chance = int(self._generator.integers(2**32))
            self._random = optuna.samplers.RandomSampler(seed=chance)

    def _read(self, trial: FrozenTrial) -> Told:
        violation = sum(max(0.0, excess) for excess in trial.constraints.values())
        generation = trial.system_attrs.get(self.GENERATION)
        generation = generation if isinstance(generation, int) else None
        return Told(trial.params, (violation, trial.values[0]), generation)


class _NewestTrials:
    """A study with its newest trials alone, as a sampler sees it.

    TPE takes the best tenth of several objectives by the volume that they dominate: with 10 000
    trials of which none beats another one point takes minutes.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._whole = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def _get_trials(self, *arguments: Any, **named: Any) -> list[FrozenTrial]:
        trials = self._whole._get_trials(*arguments, **named)  # noqa: SLF001
        return trials[-SEEN_BY_TPE:]


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
        study = self._shown(study)
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        inner = self._sampler.infer_relative_search_space(study, trial)
        for _ in range(REDRAWS):
            values = self._sampler.sample_relative(study, trial, inner)
            point = self._fill(study, trial, self._sampler, {**values, **given})
            if self._points.is_new(point):
                if isinstance(self._sampler, CmaEsSampler):
                    self._sampler.note(study, trial)
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
        study = self._shown(study)
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

    def _shown(self, study: optuna.Study) -> optuna.Study:
        if isinstance(self._sampler, optuna.samplers.TPESampler):
            return cast(optuna.Study, _NewestTrials(study))
        return study

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
