"""Communicator: how the ranks of one training speak.  The door to MPI.

Every rank makes the same random choices and holds the same weights; structures, their
derivatives and the covariance are shared out.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import numpy as np

from autune.errors import AutuneError
from autune.structures import FloatArray

LAUNCHED_BY_MPI = ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")
"""Variables that mpiexec sets for the ranks it starts."""


class Communicator(Protocol):
    """What a training asks of its ranks; every call is made by all of them."""

    @property
    def rank(self) -> int:
        """Number of this rank, from 0."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def add(self, array: FloatArray) -> FloatArray:
        """Add a contiguous array over all ranks, in place."""

    def gather(self, columns: FloatArray) -> FloatArray:
        """Put the columns of all ranks side by side, in order of rank; until the next call."""

    def agree(self, decision: bool) -> bool:
        """Give the decision of rank 0 to all ranks."""


class Serial:
    """One rank."""

    rank = 0
    size = 1

    def add(self, array: FloatArray) -> FloatArray:
        """Return the array."""
        return array

    def gather(self, columns: FloatArray) -> FloatArray:
        """Return the columns."""
        return columns

    def agree(self, decision: bool) -> bool:
        """Return the decision."""
        return decision


class Ranks:
    """The ranks of an MPI job.

    Messages lie in memory that is used again and again: in memory that is new each time, a sum of
    350 kB took five times as long.
    """

    def __init__(self, communicator: Any) -> None:
        self._communicator = communicator
        self.rank: int = communicator.Get_rank()
        self.size: int = communicator.Get_size()
        self._sent = np.empty(0)
        self._received = np.empty(0)

    def add(self, array: FloatArray) -> FloatArray:
        """Add an array over all ranks, in place."""
        # Without regard to order, C or Fortran: all ranks have the same.
        flat = array.ravel(order="K")
        sent, total = self._make_room(flat.size, flat.size)
        sent[:] = flat
        self._communicator.Allreduce(sent, total)
        array.ravel(order="K")[:] = total
        return array

    def gather(self, columns: FloatArray) -> FloatArray:
        """Put the columns of all ranks side by side, in order of rank; until the next call."""
        n, m = columns.shape
        counts = n * np.array(self._communicator.allgather(m))
        sent, everything = self._make_room(columns.size, int(counts.sum()))
        sent.reshape((n, m), order="F")[:] = columns
        self._communicator.Allgatherv(sent, (everything, counts))
        return everything.reshape((n, -1), order="F")

    def _make_room(self, n_sent: int, n_received: int) -> tuple[FloatArray, FloatArray]:
        if self._sent.size < n_sent:
            self._sent = np.empty(n_sent)
        if self._received.size < n_received:
            self._received = np.empty(n_received)
        return self._sent[:n_sent], self._received[:n_received]

    def agree(self, decision: bool) -> bool:
        """Give the decision of rank 0 to all ranks."""
        return bool(self._communicator.bcast(decision))

    def abort(self) -> NoReturn:
        """End all ranks at once: one that has failed would keep the others waiting."""
        self._communicator.Abort(2)
        os._exit(2)  # MPICH's Abort may return before the end comes


@contextmanager
def ending_together(ranks: Serial | Ranks) -> Iterator[None]:
    """End all ranks with a message when one fails: the others would wait for it for ever."""
    try:
        yield
    except BaseException as error:
        if isinstance(ranks, Serial):
            raise
        # What fails on all ranks is said by the first, which ends the others meanwhile.
        time.sleep(2.0 if ranks.rank else 0.0)
        if isinstance(error, AutuneError):
            print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
        else:
            print(f"rank {ranks.rank} of {ranks.size} failed:", file=sys.stderr)  # noqa: T201
            traceback.print_exc()
        ranks.abort()


def started_with_ranks() -> bool:
    """Say whether mpiexec started this process as one of several, without touching MPI."""
    sizes = [os.environ.get(name, "1") for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")]
    return any(size.isdigit() and int(size) > 1 for size in sizes)


def find_ranks() -> Serial | Ranks:
    """Return the ranks of the MPI job that this process belongs to, or the one rank it is.

    Raises
    ------
    AutuneError
        If mpiexec started the process, but MPI does not work here.
    """
    if not any(name in os.environ for name in LAUNCHED_BY_MPI):
        return Serial()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise AutuneError(
            f"started by mpiexec, but MPI cannot be used ({error}); "
            "take the mpiexec of the environment autune is installed in"
        ) from None
    return Ranks(MPI.COMM_WORLD) if MPI.COMM_WORLD.Get_size() > 1 else Serial()
