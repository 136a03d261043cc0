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
from autune.structures import FloatArray, IntArray

LAUNCHED_BY_MPI = ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")
"""Variables that mpiexec sets for the ranks it starts."""

LARGEST_BOARD = 2**22
"""Numbers (32 MB) of a place of a board: shared memory may be no more than 64 MB (containers)."""


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

    def gather(self, columns: FloatArray, counts: IntArray) -> FloatArray:
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

    def gather(self, columns: FloatArray, counts: IntArray) -> FloatArray:
        """Return the columns."""
        return columns

    def agree(self, decision: bool) -> bool:
        """Return the decision."""
        return decision


class Board:
    """Memory that all ranks of one machine read and write.

    Two places take turns: who writes to one again has met the others since, so that all have read
    what was there.  Against messages, sums and gathers of 350 kB take half of the time.

    Parameters
    ----------
    communicator
        Ranks of one machine.
    allocate
        MPI's `Win.Allocate_shared`.
    """

    def __init__(self, communicator: Any, allocate: Any) -> None:
        self._communicator = communicator
        self._allocate = allocate
        self._places: list[Any] = [None, None]
        self._turn = 0

    def take(self, n: int) -> FloatArray:
        """Return n numbers of the place whose turn it is; all ranks ask for the same n."""
        self._turn = 1 - self._turn
        place = self._places[self._turn]
        if place is None or place[1].size < n:
            if place is not None:
                place[0].Unlock_all()
                place[0].Free()
            owned = 8 * n if self._communicator.Get_rank() == 0 else 0
            window = self._allocate(owned, 8, comm=self._communicator)
            window.Lock_all()
            memory, _ = window.Shared_query(0)
            place = self._places[self._turn] = (window, np.frombuffer(memory, dtype=np.float64))
        numbers: FloatArray = place[1][:n]
        return numbers

    def meet(self) -> None:
        """Wait until all ranks have written."""
        window = self._places[self._turn][0]
        window.Sync()
        self._communicator.Barrier()
        window.Sync()


class Ranks:
    """The ranks of an MPI job.

    Parameters
    ----------
    communicator
        Of MPI.
    board
        Memory they share, for what is not too large; the rest, and everything without one (ranks
        on several machines), goes by messages.
    """

    def __init__(self, communicator: Any, board: Board | None = None) -> None:
        self._communicator = communicator
        self._board = board
        self.rank: int = communicator.Get_rank()
        self.size: int = communicator.Get_size()

    def add(self, array: FloatArray) -> FloatArray:
        """Add an array over all ranks, in place."""
        # Without regard to order, C or Fortran: all ranks have the same.
        flat = array.ravel(order="K")
        n = flat.size
        board = self._board_for((self.size + 1) * n)
        if board is None:
            total = np.empty_like(flat)
            self._communicator.Allreduce(flat, total)
        else:
            # Every rank adds up its part of what all have written, then reads all parts.
            written = board.take((self.size + 1) * n).reshape(self.size + 1, n)
            written[self.rank] = flat
            board.meet()
            part = slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)
            total = written[-1]
            written[:-1, part].sum(axis=0, out=total[part])
            board.meet()
        flat[:] = total
        return array

    def gather(self, columns: FloatArray, counts: IntArray) -> FloatArray:
        """Put the columns of all ranks side by side, in order of rank; until the next call."""
        n, m = len(columns), int(counts.sum())
        board = self._board_for(n * m)
        if board is None:
            everything = np.empty(n * m)
            self._communicator.Allgatherv(columns.ravel(order="F"), (everything, n * counts))
            return everything.reshape((n, m), order="F")
        shared = board.take(n * m).reshape((n, m), order="F")
        begin = int(counts[: self.rank].sum())
        shared[:, begin : begin + columns.shape[1]] = columns
        board.meet()
        return shared

    def agree(self, decision: bool) -> bool:
        """Give the decision of rank 0 to all ranks."""
        return bool(self._communicator.bcast(decision))

    def _board_for(self, n: int) -> Board | None:
        return self._board if n <= LARGEST_BOARD else None

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
        # mpiexec passes words on, and loses those that it has not read when a job is aborted.
        time.sleep(0.5)
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
    world = MPI.COMM_WORLD
    if world.Get_size() == 1:
        return Serial()
    machine = world.Split_type(MPI.COMM_TYPE_SHARED)
    on_one = machine.Get_size() == world.Get_size()
    return Ranks(world, Board(world, MPI.Win.Allocate_shared) if on_one else None)
