"""The figure of a calibration."""

from __future__ import annotations

import numpy as np
import pytest

from autune.errors import DataError
from autune.evaluation.calibration import Calibration, calibrate
from autune.report.calibration_figure import plot_calibration


def calibration(quantity, n, scale=2.0) -> Calibration:
    generator = np.random.default_rng(1)
    spread = 0.01 * np.exp(generator.normal(size=n))
    spread[0] = 0.0  # fixed by symmetry
    error = scale * spread * generator.normal(size=n)
    error[1] = 0.0
    return calibrate(quantity, 10, error, spread, np.arange(n) // 5)


def test_figure_shows_what_is_compared(tmp_path):
    panels = [calibration("energy", 100), calibration("force", 5000)]
    for name in ("a.svg", "b.svg"):
        plot_calibration(panels, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for words in (
        "error = spread", "error = α spread", "single values",
        "spread of energies, 10 members [meV/atom]",
        "spread of force components, 10 members [eV/Å]",
        f"α = {panels[0].alpha:.3g} (", f"α = {panels[1].alpha:.3g} (",
    ):  # fmt: skip
        assert f">{words}" in text


@pytest.mark.parametrize("n", [3, 7])
def test_few_values(n, tmp_path):
    plot_calibration([calibration("energy", n)], tmp_path / "few.png")
    assert (tmp_path / "few.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw(tmp_path):
    with pytest.raises(DataError):
        plot_calibration([], tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []
