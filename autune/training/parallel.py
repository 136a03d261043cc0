"""Communicator: how ranks of one training speak; here the one that is alone."""

from __future__ import annotations

from typing import Protocol

from autune.structures import FloatArray


class Communicator(Protocol):
    """What the training loop asks of its ranks."""

    @property
    def rank(self) -> int:
        """Number of this rank, from 0."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def sum(self, array: FloatArray) -> FloatArray:
        """Add an array over all ranks."""

    def gather(self, columns: FloatArray) -> FloatArray:
        """Put the columns of all ranks side by side, in order of rank."""

    def broadcast(self, array: FloatArray) -> FloatArray:
        """Give the array of rank 0 to all ranks."""


class Serial:
    """One rank."""

    rank = 0
    size = 1

    def sum(self, array: FloatArray) -> FloatArray:
        """Return the array."""
        return array

    def gather(self, columns: FloatArray) -> FloatArray:
        """Return the columns."""
        return columns

    def broadcast(self, array: FloatArray) -> FloatArray:
        """Return the array."""
        return array
