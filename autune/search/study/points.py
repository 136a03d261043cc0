"""Points of a search: which were tried, which wait, and which are left of finitely many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from autune.errors import ConfigError
from autune.space import Parameter, SearchSpace
from autune.space.search_space import LARGEST_GRID


class Proposes(Protocol):
    """What a study needs of a space."""

    def propose(self, draw: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Draw a value for every leaf whose condition holds."""


def identify(params: Mapping[str, Any]) -> frozenset[tuple[str, Hashable]]:
    """Return what equal points have in common; 0.1 + 0.2 is 0.3."""
    return frozenset(
        (key, float(f"{value:.12g}") if isinstance(value, float) else value)
        for key, value in params.items()
    )


def all_points(space: SearchSpace) -> list[dict[str, Any]] | None:
    """List the points of a space; None where there are more than a grid may have."""
    sizes = [parameter.distribution.n_values for parameter in space.parameters]
    if any(size is None or size > LARGEST_GRID for size in sizes):
        return None
    try:
        return space.grid()
    except ConfigError:
        return None


def trials_in_all(wanted: int, n_points: int | None, n_trials: int) -> int:
    """Return how many trials a search has when nothing ends it before.

    Parameters
    ----------
    wanted
        ``search.trials``.
    n_points
        Points of the space; None: too many to list.
    n_trials
        Trials that there are already.
    """
    return max(wanted if n_points is None else min(wanted, n_points), n_trials)


class Points:
    """What was tried of a space, and what is to be tried first.

    Parameters
    ----------
    every
        All points of the space; None if there are too many to list.
    tried
        Points that were tried already.
    queue
        Points to try before others.
    """

    def __init__(
        self,
        every: Iterable[Mapping[str, Any]] | None = None,
        tried: Iterable[Mapping[str, Any]] = (),
        queue: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self._tried: set[Hashable] = set()
        self._left = None if every is None else {identify(point): dict(point) for point in every}
        self._queue = deque(dict(point) for point in queue)
        self.n_points = None if self._left is None else len(self._left)
        for point in tried:
            self.note(point)

    def note(self, point: Mapping[str, Any]) -> None:
        """Remember that a point was tried."""
        identity = identify(point)
        self._tried.add(identity)
        if self._left is not None:
            self._left.pop(identity, None)

    def is_new(self, point: Mapping[str, Any]) -> bool:
        """Whether nobody tried a point."""
        return identify(point) not in self._tried

    def put_first(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Put points before all that wait."""
        self._queue.extendleft(dict(point) for point in reversed(points))

    def next_in_queue(self) -> dict[str, Any] | None:
        """Return the first point that waits; it stays in the queue until it is noted as tried."""
        while self._queue and not self.is_new(self._queue[0]):
            self._queue.popleft()
        return self._queue[0] if self._queue else None

    @property
    def all_tried(self) -> bool:
        """Whether the space has no other point."""
        return self._left is not None and not self._left

    @property
    def n_left(self) -> int | None:
        """Number of points that were not tried; None: too many to list."""
        return None if self._left is None else len(self._left)

    def left(self, given: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """List the points that were not tried and have the given values; None: too many."""
        if self._left is None:
            return None
        wanted = identify(given)
        return [point for identity, point in self._left.items() if wanted <= identity]
