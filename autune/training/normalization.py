"""Internal units of a training, as n2p2's `normalize_data_set` defines them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from autune.kernels.candidates import predict_all
from autune.kernels.network import Networks
from autune.structures import FloatArray, IntArray
from autune.training.parallel import Communicator
from autune.training.shared_set import Part


def training_units(
    sets: Sequence[Part],
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

    def join(arrays: list[FloatArray], numbers: list[IntArray]) -> FloatArray:
        """Gather what every structure has so many numbers of."""
        counts = sum(
            np.bincount(part.owner, n, communicator.size).astype(np.int64)
            for part, n in zip(sets, numbers, strict=True)
        )
        row = communicator.gather(np.concatenate(arrays)[None, :], np.asarray(counts))
        everything: FloatArray = row[0].copy()
        return everything

    if mode == "none":
        return 0.0, 1.0, 1.0
    one = [np.ones_like(part.n_atoms) for part in sets]
    three = [3 * part.n_atoms for part in sets]
    per_atom = join([part.data.energy / np.diff(part.data.first_atom) for part in sets], one)
    forces = join([part.data.force for part in sets], three)
    mean = float(per_atom.mean())
    sigma_force = _deviation(forces)
    if mode == "ref":
        sigma_energy = _deviation(per_atom)
        return mean, 1.0 / sigma_energy, sigma_force / sigma_energy
    predicted = [predict_all(part.data, networks, weights)[1] for part in sets]
    sigma_predicted = _deviation(join(predicted, three))
    return mean, sigma_predicted / sigma_force, sigma_predicted


def _deviation(values: FloatArray) -> float:
    """Return the standard deviation; 1 where there is none, so that units stay as they are."""
    sigma = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return sigma if np.isfinite(sigma) and sigma > 1e-12 else 1.0
