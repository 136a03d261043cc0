"""What the study alone takes, without Ray: a point proposed, a trial told, all trials read.

    python benchmarks/study_steps.py fill FOLDER STORAGE OBJECTIVES SAMPLER TRIALS FILES
    python benchmarks/study_steps.py time FOLDER STORAGE OBJECTIVES SAMPLER CALLS

Processes that `many_trials.py` starts; the second prints a line of JSON.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from made_trials import begin, make_epochs, make_metrics, run_made

from autune.search.folder import SearchFolder
from autune.training.epoch import go_on

RUNNING = 8
"""Trials that are proposed and not told yet, as in a search of so many workers."""


def resident() -> float:
    """Return the resident set of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def taking(found: dict[str, float], name: str) -> Iterator[None]:
    """Write down wall time and processor time of a block, s."""
    wall, used = time.perf_counter(), time.process_time()
    yield
    found |= {
        f"{name}_s": time.perf_counter() - wall,
        f"{name}_cpu_s": time.process_time() - used,
    }


def work(
    path: Path, sampler: str, n_objectives: int, storage: str, trials: int, files: bool = False
) -> dict[str, list[tuple[float, float]]]:
    """Propose and tell until the study has so many trials.

    Returns
    -------
    dict
        Wall time and processor time, s, of every ``propose`` and ``tell``.
    """
    study, space = begin(path, sampler, n_objectives, storage)
    n = len(study.records())
    spans: dict[str, list[tuple[float, float]]] = {"propose": [], "tell": []}
    running = []

    def timed(name: str, *arguments: Any) -> Any:
        found: dict[str, float] = {}
        with taking(found, "it"):
            result = getattr(study, name)(*arguments)
        spans[name].append((found["it_s"], found["it_cpu_s"]))
        return result

    while n < trials or running:
        if n < trials:
            running.append(timed("propose"))
            n += 1
        if len(running) >= RUNNING or n == trials:
            proposal = running.pop(0)
            at = space.apply(proposal.params)
            if files:
                run_made(at, None, proposal.directory, go_on)
            metrics = make_metrics(at)
            epochs = make_epochs(at, metrics["score"])
            scores = [(epoch.number, epoch.score) for epoch in epochs if epoch.seed == 0]
            timed("tell", proposal.number, "complete", "", metrics, 0.001, scores)
    return spans


def look(path: Path) -> dict[str, float]:
    """Open a study for reading and list all trials; seconds, and the memory that this took, MB."""
    from autune.search.study.study import Study

    folder = SearchFolder(path.resolve())
    before = resident()
    found: dict[str, float] = {}
    with taking(found, "open"):
        study = Study.open(folder)
    with taking(found, "list"):
        n = len(study.records())
    return found | {"n": n, "memory_MB": resident() - before}


def size_of(path: Path, storage: str) -> float:
    """Return the bytes of the journal, or of the database."""
    if storage == "journal":
        return float((path / "study.journal").stat().st_size)
    import psycopg

    with psycopg.connect(storage) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return float(row[0]) if row else 0.0


def main(arguments: Sequence[str]) -> None:
    """Be one of the processes."""
    part, folder, storage, objectives, *rest = arguments
    path, n_objectives = Path(folder), int(objectives)
    if part == "fill":
        work(path, rest[0], n_objectives, storage, int(rest[1]), rest[2] == "files")
        return
    sampler, calls = rest[0], int(rest[1])
    found: dict[str, Any] = look(path)
    found["bytes"] = size_of(path, storage)
    spans = work(path, sampler, n_objectives, storage, found["n"] + calls)
    for name, values in spans.items():
        # The first opens what is opened once; of tell, those that follow a proposal count.
        wall, used = zip(*values[1:], strict=True)
        found |= {f"{name}_s": statistics.median(wall), f"{name}_cpu_s": statistics.median(used)}
    found["load"] = os.getloadavg()[0]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
