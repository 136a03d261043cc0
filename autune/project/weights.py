"""Which files of a training directory hold its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ase.data import atomic_numbers

from autune.errors import FormatError

EPOCH = re.compile(r"weights\.\d{3}\.(\d+)\.out")


class WeightFiles(NamedTuple):
    """A file of each element.

    Parameters
    ----------
    files
        By symbol.
    epoch
        Of nnp-train that wrote them; None for weights.ZZZ.data, which a user has chosen.
    newest
        The newest epoch that all elements have, None without one.
    """

    files: dict[str, Path]
    epoch: int | None
    newest: int | None


def find_weights(
    directory: Path, elements: tuple[str, ...], epoch: int | None = None
) -> WeightFiles | None:
    """Find weights.ZZZ.data of all elements, else weights.ZZZ.EEEEEE.out of the newest epoch.

    Parameters
    ----------
    directory
        Of the training.
    elements
        Of the potential.
    epoch
        Take those that nnp-train wrote after this one.

    Returns
    -------
    WeightFiles or None
        None where there are no weights.

    Raises
    ------
    FormatError
        With the file that is missing where other elements have theirs.
    """
    epochs = [_epochs(directory, element) for element in elements]
    common = set.intersection(*map(set, epochs))
    newest = max(common, default=None)
    if epoch is not None:
        return WeightFiles(
            {e: _there(found.get(epoch, _out(directory, e, epoch))) for e, found in
             zip(elements, epochs, strict=True)},
            epoch,
            newest,
        )  # fmt: skip
    chosen = {e: directory / f"weights.{atomic_numbers[e]:03d}.data" for e in elements}
    if any(path.is_file() for path in chosen.values()):
        return WeightFiles({e: _there(path) for e, path in chosen.items()}, None, newest)
    if newest is not None:
        files = {e: found[newest] for e, found in zip(elements, epochs, strict=True)}
        return WeightFiles(files, newest, newest)
    for element, found in zip(elements, epochs, strict=True):
        if not found and any(epochs):
            _there(_out(directory, element, max(max(f, default=0) for f in epochs)))
    if any(epochs):
        message = "the elements have weights of no common epoch; add those that are missing"
        raise FormatError(directory, None, message)
    return None


def _epochs(directory: Path, element: str) -> dict[int, Path]:
    """Return the files that nnp-train wrote, by epoch."""
    paths = directory.glob(f"weights.{atomic_numbers[element]:03d}.*.out")
    return {int(match[1]): path for path in paths if (match := EPOCH.fullmatch(path.name))}


def _out(directory: Path, element: str, epoch: int) -> Path:
    return directory / f"weights.{atomic_numbers[element]:03d}.{epoch:06d}.out"


def _there(path: Path) -> Path:
    if not path.is_file():
        raise FormatError(path, None, "is missing; add the weights of every element")
    return path
