"""Spread against error: toy committees whose calibration is known."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.stats import spearmanr

from autune.errors import DataError
from autune.evaluation.bootstrap import intervals_of_root_mean_squares
from autune.evaluation.calibration import calibrate, measure_calibration
from autune.evaluation.rank_correlation import rank_correlation
from autune.report.calibration import (
    calibration_bin_rows,
    calibration_rows,
    describe_calibration,
)
from autune.structures import Structure


def draw(n_members: int, scale: float, n: int = 20_000, seed: int = 1):
    """Errors of normally distributed members whose truth is as far away as scale times them."""
    generator = np.random.default_rng(seed)
    sigma = np.exp(generator.normal(0.0, 0.7, n))
    members = sigma * generator.normal(size=(n_members, n))
    error = members.mean(axis=0) - scale * sigma * generator.normal(size=n)
    structure = np.arange(n) * min(n // 20, 500) // n
    return calibrate("force", n_members, error, members.std(axis=0, ddof=1), structure)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_many_members(scale):
    found = draw(400, scale, n=4000)
    assert found.alpha == pytest.approx(scale, rel=0.03)
    assert found.alpha_low < scale < found.alpha_high
    assert found.alpha_corrected == pytest.approx(scale, rel=0.03)
    assert (found.expected_within_one, found.expected_within_two) == pytest.approx(
        (0.683, 0.954), abs=2e-3
    )
    expected = [math.erf(k / scale / math.sqrt(2)) for k in (1, 2)]
    assert [found.within_one, found.within_two] == pytest.approx(expected, abs=0.02)
    assert found.normalized_error == pytest.approx(scale - 1.0, abs=0.08)
    for b in found.bins:
        assert b.error_low < scale * b.spread < b.error_high or b.error == pytest.approx(
            scale * b.spread, rel=0.1
        )


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("n_members", [6, 12])
def test_few_members_are_corrected_for(n_members, scale):
    found = draw(n_members, scale, n=100_000)
    biased = math.sqrt((scale**2 + 1 / n_members) * (n_members - 1) / (n_members - 3))
    assert found.alpha == pytest.approx(biased, rel=0.06)
    assert found.alpha_corrected == pytest.approx(scale, rel=0.06)


@pytest.mark.parametrize("n_members", [3, 5, 10])
def test_share_of_errors_that_few_members_expect(n_members):
    found = draw(n_members, 1.0, n=50_000)
    assert found.within_one == pytest.approx(found.expected_within_one, abs=0.01)
    assert found.within_two == pytest.approx(found.expected_within_two, abs=0.01)
    student = stats.t(n_members - 1, scale=math.sqrt(1 + 1 / n_members))
    assert found.expected_within_one == pytest.approx(1.0 - 2.0 * student.sf(1.0), abs=1e-9)


@pytest.mark.parametrize("n_members", [2, 3])
def test_correction_that_is_infinite(n_members):
    found = draw(n_members, 1.0, n=200)
    assert math.isnan(found.alpha_corrected)
    assert "corrected" not in describe_calibration(found)


def test_bins_have_equal_population_and_rising_spread():
    found = draw(8, 1.0, n=1000)
    assert [b.n for b in found.bins] == [100] * 10
    assert np.all(np.diff([b.spread for b in found.bins]) > 0)
    squares = [b.error**2 for b in found.bins]
    assert np.mean(squares) == pytest.approx(np.mean(found.error**2))
    few = draw(8, 1.0, n=40)
    assert [b.n for b in few.bins] == [10] * 4
    assert len(draw(8, 1.0, n=20).bins) == 2
    assert math.isnan(draw(8, 1.0, n=20).bins[0].error_low), "all of one structure"


def test_intervals_cover_the_truth_though_errors_of_a_structure_belong_together():
    generator = np.random.default_rng(5)
    covered = independent = 0
    for _ in range(30):
        squares = [np.repeat(generator.normal(size=30), 10) ** 2]
        (low,), (high,) = intervals_of_root_mean_squares(squares, [np.arange(300) // 10])
        covered += low < 1.0 < high
        (low,), (high,) = intervals_of_root_mean_squares(squares, [np.arange(300)])
        independent += low < 1.0 < high
    assert covered >= 25
    assert independent < 20


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(2)
    x = generator.integers(0, 8, size=60).astype(float)
    y = x + generator.integers(0, 8, size=60)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert math.isnan(rank_correlation(np.ones(4), np.arange(4.0)))


def structure(energy, forces) -> Structure:
    positions = np.arange(6.0).reshape(2, 3)
    return Structure(np.full(2, 79), positions, None, energy, forces)


def prediction(energy, energy_std, forces, forces_std) -> SimpleNamespace:
    return SimpleNamespace(
        energy=energy, energy_std=energy_std, members=(None,) * 4,
        forces=np.array(forces), forces_std=np.array(forces_std),
    )  # fmt: skip


def test_energies_are_per_atom_and_forces_by_component():
    zero = np.zeros((2, 3))
    structures = [structure(-4.0, zero), structure(-4.0, None), structure(None, zero + 1.0)]
    spreads = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.0]]
    predictions = [
        prediction(-3.8, 0.1, zero + 0.3, spreads),
        prediction(-4.4, 0.2, zero + 9.0, zero + 9.0),
        prediction(0.0, 1.0, zero, spreads),
    ]
    energy, force = measure_calibration(structures, predictions)
    assert (energy.quantity, energy.n_members, energy.n_structures) == ("energy", 4, 2)
    np.testing.assert_allclose(energy.error, [0.1, -0.2])
    np.testing.assert_allclose(energy.spread, [0.05, 0.1])
    assert energy.alpha == pytest.approx(2.0)
    assert (force.n_structures, force.n_left_out, len(force.error)) == (2, 2, 10)
    np.testing.assert_allclose(force.error, [0.3] * 5 + [-1.0] * 5)
    np.testing.assert_allclose(force.spread, [0.1, 0.2, 0.3, 0.4, 0.5] * 2)
    assert force.within_one == 0.2  # 0.3 within 0.4 and 0.5
    only_energies = [structure(-4.0, None), structure(-5.0, None)]
    assert [c.quantity for c in measure_calibration(only_energies, predictions[:2])] == ["energy"]


def test_forces_that_symmetry_decides_leave_energies():
    structures = [structure(-4.0 + 0.1 * n, np.zeros((2, 3))) for n in range(4)]
    predictions = [prediction(-4.0, 0.1, np.zeros((2, 3)), np.zeros((2, 3))) for _ in range(4)]
    assert [c.quantity for c in measure_calibration(structures, predictions)] == ["energy"]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="no energies or forces"):
        measure_calibration([], [])
    zero = np.zeros((2, 3))
    with pytest.raises(DataError, match="do not differ in any energy"):
        measure_calibration([structure(-4.0, None)], [prediction(-4.0, 0.0, zero, zero)])


def test_rows_and_sentence():
    found = draw(10, 3.0, n=1000)
    (row,) = calibration_rows([found])
    assert row["alpha_corrected"] == found.alpha_corrected
    assert row["n_values"] == 1000
    rows = list(calibration_bin_rows([found]))
    assert [r["unit"] for r in rows] == ["eV/Angstrom"] * 10
    assert rows[3]["error"] == found.bins[3].error
    energy = calibrate("energy", 10, found.error, found.spread, np.arange(1000))
    assert next(calibration_bin_rows([energy]))["spread"] == pytest.approx(
        1e3 * energy.bins[0].spread
    )
    text = describe_calibration(found)
    assert text.startswith(f"force: the error is {found.alpha:.3g} times the spread (")
    assert "of 1000 errors are within one spread" in text
