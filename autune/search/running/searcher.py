"""What Ray Tune asks and tells while a search runs.  A door of Ray.

Tune asks for trials and tells how they go; the study proposes and is told.  Whatever goes wrong on
the way to the study ends the search, and never a trial.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.search import Searcher

from autune.errors import SearchError
from autune.search.record import MissingObjective, Observer, Proposal, Record, State
from autune.search.running.cluster import RemoteFiles
from autune.search.running.lock import release, sweep, take
from autune.search.running.pruning import Judge
from autune.search.running.worker import Task, write_error

if TYPE_CHECKING:
    # Workers import this module, and have no use for Optuna.
    from autune.search.study.study import Study

SAME_FAILURES = 5
"""So many trials that fail in the same way at the start of a search end it."""

TRIES = 3
"""Deaths of workers without any progress in between, after which a trial is failed."""


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what the machine refuses to Ray into an error of one line."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        place = f"{error.filename}: " if error.filename else ""
        raise SearchError(
            f"the search cannot go on: {place}{reason}; mend it and go on with --resume"
        ) from None


@dataclass
class _Live:
    """A trial that runs."""

    proposal: Proposal
    started: float = field(default_factory=time.time)
    scores: dict[int, float] = field(default_factory=dict)
    furthest: tuple[int, int] = (-1, -1)
    at_death: tuple[int, int] = (-1, -1)

    def note(self, result: Mapping[str, Any]) -> None:
        """Take in what a worker said."""
        self.scores |= {int(n): float(s) for n, s in json.loads(result.get("scores", "[]"))}
        if "judged" in result:
            self.furthest = max(self.furthest, (result["judged"] + 1, -1))
        elif "seed" in result:
            self.furthest = max(self.furthest, (result["seed"], result["number"]))


class StudySearcher(Searcher):  # type: ignore[misc]  # Ray has no types
    """Pass proposals of the study to Tune and results to the study.

    Parameters
    ----------
    study
        Ready to propose.
    count_slots
        Says how many trials may run at a time.
    judge
        Knows why it stopped a trial; hears how all ended.
    task
        What all trials have in common.
    observers
        Told of every event.
    """

    def __init__(
        self,
        study: Study,
        count_slots: Callable[[], int],
        judge: Judge,
        task: Task,
        observers: Sequence[Observer],
    ) -> None:
        super().__init__()
        self.live: dict[str, _Live] = {}
        self.exhausted = False
        self.stopped_because = ""
        self._bug: Exception | None = None
        self._study = study
        self._count_slots = count_slots
        self._judge = judge
        self._task = task
        self._observers = observers
        self._failures: list[str] = []
        self._ended: list[Path] = []

    @property
    def must_stop(self) -> bool:
        """Whether no trial shall go on."""
        return bool(self.stopped_because) or self._bug is not None

    def raise_what_ended_it(self) -> None:
        """Raise what happened where Tune would have hidden it."""
        if self._bug is not None:
            raise self._bug
        if self.stopped_because:
            raise SearchError(self.stopped_because)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep errors from Tune, which takes them for failures of the trial at hand."""
        try:
            with said_plainly():
                yield
        except SearchError as error:
            self.stopped_because = self.stopped_because or str(error)
        except Exception as error:  # noqa: BLE001  raised again when Tune has ended
            self._bug = self._bug or error

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next point, nothing while all workers are busy, or the end."""
        if len(self.live) >= self._count_slots() and not self.must_stop:
            return None
        proposal = None
        with self.guarded():
            proposal = None if self.must_stop else self._study.propose()
            if proposal is not None:
                self.live[trial_id] = _Live(proposal)
                for observer in self._observers:
                    observer.trial_started(proposal.number, proposal.params)
        if proposal is None or self.must_stop:
            self.exhausted = not self.must_stop
            return str(Searcher.FINISHED)
        task = self._task.about(proposal.number, proposal.params, proposal.directory)
        return dict(task.to_config())

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Hear of an epoch."""
        live = self.live.get(trial_id)
        if live is None:
            return
        live.note(result)
        with self.guarded():
            self._study.keep_time()
        if "seed" not in result:
            return
        with self.guarded():
            for observer in self._observers:
                observer.epoch_finished(
                    live.proposal.number, result["seed"], result["number"], result["seed_score"]
                )

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study how a trial ended; deaths of workers are told by `WorkerDeaths`."""
        if error or trial_id not in self.live or not result:
            return
        if "disk" in result:
            # Not the fault of the trial, which stays as it is and goes on with the search.
            number = self.live[trial_id].proposal.number
            self.stopped_because = self.stopped_because or (
                f"trial {number} cannot write its files on {result['disk']}; make room and go on "
                "with --resume"
            )
            return
        live = self.live[trial_id]
        live.note(result)
        if "state" in result:
            outcome = json.loads(result["outcome"])
            self.finish(trial_id, result["state"], **outcome)
            return
        reason = self._judge.reasons.get(trial_id, "stopped")
        self.finish(trial_id, "stopped", reason, {}, time.time() - live.started)

    def finish(
        self,
        trial_id: str,
        state: State,
        reason: str,
        metrics: Mapping[str, float],
        seconds: float,
    ) -> None:
        """Write down how a trial ended and look whether the search makes sense."""
        live = self.live[trial_id]
        with self.guarded():
            number, scores = live.proposal.number, sorted(live.scores.items())
            try:
                record = self._study.tell(number, state, reason, metrics, seconds, scores)
            except MissingObjective:
                del self.live[trial_id]
                raise
            del self.live[trial_id]
            self._judge.note(trial_id, record)
            self.forget_states()
            if state != "complete":
                self._ended.append(record.directory)
            for observer in self._observers:
                observer.trial_finished(record)
            self._look_for_same_failures(record)

    def forget_states(self) -> None:
        """Remove the states of trainings that nobody will go on with.

        A worker that was stopped may still write one; its trial is looked at again later.
        """
        ended, self._ended = self._ended, []
        for directory in ended:
            if not directory.is_dir():
                continue
            lock = take(directory)
            if lock is None:
                self._ended.append(directory)
                continue
            sweep(directory)
            for state in directory.glob("**/checkpoint.npz"):
                state.unlink(missing_ok=True)
            release(lock, directory)

    def _look_for_same_failures(self, record: Record) -> None:
        if len(self._failures) >= SAME_FAILURES:
            return
        self._failures.append(record.reason if record.state == "failed" else "")
        first = self._failures[0]
        if first and len(self._failures) == SAME_FAILURES and set(self._failures) == {first}:
            self.stopped_because = (
                f"the first {len(self._failures)} trials failed in the same way: {first}; "
                f"see {record.directory / 'error.txt'}"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Give nothing to the state that Tune writes and nobody reads: the study is on disk."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the study is on disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class Stopper(tune.Stopper):  # type: ignore[misc]
    """End all trials when the search cannot go on; they stay as they are, to go on later."""

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no trial alone."""
        return False

    def stop_all(self) -> bool:
        """Say whether to end."""
        return self._searcher.must_stop


