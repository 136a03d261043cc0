"""What a potential is before it has weights: elements, symmetry functions, networks, units.

Both the settings of a user and an ``input.nn`` of n2p2 become an `Architecture`; the numbers
(scaling statistics, weights) are kept apart from it.  Names are the field's; the position of a
name in the tuples below is the code by which the kernels know it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

from ase.data import atomic_numbers

CutoffType = Literal["hard", "cos", "tanhu", "tanh", "exp", "poly1", "poly2", "poly3", "poly4"]
CUTOFF_TYPES: tuple[CutoffType, ...] = get_args(CutoffType)

Activation = Literal[
    "identity", "tanh", "logistic", "softplus", "relu",
    "gaussian", "cosine", "reverse_logistic", "exponential", "harmonic",
]  # fmt: skip
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

ScalingMode = Literal["none", "scale", "center", "scale_center", "sigma"]
"""none: G; scale: to [min, max]; center: minus mean; sigma: divided by standard deviation."""

RADIAL, ANGULAR_NARROW, ANGULAR_WIDE = 2, 3, 9


@dataclass(frozen=True)
class SymmetryFunction:
    """One atom-centred symmetry function (Behler, J. Chem. Phys. 134, 074106 (2011)).

    Parameters
    ----------
    kind
        2 radial (G2), 3 narrow angular (G3 with r_jk), 9 wide angular (without r_jk).
    neighbours
        Symbols of the neighbours: one for kind 2, two (by atomic number) for 3 and 9.
    eta
        Inverse square width in 1/Angstrom^2.
    r_shift
        Centre of the Gaussian in Angstrom.
    r_cutoff
        Cutoff radius in Angstrom.
    lambda_
        +1 or -1, kinds 3 and 9.
    zeta
        Angular exponent, kinds 3 and 9.
    """

    kind: int
    neighbours: tuple[str, ...]
    eta: float
    r_shift: float
    r_cutoff: float
    lambda_: float = 0.0
    zeta: float = 0.0

    def __post_init__(self) -> None:
        """Put the two neighbours of an angular function into order of atomic number."""
        ordered = tuple(sorted(self.neighbours, key=atomic_numbers.__getitem__))
        object.__setattr__(self, "neighbours", ordered)

    @property
    def sort_key(self) -> tuple[float, ...]:
        """n2p2's order: kind, cutoff, eta, shift, zeta, lambda, neighbours (N2P2 3.1)."""
        numbers = tuple(float(atomic_numbers[symbol]) for symbol in self.neighbours)
        return (
            self.kind, self.r_cutoff, self.eta, self.r_shift, self.zeta, self.lambda_, *numbers,
        )  # fmt: skip

    @property
    def ignores_shift(self) -> bool:
        """Whether n2p2 and LAMMPS take 0 for r_shift: in kinds 3 and 9 where it is negative."""
        return self.kind in (ANGULAR_NARROW, ANGULAR_WIDE) and self.r_shift < 0.0

    def __str__(self) -> str:
        """One line with all parameters."""
        text = f"G{self.kind}({', '.join(self.neighbours)}) eta={self.eta:g} rs={self.r_shift:g}"
        if self.kind != RADIAL:
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

    def layer_sizes(self, element: str) -> tuple[int, ...]:
        """Neurons per layer of an element's network, inputs and output included."""
        hidden = self.hidden_layers
        sizes = hidden[element] if isinstance(hidden, dict) else hidden
        return (len(self.symmetry_functions[element]), *sizes, 1)

    def n_weights(self, element: str) -> int:
        """Return the number of weights and biases of an element's network."""
        sizes = self.layer_sizes(element)
        return sum((a + 1) * b for a, b in pairwise(sizes))
