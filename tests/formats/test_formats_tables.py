from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers

from autune.architecture import Architecture, SymmetryFunction
from autune.errors import FormatError
from autune.formats.input_nn import read_input_nn
from autune.formats.tables import (
    Scaling,
    read_scaling,
    read_weights,
    write_scaling,
    write_weights,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "n2p2"
FOLDERS = sorted(p.parent for p in REFERENCE.glob("*/*/input.nn") if "alltypes" not in str(p))
COLUMNS = ("minimum", "maximum", "mean", "sigma")

SMALL = Architecture(
    elements=("H", "Cu"),
    symmetry_functions={
        "H": (SymmetryFunction(2, ("H",), 0.1, 0.0, 6.0),) * 2,
        "Cu": (SymmetryFunction(2, ("H",), 0.1, 0.0, 6.0),),
    },
    cutoff_type="cos",
    hidden_layers=(2,),
    activations=("tanh", "identity"),
)
OLD = "1 1 0 2 1\n1 2 0 3 1\n 2   1 0 4 1\n"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: f"{p.parts[-2]}-{p.parts[-1]}")
def test_reference_files_are_read_and_written_back(folder: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        architecture, _ = read_input_nn(folder / "input.nn")
    scaling = read_scaling(folder / "scaling.data", architecture)
    write_scaling(tmp_path / "scaling.data", architecture, scaling)
    lines = [
        [line for line in path.read_text().splitlines() if not line.startswith("#")]
        for path in (folder / "scaling.data", tmp_path / "scaling.data")
    ]
    assert lines[0] == lines[1]
    for element in architecture.elements:
        for path in sorted(folder.glob(f"weights.{atomic_numbers[element]:03d}.*")):
            weights = read_weights(path, architecture.n_weights(element))
            write_weights(tmp_path / "w", weights, architecture.layer_sizes(element))
            original = [line.split() for line in path.read_text().splitlines() if line[0] != "#"]
            ours = [line.split() for line in (tmp_path / "w").read_text().splitlines()]
            ours = [words for words in ours if words[0][0] != "#"]
            assert [words[0] for words in ours] == [words[0] for words in original]
            if path.suffix == ".out":  # these were written by n2p2
                assert ours == original


def test_every_double_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=1000) * 10.0 ** rng.integers(-300, 300, 1000)
    values[:4] = (0.1, -0.0, 5e-324, 1.7976931348623157e308)
    write_weights(tmp_path / "w", values, (999, 1))
    np.testing.assert_array_equal(read_weights(tmp_path / "w", 1000), values)
    scaling = {"H": Scaling(*rng.normal(size=(4, 2))), "Cu": Scaling(*rng.normal(size=(4, 1)))}
    write_scaling(tmp_path / "s", SMALL, scaling)
    found = read_scaling(tmp_path / "s", SMALL)
    for element in ("H", "Cu"):
        for column in COLUMNS:
            np.testing.assert_array_equal(
                getattr(found[element], column), getattr(scaling[element], column)
            )


def test_old_file_without_header_and_sigma_with_last_line(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(OLD + "  -1.5 2.5\n")
    found = read_scaling(tmp_path / "s", SMALL)
    np.testing.assert_array_equal(found["H"].maximum, [2.0, 3.0])
    assert np.isnan(found["Cu"].sigma).all()
    write_scaling(tmp_path / "again", SMALL, found)
    assert np.isnan(read_scaling(tmp_path / "again", SMALL)["H"].sigma).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OLD[:-14], "expected function 1 of 1 of Cu, found the end of the file"),
        (OLD + "2 2 0 4 1\n", "line 4: found more functions than input.nn has"),
        (
            OLD.replace("1 2", "1 3"),
            "line 2: expected element 1, function 2; found 1, 3; is a line m",
        ),
        (OLD.replace("3 1", "3 x"), "line 2: expected a number, found 'x'"),
        (OLD.replace("3 1", "nan 1"), "line 2: expected a finite number, found 'nan'"),
        (OLD.replace("0 3 1", "0"), "line 2: expected element, function, min, .* found 3 words"),
    ],
)
def test_wrong_scaling(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_scaling(tmp_path / "s", SMALL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n", "expected 3 weights, found 2"),
        ("1\n2\n3\n4\n", "expected 3 weights, found 4"),
        ("1\n# two\ntwo\n3\n", "line 3: expected a number, found 'two'"),
        ("1\ninf\n3\n", "line 2: expected a finite number, found 'inf'"),
    ],
)
def test_wrong_weights(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "w").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_weights(tmp_path / "w", 3)


def test_sigma_is_needed_where_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(OLD)
    with pytest.raises(FormatError, match="has no sigma of H"):
        read_scaling(tmp_path / "s", replace(SMALL, scaling="sigma"))
