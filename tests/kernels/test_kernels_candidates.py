"""Energies and force components of a set: their weight derivatives are finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from autune.architecture import Architecture, SymmetryFunction
from autune.kernels.candidates import (
    Observables,
    all_energies_and_forces,
    observe_candidates,
    predict_candidates,
)
from autune.potential.descriptors import compute_descriptors, scaling_statistics
from autune.potential.layout import build_networks, split_weights
from autune.potential.model import Potential
from autune.structures import Structure
from autune.training.observables import collect_observables, scale_descriptors

STEP = 1e-5


def make_structures() -> list[Structure]:
    """A cell that sees its own images, a molecule, and an atom with nobody near."""
    crystal = bulk("Au", "fcc", a=3.9, cubic=True)
    crystal.numbers[:2] = 29
    crystal.rattle(0.2, seed=1)
    cluster = Atoms("CuAu2Cu", [[0, 0, 0], [2.5, 0, 0], [0.4, 2.4, 0.3], [30.0, 0, 0]])
    structures = []
    for atoms in (crystal, cluster):
        cell = atoms.cell.array if atoms.pbc.any() else None
        zeros = np.zeros((len(atoms), 3))
        structures.append(Structure(atoms.numbers, atoms.positions, cell, energy=0.0, forces=zeros))
    return structures


@pytest.fixture(params=[False, True], ids=["plain", "normalize_nodes"])
def potential(request: pytest.FixtureRequest) -> Potential:
    functions = [SymmetryFunction(2, (other,), 0.3, 0.0, 4.5) for other in ("Cu", "Au")]
    functions.append(SymmetryFunction(9, ("Cu", "Au"), 0.05, 0.0, 4.5, 1.0, 2.0))
    # Elements with different numbers of functions.
    architecture = Architecture(
        ("Cu", "Au"),
        {"Cu": tuple(functions), "Au": tuple(functions[:2])},
        "cos",
        (4, 3),
        ("tanh", "softplus", "identity"),
        normalize_nodes=request.param,
        scaling="scale",
    )
    structures = make_structures()
    descriptors = compute_descriptors(structures, architecture)
    scaling = scaling_statistics(descriptors.G, descriptors.element, architecture)
    n_weights = sum(architecture.n_weights(element) for element in architecture.elements)
    w = np.random.default_rng(4).normal(size=n_weights)
    return Potential(architecture, scaling, split_weights(w, architecture))


def collect(potential: Potential) -> tuple[Observables, np.ndarray]:
    structures = make_structures()
    a = potential.architecture
    descriptors = compute_descriptors(structures, a)
    scale_descriptors(descriptors, potential.scaling, a)
    data = collect_observables(structures, descriptors, a)
    return data, np.concatenate([potential.weights[element] for element in a.elements])


def test_the_whole_set_and_its_candidates_are_predictions(potential: Potential) -> None:
    data, w = collect(potential)
    net = build_networks(potential.architecture)
    predictions = [potential.predict(structure) for structure in make_structures()]
    energy = np.array([prediction.energy for prediction in predictions])
    force = np.concatenate([prediction.forces.ravel() for prediction in predictions])
    found = all_energies_and_forces(data, net, w)
    np.testing.assert_allclose(found[0], energy, rtol=1e-12)
    np.testing.assert_allclose(found[1], force, atol=1e-12)
    for is_force, expected in [(False, energy), (True, force)]:
        chosen = np.arange(len(expected))[::-1].copy()
        found_chosen = predict_candidates(data, net, w, is_force, chosen)
        np.testing.assert_allclose(found_chosen, expected[::-1], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("is_force", [False, True])
def test_jacobians_are_finite_differences(potential: Potential, is_force: bool) -> None:
    data, w = collect(potential)
    net = build_networks(potential.architecture)
    chosen = np.arange(len(data.force if is_force else data.energy))
    jacobian = np.full((len(chosen), len(w)), np.nan)
    value = observe_candidates(data, net, w, is_force, chosen, jacobian)
    np.testing.assert_allclose(value, predict_candidates(data, net, w, is_force, chosen))
    for k in range(len(w)):
        step = STEP * np.eye(len(w))[k]
        above = predict_candidates(data, net, w + step, is_force, chosen)
        below = predict_candidates(data, net, w - step, is_force, chosen)
        np.testing.assert_allclose(
            jacobian[:, k], (above - below) / (2 * STEP), rtol=1e-6, atol=1e-8
        )
    # Nobody feels the lone atom, and it has no force whatever the weights.
    if is_force:
        assert (jacobian[-3:] == 0.0).all()
