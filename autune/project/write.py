"""Write a project as settings of autune, with its data and potential beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from autune.errors import ConfigError
from autune.formats.files import make_folder, write_bytes, write_text
from autune.project.read import Project
from autune.settings import Settings
from autune.training.start import load_start

ORIGIN = {
    "dataset.split": "set=train and set=test of input.data, or test_fraction",
    "dataset.test_fraction": "test_fraction; how many of each group",
    "potential.units": "of all lengths and energies of this section",
    "potential.cutoff_radius": "the largest; symmetry functions have their own",
    "potential.scaling": "scale_, center_symmetry_functions",
    "potential.atom_energies": "atom_energy",
    "potential.symmetry_functions.explicit": "symfunction_short",
    "potential.hidden_layers": "global_nodes_short",
    "potential.activation": "global_activation_short",
    "training.start_from": "the weights go on from here; remove it to begin anew",
    "training.updates_per_epoch": "of the fractions and batch sizes, with one process",
    "training.force_ratio": "force updates / all updates",
    "training.streams": "task_batch_size_energy, task_batch_size_force",
    "training.multistream": "jacobian_mode",
    "training.selection.mode": "selection_mode",
    "training.selection.trials": "rmse_threshold_trials",
    "training.kalman.kind": "kalman_type",
    "training.kalman.per_element": "update_strategy",
    "training.normalization": "normalize_data_set",
    "training.initialization": "of weights where none are given",
    "training.seed": "random_seed; another generator, so other numbers",
}
"""Comments: where a setting is from, or what it is for."""


def write_project(project: Project, folder: str | Path) -> Path:
    """Write settings.yaml, input.data and potential/ into a new folder, and read them back.

    Returns
    -------
    Path
        The settings.

    Raises
    ------
    ConfigError
        If the folder holds something already, or cannot be written.
    """
    folder = Path(folder).resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("", f"{folder} holds something already; name a new folder")
    make_folder(folder)
    settings = project.settings | {}
    settings["dataset"] = {"path": str(folder / "input.data"), **settings["dataset"]}
    if project.potential is not None:
        project.potential.save(folder / "potential")
        start = {"start_from": str(folder / "potential")}
        settings["training"] = start | settings["training"]
    write_bytes(folder / "input.data", (project.directory / "input.data").read_bytes())
    head = [
        f"Training directory of n2p2: {project.directory.resolve()}",
        f"Train with: autune train {folder / 'settings.yaml'} -o {folder / 'trained'}",
    ]
    if project.notes:
        head += [
            "Not carried over:",
            *(f"  {note.keyword}: {note.reason}" for note in project.notes),
        ]
    lines = [f"# {line}" for line in head] + list(_lines(settings, "", ""))
    write_text(folder / "settings.yaml", "\n".join(lines) + "\n")
    load_start(Settings.read(folder / "settings.yaml"))
    return folder / "settings.yaml"


def _lines(mapping: Mapping[str, Any], indent: str, prefix: str) -> Iterator[str]:
    """Write keys and values, one a line, with comments."""
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        comment = f"  # {ORIGIN[name]}" if name in ORIGIN else ""
        if isinstance(value, dict) and value and name != "potential.atom_energies":
            yield f"{indent}{_scalar(key)}:{comment}"
            yield from _lines(value, indent + "  ", f"{name}.")
        elif name.endswith(".explicit"):
            yield f"{indent}{key}:{comment}"
            yield from (f"{indent}  - {_scalar(line)}" for line in value)
        else:
            yield f"{indent}{_scalar(key)}: {_scalar(value)}{comment}"


def _scalar(value: Any) -> str:
    """Write a value, or a list or mapping of values, on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").rstrip()
