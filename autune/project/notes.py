"""What could not be carried over, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Note(NamedTuple):
    """A keyword that has no counterpart, or another meaning here.

    Parameters
    ----------
    keyword
        As the input.nn has it.
    reason
        What autune does in its place, or why nothing is needed.
    """

    keyword: str
    reason: str


def joined(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Put keywords that have the same reason beside each other, in the order of their first."""
    by_reason: dict[str, list[str]] = {}
    for note in notes:
        by_reason.setdefault(note.reason, []).append(note.keyword)
    return tuple(Note(", ".join(keywords), reason) for reason, keywords in by_reason.items())


OUTPUT = "output of nnp-train; autune writes history.csv and the potential of the kept epoch"

NOT_NEEDED = {
    "parallel_mode": "autune shares structures and covariance out over ranks by itself (mpiexec)",
    "memorize_symfunc_results": "always so",
    "main_error_metric": OUTPUT,
    "write_trainpoints": OUTPUT,
    "write_trainforces": OUTPUT,
    "write_weights_epoch": OUTPUT,
    "write_neuronstats": OUTPUT,
    "write_trainlog": OUTPUT,
    "precondition_weights": "n2p2 aborts with it, autune has nothing like it",
}
"""Keywords of n2p2 without a counterpart."""

UNKNOWN = "unknown to n2p2 2.3 and to autune"
