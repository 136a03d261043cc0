"""Where the numbers come from: structures, versions, seeds, times, the settings file."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from autune import __version__
from autune.dataset import Dataset
from autune.log import mask_credentials
from autune.page.blocks import Block, File, Section, Table, Words, table
from autune.page.gathered import Gathered
from autune.page.texts import counted, duration

PACKAGES = ("numpy", "scipy", "numba", "ase", "optuna", "ray", "mlflow", "matplotlib")


def provenance_section(gathered: Gathered) -> Section:
    """List what decides the numbers of the page."""
    settings = gathered.settings
    facts = {
        "search": gathered.folder.name,
        "structures": mask_credentials(settings.dataset.path),
        "fingerprint of structures and split": gathered.fingerprint,
        "seed of the sampler": str(settings.search.seed),
        "sampler, pruner": f"{settings.search.sampler}, {settings.search.pruner}",
        "seed of the trainings": str(settings.training.seed),
        "seeds of a trial": str(settings.evaluation.seeds),
        **_confirmation(gathered),
        **_times(gathered),
        "autune": __version__,
        **{name: _version(name) for name in PACKAGES},
    }
    blocks: list[Block] = [
        Table(
            "What decides the numbers; versions are those with which this page was made.",
            ("item", "value"),
            [(name, value) for name, value in facts.items() if value],
        )
    ]
    if gathered.dataset is not None:
        blocks += _structures(gathered.dataset)
    else:
        blocks.append(
            Words(
                "The structures are not at hand, or are not those with which the search began: "
                "what needs them is left out."
            )
        )
    blocks.append(File(gathered.folder.settings_file.name, gathered.text))
    return Section("provenance", "Provenance", blocks)


def _confirmation(gathered: Gathered) -> dict[str, str]:
    if gathered.confirmed is None:
        return {}
    standings = gathered.confirmed.confirmation.standings
    return {"fresh seeds of the confirmation": f"{standings[0].n_seeds} of each setting"}


def _times(gathered: Gathered) -> dict[str, str]:
    known = [record.seconds for record in gathered.records if record.seconds > 0.0]
    started = [record.started for record in gathered.records if record.started is not None]
    finished = [record.finished for record in gathered.records if record.finished is not None]
    found = {}
    if known:
        found["wall time of all trials together"] = duration(sum(known))
    if started and finished and max(finished) > min(started):
        found["from the first to the last trial"] = duration(max(finished) - min(started))
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _structures(dataset: Dataset) -> list[Block]:
    sides = {"training": dataset.train, "test": dataset.test, "holdout": dataset.holdout}
    rows = []
    for group in (*dataset.groups, ""):
        chosen = {
            name: [
                dataset.structures[i]
                for i in indices
                if not group or dataset.structures[i].group == group
            ]
            for name, indices in sides.items()
        }
        members = [structure for part in chosen.values() for structure in part]
        if not members:
            continue
        rows.append(
            {
                "group": group or "all",
                **{
                    name: str(len(part)) if sides[name].size else ""
                    for name, part in chosen.items()
                },
                "atoms": str(sum(structure.n_atoms for structure in members)),
            }
        )
    caption = f"{counted(len(dataset.structures), 'structure')}, per group and part of the split."
    return list(
        table(caption, rows[-1:] if len(rows) == 2 and "" in dataset.groups else rows, ("group",))
    )
