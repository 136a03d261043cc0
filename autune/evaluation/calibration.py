"""Whether the spread of a committee is as large as its errors.

Notation
--------
======== ===================================================================
symbol   meaning
======== ===================================================================
M        number of members
y, e     reference, and its difference from the members' mean
s        standard deviation over the members (M - 1)
z        e / s
======== ===================================================================

Energies are taken per atom, forces by their components, as errors are everywhere.  What holds of
structures that a member was trained with says nothing about others.

Scale
    Normally distributed errors of standard deviation alpha s are most likely for alpha^2 =
    mean(z^2) (Musil, Willatt, Langovoy, Ceriotti, J. Chem. Theory Comput. 15, 906 (2019), v_0 in
    section 2.4).  A spread of few members is itself uncertain, and where it is small by chance z
    is large.  If the members are draws from a normal distribution of width sigma and the
    reference is one from that of width alpha sigma, then e has the variance sigma^2 (alpha^2 +
    1/M), and s^2/sigma^2 is chi^2/(M - 1) of M - 1 degrees of freedom, whose inverse has the mean
    (M - 1)/(M - 3), so that alpha^2 = (M - 3)/(M - 1) mean(z^2) - 1/M (Imbalzano, Zhuang, Kapil,
    Rossi, Engel, Grasselli, Ceriotti, J. Chem. Phys. 154, 074102 (2021), estimator for finite
    committees).  Of five members or fewer mean(z^2) has no finite variance: values that are close
    to each other by chance decide it.

Coverage
    The share of |z| < 1 and < 2.  For a reference that is one more draw from the members'
    distribution, alpha = 1 above, z / sqrt(1 + 1/M) has Student's distribution of M - 1 degrees of
    freedom; 68 and 95 % are its limits for many members.

Bins
    Root mean square of e over that of s, in bins of equal population by s: the reliability diagram
    of regression.  The mean of |RMS(e) - RMS(s)| / RMS(s) over the bins is the expected normalized
    calibration error (Levi, Gispan, Giladi, Fetaya, Sensors 22, 5540 (2022); used for molecules by
    Scalia, Grambow, Pernici, Li, Green, J. Chem. Inf. Model. 60, 2697 (2020)).  It is above 0 also
    of a calibrated committee, and grows with the number of bins.

Rank correlation
    Spearman's, of s and abs(e).  For normally distributed errors it is below 1 also where every
    spread is right, the further the less spreads differ.

Intervals are percentiles over bootstrap samples of whole structures (Efron, Tibshirani, An
Introduction to the Bootstrap (1993), chapter 13): the errors of one structure belong together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.special import stdtr

from autune.errors import DataError
from autune.evaluation.bootstrap import intervals_of_root_mean_squares
from autune.evaluation.rank_correlation import rank_correlation
from autune.structures import FloatArray, IntArray, Structure

SMALLEST_RELATIVE_SPREAD = 1e-6
"""Over the root mean square spread; less is rounding: symmetry fixes the value for all members."""

LARGEST_NUMBER_OF_BINS, SMALLEST_BIN = 10, 10


class WithSpread(Protocol):
    """What is looked at of a committee's prediction."""

    @property
    def energy(self) -> float:
        """Mean total energy in eV."""

    @property
    def energy_std(self) -> float:
        """Standard deviation of the total energy in eV."""

    @property
    def forces(self) -> FloatArray:
        """Mean forces in eV/Angstrom, shape (n_atoms, 3)."""

    @property
    def forces_std(self) -> FloatArray:
        """Standard deviation of force components in eV/Angstrom, shape (n_atoms, 3)."""

    @property
    def members(self) -> Sequence[object]:
        """What each member says."""


@dataclass(frozen=True)
class CalibrationBin:
    """Values of about the same spread.

    Parameters
    ----------
    n, n_structures
        Values, and structures that they are of.
    spread
        Root mean square spread, in the unit of the `Calibration`.
    error, error_low, error_high
        Root mean square error and its 95 % interval; NaN of values from one structure.
    """

    n: int
    n_structures: int
    spread: float
    error: float
    error_low: float
    error_high: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """Spread of a committee beside its errors.

    Parameters
    ----------
    quantity
        Energies per atom (eV/atom), or force components (eV/Angstrom).
    n_members, n_structures
        Of the committee; structures with this quantity.
    n_left_out
        Values that symmetry fixes, so that they have neither spread nor error: not counted.
    spread, error
        Standard deviation over the members, and mean of the members - reference, shape (n,).
    bins
        By rising spread, of equal population.
    alpha, alpha_low, alpha_high
        Factor for the spread that makes it most likely for these errors, and its 95 % interval.
    alpha_corrected
        The same for the distribution of the members, corrected for their number; NaN for three
        members or fewer, whose correction is infinite, and 0 if the spread alone explains more.
    within_one, within_two
        Share of errors below one and two spreads.
    expected_within_one, expected_within_two
        The same of a calibrated committee of as many members: of `alpha_corrected` 1.
    rank_correlation
        Spearman's, of spread and size of the error; NaN if one of them does not vary.
    normalized_error
        Expected normalized calibration error.
    """

    quantity: Literal["energy", "force"]
    n_members: int
    n_structures: int
    n_left_out: int
    spread: FloatArray
    error: FloatArray
    bins: tuple[CalibrationBin, ...]
    alpha: float
    alpha_low: float
    alpha_high: float
    alpha_corrected: float
    within_one: float
    within_two: float
    expected_within_one: float
    expected_within_two: float
    rank_correlation: float
    normalized_error: float


