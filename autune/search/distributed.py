"""Ray runs the trials of a search on the cores of this machine.  The door of Ray.

The study proposes and is told; Ray Tune decides when a worker is free and, by successive
halving, which training stops early.  Nothing that Ray writes is needed afterwards.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray._private import worker as ray_worker
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from autune.errors import ConfigError, SearchError
from autune.search.folder import SearchFolder
from autune.search.record import MissingObjective, Observer, Proposal, Record, State
from autune.search.worker import Work, run_in_worker, write_error
from autune.settings import ResourceSettings, SearchSettings, Settings

if TYPE_CHECKING:
    # Workers import this module, and have no use for Optuna.
    from autune.search.study import Study

SAME_FAILURES = 5
"""So many trials that fail in the same way at the start of a search end it."""

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # A stopped trial writes its files before the worker takes the next one.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",
}
_DRIVER_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
}


def count_cpus() -> int:
    """Return the number of cores that this process may use."""
    if ray.is_initialized():
        return int(ray.cluster_resources().get("CPU", 1))
    return len(os.sched_getaffinity(0))


def check_cores(settings: ResourceSettings) -> None:
    """Refuse trials that this machine could never start.

    Raises
    ------
    ConfigError
        If a trial wants more cores than there are.
    """
    cpus, wanted = count_cpus(), settings.cores
    if wanted > cpus:
        raise ConfigError(
            "resources.mpi_ranks"
            if settings.mpi_ranks == wanted > 1
            else "resources.cpus_per_trial",
            f"{wanted} cores are wanted, this machine has {cpus}; lower it",
        )


def run(
    folder: SearchFolder,
    study: Study,
    settings: Settings,
    epochs: int,
    work: Work,
    dataset: Any,
    observers: Sequence[Observer],
) -> bool:
    """Run trials until the study has all of them.

    Parameters
    ----------
    folder
        Folder of the search.
    study
        Ready to propose.
    settings
        Settings at any point: pruner and resources.
    epochs
        Largest number of epochs of a training.
    work
        What a worker does.
    dataset
        Shared with all workers; None where `work` loads it.
    observers
        Told of every event, in this thread.

    Returns
    -------
    bool
        False if the user interrupted the search.

    Raises
    ------
    SearchError
        If all trials fail in the same way.
    """
    cpus, wanted = count_cpus(), settings.resources.cores
    limit = settings.resources.concurrent_trials or cpus // wanted
    searcher = _StudySearcher(study, limit, observers)
    scratch = folder.path / ".ray"
    interrupt = signal.getsignal(signal.SIGINT)
    started = not ray.is_initialized()
    with _environment():
        try:
            if started:
                start(cpus)
            trainable = tune.with_resources(
                tune.with_parameters(_run_in_worker, work=work, dataset=dataset), {"cpu": wanted}
            )
            tune.run(
                trainable,
                name="tune",
                storage_path=str(scratch),
                search_alg=searcher,
                scheduler=_scheduler(settings.search, epochs, study.records()),
                num_samples=-1,
                max_failures=1,
                reuse_actors=True,
                raise_on_failed_trial=False,
                verbose=0,
                callbacks=[_WorkerDeaths(searcher)],
            )
        finally:
            if started:
                ray.shutdown()
            if threading.current_thread() is threading.main_thread():
                # Tune leaves its own handler behind.
                signal.signal(signal.SIGINT, interrupt)
            shutil.rmtree(scratch, ignore_errors=True)
            searcher.forget_checkpoints()
    if searcher.stopped_because:
        raise SearchError(searcher.stopped_because)
    return searcher.exhausted and not searcher.live


def start(cpus: int) -> None:
    """Start Ray on this machine, for this process and its children alone."""
    terminate = signal.getsignal(signal.SIGTERM)
    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=True,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": WORKER_ENVIRONMENT},
    )
    if threading.current_thread() is threading.main_thread():
        # Ray's own handler would end the process in the middle of a trial.
        signal.signal(signal.SIGTERM, terminate)
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _environment:  # noqa: N801
    """Set the environment of Ray for a while, and keep it from printing.

    What it has to say, of workers that died, the study tells; on a terminal it would come
    between the lines of the table.  No public setting stops it.
    """

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in _DRIVER_ENVIRONMENT}
        os.environ.update(_DRIVER_ENVIRONMENT)
        self._printed = getattr(ray_worker, "_worker_logs_enabled", True)
        ray_worker._worker_logs_enabled = False  # noqa: SLF001

    def __exit__(self, *_: object) -> None:
        ray_worker._worker_logs_enabled = self._printed  # noqa: SLF001
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass
class _Live:
    """A trial that runs."""

    proposal: Proposal
    started: float = field(default_factory=time.time)
    scores: list[tuple[int, float]] = field(default_factory=list)


class _StudySearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Pass proposals of the study to Tune and results to the study."""

    def __init__(self, study: Study, limit: int, observers: Sequence[Observer]) -> None:
        super().__init__()
        self.study = study
        self.limit = limit
        self.observers = observers
        self.live: dict[str, _Live] = {}
        self.exhausted = False
        self.stopped_because = ""
        self._failures: list[str] = []
        self._ended: list[Path] = []

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next point, nothing while all workers are busy, or the end."""
        if self.stopped_because:
            return str(Searcher.FINISHED)
        if len(self.live) >= self.limit:
            return None
        proposal = self.study.propose()
        if proposal is None:
            self.exhausted = True
            return str(Searcher.FINISHED)
        self.live[trial_id] = _Live(proposal)
        for observer in self.observers:
            observer.trial_started(proposal.number, proposal.params)
        # As text, since Tune looks for its own words inside mappings.
        return {
            "number": proposal.number,
            "params": json.dumps(proposal.params),
            "directory": str(proposal.directory),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Hear of an epoch."""
        live = self.live.get(trial_id)
        if live is None or "seed" not in result or result.get("done") or "state" in result:
            return
        self._note(live, result)
        for observer in self.observers:
            observer.epoch_finished(
                live.proposal.number, result["seed"], result["number"], result["seed_score"]
            )

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study how a trial ended; deaths of workers are told by `_WorkerDeaths`."""
        if error or trial_id not in self.live:
            return
        live = self.live.pop(trial_id)
        result = result or {}
        if "state" in result:
            outcome = json.loads(result["outcome"])
            self.finish(live, result["state"], **outcome)
            return
        self._note(live, result)
        score = result.get("score", math.nan)
        reason = f"stopped after epoch {result.get('epoch')} with score {score:.4g}"
        self.finish(live, "stopped", reason, {}, time.time() - live.started)

    def finish(
        self,
        live: _Live,
        state: State,
        reason: str,
        metrics: Mapping[str, float],
        seconds: float,
    ) -> None:
        """Write down how a trial ended and look whether the search makes sense."""
        number = live.proposal.number
        try:
            record = self.study.tell(number, state, reason, metrics, seconds, live.scores)
        except MissingObjective as error:
            self.stopped_because = str(error)
            record = self.study.records()[number]
        # A stopped worker may still write its state: look again when the next trial ends.
        self.forget_checkpoints()
        self._ended.append(record.directory)
        for observer in self.observers:
            observer.trial_finished(record)
        self._look_for_same_failures(record)

    def forget_checkpoints(self) -> None:
        """Remove the states of trainings that nobody will go on with."""
        for directory in self._ended:
            for checkpoint in directory.glob("seed-*/checkpoint.npz"):
                checkpoint.unlink(missing_ok=True)
        self._ended.clear()

    def _note(self, live: _Live, result: Mapping[str, Any]) -> None:
        if result.get("seed") == 0:
            scored = (int(result["epoch"]), float(result["score"]))
            if not live.scores or live.scores[-1][0] < scored[0]:
                live.scores.append(scored)

    def _look_for_same_failures(self, record: Record) -> None:
        self._failures.append(record.reason if record.state == "failed" else "")
        first = self._failures[0]
        if first and len(self._failures) >= SAME_FAILURES and set(self._failures) == {first}:
            self.stopped_because = (
                f"the first {len(self._failures)} trials failed in the same way: {first}; "
                f"see {record.directory / 'error.txt'}"
            )

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the study is on disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class _WorkerDeaths(tune.Callback):  # type: ignore[misc]
    """Tell the study of workers that died, with the reason that Ray gives."""

    def __init__(self, searcher: _StudySearcher) -> None:
        self._searcher = searcher

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        live = self._searcher.live.pop(trial.trial_id, None)
        if live is None:
            return
        text = str(trial.get_error() or trial.get_pickled_error() or "")
        lines = text.strip().splitlines()
        reason = f"the worker died: {lines[-1].strip() if lines else 'killed or out of memory'}"
        write_error(live.proposal.directory, text or reason)
        self._searcher.finish(live, "failed", reason, {}, time.time() - live.started)


def _scheduler(settings: SearchSettings, epochs: int, records: Sequence[Record]) -> TrialScheduler:
    """Make the pruner and show it the trials that are finished already."""
    last_decision = epochs - 1  # after the last epoch there is nothing left to stop
    if settings.pruner == "none" or settings.grace_epochs > last_decision:
        return FIFOScheduler()
    scheduler = AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="score",
        mode="min",
        max_t=last_decision,
        grace_period=settings.grace_epochs,
        reduction_factor=settings.reduction_factor,
        stop_last_trials=False,
    )
    for record in records:
        past = _PastTrial(f"past-{record.number}")
        scheduler.on_trial_add(None, past)
        for epoch, score in record.scores:
            scheduler.on_trial_result(None, past, {"epoch": epoch, "score": score})
    return scheduler


@dataclass(frozen=True)
class _PastTrial:
    trial_id: str


def _run_in_worker(config: dict[str, Any], work: Work, dataset: Any) -> None:
    run_in_worker(config, work, dataset, tune.report)
