"""Stands in for a LAMMPS with ML-HDNNP: reads what autune wrote, predicts by autune itself.

FAULT in the environment makes it wrong: forces, virial, order (elements by atomic number, whatever
pair_coeff says), stop (before the second structure).
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

FAULT = os.environ.get("FAULT", "")
BAR = 1.6021765e6
LENGTH, ENERGY = 1.8897261246, 0.0367493221757


def predict(block: str) -> None:
    import numpy as np  # only now: what asks for styles does not wait
    from ase.data import atomic_numbers
    from ase.io import read

    from autune.potential.model import Potential

    number = int(re.search(r"read_data structure\.(\d+)", block)[1])
    if FAULT == "stop" and number == 1:
        sys.stdout.write("ERROR: Too many extrapolation warnings\n")
        sys.exit(1)
    style = re.search(r"^pair_style .*?hdnnp (\S+) dir \"(\S+)\"(.*)$", block, re.MULTILINE)
    coefficients = re.search(r"^pair_coeff \* \* (?:hdnnp )?(.*)$", block, re.MULTILINE)
    units = "ev-angstrom"
    if "cflength" in style[3]:
        words = style[3].split()
        given = [float(words[words.index(name) + 1]) for name in ("cflength", "cfenergy")]
        assert np.allclose(given, [LENGTH, ENERGY], rtol=1e-9)
        units = "hartree-bohr"
    potential = Potential.load(style[2], units)
    if float(style[1]) < potential.r_cutoff:
        sys.stdout.write("ERROR: Inconsistent cutoff radius\n")
        sys.exit(1)
    types = coefficients[1].split()
    if FAULT == "order":
        types = sorted(types, key=lambda e: atomic_numbers.get(e, 0))
    assert f"{len(types)} atom types" in Path(f"structure.{number}").read_text()
    of_type = {i: atomic_numbers.get(element, 0) for i, element in enumerate(types, start=1)}
    atoms = read(
        f"structure.{number}", format="lammps-data", units="metal", atom_style="atomic",
        Z_of_type=of_type, sort_by_id=True,
    )  # fmt: skip
    atoms.pbc = "boundary p p p" in block
    prediction = potential.predict(atoms)
    forces = prediction.forces * (1.001 if FAULT == "forces" else 1.0)
    volume = atoms.get_volume()
    pressure = -prediction.virial / volume * BAR * (-1.0 if FAULT == "virial" else 1.0)
    rows = "\n".join(f"{i} {x} {y} {z}" for i, (x, y, z) in enumerate(forces, start=1))
    Path(f"forces.{number}").write_text("ITEM\n" * 9 + rows + "\n")
    xx, yy, zz, xy, xz, yz = pressure[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    Path(f"numbers.{number}").write_text(
        f"{prediction.energy} {volume} {xx} {yy} {zz} {xy} {xz} {yz}\n"
    )


sys.stdout.write("LAMMPS (1 Jan 2026)\n")
script = Path(sys.argv[sys.argv.index("-in") + 1]).read_text()
if "info styles" in script:
    sys.stdout.write("Pair styles:\n\nhdnnp  lj/cut  zero\n")
for part in script.split("clear\n")[1:]:
    predict(part)
