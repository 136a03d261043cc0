"""Start searches, hurt them, check them, and say what came of it.

Every search is real: ``autune search`` in a process of its own, with Ray, Optuna, MLflow and
trainings of seconds.  Faults come at random moments; after each the search goes on until it is
finished, and must then be what it would be without them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from faults.injections import FAULTS, MOMENTS, draw
from faults.ordeal import Event, Hangs, Ordeal
from faults.plans import draw_plan
from faults.servers import Servers, what_is_missing

SHORT = 10.0
"""A run of fewer minutes has small searches."""

DISK = "48m"

ENOUGH = 5
"""Searches in which something is wrong, after which a run ends."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


class Stopped(Exception):
    """The run is to end now."""


class Run:
    """All searches of one run, and their faults.

    Parameters
    ----------
    folder
        For everything; the log is `faults.jsonl` there.
    seed
        Decides everything but time.
    fixed
        Fields of all plans.
    kinds
        Faults; default: all.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        fixed: Mapping[str, Any] | None = None,
        kinds: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self.fixed = dict(fixed or {})
        self.faults = tuple(fault for fault in FAULTS if not kinds or fault.kind in kinds)
        self.generator = np.random.default_rng(seed)
        self.events: list[Event] = []
        self.repeats = 0
        self.searches = 0
        self.missing = what_is_missing()
        self.servers = Servers(folder)

    def note(self, event: Event) -> None:
        """Write down what came of a fault."""
        if event.kind == "none" and not event.violations:
            return
        event.outcome = "violated" if event.violations else event.outcome or "survived"
        self.events.append(event)
        with (self.folder / "faults.jsonl").open("a") as stream:
            stream.write(json.dumps(dataclasses.asdict(event)) + "\n")
        moment = time.strftime("%H:%M:%S", time.localtime(event.time))
        say(
            f"{moment} {event.search} {event.kind} ({event.moment}): {event.outcome}; "
            f"{event.detail}",
        )
        for violation in event.violations:
            say(f"  VIOLATION {violation}")

    def search(self, until: float, short: bool) -> bool:
        """Run one search; True if nothing is wrong with it."""
        number = self.searches
        self.searches += 1
        plan = draw_plan(self.generator, number, short, self.missing)
        plan = dataclasses.replace(plan, **self.fixed)
        place = self.folder / plan.name
        place.mkdir()
        if plan.small_disk and not mount(place / "disk"):
            self.missing["small disk"] = "no file system can be mounted"
            plan = dataclasses.replace(plan, small_disk=False)
        say(f"{time.strftime('%H:%M:%S')} {plan}")
        ordeal = Ordeal(plan, place, self.note, self.generator, self.servers)
        try:
            self._hurt(ordeal, until)
            if ordeal.finish():
                ordeal.check()
        except Hangs as error:
            ordeal.abort_hanging()
            ordeal.blame([f"{ordeal.place}: {error}"])
        except Stopped:
            ordeal.events[-1].outcome = "not followed"
            raise
        except Exception as error:  # noqa: BLE001  what cannot be read was damaged
            (ordeal.place / "error.txt").write_text(traceback.format_exc())
            ordeal.blame([f"{ordeal.place}/error.txt: {type(error).__name__}: {error}"])
        finally:
            ordeal.close()
            self.repeats += ordeal.log.repeats()
        good = not any(event.violations for event in ordeal.events)
        if plan.small_disk:
            if not good:
                shutil.copytree(ordeal.disk, ordeal.place / "disk-copy", symlinks=True)
            subprocess.run(["umount", "-l", str(ordeal.disk)], check=False)
        if good:
            ordeal.remove()
        return good

    def _hurt(self, ordeal: Ordeal, until: float) -> None:
        ordeal.launch()
        for _ in range(ordeal.plan.n_faults):
            if time.monotonic() > until:
                return
            moment = draw(MOMENTS, self.generator)
            fault = draw(tuple(f for f in self.faults if f.applies(ordeal)), self.generator)
            delay = float(self.generator.uniform(0.0, moment.delay))
            if not ordeal.wait(moment.condition(ordeal, self.generator)):
                return
            ready = time.monotonic() + delay
            if not ordeal.wait(lambda ready=ready: time.monotonic() > ready):
                return
            event = Event(ordeal.plan.name, fault.kind, moment.name, time.time())
            ordeal.begin(event)
            event.detail = fault.inject(ordeal, self.generator)
            if not event.detail:
                event.outcome = "nothing to hurt"

    def summary(self) -> str:
        """Return the table of faults by kind."""
        kinds = sorted({event.kind for event in self.events})
        rows = [f"{'fault':22} {'injected':>9} {'survived':>9} {'violated':>9} {'idle':>6}"]
        for kind in kinds:
            outcomes = Counter(event.outcome for event in self.events if event.kind == kind)
            hits = outcomes["survived"] + outcomes["violated"]
            rows.append(
                f"{kind:22} {hits:9} {outcomes['survived']:9} {outcomes['violated']:9} "
                f"{outcomes['nothing to hurt']:6}"
            )
        total = sum(e.outcome in ("survived", "violated") for e in self.events)
        broken = [text for event in self.events for text in event.violations]
        rows.append(
            f"{self.searches} searches, {total} faults, {self.repeats} epochs done again, "
            f"{len(broken)} violations"
        )
        rows += [f"not done here: {what}: {why}" for what, why in self.missing.items()]
        return "\n".join([*rows, *(f"VIOLATION {text}" for text in broken)])


def mount(folder: Path) -> bool:
    """Put a small file system there; False if that is refused."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another every time")
    parser.add_argument("--keep", action="store_true", help="keep the folder in any case")
    parser.add_argument("--plan", type=json.loads, help='of all searches: {"nodes": 2}')
    parser.add_argument("--kinds", nargs="*", default=(), help="faults; default: all")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    # Short, since the names of Ray's sockets are limited to 107 letters.
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir="/tmp"))
    say(f"seed {seed}, {options.minutes:g} minutes, log in {folder}/faults.jsonl")
    run = Run(folder, seed, options.plan, options.kinds)

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    until = time.monotonic() + 60.0 * options.minutes
    broken = 0
    try:
        while time.monotonic() < until and broken < ENOUGH:
            broken += not run.search(until, options.minutes < SHORT)
    except Stopped:
        say("stopped")
    finally:
        run.servers.close()
    say(run.summary())
    good = not any(event.violations for event in run.events)
    if good and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"kept: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
