"""From structures and descriptors to the arrays that training looks at, in training units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autune.architecture import Architecture
from autune.errors import DataError
from autune.formats.tables import Scaling
from autune.kernels.candidates import Observables
from autune.potential.descriptors import Descriptors, element_indices
from autune.potential.layout import padded_factors
from autune.structures import Structure


def collect_observables(
    structures: Sequence[Structure],
    descriptors: Sequence[Descriptors],
    architecture: Architecture,
    scaling: Mapping[str, Scaling],
) -> Observables:
    """Put a set of structures into one set of arrays, in eV and Angstrom.

    Parameters
    ----------
    structures
        With energies and forces.
    descriptors
        Unscaled symmetry functions and derivatives of each.
    architecture
        Supplies elements, scaling mode and atom energies.
    scaling
        Statistics of the symmetry functions.

    Returns
    -------
    observables
        Energies without atom energies.
    """
    shift, slope, offset = padded_factors(scaling, architecture)
    n_max = shift.shape[1]
    # Each begins with nothing, because a rank may have no structure.
    inputs, tangents = [np.empty((0, n_max))], [np.empty((0, 3, n_max))]
    elements, centers = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    energies, forces = [], [np.empty(0)]
    n_atoms, n_moved = [0], [0]
    atom_energies = np.array(
        [architecture.atom_energies.get(e, 0.0) for e in architecture.elements]
    )
    for structure, d in zip(structures, descriptors, strict=True):
        if structure.energy is None or structure.forces is None:
            raise DataError(f"{structure.label}: has no energy or no forces; training needs both")
        element = element_indices(structure, architecture)
        inputs.append((d.G - shift[element]) * slope[element] + offset[element])
        felt_by = np.repeat(np.arange(structure.n_atoms), np.diff(d.first))
        order = np.lexsort((felt_by, element[felt_by], d.neighbour))
        tangents.append(d.dG_dr[order] * slope[element[felt_by[order]], None, :])
        centers.append(felt_by[order] + n_atoms[-1])
        counts = np.bincount(d.neighbour, minlength=structure.n_atoms)
        n_moved.extend((n_moved[-1] + np.cumsum(counts)).tolist())
        elements.append(element)
        n_atoms.append(n_atoms[-1] + structure.n_atoms)
        energies.append(structure.energy - atom_energies[element].sum())
        forces.append(structure.forces.ravel())
    return Observables(
        G=np.concatenate(inputs),
        element=np.concatenate(elements),
        first_atom=np.array(n_atoms),
        first_pair=np.array(n_moved),
        center=np.concatenate(centers),
        dG_dr=np.concatenate(tangents),
        length=1.0,
        energy=np.array(energies),
        force=np.concatenate(forces),
    )


def convert_to_training_units(
    data: Observables, mean_energy: float, conv_energy: float, conv_length: float
) -> Observables:
    """Return observables in n2p2's internal units.

    E* = (E - N mean_energy) conv_energy, r* = r conv_length, F* = F conv_energy / conv_length;
    the derivatives, which take nearly all memory, are shared and divided when they are used.
    """
    n_atoms = np.diff(data.first_atom)
    return data._replace(
        energy=(data.energy - n_atoms * mean_energy) * conv_energy,
        force=data.force * (conv_energy / conv_length),
        length=conv_length,
    )
