"""Internal units of a training, as n2p2's `normalize_data_set` defines them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from autune.kernels.candidates import Observables, all_energies_and_forces
from autune.kernels.network import Networks
from autune.structures import FloatArray
from autune.training.parallel import Communicator


def training_units(
    sets: Sequence[Observables],
    networks: Networks,
    weights: FloatArray,
    mode: Literal["none", "ref", "force"],
    communicator: Communicator,
) -> tuple[float, float, float]:
    """Return mean_energy (eV/atom), conv_energy (1/eV) and conv_length (1/Angstrom).

    ``ref``: energies per atom and forces of the reference data get the standard deviation 1;
    ``force``: reference forces, and the forces that the initial weights predict, get the standard
    deviation 1.  All structures count, test structures included, and deviations have the divisor
    n - 1, as in n2p2 (N2P2 6).

    Parameters
    ----------
    sets
        What this rank holds of training and test set, in eV and Angstrom.
    networks, weights
        Networks with their initial weights.
    mode
        Which of the two, or none.
    communicator
        Ranks; all get the same units.
    """

    def join(arrays: list[FloatArray]) -> FloatArray:
        everything: FloatArray = communicator.gather(np.concatenate(arrays)[None, :])[0].copy()
        return everything

    if mode == "none":
        return 0.0, 1.0, 1.0
    per_atom = join([data.energy / np.diff(data.first_atom) for data in sets])
    forces = join([data.force for data in sets])
    mean = float(per_atom.mean())
    sigma_force = _deviation(forces)
    if mode == "ref":
        sigma_energy = _deviation(per_atom)
        return mean, 1.0 / sigma_energy, sigma_force / sigma_energy
    predicted = [all_energies_and_forces(data, networks, weights)[1] for data in sets]
    sigma_predicted = _deviation(join(predicted))
    return mean, sigma_predicted / sigma_force, sigma_predicted


def _deviation(values: FloatArray) -> float:
    """Return the standard deviation; 1 where there is none, so that units stay as they are."""
    sigma = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return sigma if np.isfinite(sigma) and sigma > 1e-12 else 1.0
