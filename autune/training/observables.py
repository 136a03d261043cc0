"""From structures and descriptors to the arrays that training looks at, in training units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from autune.architecture import Architecture
from autune.errors import DataError
from autune.formats.tables import Scaling
from autune.kernels.candidates import Observables
from autune.potential.descriptors import Descriptors
from autune.potential.layout import padded_factors
from autune.structures import Structure


def scale_descriptors(
    descriptors: Descriptors, scaling: Mapping[str, Scaling], architecture: Architecture
) -> None:
    """Make network inputs and their derivatives out of symmetry functions, in place."""
    shift, slope, offset = padded_factors(scaling, architecture)
    element, G = descriptors.element, descriptors.G
    G[:] = (G - shift[element]) * slope[element] + offset[element]
    # One structure at a time: the slopes of all pairs would take a third of the derivatives.
    if len(descriptors.dG_dstrain) > 0:
        descriptors.dG_dstrain[:] *= slope[element, None, :]
    for begin, end in pairwise(descriptors.first_pair[descriptors.first_atom]):
        felt_by = element[descriptors.center[begin:end]]
        descriptors.dG_dr[begin:end] *= slope[felt_by, None, :]


def collect_observables(
    structures: Sequence[Structure], descriptors: Descriptors, architecture: Architecture
) -> Observables:
    """Put descriptors, energies and forces of structures together, in eV and Angstrom.

    Parameters
    ----------
    structures
        With energies and forces; stresses are taken where derivatives to strain are.
    descriptors
        Of the same structures, scaled; their arrays are shared.
    architecture
        Supplies atom energies, which are subtracted.
    """
    atom_energies = architecture.energy_unit * np.array(
        [architecture.atom_energies.get(e, 0.0) for e in architecture.elements]
    )
    energies, forces = [], [np.empty(0)]  # a rank may have no structure
    for structure, (begin, end) in zip(structures, pairwise(descriptors.first_atom), strict=True):
        if structure.energy is None or structure.forces is None:
            raise DataError(f"{structure.label}: has no energy or no forces; training needs both")
        energies.append(structure.energy - atom_energies[descriptors.element[begin:end]].sum())
        forces.append(structure.forces.ravel())
    virials = [structure.virial for structure in structures] if len(descriptors.dG_dstrain) else []
    stressed = [s for s, virial in enumerate(virials) if virial is not None]
    return Observables(
        G=descriptors.G,
        element=descriptors.element,
        first_atom=descriptors.first_atom,
        first_pair=descriptors.first_pair,
        center=descriptors.center,
        dG_dr=descriptors.dG_dr,
        length=1.0,
        energy=np.array(energies),
        force=np.concatenate(forces),
        stressed=np.array(stressed, dtype=np.int64),
        dG_dstrain=descriptors.dG_dstrain,
        virial=np.array([virials[s] for s in stressed], dtype=np.float64).ravel(),
    )


def convert_to_training_units(
    data: Observables, mean_energy: float, conv_energy: float, conv_length: float
) -> Observables:
    """Return observables in n2p2's internal units.

    E* = (E - N mean_energy) conv_energy, r* = r conv_length, F* = F conv_energy / conv_length,
    W* = W conv_energy for virials, as strain has no unit;
    the derivatives, which take nearly all memory, are shared and divided when they are used.
    """
    n_atoms = np.diff(data.first_atom)
    return data._replace(
        energy=(data.energy - n_atoms * mean_energy) * conv_energy,
        force=data.force * (conv_energy / conv_length),
        virial=data.virial * conv_energy,
        length=conv_length,
    )
