"""Files of structures: input.data, extended XYZ and those of other programs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import runpy
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from fuzz_mutations import mutate_bytes, mutate_file

from autune.dataset import (
    Dataset,
    check_trainable,
    describe_dataset,
    split_dataset,
    write_dataset,
)
from autune.errors import AutuneError
from autune.settings import DatasetSettings

ROOT = Path(__file__).parents[2]
N2P2 = ROOT / "tests" / "reference" / "n2p2"


def use_structures(path: Path, output: Path) -> None:
    """Do what ``autune data info`` and a search do before the first trial, and convert."""
    dataset = Dataset.read(path)
    describe_dataset(dataset)
    refused = None
    for suffix in (".extxyz", ".data"):
        written = output / f"all{suffix}"
        try:
            write_dataset(written, dataset.structures)
        except AutuneError as error:
            refused = error
            assert not written.exists()
        else:
            check_same(dataset, Dataset.read(written))
    check_folder(output)
    dataset = split_dataset(dataset, DatasetSettings(path=str(path), test_fraction=0.3))
    check_trainable(dataset, dataset.elements, 4.0)
    if refused is not None:
        raise refused


def check_same(a: Dataset, b: Dataset) -> None:
    """Compare what was written with what was read."""
    assert len(a.structures) == len(b.structures)
    for s, t in zip(a.structures, b.structures, strict=True):
        for name in ("numbers", "positions", "cell", "forces"):
            np.testing.assert_array_equal(getattr(s, name), getattr(t, name))
        assert (s.energy, s.weight, s.group) == (t.energy, t.weight, t.group)


def check_folder(output: Path) -> None:
    """Refuse files that were begun and not finished, and start again with an empty folder."""
    assert not [path.name for path in output.iterdir() if path.name.startswith(".")]
    for path in output.iterdir():
        path.unlink()


def make_input_data(rng: random.Random, folder: Path) -> Path:
    """Change an input.data of n2p2."""
    path = folder / rng.choice(("input.data", "x.data"))
    path.write_bytes(mutate_file(rng, rng.choice(input_data())))
    return path


@cache
def input_data() -> tuple[bytes, ...]:
    """Some n2p2 data sets of a few structures, and one with comments and sides."""
    few = [path.read_bytes() for path in sorted((N2P2 / "structures").glob("*.data"))]
    named = """\
begin set=train
comment group=fcc name=a%20b weight=2.0
lattice 4.0 0.0 0.0
lattice 0.0 4.0 0.0
lattice 0.0 0.0 4.0
atom 0.0 0.0 0.0 Au 0.0 0.0 0.0 0.0 0.1
atom 2.0 2.0 0.0 Au 0.0 0.0 0.0 0.0 -0.1
energy -3.0
charge 0.0
end
begin set=test
comment molecule
atom 0.0 0.0 0.0 Cu 0.0 0.0 0.1 0.0 0.0
atom 2.0 2.0 0.0 Au 0.0 0.0 -0.1 0.0 0.0
energy -1.0
charge 1.0
end
"""
    return tuple(data for data in few if len(data) < 20_000) + (named.encode(),) * 4


def make_extxyz(rng: random.Random, folder: Path) -> Path:
    """Change some structures of the gold set or a file as other programs write it."""
    path = folder / rng.choice(("x.extxyz", "x.xyz"))
    path.write_bytes(mutate_file(rng, rng.choice(extxyz())))
    return path


@cache
def extxyz() -> tuple[bytes, ...]:
    """A few structures of the gold set, and files as other programs write them."""
    lines = (ROOT / "autune" / "datasets" / "gold.extxyz").read_text().splitlines(keepends=True)
    frames, at = [], 0
    while at < len(lines):
        end = at + 2 + int(lines[at])
        frames.append("".join(lines[at:end]))
        at = end
    several = ["".join(frames[:8]), "".join(frames[-2:]), "".join(frames[10:90:20])]
    other = """\
3
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:move_mask:L:1:Z:I:1:forces:R:3 \
energy=-1.5 free_energy=-1.4 virial="1 0 0 0 1 0 0 0 1" stress="1 0 0 0 1 0 0 0 1" pbc="T T F" \
config_type=slab weight=0.5 split=train charge=1 dipole="0 0 1" flag=T count=3 text="a b" list=[1,2]
Au 0 0 0 T 79 0 0 0.5
Cu 2 2 0 T 29 0 0 0.5
H 0 2 2.5 F 1 0 0 -1.0
2
no keys at all
O 0 0 0
O 0 0 1.2
"""
    return tuple(text.encode() for text in (*several, other, other))


def make_other(rng: random.Random, folder: Path) -> Path:
    """Change a file of another program, an archive, or files of a folder."""
    if rng.random() < 0.05:
        path = folder / rng.choice(("x.xyz.gz", "x.extxyz.bz2", "x.xyz.xz"))
        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[path.suffix]
        data = rng.choice(extxyz())
        if rng.random() < 0.5:
            path.write_bytes(pack(mutate_file(rng, data)))
        else:
            path.write_bytes(mutate_bytes(rng, pack(data)))
        return path
    several = rng.random() < 0.1
    for _ in range(3 if several else 1):
        name, data, is_text = rng.choice(other_files())
        path = folder / name
        path.write_bytes(mutate_file(rng, data) if is_text else mutate_bytes(rng, data))
    return folder if several else path


FORMATS = {
    "a.traj": "traj", "a.db": "db", "a.json": "json", "POSCAR": "vasp", "XDATCAR": "vasp-xdatcar",
    "a.cif": "cif", "a.xsf": "xsf", "a.cube": "cube", "geometry.in": "aims", "a.gen": "gen",
    "a.pdb": "proteindatabank", "a.gro": "gromacs", "a.cfg": "cfg", "a.con": "eon", "a.mol": "mol",
    "a.sdf": "sdf", "a.res": "res", "a.xsd": "xsd", "a.magres": "magres", "a.arc": "dmol-arc",
    "a.nwi": "nwchem-in", "a.com": "gaussian-in", "a.struct": "struct", "a.g96": "gromos",
    "coord": "turbomole", "a.rmc6f": "rmc6f", "a.md": "castep-md", "a.geom": "castep-geom",
}  # fmt: skip
"""Files that ASE writes, by their name, and the format."""

BINARY = {"a.traj", "a.db"}

OUTPUTS = {"vasprun.xml": "VASPRUN", "gold.pwo": "PWSCF"}
"""Outputs that the tests of the readers have, by their name there."""


@cache
def other_files() -> tuple[tuple[str, bytes, bool], ...]:
    """Name, content, and whether it is text, of files in ASE's formats."""
    atoms = bulk("Au", cubic=True)
    atoms.rattle(0.05, seed=1)
    forces = np.zeros((4, 3))
    atoms.calc = SinglePointCalculator(atoms, energy=-3.0, forces=forces, stress=np.zeros(6))
    outputs = runpy.run_path(str(ROOT / "tests" / "formats" / "test_formats_atoms.py"))
    files = [(name, outputs[text].encode(), True) for name, text in OUTPUTS.items()] * 4
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in FORMATS.items():
            path = Path(folder) / name
            images: Any = [atoms, atoms] if name in ("a.traj", "a.json", "a.db") else atoms
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(path, images, format=kind)
            times = 4 if name in ("a.traj", "a.db", "a.json") else 1
            files += [(name, path.read_bytes(), name not in BINARY)] * times
    return tuple(files)
