"""ASE's view of a potential, and of a committee."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.outputs import Properties
from ase.stress import full_3x3_to_voigt_6_stress

if TYPE_CHECKING:
    from ase import Atoms

    from autune.potential.committee import Committee, CommitteePrediction
    from autune.potential.model import Potential, Prediction
    from autune.units import GivenUnits

OUTPUTS = ("energy", "free_energy", "energies", "forces", "stress")
EXTRAPOLATION = ("extrapolations", "extrapolation_excess")
SPREADS = ("energy_std", "energies_std", "forces_std")


class HDNNPCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator: energy, free energy, energies (eV), forces (eV/Angstrom), stress.

    The stress (eV/Angstrom^3, Voigt order xx, yy, zz, yz, xz, xy) is positive under tension, as
    everywhere in ASE; it exists for structures with a volume.

    Parameters
    ----------
    potential
        The potential, or its folder.
    units
        Units of the files in the folder, as in `Potential.load`.

    Notes
    -----
    Two more results, shape (n_atoms,), say which atoms are unlike those of the training set, for
    example ``atoms.calc.results["extrapolation_excess"]``: ``extrapolations`` (also
    ``calculator.extrapolations``), the number of symmetry functions outside the range of the
    training set, and ``extrapolation_excess``, how far the furthest of them is outside, over the
    width of its range.  ASE has no type for them: its files leave them out, and
    ``export_properties`` does.
    """

    implemented_properties: ClassVar[list[str]] = [*OUTPUTS, *EXTRAPOLATION]

    def __init__(
        self, potential: Potential | str | Path, units: GivenUnits | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(potential, str | Path):
            from autune.potential.model import Potential

            potential = Potential.load(potential, units)
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
        self.results = _results(self.atoms, prediction, properties)

    def export_properties(self) -> Properties:
        """Return the results that ASE has a type for: extrapolations are left out."""
        return _known_to_ase(self.results)


class CommitteeCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator of the mean of a committee.

    Energy, energies, forces and stress are means over the members, so that the forces are the
    gradient of the energy.  Their standard deviations over the members are results too:
    energy_std (eV), energies_std (eV, shape (n_atoms,)) and forces_std (eV/Angstrom, shape
    (n_atoms, 3)), for example ``atoms.calc.results["forces_std"]``.

    Parameters
    ----------
    committee
        The committee, or its folder.
    units
        Units of the files in the folder, as in `Committee.load`.

    Notes
    -----
    The results ``extrapolations`` and ``extrapolation_excess`` are those of `HDNNPCalculator`, the
    largest over the members.
    """

    implemented_properties: ClassVar[list[str]] = [*OUTPUTS, *EXTRAPOLATION, *SPREADS]

    def __init__(
        self, committee: Committee | str | Path, units: GivenUnits | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(committee, str | Path):
            from autune.potential.committee import Committee

            committee = Committee.load(committee, units)
        self.committee = committee
        self.extrapolations = np.zeros(0, dtype=np.int64)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Calculate everything at once."""
        super().calculate(atoms, properties, system_changes)
        prediction = self.committee.predict(self.atoms)
        self.extrapolations = prediction.extrapolations
        self.results = _results(self.atoms, prediction, properties) | {
            "energy_std": prediction.energy_std,
            "energies_std": prediction.atomic_energies_std,
            "forces_std": prediction.forces_std,
        }

    def export_properties(self) -> Properties:
        """Return the results that ASE has a type for: spreads and extrapolations are left out."""
        return _known_to_ase(self.results)


def _results(
    atoms: Atoms, prediction: Prediction | CommitteePrediction, properties: list[str] | None
) -> dict[str, Any]:
    results = {
        "energy": prediction.energy,
        "free_energy": prediction.energy,
        "energies": prediction.atomic_energies,
        "forces": prediction.forces,
        "extrapolations": prediction.extrapolations,
        "extrapolation_excess": prediction.excess,
    }
    # The volume of ASE's cell: a slab that is not periodic along its normal keeps its own.
    if atoms.cell.rank == 3 and atoms.pbc.any():
        results["stress"] = full_3x3_to_voigt_6_stress(prediction.virial / atoms.get_volume())
    elif properties and "stress" in properties:
        raise PropertyNotImplementedError("a cluster has no volume, so it has no stress")
    return results


def _known_to_ase(results: dict[str, Any]) -> Properties:
    return Properties({name: results[name] for name in OUTPUTS if name in results})
