"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autune.settings import Settings
from autune.space import SearchSpace, read_layers

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "autune").rglob("*.py"))
SEARCH_SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))
STUDIES = [path for path in SEARCH_SPACES if "sampler: grid" in path.read_text()]

HEAVY = {
    *("ray", "mlflow", "optuna", "pandas", "matplotlib", "numba", "mpi4py", "scipy", "ase"),
    "phonopy",
}
DOORS = {
    "ase": (
        *("formats.atoms", "potential.calculator", "potential.committee", "potential.model"),
        *("potential.serving", "properties", "ase_plugin"),
    ),
    "mpi4py": ("training.parallel",),
}
FREE = ("ase.data",)  # element tables


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("package", DOORS)
def test_package_comes_in_by_its_doors(package: str) -> None:
    doors = tuple(f"autune.{door}" for door in DOORS[package])
    strays = {
        f"{dotted(path)} imports {name}"
        for path in MODULES
        if not dotted(path).startswith(doors)
        for name in imports_of(path)
        if name.split(".")[0] == package and not name.startswith(FREE)
    }
    assert not strays


def test_modules_are_short() -> None:
    lengths = {dotted(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_import_is_light() -> None:
    code = "import sys; before = set(sys.modules); import autune; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    imported = done.stdout.split()
    assert "autune" in imported
    assert not HEAVY.intersection(imported)
    assert len(imported) < 50


def test_opening_a_study_leaves_importances_alone() -> None:
    code = "import sys; import autune.search.study.study; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    imported = done.stdout.split()
    assert "optuna" in imported
    assert not {"optuna.importance", "sklearn"}.intersection(imported)


@pytest.mark.parametrize("path", SEARCH_SPACES, ids=lambda path: path.stem)
def test_points_of_search_space_are_settings(path: Path) -> None:
    space = SearchSpace.read(path)
    generator = np.random.default_rng(1)
    settings = [space.apply(space.sample(generator)) for _ in range(50)]
    assert all(isinstance(s, Settings) for s in settings)
    assert {s.name for s in settings} == {path.stem}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_asks_the_same_of_copper(path: Path) -> None:
    folder = ROOT / "search_spaces" / "copper"
    others = [folder / "all.yaml", folder / f"{path.stem.removeprefix('gold_')}.yaml"]
    space = SearchSpace.from_mapping(read_layers(path, [o for o in others if o.exists()]))
    settings = space.example()
    assert settings.potential.elements == (settings.evaluation.properties.element,) == ("Cu",)
    assert settings.search.trials == len(space.grid())
    assert settings.evaluation.seeds >= 3


def test_make_takes_structures_from_its_command_line_alone() -> None:
    def said(*words: str) -> str:
        command = ["make", "-n", "studies", "STUDIES=cutoff", *words]
        environment = {**os.environ, "DATA": "elsewhere"}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert "dataset.path" not in said()
    assert "--set 'dataset.path=my folder'" in said("MATERIAL=copper", "DATA=my folder")


def test_make_runs_all_studies() -> None:
    listed = re.findall(r"^STUDIES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {f"gold_{name}" for name in listed[0].split()} == {path.stem for path in STUDIES}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_trains_every_point_with_all_seeds(path: Path) -> None:
    space = SearchSpace.read(path)
    settings = space.example()
    search = settings.search
    assert (search.pruner, search.racing) == ("none", False)
    assert search.trials == len(space.grid())
    # Points are not compared by errors that have chosen the epoch.
    assert search.trials == 1 or settings.training.keep == "last"
    assert settings.evaluation.seeds >= 3
    assert f"autune search search_spaces/{path.name}" in path.read_text()


def test_constraints_fix_every_dependency() -> None:
    constraints = (ROOT / "constraints.txt").read_text().split()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in constraints}
    pyproject = (ROOT / "pyproject.toml").read_text()
    wanted = set(re.findall(r'^    "([a-z0-9-]+)(?:\[\w+\])?>=', pyproject, re.MULTILINE))
    assert len(wanted) > 20
    assert wanted - pinned == set()
