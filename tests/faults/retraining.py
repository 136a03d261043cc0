"""Trainings that were interrupted have the numbers of trainings that were not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

from autune.search import Record
from faults.checks import read_table
from faults.witness import hash_files


def check_bit_for_bit(
    record: Record, target: Path, run: Callable[..., CompletedProcess[str]]
) -> Iterator[str]:
    """Train the settings of a finished trial without a break and compare.

    Parameters
    ----------
    record
        Trial, complete or stopped.
    target
        Folder for the new training; must not exist.
    run
        Calls autune.
    """
    directory = record.directory
    done = run("train", str(directory / "settings.yaml"), "-o", str(target), "--quiet")
    if done.returncode != 0:
        yield f"{directory}: training it again ended with {done.returncode}: {done.stderr[-500:]}"
        return
    was, again = (without_time(read_table(p / "history.csv")) for p in (directory, target))
    # A trial that was stopped has the first of its epochs only.
    expected = again if record.state == "complete" else again[: len(was)]
    if was != expected:
        differences = [(a, b) for a, b in zip(was, expected, strict=False) if a != b][:1]
        yield f"{directory}: other errors than without a break: {differences}, see {target}"
    if record.state == "complete":
        for folder in sorted(directory.glob("**/potential")):
            where = folder.relative_to(directory)
            if hash_files(folder) != hash_files(target / where):
                yield f"{folder} differs from a training without a break, see {target / where}"


def without_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Drop what no two trainings have in common."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
