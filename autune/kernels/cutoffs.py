r"""Cutoff functions: 1 at the atom, 0 at the cutoff radius.

Notation
--------
r         distance of a neighbour                                            Angstrom
r_cutoff  cutoff radius, fc(r >= r_cutoff) = 0                               Angstrom
r_inner   alpha r_cutoff; fc(r <= r_inner) = 1 (not for tanhu and tanh)      Angstrom
x         (r - r_inner) / (r_cutoff - r_inner), in [0, 1); tanhu, tanh: r / r_cutoff
f, df_dx  value and derivative

Sources: J. Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 4 and 5 (cos, tanhu);
A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019), section 2 (the
others, as named in n2p2).

To add one: its function here, one line in `cutoff`, its name in
`autune.architecture.CUTOFF_TYPES`, whose positions are the codes below.
"""

from __future__ import annotations

import math

from autune.kernels.jit import njit

HARD, COS, TANHU, TANH, EXP, POLY1, POLY2, POLY3, POLY4 = range(9)


@njit
def hard(x: float) -> tuple[float, float]:
    """Return df_dx beside f = 1."""
    return 1.0, 0.0


@njit
def cosine(x: float) -> tuple[float, float]:
    """Return df_dx beside f = (cos(pi x) + 1) / 2."""
    return 0.5 * (math.cos(math.pi * x) + 1.0), -0.5 * math.pi * math.sin(math.pi * x)


@njit
def tanh_cubed(x: float) -> tuple[float, float]:
    """Return df_dx beside f = tanh^3(1 - x): 0.44 at x = 0."""
    t = math.tanh(1.0 - x)
    return t * t * t, -3.0 * t * t * (1.0 - t * t)


@njit
def tanh_normalized(x: float) -> tuple[float, float]:
    """Return df_dx beside f = tanh^3(1 - x) / tanh^3(1)."""
    f, df_dx = tanh_cubed(x)
    factor = 1.0 / math.tanh(1.0) ** 3
    return factor * f, factor * df_dx


@njit
def exponential(x: float) -> tuple[float, float]:
    """Return df_dx beside f = exp(1 - 1 / (1 - x^2))."""
    inverse = 1.0 / max(1.0 - x * x, 1e-300)
    f = math.exp(1.0 - inverse)
    return f, -2.0 * x * inverse * (inverse * f)


@njit
def poly1(x: float) -> tuple[float, float]:
    """Return df_dx beside f = (2x - 3) x^2 + 1."""
    return (2.0 * x - 3.0) * x**2 + 1.0, 6.0 * x * (x - 1.0)


@njit
def poly2(x: float) -> tuple[float, float]:
    """Return df_dx beside f = ((15 - 6x) x - 10) x^3 + 1."""
    return ((15.0 - 6.0 * x) * x - 10.0) * x**3 + 1.0, -30.0 * x**2 * (x - 1.0) ** 2


@njit
def poly3(x: float) -> tuple[float, float]:
    """Return df_dx beside f = (x (x (20x - 70) + 84) - 35) x^4 + 1."""
    f = (x * (x * (20.0 * x - 70.0) + 84.0) - 35.0) * x**4 + 1.0
    return f, 140.0 * x**3 * (x - 1.0) ** 3


@njit
def poly4(x: float) -> tuple[float, float]:
    """Return df_dx beside f = (x (x ((315 - 70x) x - 540) + 420) - 126) x^5 + 1."""
    f = (x * (x * ((315.0 - 70.0 * x) * x - 540.0) + 420.0) - 126.0) * x**5 + 1.0
    return f, -630.0 * x**4 * (x - 1.0) ** 4


@njit
def cutoff(kind: int, r: float, r_cutoff: float, inner_cutoff: float) -> tuple[float, float]:
    """Cutoff function and its derivative.

    Parameters
    ----------
    kind
        Code of the function: its position in `autune.architecture.CUTOFF_TYPES`.
    r, r_cutoff
        Distance and cutoff radius in Angstrom.
    inner_cutoff
        alpha = r_inner / r_cutoff, 0 <= alpha < 1.

    Returns
    -------
    f, df_dr
        Value and derivative in 1/Angstrom.
    """
    if r >= r_cutoff:
        return 0.0, 0.0
    r_inner = 0.0 if kind in (TANHU, TANH) else inner_cutoff * r_cutoff
    width = r_cutoff - r_inner
    # All functions with an inner radius are flat at x = 0.
    x = max(0.0, (r - r_inner) / width)
    f, df_dx = hard(x)
    if kind == COS:
        f, df_dx = cosine(x)
    elif kind == TANHU:
        f, df_dx = tanh_cubed(x)
    elif kind == TANH:
        f, df_dx = tanh_normalized(x)
    elif kind == EXP:
        f, df_dx = exponential(x)
    elif kind == POLY1:
        f, df_dx = poly1(x)
    elif kind == POLY2:
        f, df_dx = poly2(x)
    elif kind == POLY3:
        f, df_dx = poly3(x)
    elif kind == POLY4:
        f, df_dx = poly4(x)
    return f, df_dx / width
