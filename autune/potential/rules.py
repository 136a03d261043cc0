"""Symmetry functions on grids that follow from a resolution and the cutoff radius.

Notation
--------
===========  ==================================================  ===============
symbol       meaning                                             unit
===========  ==================================================  ===============
n            functions of a radial grid
r_i          distances of the linear grid, i = 0 .. n - 1        length unit
R_m          r_c / n^(m / n), the geometric grid, m = 0 .. n     length unit
===========  ==================================================  ===============

linear     centred: eta = 1 / (2 r_i^2), r_s = 0;  shifted: eta = 1 / (2 step^2), r_s = r_i
geometric  centred: eta = 1 / R_m^2, r_s = 0;  shifted: eta = 1 / (R_m - R_{m+1})^2, r_s = R_m

linear: M. Gastegger et al., J. Chem. Phys. 148, 241709 (2018); without its cutoff, a centred
Gaussian has its inflection at r_i, by which sets for RuNNer and n2p2 are laid out by hand.
geometric: G. Imbalzano et al., J. Chem. Phys. 148, 241730 (2018); a shifted Gaussian is as wide as
the step to the next one inside, and m = n, the innermost, is left out.

Angular functions are centred, of the widest of these widths (n_eta = 1: that of the whole grid),
with zeta = 1, 2, 4, 8, ... and both signs of lambda, as in both papers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, pairwise

import numpy as np

from autune.architecture import ANGULAR_NARROW, ANGULAR_WIDE, RADIAL, SymmetryFunction
from autune.settings import RuleSettings
from autune.settings.potential import LAST_BEFORE_CUTOFF

MOST_ZETAS = 3
"""1, 2 and 4 need no sum over pairs of neighbours (`autune.kernels.moments`) where they are wide: a
set with 8 and 16 takes two to three times as long."""
_ANGULAR = {
    "narrow": (ANGULAR_NARROW,),
    "wide": (ANGULAR_WIDE,),
    "both": (ANGULAR_NARROW, ANGULAR_WIDE),
    "none": (),
}


def rule_functions(
    rule: RuleSettings, elements: Sequence[str], r_cutoff: float, length_unit: float = 1.0
) -> Iterator[SymmetryFunction]:
    """Make the functions of one central element; they are the same for all.

    Parameters
    ----------
    rule
        Which grids, and how fine.
    elements
        Symbols of the neighbours.
    r_cutoff
        Cutoff radius in units of length.
    length_unit
        Angstrom in the unit of all lengths, those of the rule too.
    """
    r_last = rule.r_last or r_cutoff - LAST_BEFORE_CUTOFF / length_unit
    for symbol in elements:
        for eta, r_shift in radial_parameters(rule, r_cutoff, r_last):
            yield SymmetryFunction(RADIAL, (symbol,), eta, r_shift, r_cutoff)
    n_zeta = rule.n_zeta or min(MOST_ZETAS, -(-rule.resolution // 2))
    n_eta = rule.n_eta or -(-rule.resolution // 4)
    for kind in _ANGULAR[rule.angular]:
        for pair in combinations_with_replacement(elements, 2):
            for eta in _angular_etas(rule, n_eta, r_cutoff, r_last):
                for power in range(n_zeta):
                    for lambda_ in (1.0, -1.0):
                        yield SymmetryFunction(kind, pair, eta, 0.0, r_cutoff, lambda_, 2.0**power)


def radial_parameters(
    rule: RuleSettings, r_cutoff: float, r_last: float
) -> list[tuple[float, float]]:
    """Return eta and r_shift of the radial functions."""
    n = rule.n_radial or rule.resolution
    if rule.spacing == "linear":
        grid = np.linspace(rule.r_first, r_last, n)
        centred = 1.0 / (2.0 * grid**2)
        shifted = np.full(n, 1.0 / (2.0 * (grid[1] - grid[0]) ** 2))
    else:
        grid = r_cutoff / n ** (np.arange(n + 1) / n)
        centred = 1.0 / grid[:-1] ** 2
        shifted = np.array([1.0 / (outer - inner) ** 2 for outer, inner in pairwise(grid)])
        grid = grid[:-1]
    parameters = []
    if rule.radial in ("centred", "both"):
        parameters += [(float(eta), 0.0) for eta in centred]
    if rule.radial in ("shifted", "both"):
        parameters += [(float(eta), float(r)) for eta, r in zip(shifted, grid, strict=True)]
    return parameters


def _angular_etas(rule: RuleSettings, n: int, r_cutoff: float, r_last: float) -> list[float]:
    """Return the widest n widths: of a grid of n steps, all but its innermost distance."""
    if rule.spacing == "linear":
        widths = np.linspace(r_last, rule.r_first, n + 1)[:n]
        return [float(eta) for eta in 1.0 / (2.0 * widths**2)]
    return [float(eta) for eta in (n ** (np.arange(n) / n) / r_cutoff) ** 2]
