"""MLflow shows a search: a run per search, a child per trial.

Everything here is a view of the study and of the trials' folders: it can be written again at any
time, and writing it twice changes nothing.  While a search runs, a thread of its own writes, so
the search never waits and never fails for it.  What cannot be written is tried again, with
growing pauses; what is left at the end is written by `rebuild`.
"""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autune.errors import AutuneError, SearchError
from autune.log import mask_credentials
from autune.search.folder import SearchFolder
from autune.search.record import EndState, Record
from autune.search.tracking.addresses import Busy, be_quiet, find_address, reason_of
from autune.search.tracking.overview import show_search
from autune.search.tracking.shown import Shown, all_shown, searched_keys, show_training, show_trial

if TYPE_CHECKING:
    from autune.search.tracking.mlflow_store import Store

__all__ = ["Busy", "Rebuilt", "Tracker", "command_to_log", "rebuild"]

_log = logging.getLogger(__name__)

_STATUS: dict[EndState, str] = {
    "finished": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
}

PATIENCE = 300.0
"""Seconds that the end of a search waits for MLflow at most."""

GRACE = 20.0
"""Seconds that the end of a search waits for an MLflow that fails."""

PATIENCE_BEFORE_WORDS, LAST_WORDS = 10.0, 5.0
"""Seconds that it waits without saying so, and for the last run after it has given up."""

SAY_EVERY = 30.0
"""Seconds between lines that say how far the writing of all trials is."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds until what failed is tried again."""

TRIES, MOST_FAILURES = 4, 3
"""Attempts of `rebuild`; runs in a row that fail before the fault is MLflow's."""

MOST_WAITING = 1000
"""Trials that are kept until they are written; those beyond are read from the study again."""


