"""The state of a training on disk: whole or not at all, and only plain numbers."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from autune.errors import FormatError
from autune.formats.files import write_bytes
from autune.structures import FloatArray
from autune.training.epoch import Epoch
from autune.training.trainer import Trainer

DAMAGES = (
    OSError, EOFError, KeyError, ValueError, NotImplementedError, BadZipFile, zlib.error,
)  # fmt: skip
"""What reading an empty, short or changed file raises."""


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


def save_checkpoint(path: Path, identity: str, trainer: Trainer, progress: Progress) -> None:
    """Write weights, filters, random state and history; all ranks call, the first writes.

    Parameters
    ----------
    path
        The file (.npz).
    identity
        Of settings and data; a checkpoint goes on only with the same.
    trainer, progress
        State after an epoch.
    """
    filters = {f"P{i}": state.covariance.matrix for i, state in enumerate(trainer.filters)}
    scalars = [[state.q, state.eta, state.forgetting] for state in trainer.filters]
    if trainer.communicator.rank != 0:
        return
    stream = io.BytesIO()
    np.savez(
        stream,
        identity=np.array(identity),
        weights=trainer.weights,
        schedules=np.array(scalars),
        generator=np.array(json.dumps(trainer.generator.bit_generator.state)),
        epochs=np.array([astuple(epoch) for epoch in progress.epochs]),
        best_weights=progress.best_weights,
        best_epoch=np.array(progress.best_epoch),
        **filters,  # type: ignore[arg-type]
    )
    write_bytes(path, stream.getvalue())


def load_checkpoint(path: Path, identity: str, trainer: Trainer) -> Progress | None:
    """Bring a trainer into the state of a checkpoint.

    Returns
    -------
    Progress or None
        None when there is no checkpoint of these settings and data.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        # Opened here, because of a damaged file NumPy leaves its own open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            if str(stored["identity"]) != identity:
                return None
            trainer.weights = stored["weights"]
            for i, (state, scalars) in enumerate(
                zip(trainer.filters, stored["schedules"].tolist(), strict=True)
            ):
                state.covariance.matrix = stored[f"P{i}"]
                state.q, state.eta, state.forgetting = scalars
            trainer.generator.bit_generator.state = json.loads(str(stored["generator"]))
            epochs = [_epoch(row) for row in stored["epochs"]]
            progress = Progress(epochs, stored["best_weights"], int(stored["best_epoch"]))
    except DAMAGES as error:
        reason = str(error) or type(error).__name__
        raise FormatError(
            path, None, f"is no checkpoint of a training ({reason}); remove it to start again"
        ) from None
    trainer.errors = trainer.train.measure(trainer.weights)
    return progress


def _epoch(row: Any) -> Epoch:
    values = dict(zip((field.name for field in fields(Epoch)), map(float, row), strict=True))
    return Epoch(
        **values | {"seed": int(values["seed"]), "number": int(values["number"])}  # type: ignore[arg-type]
    )