class WorkerDeaths(tune.Callback):  # type: ignore[misc]
    """Count the deaths of workers, and tell the study of trials that had too many."""

    def __init__(self, searcher: StudySearcher, files: RemoteFiles | None) -> None:
        self._searcher = searcher
        self._files = files

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """Forgive a trial its deaths when it gets further than it was."""
        live = self._searcher.live.get(trial.trial_id)
        if live is not None and live.furthest > live.at_death:
            trial.max_failures = trial.num_failures + TRIES - 1

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Let a trial go on elsewhere."""
        live = self._searcher.live.get(trial.trial_id)
        if live is not None:
            live.at_death = max(live.at_death, live.furthest)
            self._take_back(live)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Tell the study, with the reason that Ray gives."""
        live = self._searcher.live.get(trial.trial_id)
        if live is None:
            return
        self._take_back(live)
        text = ""
        with suppress(OSError, TypeError):
            text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
        reason = f"the worker died {TRIES} times: {_cause(text)}"
        write_error(live.proposal.directory, text or reason)
        seconds = time.time() - live.started
        self._searcher.finish(trial.trial_id, "failed", reason, {}, seconds)

    def _take_back(self, live: _Live) -> None:
        if self._files is not None:
            self._files.take_back(live.proposal.directory.name)


def _cause(text: str) -> str:
    """Say in a few words why a worker died."""
    for words, cause in (
        ("low on memory", "the memory of its node was full"),
        ("node has died", "its node died"),
        ("node died", "its node died"),
        ("SYSTEM_ERROR", "it was killed or crashed (memory full?)"),
    ):
        if words in text:
            return cause
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else "killed or out of memory"
