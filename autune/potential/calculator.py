"""ASE's view of a potential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

if TYPE_CHECKING:
    from ase import Atoms

    from autune.potential.model import Potential


class HDNNPCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator: energy, free energy, energies (eV), forces (eV/Angstrom), stress.

    The stress (eV/Angstrom^3, Voigt order xx, yy, zz, yz, xz, xy) is positive under tension, as
    everywhere in ASE; it exists for structures with a volume.

    Parameters
    ----------
    potential
        The potential.

    Notes
    -----
    ``calculator.extrapolations`` holds, after a calculation, the number of symmetry functions of
    each atom outside the range of the training set.
    """

    implemented_properties: ClassVar[list[str]] = [
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
    ]

    def __init__(self, potential: Potential, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.potential = potential
        self.extrapolations = np.zeros(0, dtype=np.int64)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Calculate everything at once."""
        super().calculate(atoms, properties, system_changes)
        prediction = self.potential.predict(self.atoms)
        self.extrapolations = prediction.extrapolations
        self.results = {
            "energy": prediction.energy,
            "free_energy": prediction.energy,
            "energies": prediction.atomic_energies,
            "forces": prediction.forces,
        }
        # The volume of ASE's cell: a slab that is not periodic along its normal keeps its own.
        if self.atoms.cell.rank == 3 and self.atoms.pbc.any():
            stress = prediction.virial / self.atoms.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        elif properties and "stress" in properties:
            raise PropertyNotImplementedError("a cluster has no volume, so it has no stress")