def measure_calibration(
    structures: Sequence[Structure], predictions: Sequence[WithSpread]
) -> list[Calibration]:
    """Compare the spread of a committee with its errors, of energies and of forces.

    Parameters
    ----------
    structures
        With references, best such that no member was trained with.
    predictions
        Of the committee, in the same order.

    Returns
    -------
    list of Calibration
        Of energies per atom, then of force components; without what has no references, or no
        spread where the other one has one.

    Raises
    ------
    DataError
        If no structure has a reference, or the members do not differ.
    """
    pairs = list(enumerate(zip(structures, predictions, strict=True)))
    n_members = len(predictions[0].members) if predictions else 0
    wanted: list[tuple[Literal["energy", "force"], FloatArray, FloatArray, IntArray]] = []
    energies = [(n, s, p) for n, (s, p) in pairs if s.energy is not None]
    if energies:
        wanted.append(
            (
                "energy",
                np.array([(p.energy - (s.energy or 0.0)) / s.n_atoms for _, s, p in energies]),
                np.array([p.energy_std / s.n_atoms for _, s, p in energies]),
                np.array([n for n, _, _ in energies]),
            )
        )
    forces = [(n, s.forces, p) for n, (s, p) in pairs if s.forces is not None]
    if forces:
        wanted.append(
            (
                "force",
                np.concatenate([(p.forces - F).ravel() for _, F, p in forces]),
                np.concatenate([p.forces_std.ravel() for _, _, p in forces]),
                np.repeat([n for n, _, _ in forces], [F.size for _, F, _ in forces]),
            )
        )
    # Symmetry leaves no force in single atoms and perfect crystals: their energies still tell.
    differing = [one for one in wanted if one[2].any()] or wanted
    found = [
        calibrate(quantity, n_members, error, spread, structure)
        for quantity, error, spread, structure in differing
    ]
    if not found:
        raise DataError(
            "no energies or forces to compare the spread with; name a file that holds what DFT gave"
        )
    return found


def calibrate(
    quantity: Literal["energy", "force"],
    n_members: int,
    error: FloatArray,
    spread: FloatArray,
    structure: IntArray,
) -> Calibration:
    """Compare spreads with errors.

    Parameters
    ----------
    quantity, n_members
        As in `Calibration`.
    error, spread
        Mean of the members - reference, and standard deviation over the members, shape (n,).
    structure
        Number of the structure of each value, shape (n,).

    Raises
    ------
    DataError
        If no value has a spread.
    """
    kept = spread > SMALLEST_RELATIVE_SPREAD * math.sqrt(float(np.mean(spread**2)))
    if not kept.any():
        raise DataError(
            f"the members of the committee do not differ in any {quantity}; name a folder with "
            "potentials of several seeds, and structures whose forces symmetry does not decide"
        )
    error, spread, structure = error[kept], spread[kept], structure[kept]
    z2 = (error / spread) ** 2
    alpha = math.sqrt(float(z2.mean()))
    (low,), (high,) = intervals_of_root_mean_squares([z2], [structure])
    bins = _make_bins(error, spread, structure)
    return Calibration(
        quantity=quantity,
        n_members=n_members,
        n_structures=len(np.unique(structure)),
        n_left_out=int((~kept).sum()),
        spread=spread,
        error=error,
        bins=bins,
        alpha=alpha,
        alpha_low=low,
        alpha_high=high,
        alpha_corrected=_correct_for_members(alpha, n_members),
        within_one=float((z2 < 1.0).mean()),
        within_two=float((z2 < 4.0).mean()),
        expected_within_one=_expect_within(1.0, n_members),
        expected_within_two=_expect_within(2.0, n_members),
        rank_correlation=rank_correlation(spread, np.abs(error)),
        normalized_error=float(np.mean([abs(b.error - b.spread) / b.spread for b in bins])),
    )


def _correct_for_members(alpha: float, n_members: int) -> float:
    if n_members <= 3:
        return math.nan
    squared = (n_members - 3) / (n_members - 1) * alpha**2 - 1.0 / n_members
    return math.sqrt(max(0.0, squared))


def _expect_within(n_spreads: float, n_members: int) -> float:
    return 2.0 * float(stdtr(n_members - 1, n_spreads / math.sqrt(1.0 + 1.0 / n_members))) - 1.0


def _make_bins(
    error: FloatArray, spread: FloatArray, structure: IntArray
) -> tuple[CalibrationBin, ...]:
    n_bins = min(max(len(error) // SMALLEST_BIN, 1), LARGEST_NUMBER_OF_BINS)
    places = np.array_split(np.argsort(spread, kind="stable"), n_bins)
    squares, numbers = [error[p] ** 2 for p in places], [structure[p] for p in places]
    low, high = intervals_of_root_mean_squares(squares, numbers)
    return tuple(
        CalibrationBin(
            n=len(place),
            n_structures=len(np.unique(numbers[b])),
            spread=math.sqrt(float(np.mean(spread[place] ** 2))),
            error=math.sqrt(float(squares[b].mean())),
            error_low=low[b],
            error_high=high[b],
        )
        for b, place in enumerate(places)
    )