class Tracker:
    """Observer of a search that writes to MLflow in a thread of its own.

    Parameters
    ----------
    folder
        Folder of the search.
    uri
        Tracking URI, or ``default``.

    Raises
    ------
    ConfigError
        If the address needs a package that is not installed.
    """

    def __init__(self, folder: SearchFolder, uri: str = "default") -> None:
        self._folder = folder
        self._address = find_address(folder, uri)
        self._began = time.time()
        self._waiting: deque[Shown] = deque()
        self._late: list[Shown] = []
        self._must_read = False
        self._news, self._ended = threading.Event(), threading.Event()
        self._end: EndState = "failed"
        self._given_up = self._complete = self._is_failing = False
        self._store: Store | None = None
        self._thread = threading.Thread(target=self._follow, name="mlflow", daemon=True)

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Take what is there already; nothing is written before the first epoch."""
        self._must_read = any(record.state != "running" for record in records)

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Write nothing: a run is written when its trial has ended."""

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Begin to write: a trial runs.  Epochs are written together, at its end."""
        self._begin()

    def trial_finished(self, record: Record) -> None:
        """Write a child run: a trial, or a training of the confirmation."""
        if self._is_full:
            self._must_read = True
        else:
            shown = self._show(record)
            (self._waiting if shown.is_settled else self._late).append(shown)
        self._begin()
        self._news.set()

    def search_finished(self, state: EndState) -> None:
        """Write the end and wait for it."""
        self._end = state
        self._ended.set()
        self._news.set()
        self._begin()
        with suppress(KeyboardInterrupt):
            self._wait()
        self._given_up = True
        if not self._complete:
            self._thread.join(LAST_WORDS)  # No run is left half written if that can be helped.
            _log.warning(
                "MLflow (%s) does not have all of this search; %s writes the rest",
                mask_credentials(self._address),
                command_to_log(self._folder),
            )

    def _show(self, record: Record) -> Shown:
        if record.directory.parent.parent == self._folder.path:
            return show_trial(record)
        return show_training(record, searched_keys(self._folder))

    def _wait(self) -> None:
        """Wait until all is written, as long as there is hope."""
        began = time.monotonic()
        said = False
        while self._thread.is_alive():
            self._thread.join(0.1)
            waited = time.monotonic() - began
            # A call may take its time to fail, so what failed before is not waited for again.
            if waited > (GRACE if self._is_failing else PATIENCE):
                return
            if waited > PATIENCE_BEFORE_WORDS and not said:
                _log.info("MLflow is not ready yet; Ctrl-C leaves the rest to autune log")
                said = True

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) + len(self._late) >= MOST_WAITING

    def _begin(self) -> None:
        # MLflow's import and a new database take some seconds of this process, which has to
        # start Ray and the first trials before.
        if self._thread.ident is None:
            self._news.set()
            self._thread.start()

    def _follow(self) -> None:
        """Write what comes, until the end; the body of the thread."""
        pause = 0.0
        ended_at: float | None = None
        while not self._given_up:
            if not self._ended.is_set():
                # After a failure only the end of the search is worth an attempt before time.
                (self._ended if pause else self._news).wait(pause or None)
            elif pause:
                time.sleep(min(pause, 2.0))
            self._news.clear()
            if self._ended.is_set():
                ended_at = ended_at or time.monotonic()
            try:
                self._write()
            except Exception as error:  # noqa: BLE001  a view may fail, the search may not
                self._is_failing = True
                self._drop_store()
                if not pause:
                    _log.warning(
                        "MLflow (%s) cannot be written: %s; the search goes on, and what is "
                        "missing is written later",
                        mask_credentials(self._address),
                        reason_of(error),
                    )
                pause = min(2.0 * pause or SHORTEST_PAUSE, LONGEST_PAUSE)
                if ended_at is not None and time.monotonic() - ended_at > GRACE:
                    return
            else:
                if pause:
                    _log.info("MLflow has everything again")
                pause, self._is_failing = 0.0, False
                if self._complete:
                    self._drop_store()
                    return
        self._drop_store()

    def _write(self) -> None:
        """Write all that waits; at the end, all that there is."""
        if self._store is None:
            self._store = open_store(self._folder, self._address)
        if self._ended.is_set():
            status = _STATUS[self._end]
            self._complete = write_all(self._store, self._folder, status, self._must_stop) >= 0
            return
        self._store.begin(self._began)
        while not self._must_stop() and not self._ended.is_set():
            self._take_late()
            if not self._waiting and self._must_read:
                self._must_read = False
                trials, trainings = all_shown(self._folder)
                everything = (*trials, *trainings)
                self._waiting += [
                    s for s in everything if s.is_settled and s.key not in self._store
                ]
            if not self._waiting:
                return
            shown = self._waiting.popleft()
            try:
                self._store.write(shown)
            except Exception:
                self._waiting.append(shown)  # Behind the others: it may be its own fault.
                raise

    def _take_late(self) -> None:
        """Take stopped trials whose files are there; the others are written at the end."""
        for shown in [s for s in self._late if s.is_settled]:
            self._late.remove(shown)
            self._waiting.append(shown)

    def _must_stop(self) -> bool:
        """Say whether to stop; who is asked has just written something."""
        self._is_failing = False
        return self._given_up

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


@dataclass(frozen=True)
class Rebuilt:
    """What `rebuild` did.

    Parameters
    ----------
    address
        Of MLflow, without credentials.
    name, experiment
        Name and identity of the experiment that shows the search.
    n_runs, n_written
        Trials and trainings that it has, and how many of them were missing or different.
    """

    address: str
    name: str
    experiment: str
    n_runs: int
    n_written: int


def rebuild(folder: SearchFolder, uri: str = "default") -> Rebuilt:
    """Write everything to MLflow from the study and the folders; what is there already stays.

    Parameters
    ----------
    folder
        Folder of the search.
    uri
        Tracking URI, or ``default``.

    Raises
    ------
    ConfigError
        If the address needs a package that is not installed.
    SearchError
        If MLflow cannot be written, or the search writes there itself.
    """
    address = find_address(folder, uri)
    status = "RUNNING" if _is_running(folder) else _STATUS[folder.state]
    n_written = 0
    for attempt in reversed(range(TRIES)):
        store: Store | None = None
        try:
            store = open_store(folder, address)
            n_runs = write_all(store, folder, status)
            break
        except AutuneError:
            raise
        except Exception as error:  # noqa: BLE001  MLflow, its drivers and its disk have many
            if not attempt:
                raise SearchError(
                    f"MLflow ({mask_credentials(address)}) cannot be written: "
                    f"{reason_of(error)}; mend it and call autune log again, which goes on"
                ) from None
            time.sleep(SHORTEST_PAUSE)
        finally:
            if store is not None:
                n_written += store.n_written
                store.close()
    assert store is not None
    return Rebuilt(mask_credentials(address), store.name, store.experiment, n_runs, n_written)


def write_all(
    store: Store, folder: SearchFolder, status: str, stop: Callable[[], bool] = lambda: False
) -> int:
    """Write the search, then its trials; those that cannot be written do not hold up others.

    Returns
    -------
    int
        Number of trials and trainings; -1 when it was told to stop before the end.
    """
    trials, trainings = all_shown(folder)
    # First, for this is what nobody must miss if the time runs out.
    store.finish(show_search(folder, trials, trainings), status)
    failed: list[Exception] = []
    in_a_row = 0
    said = time.monotonic()
    everything = (*trials, *trainings)
    for count, shown in enumerate(everything):
        if stop():
            return -1
        if time.monotonic() - said > SAY_EVERY:
            _log.info("MLflow has %d of %d trials", count, len(everything))
            said = time.monotonic()
        try:
            store.write(shown)
            in_a_row = 0
        except Exception as error:
            failed.append(error)
            in_a_row += 1
            if in_a_row == MOST_FAILURES:
                raise
    if failed:
        raise failed[0]
    return len(everything)


def command_to_log(folder: SearchFolder) -> str:
    """Return the command that writes the rest of a search."""
    path = folder.path
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return f"autune log {shlex.quote(str(path))}"


def open_store(folder: SearchFolder, address: str) -> Store:
    """Import MLflow, which takes seconds, and open the runs of a search."""
    be_quiet()
    from autune.search.tracking.mlflow_store import Store

    return Store(folder, address)


def _is_running(folder: SearchFolder) -> bool:
    """Say whether a process of this machine runs the search, without touching its lock."""
    try:
        inode = (folder.path / ".lock").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    return any("FLOCK" in line and f":{inode} " in line for line in locks)
