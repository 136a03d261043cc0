"""Verbs about a potential in other programs: check, serve."""

from __future__ import annotations

from dataclasses import asdict
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
from autune.cli.potentials import load_potential

if TYPE_CHECKING:
    from autune.lammps import Row

MISMATCH = 1
"""Exit code."""


def check(
    potential: PotentialFolder,
    lammps: Annotated[
        Path | None,
        typer.Option(
            "--lammps",
            metavar="PATH",
            help="Program; default: lmp, lmp_serial or lmp_mpi, or the Python module lammps.",
        ),
    ] = None,
    structures: Annotated[
        str | None,
        typer.Option(
            "--structures",
            metavar="FILE",
            help="Structures to compare; default: small cells, slabs, a cluster.",
        ),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="SCRIPT",
            help="Your input of LAMMPS, whose cutoff, units and elements must be those of the "
            "potential; default: in.lammps beside the potential.",
        ),
    ] = None,
    units: PotentialUnits = None,
    data_units: DataUnits = "ev-angstrom",
) -> None:
    """Compare a potential in LAMMPS with the same in autune.

    Runs it by pair_style hdnnp and compares energies, forces and virials. Exits with 1 if
    they differ by more than 1e-6 eV per atom, eV/Angstrom, or eV per atom (times the largest value,
    where that is above 1): LAMMPS reads and writes 17 digits, what differs is the order of sums.
    LAMMPS needs its package ML-HDNNP; where there is none, this says how to get one.

    \b
    Examples:
      autune check potential
      autune check potential --lammps ~/lammps/build/lmp --structures slabs.extxyz
      autune check published --units hartree-bohr --input in.melt
    """
    from autune.dataset import Dataset
    from autune.formats.files import is_file
    from autune.kernels.jit import say_if_kernels_compile
    from autune.lammps import check_potential, check_script, find_lammps
    from autune.lammps.examples import example_structures
    from autune.potential.committee import Committee
    from autune.potential.member_folders import member_folders

    loaded = load_potential(potential, units)
    members = list(loaded.members) if isinstance(loaded, Committee) else [loaded]
    folders = member_folders(potential) if isinstance(loaded, Committee) else [potential]
    for folder, member in zip(folders, members, strict=True):
        own = folder / "in.lammps"
        if script is not None:
            check_script(script, member)
        elif is_file(own) and "hdnnp" in own.read_text(errors="replace"):
            check_script(own, member)
    compared = (
        example_structures(loaded.elements)
        if structures is None
        else Dataset.read(structures, data_units).structures
    )
    program = find_lammps(lammps)
    say_if_kernels_compile()
    differ = 0
    for folder, member in zip(folders, members, strict=True):
        rows = check_potential(program, folder, member, compared)
        _show(rows, str(folder))
        differ += sum(not row.agrees for row in rows)
    n = len(compared) * len(members)
    typer.echo(f"{program.name} ({program.version}): {n - differ} of {n} agree")
    if differ:
        raise typer.Exit(MISMATCH)


def _show(rows: list[Row], title: str) -> None:
    from autune.report.tables import tabulate

    shown = [
        {name: value for name, value in asdict(row).items() if name not in ("agrees", "reason")}
        | {"agrees": "yes" if row.agrees else "no"}
        for row in rows
    ]
    print_table(tabulate(shown), title)
    for row in rows:
        if row.reason:
            typer.echo(f"{row.structure}: LAMMPS stopped: {row.reason}")


def serve(
    potential: PotentialFolder,
    structure: StructureFile,
    unixsocket: Annotated[
        str | None,
        typer.Option("--unixsocket", metavar="NAME", help="Socket /tmp/ipi_NAME of this machine."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port of the other program.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Machine of the other program; what it sends is trusted.")
    ] = "localhost",
    units: PotentialUnits = None,
    data_units: DataUnits = "ev-angstrom",
) -> None:
    """Answer i-PI, or another program that speaks its protocol.

    Connects to the program, which listens already, and sends energies, forces and virials
    until it ends. FILE has the elements in its order of atoms, and a cell if there is one. Nothing
    listens here: it connects to this machine unless --host names another.

    \b
    Examples:
      autune serve potential start.xyz --unixsocket gold
      autune serve potential start.xyz --port 31415
    """
    from autune.dataset import Dataset
    from autune.errors import ConfigError
    from autune.kernels.jit import say_if_kernels_compile
    from autune.potential.serving import serve_potential

    if (unixsocket is None) == (port is None):
        raise ConfigError("", "give --unixsocket NAME or --port N, and not both")
    loaded = load_potential(potential, units)
    first = Dataset.read(structure, data_units).structures[0]
    if host not in ("localhost", "127.0.0.1", "::1") and unixsocket is None:
        typer.echo(f"connecting to another machine, {host}: nothing is encrypted", err=True)
    say_if_kernels_compile()
    answers = warned = 0
    for outside in serve_potential(loaded, first, unixsocket=unixsocket, port=port, host=host):
        answers += 1
        warned += outside > 0
    typer.echo(f"{answers} answers; {warned} with atoms outside the range of the training set")


VERBS = (check, serve)
