"""Energies, forces and virials of a set: their weight derivatives are finite differences."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from autune.architecture import Architecture, SymmetryFunction
from autune.kernels.candidates import (
    ENERGY,
    FORCE,
    STRESS,
    Observables,
    observe_candidates,
    predict_all,
    predict_candidates,
)
from autune.kernels.network import Networks
from autune.potential.descriptors import compute_descriptors, scaling_statistics
from autune.potential.layout import build_networks, split_weights
from autune.potential.model import Potential
from autune.structures import Structure
from autune.symmetry_lines import parse_symmetry_function
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
        # The stress of a cluster is not one that can be trained.
        stress = np.array([[0.1, 0.2, 0.3], [0.2, 0.4, 0.5], [0.3, 0.5, 0.6]])
        structures.append(Structure(atoms.numbers, atoms.positions, cell, 0.0, zeros, stress))
    return structures


ALL_FAMILIES = [
    "2 Cu 0.3 0 4.5", "3 Cu Au 0.05 -1 1.5 4.0", "9 Au Au 0.05 1 2 4.5", "12 0.1 1 4.5",
    "13 0.05 0 1 2 4.5", "20 Au 1 4.5 p2a", "21 Cu Au -4 4 20 160 p1", "22 Au Au 1 4 40 180 e",
    "23 0.5 4.5 p4", "24 0 4.5 100 260 p3", "25 1 4.5 -60 60 p2",
]  # fmt: skip


@pytest.fixture(params=["plain", "normalize_nodes", "all_families"])
def potential(request: pytest.FixtureRequest) -> Potential:
    functions = [SymmetryFunction(2, (other,), 0.3, 0.0, 4.5) for other in ("Cu", "Au")]
    functions.append(SymmetryFunction(9, ("Cu", "Au"), 0.05, 0.0, 4.5, 1.0, 2.0))
    # Elements with different numbers of functions.
    of_elements = {"Cu": tuple(functions), "Au": tuple(functions[:2])}
    layers: tuple[int, ...] | dict[str, tuple[int, ...]] = (4, 3)
    if request.param == "all_families":
        parsed = [parse_symmetry_function(f"Cu {line}".split())[1] for line in ALL_FAMILIES]
        of_elements, layers = (
            {"Cu": tuple(parsed), "Au": tuple(parsed[3:])},
            {"Cu": (2, 4), "Au": (3, 2)},
        )
    architecture = Architecture(
        ("Cu", "Au"),
        of_elements,
        "cos",
        layers,
        ("tanh", "softplus", "identity"),
        normalize_nodes=request.param == "normalize_nodes",
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
    descriptors = compute_descriptors(structures, a, strain=True)
    scale_descriptors(descriptors, potential.scaling, a)
    data = collect_observables(structures, descriptors, a)
    return data, np.concatenate([potential.weights[element] for element in a.elements])


def test_the_whole_set_and_its_candidates_are_predictions(potential: Potential) -> None:
    data, w = collect(potential)
    net = build_networks(potential.architecture)
    predictions = [potential.predict(structure) for structure in make_structures()]
    energy = np.array([prediction.energy for prediction in predictions])
    force = np.concatenate([prediction.forces.ravel() for prediction in predictions])
    virial = predictions[0].virial.ravel()[[0, 4, 8, 5, 2, 1]]
    found = predict_all(data, net, w)
    np.testing.assert_allclose(found[0], energy, rtol=1e-12)
    np.testing.assert_allclose(found[1], force, atol=1e-12)
    np.testing.assert_allclose(found[2], virial, rtol=1e-11, atol=1e-12)
    for kind, expected in [(ENERGY, energy), (FORCE, force), (STRESS, virial)]:
        chosen = np.arange(len(expected))[::-1].copy()
        found_chosen = predict_candidates(data, net, w, kind, chosen)
        np.testing.assert_allclose(found_chosen, expected[::-1], rtol=1e-11, atol=1e-12)


def test_reference_virials_are_stresses_times_volumes(potential: Potential) -> None:
    data, _ = collect(potential)
    crystal = make_structures()[0]
    expected = np.array([0.1, 0.4, 0.6, 0.5, 0.3, 0.2]) * crystal.volume
    np.testing.assert_allclose(data.virial, expected)
    assert data.stressed.tolist() == [0]


@pytest.mark.parametrize("kind", [ENERGY, FORCE, STRESS])
def test_jacobians_are_finite_differences(potential: Potential, kind: int) -> None:
    data, w = collect(potential)
    net = build_networks(potential.architecture)
    chosen = np.arange(len((data.energy, data.force, data.virial)[kind]))
    jacobian = np.full((len(chosen), len(w)), np.nan)
    value = observe_candidates(data, net, w, kind, chosen, jacobian)
    np.testing.assert_allclose(value, predict_candidates(data, net, w, kind, chosen))
    for k in range(len(w)):
        step = STEP * np.eye(len(w))[k]
        above = predict_candidates(data, net, w + step, kind, chosen)
        below = predict_candidates(data, net, w - step, kind, chosen)
        np.testing.assert_allclose(
            jacobian[:, k], (above - below) / (2 * STEP), rtol=1e-6, atol=1e-8
        )
    # Nobody feels the lone atom, and it has no force whatever the weights.
    if kind == FORCE:
        assert (jacobian[-3:] == 0.0).all()


@contextmanager
def free_places(*sizes: int) -> Iterator[None]:
    """Let the next arrays of these sizes (bytes) lie one right behind the other.

    The places come from the end of the memory, behind enough others of their sizes, and the last
    that were freed are the first to be taken again.
    """
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    places = [library.malloc(ctypes.c_size_t(size)) for _ in range(64) for size in sizes]
    n_free = 7 * len(sizes)  # of each size as many as are kept as they are
    for place in places[-n_free:]:
        library.free(place)
    yield
    for place in places[:-n_free]:
        library.free(place)


def test_no_bit_of_an_energy_depends_on_where_memory_is_free() -> None:
    n_structures, n_atoms, n_inputs = 10, 40, 3
    generator = np.random.default_rng(2)
    atoms = np.arange(n_atoms + 1)
    data = Observables(
        G=generator.normal(size=(n_atoms, n_inputs)),
        element=np.zeros(n_atoms, np.int64),
        first_atom=atoms[:: n_atoms // n_structures].copy(),
        first_pair=atoms,
        center=atoms[:-1],
        dG_dr=generator.normal(size=(n_atoms, 3, n_inputs)),
        length=1.0,
        energy=np.zeros(n_structures),
        force=np.zeros(3 * n_atoms),
        stressed=np.empty(0, np.int64),
        dG_dstrain=np.empty((0, 6, n_inputs)),
        virial=np.empty(0),
    )
    n_weights = (n_inputs + 1) * 4 + 5
    net = Networks(np.array([[n_inputs, 4, 1]]), np.array([1, 0]), np.array([0, n_weights]), False)
    w = generator.normal(size=n_weights)
    chosen = np.arange(n_structures)
    expected = predict_all(data, net, w)
    expected_chosen = predict_candidates(data, net, w, ENERGY, chosen)
    # What Numba needs around an array, by and large.
    for around in [96, 104, 112, 120, 128] * 10:
        with free_places(8 * n_atoms + around, 8 * n_structures + around):
            found = predict_all(data, net, w)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
        with free_places(8 * n_atoms // n_structures + around, 8 * n_structures + around):
            found_chosen = predict_candidates(data, net, w, ENERGY, chosen)
        np.testing.assert_array_equal(found_chosen, expected_chosen)
