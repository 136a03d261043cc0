"""A calculator whose phonons are known: atoms bonded to shells of neighbours at their distance."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress


class Bonds(Calculator):
    """Springs between atoms, or Morse bonds of the same curvature.

    The bonds are those of the first structure with this number of atoms and cell, so that the
    energy stays smooth when atoms move. Energy of a bond of length d with rest length r, spring
    constant k and anharmonicity alpha: k/2 (d - r)^2 for alpha = 0, otherwise
    k/(2 alpha^2) (1 - exp(-alpha (d - r)))^2.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, shells, alpha=0.0):
        super().__init__()
        self.shells = shells  # pairs of rest length and spring constant
        self.alpha = alpha
        self.n_calculations = 0
        self._bonds = None
        self._of = None

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.n_calculations += 1
        i, j, offsets, rest, k = self._find_bonds()
        between = self.atoms.positions[j] - self.atoms.positions[i] + offsets
        lengths = np.linalg.norm(between, axis=1)
        stretch = lengths - rest
        if self.alpha == 0.0:
            energies, tension = k / 2 * stretch**2, k * stretch
        else:
            decay = np.exp(-self.alpha * stretch)
            energies = k / (2 * self.alpha**2) * (1 - decay) ** 2
            tension = k / self.alpha * (1 - decay) * decay
        pull = (tension / lengths)[:, None] * between
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, pull)
        # Every bond is there twice, once from each of its atoms.
        stress = between.T @ pull / 2 / self.atoms.get_volume()
        self.results = {
            "energy": energies.sum() / 2,
            "forces": forces,
            "stress": full_3x3_to_voigt_6_stress((stress + stress.T) / 2),
        }

    def _find_bonds(self):
        of = (len(self.atoms), self.atoms.cell.array.tobytes())
        if of != self._of:
            cutoff = 1.1 * max(rest for rest, _ in self.shells)
            i, j, lengths, images = neighbor_list("ijdS", self.atoms, cutoff)
            rest, k = np.zeros(len(i)), np.zeros(len(i))
            for length, constant in self.shells:
                near = np.abs(lengths / length - 1) < 0.1
                rest[near], k[near] = length, constant
            bonded = rest > 0
            offsets = images[bonded] @ self.atoms.cell.array
            self._bonds = i[bonded], j[bonded], offsets, rest[bonded], k[bonded]
            self._of = of
        return self._bonds
