"""Curves become a figure, whatever is missing of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.image import imread

from autune.errors import DataError
from autune.properties import Curve, PropertyTable
from autune.report.curve_figure import plot_curves
from autune.report.tables import tabulate_curves

FCC = Curve(
    *("equation_of_state_fcc", "volume", "Angstrom^3/atom", "energy above fcc", "meV/atom"),
    tuple(np.linspace(15.0, 21.0, 15)),
    tuple(10.0 * (np.linspace(15.0, 21.0, 15) - 18.0) ** 2),
    (17.0, 18.0, 19.0),
    (11.0, 0.5, 9.0),
)
BCC = dataclasses.replace(FCC, name="equation_of_state_bcc", y=tuple(y + 20.0 for y in FCC.y))
SIZES = Curve(
    *("nanoparticles_icosahedron", "number of atoms N", "", "excess energy / N^(2/3)", "eV"),
    (13.0, 55.0),
    (2.1, 2.0),
)
FAILED = dataclasses.replace(FCC, name="equation_of_state_sc", x=(), y=(), reason="ran away")


def table(*curves):
    return PropertyTable((), curves)


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize("n_potentials", [1, 2])
def test_figures_are_drawn(tmp_path, suffix, n_potentials):
    path = tmp_path / f"curves.{suffix}"
    other = table(FAILED, BCC)
    plot_curves(
        dict([("HDNNP", table(FCC, BCC, FAILED, SIZES)), ("EAM", other)][:n_potentials]), path
    )
    if suffix == "svg":
        text = path.read_text()
        assert "volume [Å$^{3}$/atom]" in text
        assert "excess energy / N$^{2/3}$ [eV]" in text
        assert ">DFT</text>" in text
        assert (">EAM</text>" in text) == (n_potentials == 2)
    else:
        picture = imread(path)
        assert picture.std() > 0.02
        wide, narrow = picture.shape[1], tmp_path / "one.png"
        plot_curves({"HDNNP": table(FCC)}, narrow)
        assert imread(narrow).shape[1] < 0.6 * wide


def test_nothing_to_draw(tmp_path):
    for empty in (table(), table(dataclasses.replace(FAILED, reference_x=(), reference_y=()))):
        with pytest.raises(DataError, match="no curve has a point"):
            plot_curves({"HDNNP": empty}, tmp_path / "curves.png")


def test_curves_as_a_table():
    frame = tabulate_curves(table(FCC, FAILED))
    assert list(frame.columns) == [
        *("curve", "x_label", "x_unit", "y_label", "y_unit", "source", "x", "y", "reason"),
    ]
    assert len(frame) == 15 + 3 + 1 + 3
    calculated = frame[(frame["curve"] == FCC.name) & (frame["source"] == "calculated")]
    assert tuple(calculated["x"]) == FCC.x
    assert tuple(calculated["y"]) == FCC.y
    failed = frame[frame["reason"] == "ran away"]
    assert len(failed) == 1
    assert failed["x"].isna().all()
