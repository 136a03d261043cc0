"""Who proposes the next point: Optuna's samplers."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from autune.settings import SearchSettings


def make_sampler(settings: SearchSettings, n_trials: int) -> BaseSampler:
    """Make the sampler of a search.

    Parameters
    ----------
    settings
        Sampler, seed and its numbers.
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
        match settings.sampler:
            case "tpe":
                return optuna.samplers.TPESampler(
                    n_startup_trials=settings.startup_trials,
                    multivariate=True,
                    group=True,
                    constant_liar=True,
                    seed=seed,
                )
            case "nsga2":
                return optuna.samplers.NSGAIISampler(population_size=settings.population, seed=seed)
            case "nsga3":
                return optuna.samplers.NSGAIIISampler(
                    population_size=settings.population, seed=seed
                )
            case "cmaes":
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
