"""The state of a training on disk: whole or not at all, and only plain numbers.

It is written after every epoch, as long as that takes no more than `WRITING_SHARE` of the time:
10 ms for 1351 weights (7.3 MB: one triangle of the covariance), 0.15 s for 5000 (100 MB).  The disk
is not waited for, because what a killed process has written the system still has.  After a failure
of the power the file may be short, which its checksums tell: the training begins again.
"""

from __future__ import annotations

import json
import time
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from autune.errors import ConfigError, FormatError
from autune.formats.files import replacing
from autune.kernels.kalman import AnyFloatArray
from autune.structures import FloatArray
from autune.training.epoch import Epoch
from autune.training.trainer import Trainer

WRITING_SHARE = 0.05
"""Largest part of the time that is spent on writing; beyond, not every epoch is kept."""

DAMAGES = (
    OSError, EOFError, KeyError, ValueError, TypeError, NotImplementedError, MemoryError,
    BadZipFile, zlib.error,
)  # fmt: skip
"""What reading an empty, short or changed file raises."""

_LONGEST_REASON = 200


@dataclass
class Progress:
    """How far a training is.

    Parameters
    ----------
    epochs
        All epochs so far, epoch 0 first.
    best_weights
        Weights of the epoch with the lowest score, shape (n_weights,).
    best_epoch
        Its number.
    """

    epochs: list[Epoch]
    best_weights: FloatArray
    best_epoch: int


@dataclass(frozen=True)
class _State:
    """What a file holds; no optimizers (packed states and schedules) after the last epoch."""

    weights: FloatArray
    generator: np.random.Generator
    schedules: list[list[float]]
    packed: list[AnyFloatArray]
    progress: Progress


class Checkpoint:
    """The file with the state of one training.

    Parameters
    ----------
    path
        The file (.npz); None: nothing is kept.
    identity
        Of settings and data; a training goes on only with the same.
    trainer
        Whose state is kept.  All its ranks call all methods, the first one writes.
    """

    def __init__(self, path: Path | None, identity: str, trainer: Trainer) -> None:
        self._path = path
        self._identity = identity
        self._trainer = trainer
        self._ranks = trainer.communicator
        self._next = -np.inf
        self._failed = False

    def load(self) -> Progress | None:
        """Bring the trainer into the state of the file.

        Returns
        -------
        Progress or None
            None when there is no state of these settings and data.

        Raises
        ------
        FormatError
            If the first rank can read the file, and this one cannot.

        Warns
        -----
        UserWarning
            If the file is damaged: the training begins again.
        """
        if self._path is None:
            return None
        state, reason = None, ""
        try:
            state = self._read(self._path)
        except DAMAGES as error:
            # zipfile tells all that it has read in place of a name.
            reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        if self._ranks.rank == 0:
            # A process that was killed while it wrote leaves what it had written.
            for leftover in self._path.parent.glob(f".{self._path.name}.*"):
                leftover.unlink(missing_ok=True)
            if reason:
                warnings.warn(
                    f"{self._path} is damaged ({reason}): this training begins again",
                    UserWarning,
                    stacklevel=2,
                )
        if not self._ranks.agree(state is not None):
            return None
        if state is None:
            raise FormatError(self._path, None, f"cannot be read by all ranks: {reason or 'gone'}")
        self._apply(state)
        return state.progress

    def is_due(self) -> bool:
        """Say whether enough time has passed since the last writing."""
        return self._path is not None and self._ranks.agree(time.monotonic() >= self._next)

    def save(self, progress: Progress) -> None:
        """Write weights, optimizers, random state and history of a training that goes on.

        Warns
        -----
        UserWarning
            The first time that the file cannot be written; the training does not end for that.
        """
        if self._path is None:
            return
        begin = time.monotonic()
        optimizers = self._trainer.optimizers
        arrays = {f"P{i}": optimizer.packed for i, optimizer in enumerate(optimizers)}
        arrays["schedules"] = np.array([optimizer.schedule for optimizer in optimizers])
        self._write(self._path, progress, arrays, sync=False)
        end = time.monotonic()
        self._next = end + (end - begin) / WRITING_SHARE

    def finish(self, progress: Progress) -> None:
        """Write what a training that is over leaves: weights and history; warn as `save`."""
        if self._path is not None:
            self._write(self._path, progress, {}, sync=True)

    def _write(
        self, path: Path, progress: Progress, optimizers: Mapping[str, AnyFloatArray], sync: bool
    ) -> None:
        if self._ranks.rank != 0:
            return
        generator = json.dumps(self._trainer.generator.bit_generator.state)
        try:
            # To the file, because a copy in memory would take longer than the disk.
            with replacing(path, sync) as temporary, temporary.open("wb") as stream:
                np.savez(
                    stream,
                    identity=np.array(self._identity),
                    weights=self._trainer.weights,
                    generator=np.array(generator),
                    epochs=np.array([astuple(epoch) for epoch in progress.epochs]),
                    best_weights=progress.best_weights,
                    best_epoch=np.array(progress.best_epoch),
                    **optimizers,  # type: ignore[arg-type]
                )
        except ConfigError as error:
            if not self._failed:
                warnings.warn(
                    f"{error}; the training goes on, but its state is not kept",
                    UserWarning,
                    stacklevel=2,
                )
            self._failed = True

    def _read(self, path: Path) -> _State | None:
        """Read the file, all of it before anything is changed; None if it is another's."""
        if not path.is_file():
            return None
        # Opened here, because of a damaged file NumPy leaves its own open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:

            def stored(name: str) -> Any:
                array = archive[name]
                if not isinstance(array, np.ndarray):  # bytes that do not begin as an array does
                    raise ValueError(f"{name} is no array")
                return array

            if str(stored("identity")) != self._identity:
                return None
            bits = type(self._trainer.generator.bit_generator)()
            bits.state = json.loads(str(stored("generator")))
            epochs = [_epoch(row) for row in stored("epochs")]
            schedules = stored("schedules").tolist() if "schedules" in archive else []
            state = _State(
                stored("weights"),
                np.random.Generator(bits),
                schedules,
                [stored(f"P{i}") for i in range(len(schedules))],
                Progress(epochs, stored("best_weights"), int(stored("best_epoch"))),
            )
        optimizers = self._trainer.optimizers
        fits = state.weights.shape == self._trainer.weights.shape and (
            not schedules or [P.shape for P in state.packed] == [(o.n_packed,) for o in optimizers]
        )
        if not fits:
            raise ValueError("it holds the weights of another network")
        return state

    def _apply(self, state: _State) -> None:
        trainer = self._trainer
        trainer.weights = state.weights
        trainer.generator = state.generator
        if not state.schedules:
            return  # Nothing is left to train.
        for optimizer, P, schedule in zip(
            trainer.optimizers, state.packed, state.schedules, strict=True
        ):
            optimizer.packed = P
            optimizer.schedule = schedule
        trainer.errors = trainer.train.measure(trainer.weights)


def _epoch(row: Any) -> Epoch:
    values = dict(zip((field.name for field in fields(Epoch)), map(float, row), strict=True))
    return Epoch(
        **values | {"seed": int(values["seed"]), "number": int(values["number"])}  # type: ignore[arg-type]
    )
