"""What a potential is before it has weights: elements, symmetry functions, networks, units.

Both the settings of a user and an ``input.nn`` of n2p2 become an `Architecture`; the numbers
(scaling statistics, weights) are kept apart from it.  Names are the field's; the position of a
name in the tuples below is the code by which the kernels know it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, get_args

from ase.data import atomic_numbers

from autune.units import UnitSystem, convert

CutoffType = Literal["hard", "cos", "tanhu", "tanh", "exp", "poly1", "poly2", "poly3", "poly4"]
CUTOFF_TYPES: tuple[CutoffType, ...] = get_args(CutoffType)

Activation = Literal[
    "identity", "tanh", "logistic", "softplus", "relu",
    "gaussian", "cosine", "reverse_logistic", "exponential", "harmonic",
]  # fmt: skip
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

ScalingMode = Literal["none", "scale", "center", "scale_center", "sigma"]
"""none: G; scale: to [min, max]; center: minus mean; sigma: divided by standard deviation."""

Core = Literal["e", "p1", "p2", "p3", "p4"]
CORES: tuple[Core, ...] = get_args(Core)
"""Shapes of functions with compact support: exponential, polynomials of order 3, 5, 7, 9."""

RADIAL, ANGULAR_NARROW, ANGULAR_WIDE = 2, 3, 9
WEIGHTED_RADIAL, WEIGHTED_ANGULAR = 12, 13
COMPACT_RADIAL, COMPACT_NARROW, COMPACT_WIDE = 20, 21, 22
WEIGHTED_COMPACT_RADIAL, WEIGHTED_COMPACT_NARROW, WEIGHTED_COMPACT_WIDE = 23, 24, 25


@dataclass(frozen=True)
class SymmetryFunction:
    """One atom-centred symmetry function.

    Three families: Gaussians (J. Behler, J. Chem. Phys. 134, 074106 (2011)), Gaussians over
    neighbours of all elements, weighted by their nuclear charge (M. Gastegger et al., J. Chem.
    Phys. 148, 241709 (2018)), and polynomials with compact support, with and without such weights
    (M. P. Bircher, A. Singraber, C. Dellago, Mach. Learn.: Sci. Technol. 2, 035026 (2021)).

    Parameters
    ----------
    kind
        n2p2's type: Gaussians 2 radial, 3 narrow angular (with r_jk), 9 wide angular (without);
        weighted 12 radial, 13 narrow angular; compact 20 radial, 21 narrow, 22 wide; weighted
        compact 23, 24, 25.
    neighbours
        Symbols of the neighbours: one for radial, two (by atomic number) for angular, none for
        weighted functions.
    eta
        Inverse square width in 1/Angstrom^2, Gaussians.
    r_shift
        Centre of the Gaussian in Angstrom, Gaussians.
    r_cutoff
        Cutoff radius in Angstrom; of compact functions the outer end.
    lambda_
        +1 or -1, angular Gaussians.
    zeta
        Angular exponent, angular Gaussians.
    r_low
        Inner end in Angstrom, compact functions; below 0 for those that do not vanish at 0.
    left, right
        Ends of the angular range in degrees, angular compact functions.
    subtype
        Core of compact functions (`CORES`), with an ``a`` for an asymmetric radial part.
    """

    kind: int
    neighbours: tuple[str, ...]
    eta: float
    r_shift: float
    r_cutoff: float
    lambda_: float = 0.0
    zeta: float = 0.0
    r_low: float = 0.0
    left: float = 0.0
    right: float = 0.0
    subtype: str = ""

    def __post_init__(self) -> None:
        """Put the two neighbours of an angular function into order of atomic number."""
        ordered = tuple(sorted(self.neighbours, key=atomic_numbers.__getitem__))
        object.__setattr__(self, "neighbours", ordered)

    @property
    def is_compact(self) -> bool:
        """Whether the function vanishes outside of an inner and an outer radius."""
        return COMPACT_RADIAL <= self.kind <= WEIGHTED_COMPACT_WIDE

    @property
    def is_angular(self) -> bool:
        """Whether the function is a sum over pairs of neighbours."""
        return self.kind not in (
            RADIAL, WEIGHTED_RADIAL, COMPACT_RADIAL, WEIGHTED_COMPACT_RADIAL,
        )  # fmt: skip

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """n2p2's order (N2P2 3.1).

        Gaussians: kind, cutoff, eta, shift, zeta, lambda, neighbours; compact functions: kind,
        subtype, neighbours, outer and inner radius, angles.
        """
        numbers = tuple(float(atomic_numbers[symbol]) for symbol in self.neighbours)
        if self.is_compact:
            return (
                self.kind, self.subtype, *numbers, self.r_cutoff, self.r_low, self.left, self.right,
            )  # fmt: skip
        return (
            self.kind, self.r_cutoff, self.eta, self.r_shift, self.zeta, self.lambda_, *numbers,
        )  # fmt: skip

    @property
    def ignores_shift(self) -> bool:
        """Whether n2p2 and LAMMPS take 0 for r_shift: in kinds 3 and 9 where it is negative."""
        return self.kind in (ANGULAR_NARROW, ANGULAR_WIDE) and self.r_shift < 0.0

    def in_lengths_of(self, before: float, after: float = 1.0) -> SymmetryFunction:
        """Return the same function in another unit of length; sizes of both in Angstrom."""
        return replace(
            self,
            eta=convert(self.eta, before**-2, after**-2),
            r_shift=convert(self.r_shift, before, after),
            r_cutoff=convert(self.r_cutoff, before, after),
            r_low=convert(self.r_low, before, after),
        )

    def __str__(self) -> str:
        """One line with all parameters."""
        text = f"G{self.kind}"
        if self.neighbours:
            text += f"({', '.join(self.neighbours)})"
        if self.is_compact:
            text += f" {self.subtype} rl={self.r_low:g} rc={self.r_cutoff:g}"
            return f"{text} left={self.left:g} right={self.right:g}" if self.is_angular else text
        text += f" eta={self.eta:g} rs={self.r_shift:g}"
        if self.is_angular:
            text += f" lambda={self.lambda_:g} zeta={self.zeta:g}"
        return f"{text} rc={self.r_cutoff:g}"


@dataclass(frozen=True)
class Architecture:
    """Everything about a potential but its numbers.

    Lengths and energies are in the unit of the files the potential belongs to: eV and Angstrom
    for potentials made here, possibly Bohr and Hartree for published ones (see `length_unit`).

    Parameters
    ----------
    elements
        Symbols in order of atomic number.
    symmetry_functions
        Per element, in n2p2's order.
    cutoff_type
        Cutoff function of all symmetry functions.
    inner_cutoff
        alpha = inner radius / cutoff radius, 0 <= alpha < 1.
    hidden_layers
        Neurons of each hidden layer: of all elements, or per element, where all have the same
        number of layers.
    activations
        One per hidden layer and one for the output neuron.
    normalize_nodes
        Divide the argument of every neuron by its number of inputs.
    scaling
        How symmetry functions become network inputs.
    scale_min, scale_max
        Range of the scaled inputs.
    atom_energies
        Reference energy per element, subtracted before training and added to predictions.
    mean_energy, conv_energy, conv_length
        Internal units of n2p2: E* = (E - N mean_energy) conv_energy, r* = r conv_length.
    length_unit, energy_unit
        Angstrom in one length unit and eV in one energy unit of the files.
    """

    elements: tuple[str, ...]
    symmetry_functions: dict[str, tuple[SymmetryFunction, ...]]
    cutoff_type: CutoffType
    hidden_layers: tuple[int, ...] | dict[str, tuple[int, ...]]
    activations: tuple[Activation, ...]
    inner_cutoff: float = 0.0
    normalize_nodes: bool = False
    scaling: ScalingMode = "scale_center"
    scale_min: float = 0.0
    scale_max: float = 1.0
    atom_energies: dict[str, float] = field(default_factory=dict)
    mean_energy: float = 0.0
    conv_energy: float = 1.0
    conv_length: float = 1.0
    length_unit: float = 1.0
    energy_unit: float = 1.0

    def __post_init__(self) -> None:
        """Write networks that have the same sizes in all elements in one way only."""
        if isinstance(self.hidden_layers, dict) and len(set(self.hidden_layers.values())) == 1:
            object.__setattr__(self, "hidden_layers", next(iter(self.hidden_layers.values())))

    @property
    def r_cutoff(self) -> float:
        """Largest cutoff radius of all symmetry functions, in the files' length unit."""
        return max(f.r_cutoff for fs in self.symmetry_functions.values() for f in fs)

    @property
    def reach(self) -> float:
        """Largest cutoff radius in Angstrom."""
        return self.r_cutoff * self.length_unit

    @property
    def units(self) -> UnitSystem:
        """Units of the files: Angstrom in one length unit, eV in one energy unit."""
        return UnitSystem(self.length_unit, self.energy_unit)

    def layer_sizes(self, element: str) -> tuple[int, ...]:
        """Neurons per layer of an element's network, inputs and output included."""
        hidden = self.hidden_layers
        sizes = hidden[element] if isinstance(hidden, dict) else hidden
        return (len(self.symmetry_functions[element]), *sizes, 1)

    def n_weights(self, element: str) -> int:
        """Return the number of weights and biases of an element's network."""
        sizes = self.layer_sizes(element)
        return sum((a + 1) * b for a, b in pairwise(sizes))
