from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread

from autune.errors import ConfigError, DataError
from autune.evaluation.accuracy import compare
from autune.properties.table import PropertyRow, PropertyTable
from autune.report import figures
from autune.report.comparison_figure import plot_comparison
from autune.structures import Structure
from autune.training.epoch import Epoch

EPOCHS = [
    Epoch(seed, n, 0.1 / (n + 1), 0.12 / (n + 1), 0.3 / (n + 1), 0.4 / (n + 1), 1.0, 1.0)
    for seed in (0, 1)
    for n in range(6)
]
TABLE = PropertyTable(
    (
        PropertyRow("lattice_constant", 4.18, "Angstrom", 4.1759, 0.003),
        PropertyRow("C44", None, "GPa", 27.7, 4.0, "ran away"),
        PropertyRow("C11", 150.0, "GPa"),
    )
)


def comparisons():
    generator = np.random.default_rng(3)
    structures, predictions = [], []
    for group in ("fcc", "bcc"):
        forces = generator.normal(size=(5, 3))
        numbers, positions = np.full(5, 79), generator.normal(size=(5, 3))
        structures.append(Structure(numbers, positions, None, -15.0, forces, group=group))
        predictions.append(SimpleNamespace(energy=-15.1, forces=forces + 0.05))
    return compare(structures, predictions)


def trials():
    complete = [
        {"number": n, "score": 3.0 / (n + 1), "energy_rmse": 0.01 / (n + 1),
         "force_rmse": 0.05, "property_error": error}
        for n, error in enumerate((1.0, 2.0, 100.0, float("nan")))
    ]  # fmt: skip
    return [*complete, {"number": 4, "state": "pruned"}, {"number": 5, "score": float("inf")}]


DRAWINGS = {
    "learning": lambda path: figures.plot_learning_curve(EPOCHS, path, {0: 4, 1: 5}),
    "parity": lambda path: figures.plot_parity(comparisons(), path),
    "search": lambda path: figures.plot_search(trials(), path),
    "properties": lambda path: plot_comparison({"HDNNP": TABLE, "EAM": TABLE}, path),
}


def shows_blue(picture) -> bool:
    """The first colour of the palette, #0072B2."""
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    return bool((np.abs(picture[..., :3] - blue) < 0.2).all(axis=-1).sum() > 50)


@pytest.mark.parametrize("name", DRAWINGS)
def test_figure_shows_data(name, tmp_path):
    path = tmp_path / f"{name}.png"
    DRAWINGS[name](path)
    picture = imread(path)
    height, width, _ = picture.shape
    assert width > 1000
    assert height > 300
    assert shows_blue(picture)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_changes_the_data_changes_the_figure(tmp_path):
    figures.plot_learning_curve(EPOCHS, tmp_path / "a.png")
    figures.plot_learning_curve(EPOCHS, tmp_path / "b.png")
    figures.plot_learning_curve(EPOCHS, tmp_path / "c.png", {0: 2})
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_values_that_are_not_finite_are_left_out(tmp_path):
    nan = float("nan")
    epochs = [Epoch(0, n, 0.1, nan, 0.3, nan, nan, 1.0) for n in range(3)]
    figures.plot_learning_curve(epochs, tmp_path / "no_test_set.png", {0: 2})
    figures.plot_search([{"number": 0, "score": nan}], tmp_path / "failed.png")


def shows(picture, colour: str) -> int:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return int((np.abs(picture[..., :3] - rgb) < 0.05).all(axis=-1).sum())


def test_what_breaks_a_constraint_is_no_compromise(tmp_path):
    kept = [
        {"number": n, "score": score, "energy_rmse": 0.01 * score, "force_rmse": 0.05 / score}
        for n, score in enumerate((3.0, 2.0, 1.5))
    ]
    better = {"number": 3, "score": 0.1, "energy_rmse": 0.001, "force_rmse": 0.001}
    figures.plot_search([*kept, better], tmp_path / "free.png")
    figures.plot_search([*kept, {**better, "violation": 0.5}], tmp_path / "bound.png")
    figures.plot_search([*kept, {**better, "state": "stopped"}], tmp_path / "without.png")
    free, bound, without = (
        imread(tmp_path / f"{name}.png") for name in ("free", "bound", "without")
    )
    orange = "#D55E00"  # best so far, and the front
    assert shows(bound, orange) == pytest.approx(shows(without, orange), rel=0.1)
    assert shows(free, orange) > 1.5 * shows(bound, orange)
    assert not np.array_equal(bound, without)


def test_nothing_to_draw_is_refused(tmp_path):
    path = tmp_path / "figure.png"
    with pytest.raises(DataError, match="no epochs"):
        figures.plot_learning_curve([], path)
    with pytest.raises(DataError, match="no trials"):
        figures.plot_search([], path)
    with pytest.raises(DataError, match="no property has a reference"):
        plot_comparison({"a": PropertyTable(TABLE.rows[2:])}, path)
    assert not path.exists()


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        figures.plot_learning_curve(EPOCHS, tmp_path / "file" / "figure.png")


def test_kind_is_that_of_the_suffix(tmp_path):
    figures.plot_learning_curve(EPOCHS, tmp_path / "LARGE.SVG")
    assert (tmp_path / "LARGE.SVG").read_text().startswith("<?xml")
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(ConfigError, match=r"PNG or SVG; name a file that ends with .*table\.csv"):
        figures.plot_learning_curve(EPOCHS, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "a,b"
    for folder in (".", "/", ".."):
        with pytest.raises(ConfigError, match="is a folder; name a file"):
            figures.plot_learning_curve(EPOCHS, folder)
