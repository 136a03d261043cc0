"""What a search shows while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autune.search.record import EndState, Observer, Record, ranked

_UNITS = {
    "energy_rmse": "eV/atom",
    "force_rmse": "eV/Angstrom",
    "stress_rmse": "GPa",
    "property_error": "%",
}


class _Status:
    """Numbers that both displays show."""

    def __init__(self) -> None:
        self.name = ""
        self.n_trials = 0
        self.objectives: tuple[str, ...] = ()
        self.n_done = 0
        self.counts = dict.fromkeys(("complete", "stopped", "diverged", "failed"), 0)
        self.running: dict[int, tuple[int, int, float]] = {}
        self.began = time.monotonic()
        self._best: list[Record] = []
        self._n_before = 0

    def start(self, name: str, n_trials: int, objectives: Sequence[str]) -> None:
        self.name, self.n_trials, self.objectives = name, n_trials, tuple(objectives)
        self.began = time.monotonic()

    def take_over(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.state != "running":
                self.note(record)
        self._n_before = self.n_done

    def note(self, record: Record) -> bool:
        """Hear that a trial ended, and say whether it is the best so far.

        Takes the same time however many ended before.
        """
        self.n_done += 1
        self.counts[record.state] += 1
        self._best = ranked([*self._best, record])[:1]
        return self._best == [record]

    @property
    def best(self) -> str:
        """The best trial so far in one line."""
        if not self._best:
            return "no complete trial yet"
        best = self._best[0]
        return f"trial {best.number}, {describe(best, self.objectives)}"

    @property
    def time_left(self) -> str:
        """Estimate from the trials that ended since the start."""
        done = self.n_done - self._n_before
        if not done:
            return "?"
        left = self.n_trials - self.n_done
        return clock((time.monotonic() - self.began) / done * max(left, 0))


def describe(record: Record, objectives: Sequence[str]) -> str:
    """Write how a trial ended in a few words, with units."""
    if record.state != "complete":
        return f"{record.state}: {record.reason}" if record.reason else record.state
    shown = [n for n in objectives if n in record.metrics and n != "score"]
    values = [f"{n} {record.metrics[n]:.4g} {_UNITS.get(n, '')}".rstrip() for n in shown]
    if record.violation > 0.0:
        values.append("beyond the constraints")
    return ", ".join([f"score {record.score:.4g}", *values])


def clock(seconds: float) -> str:
    """Write a duration as 45 s, 12 min or 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class PlainLines:
    """One line per trial."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._status = _Status()

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Say what begins."""
        self._status.start(name, n_trials, objectives)
        self._status.take_over(records)
        done = self._status.n_done
        self._print(f"search {name}: {n_trials} trials" + (f", {done} done before" if done else ""))

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Say nothing: the end of the trial says enough."""

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Say nothing: one line per trial."""

    def trial_finished(self, record: Record) -> None:
        """Say how it ended, and what is best."""
        status = self._status
        is_best = status.note(record)
        line = (
            f"{status.n_done}/{status.n_trials} trial {record.number} "
            f"{describe(record, status.objectives)}; time left {status.time_left}"
        )
        if is_best:
            line += "; best so far"
        self._print(line)

    def search_finished(self, state: EndState) -> None:
        """Say what is best."""
        took = clock(time.monotonic() - self._status.began)
        self._print(f"search {self._status.name} {state} after {took}; best: {self._status.best}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream or sys.stdout, flush=True)


class LiveTable:
    """A table that is drawn again and again: progress, best so far, time left, what runs.

    Parameters
    ----------
    console
        Where to draw.
    n_trainings
        Of a trial, one for every seed; None where it is not known.
    """

    def __init__(self, console: Console, n_trainings: int | None = None) -> None:
        self._console = console
        self._n_trainings = n_trainings
        self._status = _Status()
        self._live: Live | None = None

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Begin to draw."""
        self._status.start(name, n_trials, objectives)
        self._status.take_over(records)
        self._live = Live(
            console=self._console,
            get_renderable=self.__rich__,
            refresh_per_second=2,
            transient=True,
        )
        self._live.start()

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Add a line."""
        self._status.running[number] = (0, 0, float("nan"))

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Change a line."""
        self._status.running[number] = (seed, epoch, score)

    def trial_finished(self, record: Record) -> None:
        """Remove a line."""
        self._status.running.pop(record.number, None)
        self._status.note(record)

    def search_finished(self, state: EndState) -> None:
        """Leave one line on the screen."""
        if self._live is not None:
            self._live.stop()
        took = clock(time.monotonic() - self._status.began)
        self._console.print(
            f"search {self._status.name} {state} after {took}; best: {self._status.best}",
            highlight=False,
            soft_wrap=True,
        )

    def __rich__(self) -> Group:
        """Draw the table."""
        status = self._status
        done = status.n_done
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(status.name, style="bold"),
            ProgressBar(total=max(status.n_trials, 1), completed=done, width=30),
            f"{done}/{status.n_trials} trials",
            f"{clock(time.monotonic() - status.began)} passed, {status.time_left} left",
        )
        counts = ", ".join(f"{n} {state}" for state, n in status.counts.items() if n)
        running = Table(box=None, padding=(0, 2))
        for title in ("trial", "training", "epoch", "score"):
            running.add_column(title, justify="right", style="dim")
        for number, (seed, epoch, score) in sorted(status.running.items()):
            shown = "-" if score != score else f"{score:.4g}"
            training = f"{seed + 1}/{self._n_trainings}" if self._n_trainings else str(seed + 1)
            running.add_row(str(number), training, str(epoch), shown)
        return Group(head, Text(counts), Text(f"best: {status.best}"), running)


class ConfirmationLines:
    """One line per training of a confirmation.

    Parameters
    ----------
    n_trainings
        Number of all.
    records
        Trainings that are finished already.
    """

    def __init__(
        self, n_trainings: int, records: Sequence[Record], stream: TextIO | None = None
    ) -> None:
        self._stream = stream
        self._n_trainings = n_trainings
        self._done = self._before = sum(record.state != "running" for record in records)
        self._began = time.monotonic()

    def search_started(
        self, name: str, n_trials: int, objectives: Sequence[str], records: Sequence[Record]
    ) -> None:
        """Say nothing."""

    def trial_started(self, number: int, params: Mapping[str, Any]) -> None:
        """Say nothing."""

    def epoch_finished(self, number: int, seed: int, epoch: int, score: float) -> None:
        """Say nothing."""

    def trial_finished(self, record: Record) -> None:
        """Say how a training ended."""
        self._done += 1
        passed = time.monotonic() - self._began
        left = passed / (self._done - self._before) * max(self._n_trainings - self._done, 0)
        line = (
            f"confirm {self._done}/{self._n_trainings} trial {record.params['trial']}, fresh seed "
            f"{record.params['seed']}: {describe(record, ())}; time left {clock(left)}"
        )
        print(line, file=self._stream or sys.stdout, flush=True)

    def search_finished(self, state: EndState) -> None:
        """Say nothing."""


def make_progress(quiet: bool = False, n_trainings: int | None = None) -> Observer:
    """Choose the display: the table on a terminal, plain lines elsewhere or if asked for.

    Parameters
    ----------
    quiet
        Plain lines.
    n_trainings
        Of a trial; None where it is not known.
    """
    console = Console()
    plain = quiet or not console.is_terminal
    return PlainLines() if plain else LiveTable(console, n_trainings)
