"""Verbs about a potential or a committee: predict, evaluate, properties."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autune.cli.options import (
    DataUnits,
    PotentialFolder,
    PotentialUnits,
    StructureFile,
    print_table,
)
from autune.cli.reliability import (
    refuse_without_spread,
    show_calibration,
    show_extrapolation,
    warn_of_extrapolation,
)
from autune.formats.files import check_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autune.potential.committee import Committee, CommitteePrediction
    from autune.potential.model import Potential, Prediction
    from autune.settings import PropertiesSettings
    from autune.structures import FloatArray, Structure
    from autune.units import UnitName

SHOWN_ERRORS = (
    *("group", "n_structures", "n_atoms"),
    *("energy_rmse", "energy_mae", "energy_spread", "force_rmse", "force_mae", "force_spread"),
    "stress_rmse",
)
"""Columns that fit on a terminal; the CSV has all."""

logger = logging.getLogger(__name__)


def predict(
    potential: PotentialFolder,
    file: StructureFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="File to write, as .extxyz.")
    ],
    units: PotentialUnits = None,
    data_units: DataUnits = "ev-angstrom",
) -> None:
    """Predict energies, forces and stresses.

    Those of a committee are means over its members; the standard deviations over them are written
    as energy_std and forces_std.

    \b
    Examples:
      autune predict potential slabs.extxyz -o predicted.extxyz
      autune predict committee slabs.extxyz -o predicted.extxyz
      autune predict published input.data -o predicted.extxyz --units hartree-bohr
    """
    from autune.dataset import Dataset, write_dataset
    from autune.formats.extxyz import write_extxyz
    from autune.potential.committee import Committee

    loaded = load_potential(potential, units)
    if isinstance(loaded, Committee):
        _refuse_format_without_spread(output)
    structures = Dataset.read(file, data_units).structures
    predictions = _predict(loaded, structures)
    warn_of_extrapolation(structures, predictions)
    predicted = [
        replace(s, energy=p.energy, forces=p.forces, stress=p.stress)
        for s, p in zip(structures, predictions, strict=True)
    ]
    spreads: list[Mapping[str, float | FloatArray]] = [
        {"energy_std": p.energy_std, "forces_std": p.forces_std} for p in _of_committee(predictions)
    ]
    if spreads:
        write_extxyz(output, predicted, spreads)
    else:
        write_dataset(output, predicted)
    typer.echo(f"{len(structures)} structures in {output}")


def _refuse_format_without_spread(output: Path) -> None:
    from autune.errors import ConfigError

    if output.suffix.lower() not in (".extxyz", ".xyz"):
        raise ConfigError(
            "",
            "the spread of a committee is written as extended XYZ; name a file that ends with "
            f".extxyz, not {output}",
        )


def evaluate(
    potential: PotentialFolder,
    file: StructureFile,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="PNG", help="Draw predicted over DFT values."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="CSV", help="Write the table, all digits.")
    ] = None,
    extrapolation: Annotated[
        Path | None,
        typer.Option(
            "--extrapolation",
            metavar="CSV",
            help="Write all symmetry functions outside the range of the training set.",
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration", metavar="PNG", help="Draw the errors of a committee over its spread."
        ),
    ] = None,
    by_composition: Annotated[
        bool,
        typer.Option(
            "--by-composition", help="Structures of one composition are a group, not those of FILE."
        ),
    ] = False,
    units: PotentialUnits = None,
    data_units: DataUnits = "ev-angstrom",
) -> None:
    """Compare energies and forces with DFT.

    Prints the errors per group of structures, and of forces per element: energies per atom, force
    components, the largest error and its structure. Those of a committee are errors of its mean;
    beside them stands the spread of its members, the root mean square of standard deviations. Then
    the structures that are furthest outside the range of the training set: atom (from 0), symmetry
    function, its value, its range, and how far it is outside in percent of that range.

    \b
    Examples:
      autune evaluate potential builtin:gold
      autune evaluate potential new.extxyz --plot parity.png --csv errors.csv
      autune evaluate potential new.extxyz --extrapolation outside.csv
      autune evaluate committee unseen.extxyz --calibration calibration.png
    """
    from autune.dataset import Dataset, group_by_composition
    from autune.evaluation.accuracy import accuracy_of, compare, compare_elements
    from autune.evaluation.calibration import measure_calibration
    from autune.evaluation.spread import measure_spread
    from autune.evaluation.stresses import measure_stresses
    from autune.report.tables import tabulate, write_csv

    _refuse_places(figures=(plot, calibration), tables=(csv, extrapolation))
    loaded = load_potential(potential, units)
    if calibration is not None:
        refuse_without_spread(loaded)
    structures = Dataset.read(file, data_units).structures
    if by_composition:
        structures = tuple(group_by_composition(structures))
    predictions = _predict(loaded, structures)
    comparisons = compare(structures, predictions)
    errors = [accuracy_of(comparison) for comparison in comparisons]
    rows = [asdict(row) for row in errors]
    per_element = compare_elements(structures, predictions)
    if of_stresses := measure_stresses(structures, predictions):
        rows = [row | asdict(of_stresses[row["group"]]) for row in rows]
    if spreads := _of_committee(predictions):
        by_group = measure_spread(structures, spreads)
        rows = [row | asdict(by_group[row["group"]]) for row in rows]
    # Before anything is written, because it may refuse structures without spread or reference.
    calibrations = measure_calibration(structures, spreads) if calibration is not None else []
    rows = [*rows[:-1], *(asdict(accuracy_of(one)) for one in per_element), rows[-1]]
    if csv is not None:
        write_csv(tabulate(rows), csv)
    if plot is not None:
        from autune.report.figures import plot_parity

        plot_parity(comparisons, plot)
    print_table(tabulate({name: row[name] for name in SHOWN_ERRORS if name in row} for row in rows))
    total = errors[-1]
    if total.n_energies:
        typer.echo(
            f"largest energy error {total.energy_largest:.4g} eV/atom: {total.energy_largest_in}"
        )
    if total.n_forces:
        typer.echo(
            f"largest force error {total.force_largest:.4g} eV/Angstrom: {total.force_largest_in}"
        )
    show_extrapolation(structures, predictions, extrapolation)
    if calibration is not None:
        show_calibration(structures, calibrations, calibration)


def properties(
    potential: PotentialFolder,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="Settings file whose evaluation.properties says what to calculate; default: all "
            "properties of the element's crystal.",
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            help="Calculate other potentials too: evaluation.properties.baselines of FILE; "
            "default: EAM (with autune[eam]) and EMT, where they know the element."
        ),
    ] = True,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw the errors against DFT.")
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            "--curves", metavar="PNG", help="Draw what is a curve, as energy over volume."
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="CSV", help="Write the table, all digits.")
    ] = None,
    units: PotentialUnits = None,
) -> None:
    """Compare physical properties with DFT.

    Lattice constant, elastic constants, bulk modulus, surface energies, the energy of another
    crystal, of a vacancy and of a stacking fault, energies over volume; gold is compared with the
    built-in reference. Phonons, molecular dynamics and nanoparticles where a settings file asks for
    them. Those of a committee are means over its members, with standard deviations. Beside them
    stand those of other potentials, with their errors against the same DFT.

    \b
    Examples:
      autune properties potential
      autune properties committee --plot errors.png
      autune properties potential --settings search.yaml --csv properties.csv
    """
    from autune.cli.comparison import show_properties
    from autune.kernels.jit import say_if_kernels_compile
    from autune.potential.committee import Committee
    from autune.properties import (
        check_baselines,
        check_properties,
        compute_baselines,
        compute_properties,
    )
    from autune.properties.defaults import default_properties

    _refuse_places(figures=(plot, curves), tables=(csv,))
    loaded = load_potential(potential, units)
    wanted = (
        default_properties(loaded.elements)
        if settings is None
        else _properties_of(settings, loaded.elements)
    )
    if not baselines:
        wanted = wanted.model_copy(update={"baselines": {}})
    check_properties(wanted, loaded.elements)
    check_baselines(wanted, loaded.elements)
    say_if_kernels_compile()
    members = loaded.members if isinstance(loaded, Committee) else (loaded,)
    tables = [compute_properties(m.calculator(), wanted, loaded.elements) for m in members]
    others = compute_baselines(wanted, loaded.elements)
    show_properties(potential.resolve().name, tables, others, wanted, csv, plot)
    if curves is not None:
        from autune.report.curve_figure import plot_curves

        own = {f"potential {number}": table for number, table in enumerate(tables)}
        plot_curves(own | others, curves)


def _refuse_places(figures: Sequence[Path | None], tables: Sequence[Path | None]) -> None:
    """Refuse what cannot be written before anything is calculated, or written beside it."""
    for path in filter(None, figures):
        from autune.report.canvas import kinds_of

        kinds_of(path)
    for path in filter(None, (*figures, *tables)):
        check_place(path)


def load_potential(folder: Path, units: UnitName | None) -> Potential | Committee:
    """Load a potential, or the committee of those that lie in a folder."""
    from autune.potential.committee import Committee
    from autune.potential.member_folders import member_folders
    from autune.potential.model import Potential

    n_members = len(member_folders(folder))
    if n_members < 2:
        return Potential.load(folder, units)
    logger.info("%s: a committee of %d potentials", folder, n_members)
    return Committee.load(folder, units)


def _of_committee(
    predictions: Sequence[Prediction | CommitteePrediction],
) -> list[CommitteePrediction]:
    """Return the predictions that have a spread: all or none."""
    from autune.potential.committee import CommitteePrediction

    return [p for p in predictions if isinstance(p, CommitteePrediction)]


def _predict(
    potential: Potential | Committee, structures: Sequence[Structure]
) -> Sequence[Prediction | CommitteePrediction]:
    from autune.kernels.jit import say_if_kernels_compile

    say_if_kernels_compile()
    return [potential.predict(structure) for structure in structures]


def _properties_of(file: Path, elements: Sequence[str]) -> PropertiesSettings:
    """Read evaluation.properties of a settings file, whatever else it searches."""
    from autune.errors import ConfigError
    from autune.settings import Settings, read_yaml

    evaluation = read_yaml(file).get("evaluation")
    section = evaluation.get("properties") if isinstance(evaluation, dict) else None
    if section is None:
        raise ConfigError("evaluation.properties", f"is missing in {file}; add it")
    settings = Settings.from_mapping(
        {
            "name": "properties",
            "dataset": {"path": "-"},
            "potential": {"elements": elements},
            "evaluation": {"properties": section},
        }
    )
    found = settings.evaluation.properties
    assert found is not None
    known = found.known()
    if all(getattr(found, name) is None for name in known):
        raise ConfigError(
            "evaluation.properties",
            f"no property is named in {file}; name some of {', '.join(known)}, as "
            "lattice_constant: {}",
        )
    return found


VERBS = (predict, evaluate, properties)
