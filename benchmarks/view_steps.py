"""What shows a search of many trials takes: status, table, figure, MLflow; and the room of it.

    python benchmarks/view_steps.py FOLDER LOGGED

A process that `many_trials.py` starts for a search that was made without running it; it prints a
line of JSON.  LOGGED runs that MLflow does not have yet are written to it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study_steps import taking


def status(path: Path) -> dict[str, float]:
    """Call `autune status` as a user does; s, and the highest resident set, MB."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "autune", "status", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    if code:
        raise SystemExit(f"autune status ended with {code}")
    return {
        "status_s": time.perf_counter() - began,
        "status_cpu_s": used.ru_utime + used.ru_stime,
        "status_MB": used.ru_maxrss / 1e3,
    }


def room(path: Path) -> dict[str, float]:
    """Return files and bytes of the trials' folders, for each of them."""
    n_files = n_bytes = 0
    trials = path / "trials"
    for folder, _, names in os.walk(trials):
        n_files += len(names)
        n_bytes += sum((Path(folder) / name).stat().st_size for name in names)
    n = sum(1 for _ in trials.iterdir())
    return {"files_per_trial": n_files / n, "bytes_per_trial": n_bytes / n}


def results(path: Path) -> dict[str, float]:
    """Write what the end of a search writes; s."""
    from autune.report.figures import plot_search
    from autune.search.folder import SearchFolder
    from autune.search.result import SearchResult, write_result

    folder = SearchFolder(path.resolve())
    study = folder.study()
    result = SearchResult(folder, "finished", tuple(study.records()))
    rows = [{"number": r.number, "state": r.state, **r.metrics} for r in result.records]
    image = folder.path / "search.png"
    found: dict[str, float] = {"n": len(rows), "front": len(result.front)}
    with taking(found, "result"):
        write_result(result, study.objectives)
    with taking(found, "drawing"):
        plot_search(rows, image)
    return found


def mlflow(path: Path, logged: int) -> dict[str, float]:
    """Write runs to MLflow; s for each, and for the rest."""
    from autune.search.folder import SearchFolder
    from autune.search.tracking.addresses import find_address
    from autune.search.tracking.overview import show_search
    from autune.search.tracking.shown import all_shown
    from autune.search.tracking.tracker import open_store

    folder = SearchFolder(path.resolve())
    found: dict[str, float] = {}
    with taking(found, "mlflow_open"):
        store = open_store(folder, find_address(folder, "default"))
    try:
        with taking(found, "mlflow_read"):
            trials, trainings = all_shown(folder)
        writes: list[dict[str, float]] = []
        compares: list[dict[str, float]] = []
        for shown in trials:
            before, took = store.n_written, {}
            with taking(took, "a_run"):
                store.write(shown)
            (writes if store.n_written > before else compares).append(took)
            if len(writes) >= logged:
                break
        with taking(found, "mlflow_finish"):
            store.finish(show_search(folder, trials, trainings), "FINISHED")
    finally:
        store.close()
    for name, runs in (("mlflow_write", writes), ("mlflow_compare", compares)):
        for kind in ("s", "cpu_s") if runs else ():
            found[f"{name}_{kind}"] = statistics.mean(run[f"a_run_{kind}"] for run in runs)
    found["mlflow_runs"] = len(writes) + len(compares)
    found["mlflow_bytes"] = float(folder.database.stat().st_size)
    return found


def main(arguments: Sequence[str]) -> None:
    """Measure one search."""
    path, logged = Path(arguments[0]), int(arguments[1])
    found: dict[str, Any] = results(path) | status(path) | room(path)
    if logged:
        found |= mlflow(path, logged)
    print(json.dumps(found | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main(sys.argv[1:])
