"""One search that is hurt at random moments, goes on until it is finished, and is checked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from autune.errors import AutuneError
from autune.search import Record, SearchFolder
from faults import checks
from faults.epochs import EpochLog
from faults.plans import Plan, write_structures
from faults.processes import Family, Process, send, wait_for
from faults.retraining import check_bit_for_bit
from faults.servers import Cluster, Servers
from faults.witness import Witness

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds without any sign of progress after which a search counts as hanging."""

GONE = 120.0
"""Seconds that processes of a search have to end after it; a minute, on a loaded machine two."""

POLL = 0.4


class Hangs(Exception):
    """A search makes no progress."""


@dataclass
class Event:
    """A fault and what came of it."""

    search: str
    kind: str
    moment: str
    time: float
    detail: str = ""
    outcome: str = ""
    violations: list[str] = field(default_factory=list)


class Ordeal:
    """A search under test.

    Parameters
    ----------
    plan
        What is searched.
    place
        Folder for everything that belongs to it; made.
    note
        Takes every event, when it is known what came of it.
    generator
        Of all decisions.
    servers
        That the search may need.
    """

    def __init__(
        self,
        plan: Plan,
        place: Path,
        note: Callable[[Event], None],
        generator: np.random.Generator,
        servers: Servers,
    ) -> None:
        self.plan = plan
        self.generator = generator
        self.servers = servers
        self.place = place
        self._note = note
        self.family = Family()
        self.disk = place / "disk"
        self.folder = SearchFolder(self.disk / "results" / plan.name)
        self.log = EpochLog(place / "epochs.log", self.folder.path)
        self.witness = Witness(self.folder)
        self.driver: subprocess.Popen[bytes] | None = None
        self._drivers: set[int] = set()
        self.launches = 0
        self.interruptions = 0
        self.n_traps = 0
        self.excused: list[str] = []
        self.hurt: set[Path] = set()
        self.mlflow_was_away = False
        self.events = [Event(plan.name, "none", "", time.time())]
        self._progress: tuple[object, float] = (None, time.monotonic())
        (self.disk / "results").mkdir(parents=True)
        self.mlflow = servers.mlflow.address if plan.mlflow == "server" else plan.mlflow
        storage = "journal"
        if plan.storage == "postgresql":
            storage = servers.database.server.make_database(plan.name)
        self.settings = place / "search.yaml"
        structures = write_structures(place / "structures.extxyz")
        content = plan.settings(structures, storage, self.mlflow)
        self.settings.write_text(yaml.safe_dump(content, sort_keys=False))
        self.cluster: Cluster | None = None
        if plan.nodes > 1:
            self.cluster = Cluster(place / "ray", self._watched, apart=plan.nodes > 2)
            self.cluster.start()

    @property
    def environment(self) -> dict[str, str]:
        """Of every process that is started; all of them import the same autune."""
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}
        return os.environ | threads | {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}

    @property
    def _watched(self) -> dict[str, str]:
        """Of the processes whose epochs are counted."""
        return self.environment | {
            "PYTHONPATH": f"{Path(__file__).parent / 'hook'}:{ROOT}",
            "AUTUNE_FAULTS_EPOCHS": str(self.log.path),
        }

    def launch(self) -> None:
        """Start the search, or go on with it."""
        resume = ["--resume"] if self.folder.exists else []
        path = self.place / f"driver-{self.launches}.log"
        self.launches += 1
        environment = self._watched | self._draw_traps()
        if self.cluster is None:
            environment["RAY_TMPDIR"] = str(self.place / "ray")
            (self.place / "ray").mkdir(exist_ok=True)
        self.hurt.clear()
        words = ["search", str(self.settings), "--results", str(self.folder.path.parent), "-q"]
        words += [] if self.cluster is None else ["--address", self.cluster.address]
        with path.open("wb") as stream:
            self.driver = subprocess.Popen(
                [sys.executable, "-m", "autune", *words, *resume],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.family.add(self.driver.pid)
        self._drivers.add(self.driver.pid)
        self._progress = (None, time.monotonic())

    def _draw_traps(self) -> dict[str, str]:
        """Choose the write before which a process of the next launch dies, or none."""
        if self.generator.random() >= self.plan.traps or self.n_traps >= self.plan.n_faults:
            return {}
        if self.generator.random() < 0.7:
            number = int(np.exp(self.generator.uniform(0.0, np.log(1500.0))))
            return {"AUTUNE_FAULTS_DRIVER_DIES": f"{number}:{self.folder.path.parent}"}
        number = int(self.generator.integers(1, 20 + 4 * self.plan.seeds * self.plan.epochs))
        if self.cluster is not None:
            return {}
        return {"AUTUNE_FAULTS_WORKER_DIES": f"{number}:{self.launches}"}

    @property
    def runs(self) -> bool:
        """Whether the driver lives."""
        return self.driver is not None and self.driver.poll() is None

    def blame(self, violations: Iterable[str]) -> None:
        """Add violations to the newest fault."""
        known = self.events[-1].violations
        known += [text for text in violations if text not in known]

    def look(self) -> None:
        """Follow the search for a moment.

        Raises
        ------
        Hangs
            If nothing has happened for long.
        """
        time.sleep(POLL)
        self.family.look()
        if self.cluster is not None:
            self.cluster.look()
        # There may be no study yet, or its database may be away.
        with suppress(AutuneError):
            self.blame(self.witness.look())
        self._hear_of_traps()
        sign = (len(self.log.read()), self.witness.n_finished, self.launches, self.runs)
        if sign != self._progress[0]:
            self._progress = (sign, time.monotonic())
        elif time.monotonic() - self._progress[1] > PATIENCE:
            raise Hangs(f"no progress for {PATIENCE:.0f} s")

    def _hear_of_traps(self) -> None:
        """Take note of processes that died at a write."""
        assert self.driver is not None
        for entry in [e for e in self.log.read() if e.what == "trap"][self.n_traps :]:
            self.n_traps += 1
            who = "driver" if entry.pid in self._drivers else "worker"
            path = str(entry.directory).replace(f"{self.folder.path.parent}/", "")
            event = Event(self.plan.name, f"{who} killed at a write", "write", entry.time, path)
            self.begin(event)
            if entry.pid == self.driver.pid:
                self.after_death(orphans_end=bool(self.generator.random() < 0.5))
            elif who == "worker":
                self.interruptions += 1
                self.hurt.add(Path(path))

    def wait(self, condition: Callable[[], bool]) -> bool:
        """Follow the search until a condition holds; False if it ended before."""
        while self.runs:
            if condition():
                return True
            self.look()
        # It may have died at a write, and goes on.
        self._hear_of_traps()
        return self.wait(condition) if self.runs else False

    def wait_for_driver(self, seconds: float) -> bool:
        """Wait for the end of the driver alone."""
        return wait_for(lambda: not self.runs, seconds, 0.1)

    def workers(self) -> list[Process]:
        """Return the processes that are inside a trial now."""
        at_work = self.log.at_work()
        running = self.family.look() + (self.cluster.look() if self.cluster else [])
        return [process for process in running if process.pid in at_work]

    def begin(self, event: Event) -> None:
        """Take note of a fault that is about to happen."""
        self._note(self.events[-1])
        self.events.append(event)

    def after_death(self, orphans_end: bool) -> None:
        """See what a dead driver left, and go on.

        Parameters
        ----------
        orphans_end
            Wait until Ray's processes have found out that their driver is gone.
        """
        assert self.driver is not None
        self.driver.wait()
        self.interruptions += 1
        quiet = False
        if orphans_end:
            left = self.family.wait_until_gone(GONE)
            self.blame(f"{p.pid} {p.command} lives {GONE:.0f} s after its driver" for p in left)
            quiet = not left
        with suppress(AutuneError):
            self.blame(self.witness.look())
            self.blame(self.witness.compare_files(quiet))
        self.launch()

    def finish(self) -> bool:
        """Wait for the end of the search; a driver that ends by itself before is a violation."""
        while True:
            self.wait(lambda: False)
            assert self.driver is not None
            code = self.driver.returncode
            if code == 0:
                return True
            text = (self.place / f"driver-{self.launches - 1}.log").read_text(errors="replace")
            if not any(excuse in text for excuse in self.excused) or self.launches > 20:
                words = " | ".join(text[-800:].split("\n"))
                self.blame([f"{self.plan.name}: the driver ended with {code}: {words}"])
                return False
            self.after_death(orphans_end=True)

    def check(self) -> None:
        """Check the finished search in every way."""
        left = self.family.wait_until_gone(GONE)
        if self.cluster is not None:
            wait_for(lambda: not self.cluster.at_work(), GONE, 0.5)
            left += self.cluster.at_work()
        self.blame(f"{p.pid} {p.command} lives {GONE:.0f} s after the search" for p in left)
        folder, plan = self.folder, self.plan
        self.blame(self.witness.look())
        self.blame(self.witness.compare_files(quiet=not left))
        stages = [(folder, plan.trials)]
        if plan.confirm is not None:
            best, seeds = plan.confirm
            n_complete = sum(record.state == "complete" for record in folder.records())
            stages.append((folder.confirmation, min(best, n_complete) * seeds))
            self.blame(checks.check_confirmation(folder, best, seeds))
        for stage, n_trials in stages:
            self.blame(checks.check_study(stage, n_trials))
            self.blame(checks.check_histories(stage, self.log))
            self.blame(checks.check_trial_files(stage))
        self.blame(checks.check_result(folder))
        self.blame(checks.check_counts(self.log, plan, self.interruptions))
        if self.mlflow is not None:
            self._check_mlflow(self.mlflow)
        records = [record for stage, _ in stages for record in stage.records()]
        self._train_again(records)

    def _check_mlflow(self, address: str) -> None:
        """Compare MLflow; after an outage the verb log writes the rest, else nothing is left."""
        from faults.mlflow_check import check_mlflow

        if not self.mlflow_was_away:
            self.blame(check_mlflow(self.folder, address))
        done = self.run("log", str(self.folder.path), "--mlflow", address)
        if done.returncode != 0:
            self.blame([f"{self.place}: autune log ended with {done.returncode}: {done.stderr}"])
        self.blame(check_mlflow(self.folder, address))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call autune and wait for it."""
        return subprocess.run(
            [sys.executable, "-m", "autune", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    def _train_again(self, records: Sequence[Record]) -> None:
        """Train the trials that were interrupted most, and any other, without a break."""
        begins = self.log.begins()
        chosen = [r for r in records if (r.directory / "history.csv").is_file()]
        chosen.sort(key=lambda r: (-begins[r.directory], self.generator.random()))
        for record in chosen[:2]:
            target = self.place / "again" / record.directory.relative_to(self.folder.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.blame(check_bit_for_bit(record, target, self.run))

    def close(self) -> None:
        """End what is left of it, and take note of the last fault."""
        self.family.kill()
        if self.driver is not None:
            self.driver.wait()
        if self.cluster is not None:
            self.cluster.close()
        self._note(self.events[-1])

    def abort_hanging(self) -> None:
        """Let a driver that hangs print where it is."""
        if self.driver is not None and self.runs:
            send(self.driver.pid, signal.SIGABRT)
            self.wait_for_driver(20.0)

    def remove(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self.place, ignore_errors=True)
