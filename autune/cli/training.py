"""The verbs that train, and prune what was trained: train, prune."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autune.cli.options import Assignments, Layers, OutputFolder, Quiet, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autune.settings import Settings
    from autune.training.epoch import Epoch


def train(
    settings: Annotated[
        Path, typer.Argument(metavar="SETTINGS", help="YAML file of settings, without searches.")
    ],
    output: OutputFolder,
    layers: Layers = None,
    assignments: Assignments = None,
    quiet: Quiet = False,
) -> None:
    """Train one potential by fixed settings.

    The potential, its errors and its history are written to DIR; with evaluation.seeds > 1 there
    is a potential per seed. A training that was stopped goes on when it is called again with the
    same settings and folder.

    \b
    Examples:
      autune train settings.yaml -o trained
      autune train settings.yaml -o wide --set 'potential.hidden_layers=[40, 40]'
      mpiexec -n 4 autune train settings.yaml -o trained     one training on four cores
    'autune settings' lists what a settings file may hold.
    """
    from autune.dataset import read_dataset, split_dataset, warn_of_distances
    from autune.errors import TrainingDiverged
    from autune.report.tables import tabulate
    from autune.space import SearchSpace, read_layers
    from autune.training.epoch import Epoch, Judged
    from autune.training.parallel import ending_together, find_ranks
    from autune.trial import run_trial

    def report(epoch: Epoch | Judged) -> bool:
        if not quiet and isinstance(epoch, Epoch):
            typer.echo(_epoch_line(epoch))
        return True

    ranks = find_ranks()
    with ending_together(ranks):
        raw = read_layers(settings, layers or (), assignments or ())
        fixed = SearchSpace.from_mapping(raw).fixed_settings()
        source = read_dataset(fixed.dataset)
        dataset = split_dataset(source, fixed.dataset)
        if ranks.rank == 0:
            warn_of_distances(dataset.structures)
        _refuse_other_training(output, fixed)
        result = run_trial(fixed, dataset, output, report=report, communicator=ranks)
    if ranks.rank != 0:
        return
    if result.state != "complete":
        raise TrainingDiverged(f"{result.state}: {result.reason}; see {output}")
    print_table(tabulate(_with_deviation(result.metrics)))
    typer.echo(f"written to {output} in {result.seconds:.0f} s")


def prune(
    trained: Annotated[
        Path,
        typer.Argument(metavar="TRAINED", help="Folder that 'autune train' wrote, or of a trial."),
    ],
    keep: Annotated[
        int,
        typer.Option("--keep", metavar="N", min=1, help="Functions to keep of each element."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="SETTINGS", help="YAML file to write.")
    ],
) -> None:
    """Leave out the symmetry functions on which a potential depends least.

    Functions are ranked by sensitivity: the root mean square over the training set of the slope of
    an atom's energy, times the range of the function; of all seeds where there are several. What
    is written are the settings of the training with the first N of each element listed one by one:
    train again, because weights without some of their inputs are worth nothing. Functions that are
    nearly copies share what they do, and their rank says nothing: leave those out before, by
    potential.symmetry_functions.selection.

    \b
    Examples:
      autune train settings.yaml -o trained
      autune prune trained --keep 16 -o pruned.yaml
      autune train pruned.yaml -o pruned
    """
    from autune.dataset import read_dataset, split_dataset
    from autune.errors import ConfigError
    from autune.evaluation.pruning import prune_settings, rank_functions
    from autune.formats.files import write_text
    from autune.potential.model import Potential
    from autune.report.tables import tabulate
    from autune.settings import Settings

    if not (trained / "settings.yaml").is_file():
        raise ConfigError(
            "", f"{trained} has no settings.yaml; name a folder that 'autune train' wrote"
        )
    settings = Settings.read(trained / "settings.yaml")
    folders = sorted(trained.glob("seed-*/potential")) or [trained / "potential"]
    potentials = [Potential.load(folder) for folder in folders]
    structures = split_dataset(read_dataset(settings.dataset), settings.dataset).train_structures
    atoms = settings.potential.symmetry_functions.selection.atoms
    ranked = rank_functions(potentials, structures, keep, atoms)
    architecture = potentials[0].architecture
    write_text(output, prune_settings(settings, architecture, ranked).to_yaml())
    rows = [
        {
            "element": r.element,
            "function": str(r.function),
            "sensitivity": r.sensitivity,
            "kept": "yes" if r.kept else "no",
        }
        for r in ranked
    ]
    print_table(tabulate(rows))
    n_kept = sum(r.kept for r in ranked)
    typer.echo(f"{n_kept} of {len(ranked)} functions kept; 'autune train {output} -o DIR' trains")


def _refuse_other_training(output: Path, settings: Settings) -> None:
    """Refuse a folder in which a training with other settings or reference values lies."""
    from autune.errors import ConfigError
    from autune.properties import compared_values, describe_changes
    from autune.settings import Settings

    earlier = output / "settings.yaml"
    if earlier.is_file() and Settings.read(earlier).identity != settings.identity:
        raise ConfigError(
            "", f"{output} holds a training with other settings; name another folder or remove it"
        )
    try:
        before = json.loads((output / "result.json").read_text(encoding="utf-8"))["compared"]
    except (OSError, ValueError, TypeError, KeyError):  # not finished, or before they were kept
        return
    if changes := describe_changes(before, compared_values(settings.evaluation.properties)):
        raise ConfigError(
            "evaluation.properties.reference",
            f"{output} was compared with other values: {changes}; name another folder or remove "
            f"it, or compare it with autune properties {output / 'potential'} --settings FILE",
        )


def _with_deviation(metrics: Mapping[str, float]) -> list[dict[str, str | float]]:
    """List metrics one below the other, their standard deviation over the seeds beside them."""
    from autune.report.tables import unit_of

    rows: list[dict[str, str | float]] = []
    for name, value in metrics.items():
        if not name.endswith("_std"):
            rows.append({"metric": name, "value": value, "unit": unit_of(name)})
            if f"{name}_std" in metrics:
                rows[-1]["std over seeds"] = metrics[f"{name}_std"]
    return rows


def _epoch_line(epoch: Epoch) -> str:
    stress = ""
    if math.isfinite(epoch.train_stress_rmse) or math.isfinite(epoch.test_stress_rmse):
        stress = f" stress {epoch.train_stress_rmse:7.3f} {epoch.test_stress_rmse:7.3f} GPa"
    return (
        f"seed {epoch.seed} epoch {epoch.number:3d}  "
        f"energy {1e3 * epoch.train_energy_rmse:7.2f} {1e3 * epoch.test_energy_rmse:7.2f} "
        "meV/atom  "
        f"force {epoch.train_force_rmse:7.4f} {epoch.test_force_rmse:7.4f} eV/Angstrom"
        f"{stress} (train test)  {epoch.seconds:6.1f} s"
    )


VERBS = (train, prune)
