"""What MLflow can take: names, texts, curves and files, made from those of a search."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from autune.log import mask_credentials

LONGEST_CURVE = 200
"""Points of a learning curve that are shown; history.csv, beside it, has all."""

_LONGEST_NAME, _LONGEST_TEXT = 240, 5000
_TEXTS = {".yaml", ".json", ".csv", ".txt"}

Epoch = tuple[str, int, dict[str, float]]
"""Training, number, errors."""


def read_history(directory: Path) -> Iterator[Epoch]:
    """Yield training, epoch and errors from the history of a trial.

    A training is ``seed_0``, or ``fold_A/seed_0`` where there are folds.  Units in the header
    (``test_force_rmse [eV/Angstrom]``) are dropped.
    """
    path = directory / "history.csv"
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        for row in csv.DictReader(stream):
            cells = {str(name).split(" [")[0]: text for name, text in row.items()}
            fold = cells.pop("fold", None)
            values = {}
            for name, text in cells.items():
                with suppress(TypeError, ValueError):  # A cell without a number.
                    if math.isfinite(value := float(text)):
                        values[name] = value
            if "number" in values:
                training = f"seed_{int(values.pop('seed', 0))}"
                if fold:
                    training = f"fold_{fold}/{training}"
                yield training, int(values.pop("number")), values


def thin(epochs: Sequence[Epoch]) -> Iterator[Epoch]:
    """Leave out epochs of long trainings, evenly; the first and the last one stay."""
    trainings: dict[str, list[Epoch]] = {}
    for epoch in epochs:
        trainings.setdefault(epoch[0], []).append(epoch)
    for rows in trainings.values():
        kept = min(len(rows), LONGEST_CURVE)
        last = len(rows) - 1
        yield from (rows[round(i * last / max(kept - 1, 1))] for i in range(kept))


def with_valid_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Name everything as MLflow allows it; what would have one name then gets a number."""
    renamed: dict[str, Any] = {}
    for name, value in values.items():
        valid = unique = valid_name(name)
        count = 1
        while unique in renamed:
            count += 1
            unique = f"{valid}_{count}"
        renamed[unique] = value
    return renamed


def valid_name(name: str) -> str:
    """Return the nearest name that MLflow takes; it reads names as paths."""
    parts = re.sub(r"[^/\w.\- :]", "_", name).split("/")
    path = "/".join(part for part in parts if part not in ("", ".", ".."))
    return path[:_LONGEST_NAME].rstrip("/") or "_"


def readable(text: str) -> str:
    """Return text as it may be shown: without credentials, and as short as databases take it."""
    return mask_credentials(text).replace("\0", "")[:_LONGEST_TEXT]


def stage(files: Mapping[str, Path], folder: Path) -> None:
    """Lay out files as a run has them: links, and copies where a text has credentials."""
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in _TEXTS:
            text = path.read_text(encoding="utf-8", errors="replace")
            if (masked := mask_credentials(text)) != text:
                target.write_text(masked, encoding="utf-8")
                continue
        target.symlink_to(path.resolve())


def digest_of(facts: str, files: Mapping[str, Path]) -> str:
    """Return a digest of facts and of all bytes of files."""
    digest = hashlib.blake2b(facts.encode(errors="replace"), digest_size=12)
    for name, path in files.items():
        digest.update(f"\0{name}\0".encode(errors="replace"))
        digest.update(path.read_bytes())
    return digest.hexdigest()
