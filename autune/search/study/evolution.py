"""CMA-ES over the numbers of a space (Hansen, arXiv:1604.00772).  A door of cmaes.

Its state follows from the trials that ended and from nothing else, so that it is made again from
the study whenever a search goes on.  Optuna's own sampler keeps the state in the study as a
pickle, which runs whatever somebody has put in its place.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from autune.space import Distribution, Parameter

FloatArray = NDArray[np.float64]

_SIGMA = 1.0 / 6.0
"""Standard deviation of the first generation, in ranges."""


@dataclass(frozen=True)
class Told:
    """A complete trial.

    Parameters
    ----------
    params
        Value of every leaf.
    rank
        Violation of the constraints, and objective; lower is better.
    generation
        For which it was drawn; None: it comes from elsewhere.
    """

    params: Mapping[str, Any]
    rank: tuple[float, float]
    generation: int | None = None


class Evolution:
    """A normal distribution that moves to where the better half of every generation lies.

    The first one lies around the best trial that comes from elsewhere, or else in the middle.

    Parameters
    ----------
    parameters
        Numbers without conditions.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._ranges = {p.key: p.distribution for p in parameters}
        self._cma = self._begin(())

    @property
    def generation(self) -> int:
        """Generation that is drawn now, from 0."""
        return int(self._cma.generation)

    @property
    def population(self) -> int:
        """Trials of one generation."""
        return int(self._cma.population_size)

    def learn(self, trials: Sequence[Told]) -> None:
        """Go on with the trials that are complete.

        A generation are the first trials that were drawn for it and are complete.

        Parameters
        ----------
        trials
            All of the study, in the order in which they ended; those of another call too.
        """
        places: defaultdict[int | None, list[int]] = defaultdict(list)
        for place, trial in enumerate(trials):
            places[trial.generation].append(place)
        while True:
            drawn = places[self.generation][: self.population]
            whole = len(drawn) == self.population
            if self.generation == 0:
                before = trials[: drawn[-1]] if whole else trials
                self._cma = self._begin([t for t in before if t.generation is None])
            if not whole:
                return
            best_first = sorted((trials[place] for place in drawn), key=lambda trial: trial.rank)
            self._cma.tell([(self._encode(t.params), float(i)) for i, t in enumerate(best_first)])

    def draw(self, seed: int) -> dict[str, Any]:
        """Draw a value for every number."""
        self._cma.reseed_rng(seed)
        position = self._cma.ask()
        return {
            key: _from_unit(distribution, float(x))
            for (key, distribution), x in zip(self._ranges.items(), position, strict=True)
        }

    def _begin(self, known: Sequence[Told]) -> CMA:
        n = len(self._ranges)
        mean = np.full(n, 0.5)
        if known:
            mean = self._encode(min(known, key=lambda trial: trial.rank).params)
        bounds = np.tile([0.0, 1.0], (n, 1))
        # A draw beyond the bounds is drawn again; in many dimensions that happens often.
        return CMA(mean=mean, sigma=_SIGMA, bounds=bounds, n_max_resampling=10 * n)

    def _encode(self, params: Mapping[str, Any]) -> FloatArray:
        places = (_to_unit(d, float(params[key])) for key, d in self._ranges.items())
        return np.array([min(max(place, 0.0), 1.0) for place in places])


def _to_unit(distribution: Distribution, value: float) -> float:
    """Return the place of a value in its range, from 0 to 1."""
    low, high = _ends(distribution)
    return ((math.log(value) if distribution.kind == "loguniform" else value) - low) / (high - low)


def _from_unit(distribution: Distribution, place: float) -> int | float:
    low, high = _ends(distribution)
    value = low + place * (high - low)
    if distribution.kind == "loguniform":
        value = math.exp(value)
    if distribution.step is not None:
        index = round((value - distribution.low) / distribution.step)
        n = distribution.n_values or 1
        found: int | float = distribution.value(min(max(index, 0), n - 1))
        return found
    return min(max(value, distribution.low), distribution.high)


def _ends(distribution: Distribution) -> tuple[float, float]:
    """Return the ends of a range; every step has the same room, also the first and the last."""
    low, high = distribution.low, distribution.high
    if distribution.kind == "loguniform":
        return math.log(low), math.log(high)
    room = 0.5 * (distribution.step or 0.0)
    return low - room, high + room
