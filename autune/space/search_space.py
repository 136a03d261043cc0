"""The search space: the settings file with distributions where it has values.

A leaf ``{choice: [...]}``, ``{uniform: [a, b]}``, ``{loguniform: [a, b]}`` or ``{int: [a, b]}``
is searched.  ``step`` makes a grid (int, uniform); ``when: {dotted.key: value or values}`` makes
the leaf depend on another one; where that condition is false the leaf becomes ``otherwise``, or
is left out so that the settings' default holds.  Lists and mappings among the options of a
choice are named by their JSON text.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autune.errors import ConfigError
from autune.settings import BESIDE_TRIALS, Settings, describe, read_yaml
from autune.space.distribution import LEFT_OUT, Parameter, contains, label, same
from autune.space.places import SEARCHED, find, flatten, look_up, replaced, without_left_out

LARGEST_GRID = 10_000
MOST_PARAMETERS = 200
"""Searched leaves; samplers know what to do with a few dozen."""

MOST_VALUES = 2000
"""Options and ends of all searched leaves; settings are made at each of them."""


@dataclass(frozen=True)
class SearchSpace:
    """Settings of which some leaves are searched.

    Parameters
    ----------
    template
        The settings file as it was read.
    parameters
        The searched leaves, each after those that its condition names.
    """

    template: dict[str, Any] = field(repr=False)
    parameters: tuple[Parameter, ...]

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> SearchSpace:
        """Find the distributions, check them, and check the settings at all their borders.

        Raises
        ------
        ConfigError
            With the dotted key of the leaf that is wrong.
        """
        template = copy.deepcopy(dict(raw))
        parameters = tuple(find(template, (), Settings))
        if len(parameters) > MOST_PARAMETERS:
            raise ConfigError(
                parameters[-1].key,
                f"at most {MOST_PARAMETERS} leaves can be searched, found {len(parameters)}; give "
                "values to the others",
            )
        n_values = sum(len(parameter.distribution.corners) for parameter in parameters)
        if n_values > MOST_VALUES:
            raise ConfigError(
                "",
                f"the searched leaves have {n_values} options and ends in all, {MOST_VALUES} at "
                "most can be searched; take ranges in place of choices",
            )
        for parameter in parameters:
            _check_conditions(parameter, parameters)
        space = cls(template, _ordered(parameters))
        space._check_corners()
        return space

    @classmethod
    def read(cls, path: str | Path) -> SearchSpace:
        """Read a YAML file."""
        return cls.from_mapping(read_yaml(path))

    @property
    def has_distributions(self) -> bool:
        """Whether anything is searched."""
        return bool(self.parameters)

    def fixed_settings(self) -> Settings:
        """Return the settings of a file in which nothing is searched.

        Raises
        ------
        ConfigError
            If there is a distribution.
        """
        for parameter in self.parameters:
            raise ConfigError(
                parameter.key,
                "expected a value, found a distribution; give one value, or use the file with "
                "autune search",
            )
        return Settings.from_mapping(self.template)

    def example(self) -> Settings:
        """Return the settings with every searched leaf at its first value."""
        return self.apply({p.key: p.distribution.corners[0] for p in self.parameters})

    def summary(self) -> dict[str, str]:
        """Write down everything that decides results: every leaf's value or distribution."""
        decisive = self.example().model_dump(
            mode="json", by_alias=True, include=set(SEARCHED), exclude=BESIDE_TRIALS
        )
        leaves = {key: json.dumps(value) for key, value in flatten(decisive)}
        return leaves | {p.key: repr(p) for p in self.parameters}

    def leaves_in_reach(self) -> Iterator[tuple[Parameter, dict[str, Any]]]:
        """Yield every searched leaf and a point where it is searched, others at their first value.

        Raises
        ------
        ConfigError
            If the condition of a leaf never holds.
        """
        first = {p.key: p.distribution.corners[0] for p in self.parameters}
        reached: dict[str, dict[str, Any]] = {}
        for parameter in self.parameters:
            reached[parameter.key] = self._reach(parameter, reached)
            yield parameter, {**first, **reached[parameter.key]}

    def propose(self, draw: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Draw a value for every leaf whose condition holds.

        Parameters
        ----------
        draw
            Called with one parameter after the other.
        """
        return self._fill(draw)[0]

    def sample(self, generator: np.random.Generator) -> dict[str, Any]:
        """Draw a random point."""
        return self.propose(lambda parameter: parameter.distribution.sample(generator))

    def apply(self, params: Mapping[str, Any]) -> Settings:
        """Return the settings at a point; nothing else changes.

        Raises
        ------
        ConfigError
            If a searched leaf has no value, or the settings are not valid.
        """
        known = [parameter.key for parameter in self.parameters]
        for key in params:
            if key not in known:
                raise ConfigError(key, f"is not searched; searched are {', '.join(known)}")

        def draw(parameter: Parameter) -> Any:
            if parameter.key not in params:
                raise ConfigError(parameter.key, "is searched and has no value in this point")
            return params[parameter.key]

        return Settings.from_mapping(without_left_out(self._fill(draw)[1]))

    def grid(self) -> list[dict[str, Any]]:
        """List all points.

        Raises
        ------
        ConfigError
            If a leaf has infinitely many values, or there are more than 10 000 points.
        """
        values = {p.key: _grid_values(p) for p in self.parameters}
        points: list[dict[str, Any]] = []
        choices: list[int] = []
        while len(points) < LARGEST_GRID:
            sizes: list[int] = []
            points.append(self.propose(partial(_next_on_grid, values, choices, sizes)))
            while choices and choices[-1] + 1 == sizes[len(choices) - 1]:
                choices.pop()
            if not choices:
                return points
            choices[-1] += 1
        raise ConfigError(
            "search.sampler", f"the grid has more than {LARGEST_GRID} points; use another sampler"
        )

    def _fill(self, draw: Callable[[Parameter], Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        tree: Any = self.template
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            value = copy.deepcopy(parameter.otherwise)
            if _holds(parameter, tree):
                params[parameter.key] = draw(parameter)
                try:
                    value = parameter.distribution.decode(params[parameter.key])
                except (TypeError, ValueError, OverflowError) as error:
                    raise ConfigError(parameter.key, str(error)) from None
            tree = replaced(tree, parameter.path, value)
        return params, tree

    def _check_corners(self) -> None:
        """Make settings at every border of one leaf with all others at their first value."""
        self.example()
        for parameter, point in self.leaves_in_reach():
            for value in parameter.distribution.corners:
                try:
                    self.apply({**point, parameter.key: value})
                except ConfigError as error:
                    if error.key.startswith(parameter.key):
                        raise
                    raise ConfigError(
                        parameter.key, f"the value {value} cannot be used: {error}"
                    ) from None
            if parameter.otherwise is not LEFT_OUT:
                tree = self._fill(partial(_take, point))[1]
                tree = replaced(tree, parameter.path, parameter.otherwise)
                Settings.from_mapping(without_left_out(tree))

    def _reach(self, parameter: Parameter, reached: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """Find values of the leaves before this one under which this one is searched."""
        point: dict[str, Any] = {}
        for key, allowed in parameter.when:
            for other in self.parameters:
                if other.key != key:
                    continue
                for value in (*other.distribution.corners, *map(label, allowed)):
                    if contains(other.distribution, value) and any(
                        same(other.distribution.decode(value), wanted) for wanted in allowed
                    ):
                        point |= {**reached[other.key], key: value}
                        break
                else:
                    if not any(same(other.otherwise, wanted) for wanted in allowed):
                        raise ConfigError(
                            parameter.key,
                            f"its condition never holds: {key} is never one of "
                            f"{', '.join(map(str, allowed))}",
                        )
        return point


def _check_conditions(parameter: Parameter, parameters: Sequence[Parameter]) -> None:
    known = [*(p.key for p in parameters), *(key for key, _, _ in describe())]
    for key, allowed in parameter.when:
        if not allowed:
            raise ConfigError(
                f"{parameter.key}.when", f"{key}: expected a value or a list, found []"
            )
        if key not in known and not any(name.startswith(f"{key}.") for name in known):
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{parameter.key}.when", f"no setting is called {key}{hint}")


def _ordered(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Put every parameter after those that its condition names."""
    ordered: list[Parameter] = []
    waiting = list(parameters)
    while waiting:
        open_keys = {parameter.key for parameter in waiting}
        ready = [p for p in waiting if not open_keys & {key for key, _ in p.when}]
        if not ready:
            raise ConfigError(
                waiting[0].key,
                f"conditions depend on each other in a circle: {', '.join(sorted(open_keys))}",
            )
        ordered += ready
        waiting = [p for p in waiting if p not in ready]
    return tuple(ordered)


def _holds(parameter: Parameter, tree: dict[str, Any]) -> bool:
    return all(
        any(same(look_up(tree, key), wanted) for wanted in allowed)
        for key, allowed in parameter.when
    )


def _grid_values(parameter: Parameter) -> tuple[Any, ...]:
    distribution = parameter.distribution
    n = distribution.n_values
    if n is None:
        raise ConfigError(
            parameter.key,
            f"{parameter.distribution.kind} has no finite grid; use choice, int or uniform with a "
            "step, or another search.sampler",
        )
    if n > LARGEST_GRID:
        raise ConfigError(
            parameter.key,
            f"{n} values are too many for a grid of {LARGEST_GRID} points at most; give a step, "
            "or another search.sampler",
        )
    return tuple(distribution.value(index) for index in range(n))


def _next_on_grid(
    values: Mapping[str, tuple[Any, ...]],
    choices: list[int],
    sizes: list[int],
    parameter: Parameter,
) -> Any:
    """Take the value that `choices` names for the next leaf, the first one beyond its end."""
    if len(sizes) == len(choices):
        choices.append(0)
    sizes.append(len(values[parameter.key]))
    return values[parameter.key][choices[len(sizes) - 1]]


def _take(point: Mapping[str, Any], parameter: Parameter) -> Any:
    return point[parameter.key]
