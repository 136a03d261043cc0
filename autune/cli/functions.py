"""What `autune data functions` shows: symmetry functions of settings or of a potential."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from autune.cli.options import print_table

if TYPE_CHECKING:
    from autune.architecture import Architecture
    from autune.evaluation.functions import FunctionRow, FunctionValues
    from autune.potential.model import Potential
    from autune.structures import Structure
    from autune.units import UnitName

SHOWN = (
    *("element", "number", "function", "kept", "minimum", "maximum", "sigma"),
    *("correlation", "like", "cost", "sensitivity"),
)
"""Columns that fit on a terminal; the CSV has all."""

ALIKE = 0.98
"""Correlation from which two functions are counted as alike, as in a selection by default."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is looked at.

    Parameters
    ----------
    pool, kept
        All functions; those that a training keeps.
    structures
        Over which.
    atoms
        Of each element at most.
    potential
        For the sensitivity; None of settings.
    """

    pool: Architecture
    kept: Architecture
    structures: Sequence[Structure]
    atoms: int
    potential: Potential | None


def of_settings(raw: Mapping[str, Any], data: str | None, units: UnitName) -> Subject:
    """Return the functions of settings, over their training set or other structures."""
    from autune.dataset import Dataset, split_dataset
    from autune.potential.basis import build_architecture
    from autune.space import SearchSpace
    from autune.training.choose import choose_functions
    from autune.training.parallel import Serial

    space = SearchSpace.from_mapping(raw)
    settings = space.example()
    if space.has_distributions:
        logger.info("searched settings have their first value; --set gives them others")
    if data is None:
        source = Dataset.read(
            settings.dataset.path, settings.dataset.units, settings.dataset.energy
        )
        dataset = split_dataset(source, settings.dataset)
    else:
        dataset = Dataset.read(data, units)
    potential = settings.potential
    pool = build_architecture(potential)
    kept = choose_functions(
        dataset, pool, potential.symmetry_functions.selection, potential.minimum_spread, Serial()
    )
    atoms = potential.symmetry_functions.selection.atoms
    return Subject(pool, kept, dataset.train_structures, atoms, None)


def of_potential(
    folder: Path, units: UnitName | None, data: str | None, data_units: UnitName
) -> Subject:
    """Return the functions of a potential, over given structures."""
    from autune.dataset import Dataset
    from autune.errors import ConfigError
    from autune.potential.model import Potential
    from autune.settings import FunctionSelectionSettings

    if data is None:
        raise ConfigError(
            "", f"{folder} is a potential; name a file of structures after it, to look at them"
        )
    potential = Potential.load(folder, units)
    a = potential.architecture
    structures = Dataset.read(data, data_units).structures
    return Subject(a, a, structures, FunctionSelectionSettings().atoms, potential)


def show(subject: Subject, csv: Path | None, plot: Path | None) -> None:
    """Print the table of functions, and write what is asked for."""
    from autune.evaluation.function_cost import function_costs
    from autune.evaluation.functions import evaluate_functions, tabulate_functions
    from autune.potential.sensitivity import sensitivities
    from autune.report.tables import tabulate, write_csv

    pool = subject.pool
    values = evaluate_functions(pool, subject.structures, subject.atoms)
    costs = function_costs(pool, subject.structures)
    slopes = None
    if subject.potential is not None:
        slopes = sensitivities(subject.potential, values.G, values.element)
    rows = tabulate_functions(values, subject.kept.symmetry_functions, costs, slopes)
    table = [asdict(row) for row in rows]
    if csv is not None:
        write_csv(tabulate(table), csv)
    if plot is not None:
        from autune.report.correlation_figure import plot_correlations

        shown = [symbol for symbol in pool.elements if len(values.of_element(symbol))]
        kinds = {symbol: [f.kind for f in pool.symmetry_functions[symbol]] for symbol in shown}
        plot_correlations({symbol: values.correlation(symbol) for symbol in shown}, kinds, plot)
    print_table(tabulate({name: row[name] for name in SHOWN} for row in table))
    if pool.length_unit != 1.0:
        typer.echo("eta, rs and rc of the functions are in Bohr")
    for symbol in pool.elements:
        of_element = [row for row in rows if row.element == symbol]
        typer.echo(_summary(symbol, of_element, values))


def _summary(symbol: str, rows: Sequence[FunctionRow], values: FunctionValues) -> str:
    n_atoms = len(values.of_element(symbol))
    if not rows:
        return f"{symbol}: no atom in these structures"
    n_kept = sum(row.kept == "yes" for row in rows)
    n_alike = sum(row.correlation is not None and row.correlation > ALIKE for row in rows)
    cost = sum(row.cost for row in rows if row.kept == "yes")
    return (
        f"{symbol}: {n_kept} of {len(rows)} functions kept, {n_alike} with a correlation above "
        f"{ALIKE:g} to another, over {n_atoms} atoms; those kept cost {cost:.3g} "
        "microseconds/atom one by one"
    )
