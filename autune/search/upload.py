"""What a search on a cluster needs of a user's files: the settings and what they name."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autune.errors import ConfigError
from autune.formats.atoms import structure_files
from autune.training.start import KEY as START
from autune.training.start import files_of

_log = logging.getLogger(__name__)
SETTINGS = "settings.yaml"
_EACH = "NAME"
"""In the keys of a setting: every key of a mapping."""

LARGEST = 100_000_000
"""Bytes of all files; what is larger has its place on the cluster."""


@dataclass(frozen=True)
class Upload:
    """Files for a folder on the cluster in which a search starts.

    Parameters
    ----------
    settings
        Settings file; its paths are those of `files`.
    files
        Place in the folder, and the file here.
    """

    settings: str
    files: Mapping[str, Path]

    def write(self, folder: Path) -> None:
        """Copy all files into a folder.

        Raises
        ------
        ConfigError
            If a file cannot be read or copied.
        """
        try:
            (folder / SETTINGS).write_text(self.settings, encoding="utf-8")
            for place, file in self.files.items():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / place)
        except OSError as error:
            raise ConfigError(
                "", f"{error.filename} cannot be copied for the upload: {error.strerror}"
            ) from None


def gather(raw: Mapping[str, Any]) -> Upload:
    """Find the files that settings name, and let the settings name their copies.

    Built-in data and files of packages stay where they are.  So does an absolute path that is
    not on this machine, or is too large to be sent: it is one of the cluster.

    Parameters
    ----------
    raw
        Settings, of which some leaves are distributions.

    Raises
    ------
    ConfigError
        If a relative path names nothing, something too large, or a folder with a link to the
        outside.
    FormatError
        If a folder has no structures.
    """
    files: dict[str, Path] = {}
    places: dict[tuple[str, Path], str] = {}

    def place(key: str, value: str) -> str:
        path = Path(value).expanduser()
        if value.startswith(("builtin:", "lammps:")) or (path.is_absolute() and not path.exists()):
            return value
        if not path.exists():
            raise ConfigError(
                key, f"no file {value} here; mend the path, or give an absolute one of the cluster"
            )
        path = path.absolute()
        # A folder may hold structures and a potential.
        what = (key if key == START else "", path)
        if what not in places:
            folder = f"files/{len(places)}"
            found = {f"{folder}/{name}": file for name, file in _files_of(key, path).items()}
            size = sum(file.stat().st_size for file in (*files.values(), *found.values()))
            if size > LARGEST and Path(value).expanduser().is_absolute():
                _log.info("%s is too large to be sent; it must be on the cluster", value)
                return value
            if size > LARGEST:
                raise ConfigError(
                    key,
                    f"{value} makes the upload larger than {LARGEST / 1e6:.0f} MB; copy it to the "
                    "cluster and give its absolute path there",
                )
            files.update(found)
            places[what] = f"{folder}/{path.resolve().name if path.is_dir() else path.name}"
        return places[what]

    def start(key: str, value: str) -> str:
        return place(key, value) if Path(value).expanduser().is_file() else value

    changed = dict(raw)
    for keys, find in (
        (("dataset", "path"), place),
        (("training", "start_from"), place),
        (("evaluation", "properties", "reference"), place),
        (("evaluation", "properties", "baselines", _EACH, "file"), place),
        (("search", "start_from"), start),
    ):
        changed = _change(changed, keys, ".".join(keys), find)
    return Upload(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True), files)


def _files_of(key: str, path: Path) -> dict[str, Path]:
    """Return the files of a path by their name beside it; of a folder only those with structures.

    Of the folder of a potential, from which a training goes on, its files alone.

    Raises
    ------
    ConfigError
        If it is neither file nor folder, or a link in a folder leads out of it.
    """
    if key == START:
        found = {f"{path.resolve().name}/{file.name}": file for file in files_of(str(path))}
        if not found:
            raise ConfigError(key, f"{path} holds no potential; name a folder with an input.nn")
        return found
    if not path.is_dir():
        if not path.is_file():  # a device or a pipe, which has no end or no second reader
            raise ConfigError(key, f"{path} is neither a file nor a folder; give one that is")
        return {path.name: path}
    path = path.resolve()
    files = structure_files(path)
    for file in files:
        if not file.resolve().is_relative_to(path):
            raise ConfigError(
                key, f"{file} is a link that leads out of {path}; put a copy in its place"
            )
    return {f"{path.name}/{file.relative_to(path)}": file for file in files}


def _change(node: Any, keys: tuple[str, ...], key: str, find: Callable[[str, str], str]) -> Any:
    """Return a copy of settings in which the texts at a key are replaced."""
    if keys:
        if not isinstance(node, Mapping):
            return node
        if keys[0] == _EACH:
            return {name: _change(inner, keys[1:], key, find) for name, inner in node.items()}
        if keys[0] not in node:
            return node
        return {**node, keys[0]: _change(node[keys[0]], keys[1:], key, find)}
    if isinstance(node, str):
        return find(key, node)
    if isinstance(node, list):
        return [_change(item, (), key, find) for item in node]
    if isinstance(node, Mapping):  # a distribution; `when` names no files
        values = {k: _change(node[k], (), key, find) for k in ("choice", "otherwise") if k in node}
        return {**node, **values}
    return node
