"""A run of molecular dynamics that ends by itself: after its steps, or when it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.md.md import MolecularDynamics
from numpy.typing import NDArray

from autune.errors import PropertyFailed
from autune.properties.relaxation import finite_energy, finite_forces

LARGEST_ENERGY = 10.0
"""Energies per atom beyond so many times 3/2 k T, the mean of a harmonic crystal, end a run:
0.4 eV/atom at 300 K, three times the heat of fusion of gold."""

SHORTEST_DISTANCE, LONGEST_DISTANCE = 0.5, 2.0
"""Distances to the nearest atom, over that of the crystal, between which no run ends."""

_STEPS_BETWEEN_LOOKS = 10  # at the distances of all pairs, which take long in large supercells


@dataclass(frozen=True)
class Limits:
    """What a crystal at rest and its temperature allow.

    Attributes
    ----------
    energy
        Potential energy at rest. [eV/atom]
    distance
        Distance of nearest neighbours at rest. [Angstrom]
    temperature
        Temperature of the run. [K]
    """

    energy: float
    distance: float
    temperature: float


@dataclass(frozen=True)
class Trajectory:
    """What a run left, from its start to its last step.

    Attributes
    ----------
    times
        Time of each step, shape (n_steps + 1,). [ps]
    energies
        Potential and kinetic energy of each step, same shape. [eV/atom]
    temperatures
        Temperature of each step, same shape. [K]
    extrapolating
        Share of atoms of each step with a symmetry function outside the range of the training
        set, same shape; None if the calculator does not know its range.
    stopped
        Why the run ended before its last step; empty if it did not.
    """

    times: NDArray[np.float64]
    energies: NDArray[np.float64]
    temperatures: NDArray[np.float64]
    extrapolating: NDArray[np.float64] | None
    stopped: str


def follow(run: MolecularDynamics, steps: int, limits: Limits) -> Trajectory:
    """Run molecular dynamics until its last step, or until the structure is lost.

    It is lost when an energy or a force is not finite, when the potential energy per atom differs
    from that at rest, or the kinetic energy per atom from 0, by more than `LARGEST_ENERGY` times
    3/2 k T, when an atom comes closer to another one than `SHORTEST_DISTANCE` or has none within
    `LONGEST_DISTANCE` times the distance of neighbours at rest, and when the calculator gives up.

    Parameters
    ----------
    run
        Integrator of a structure in an orthogonal cell, before its first step.
    steps
        Number of steps.
    limits
        What the crystal allows.

    Raises
    ------
    PropertyFailed
        If the structure is lost before the first step.
    Exception
        Whatever the calculator raises before the first step.
    """
    atoms = run.atoms
    finite_forces(atoms)
    energies, temperatures, extrapolating, stopped = [], [], [], ""
    try:
        for _ in run.irun(steps):
            finite_forces(atoms)
            potential = finite_energy(atoms) / len(atoms)
            kinetic = atoms.get_kinetic_energy() / len(atoms)
            stopped = _look_at_energies(potential, kinetic, limits)
            if not stopped and run.nsteps % _STEPS_BETWEEN_LOOKS == 0:
                stopped = _look_at_distances(atoms, limits)
            if stopped:
                break
            energies.append(potential + kinetic)
            temperatures.append(atoms.get_temperature())
            if (outside := getattr(atoms.calc, "extrapolations", None)) is not None:
                extrapolating.append(float(np.mean(np.asarray(outside) > 0)))
    except PropertyFailed as error:
        stopped = str(error)
    except Exception as error:  # noqa: BLE001, whatever a calculator raises ends the run
        stopped = " ".join(f"{type(error).__name__}: {error}".split())
    if not energies:
        raise PropertyFailed(stopped)
    return Trajectory(
        times=run.dt / units.fs * 1e-3 * np.arange(len(energies)),
        energies=np.array(energies),
        temperatures=np.array(temperatures),
        extrapolating=np.array(extrapolating) if extrapolating else None,
        stopped=stopped,
    )


def _look_at_energies(potential: float, kinetic: float, limits: Limits) -> str:
    """Say which energy per atom [eV] is too large; an empty text where none is."""
    largest = LARGEST_ENERGY * 1.5 * units.kB * limits.temperature
    change = potential - limits.energy
    if not abs(change) <= largest:
        return f"the potential energy changes by {change:+.2g} eV/atom"
    if not kinetic <= largest:
        return f"the kinetic energy is {kinetic:.2g} eV/atom"
    return ""


def _look_at_distances(atoms: Atoms, limits: Limits) -> str:
    """Say which atoms are too near or too far; an empty text where none are."""
    nearest = _nearest_distances(atoms)
    if nearest.min() < SHORTEST_DISTANCE * limits.distance:
        return f"two atoms are {nearest.min():.2g} Angstrom apart"
    if nearest.max() > LONGEST_DISTANCE * limits.distance:
        return f"an atom is {nearest.max():.2g} Angstrom from all others"
    return ""


def _nearest_distances(atoms: Atoms) -> NDArray[np.float64]:
    """Return the distance to the nearest other atom or image, shape (n_atoms,) [Angstrom]."""
    edges = atoms.cell.lengths()
    between = atoms.positions[:, None] - atoms.positions[None, :]
    between -= edges * np.round(between / edges)
    squares = np.einsum("ijk,ijk->ij", between, between)
    np.fill_diagonal(squares, np.inf)
    nearest: NDArray[np.float64] = np.sqrt(squares.min(axis=1))
    return nearest
