"""What Ray and Tune do otherwise while a search runs.  A door of Ray.

No public setting changes any of it, other than the variables of the environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from ray._private import worker
from ray.air._internal import usage
from ray.air.execution._internal import RayActorManager
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

_DRIVER_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # A job of the cluster has an environment of its own, to which that of the workers is added.
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
}

_LOGGERS = [logging.getLogger(name) for name in ("ray", "ray.tune")]


@contextmanager
def quiet() -> Iterator[None]:
    """Set the environment of Ray for a while, and keep it from printing.

    What it has to say, of workers that died, the study tells; on a terminal it would come
    between the lines of the table.  Tune would also write down all trials, which nobody
    reads, and load MLflow and others to count who uses them.
    """
    levels = {logger: logger.level for logger in _LOGGERS}
    silence()
    with ExitStack() as habits:
        for owner, name, otherwise in (
            (worker, "_worker_logs_enabled", False),
            (usage, "tag_callbacks", lambda _: False),
            (Trial, "get_json_state", lambda _: ("", "")),
            (RayActorManager, "_actor_task_failed", _take_as_death),
        ):
            habits.enter_context(_replaced(owner, name, otherwise))
        habits.enter_context(environment(_DRIVER_ENVIRONMENT))
        try:
            yield
        finally:
            for logger, level in levels.items():
                logger.setLevel(level)


@contextmanager
def side_by_side(wanted: bool) -> Iterator[None]:
    """Let workers start side by side, and end none that is starting.

    Tune starts one after the other, and ends one that is starting for the next trial when another
    has become free: of trials shorter than the start of a worker few would ever run at a time.
    How many there are, the searcher says.

    Parameters
    ----------
    wanted
        False where nodes may die: Tune gives a trial free workers of a dead node, one after the
        other, and the more of them there are, the more of its tries are lost.
    """
    if not wanted:
        yield
        return
    with (
        environment({"TUNE_MAX_PENDING_TRIALS_PG": "100000"}),
        _replaced(TuneController, "_maybe_reuse_cached_actor", _reuse_unless_one_starts),
    ):
        yield


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def silence() -> None:
    """Keep the loggers of Ray from writing."""
    for logger in _LOGGERS:
        logger.setLevel(logging.CRITICAL)


@contextmanager
def _replaced(owner: Any, name: str, otherwise: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, otherwise)
    try:
        yield
    finally:
        setattr(owner, name, before)


_actor_task_failed = RayActorManager._actor_task_failed  # noqa: SLF001
_reuse = TuneController._maybe_reuse_cached_actor  # noqa: SLF001


def _take_as_death(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
    """Let Tune go on after every death of a worker.

    It knows those that Ray calls so, but a worker that Ray ended because the memory was full
    (OutOfMemoryError) ends the whole run in Ray 2.60.
    """
    if not isinstance(exception, RayActorError | RayTaskError):
        exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
    _actor_task_failed(manager, tracked_actor_task, exception)


def _reuse_unless_one_starts(controller: Any, trial: Any) -> bool:
    """Let a trial whose own worker is starting wait for it; the free one is for the next trial."""
    mine = controller._trial_to_actor.get(trial)  # noqa: SLF001
    starts = mine is not None and mine in controller._actor_manager.live_actors  # noqa: SLF001
    return not starts and bool(_reuse(controller, trial))
