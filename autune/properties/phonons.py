"""Phonon frequencies at high-symmetry points: the door to phonopy, which is an extra."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from autune.errors import ConfigError
from autune.properties.lattice import Crystal
from autune.properties.relaxation import finite_forces

if TYPE_CHECKING:
    from phonopy import Phonopy

_X, _Y, _Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
_ALL = (_X, _Y, _Z)
_ALONG_111 = ((1, 1, 1),)
_ACROSS_111 = ((1, -1, 0), (1, 1, -2))

_IN_THZ = 15.633304
"""sqrt(eV/Angstrom^2/u) / (2 pi) in THz (CODATA 2018)."""


@dataclass(frozen=True)
class _Branches:
    """Branches at one point that share their directions of motion.

    At these points symmetry fixes the directions: a wave is longitudinal or transverse, never
    both, so that the dynamical matrix splits into blocks.

    Attributes
    ----------
    wave_vector
        The point, Cartesian. [2 pi/a]
    directions
        Directions in which the atoms move, orthogonal, Cartesian, of any length.
    names
        Of the frequencies, lowest first: one for each atom of the primitive cell, each as many
        times degenerate as there are directions; None: not asked for.
    """

    wave_vector: tuple[float, float, float]
    directions: tuple[tuple[int, int, int], ...]
    names: tuple[str | None, ...]


# Points and directions: C. J. Bradley and A. P. Cracknell, The Mathematical Theory of Symmetry in
# Solids (1972), ch. 3.
_OF_CRYSTAL = {
    "fcc": (
        _Branches((0, 0, 1), (_X, _Y), ("phonon_X_T",)),
        _Branches((0, 0, 1), (_Z,), ("phonon_X_L",)),
        _Branches((0.5, 0.5, 0.5), _ACROSS_111, ("phonon_L_T",)),
        _Branches((0.5, 0.5, 0.5), _ALONG_111, ("phonon_L_L",)),
    ),
    "bcc": (
        _Branches((0, 0, 1), _ALL, ("phonon_H",)),
        _Branches((0.5, 0.5, 0), ((1, -1, 0),), ("phonon_N_T1",)),
        _Branches((0.5, 0.5, 0), (_Z,), ("phonon_N_T2",)),
        _Branches((0.5, 0.5, 0), ((1, 1, 0),), ("phonon_N_L",)),
    ),
    "sc": (
        _Branches((0, 0, 0.5), (_X, _Y), ("phonon_X_T",)),
        _Branches((0, 0, 0.5), (_Z,), ("phonon_X_L",)),
        _Branches((0.5, 0.5, 0.5), _ALL, ("phonon_R",)),
    ),
    "diamond": (
        _Branches((0, 0, 0), _ALL, (None, "phonon_Gamma_O")),
        _Branches((0, 0, 1), (_X, _Y), ("phonon_X_TA", "phonon_X_TO")),
        _Branches((0, 0, 1), (_Z,), ("phonon_X_L", "phonon_X_L")),
        _Branches((0.5, 0.5, 0.5), _ACROSS_111, ("phonon_L_TA", "phonon_L_TO")),
        _Branches((0.5, 0.5, 0.5), _ALONG_111, ("phonon_L_LA", "phonon_L_LO")),
    ),
}


def check_phonopy() -> None:
    """Say how to install phonopy where it is missing.

    Raises
    ------
    ConfigError
        If it is missing.
    """
    if find_spec("phonopy") is None:
        raise ConfigError(
            "evaluation.properties.phonons",
            "phonons need the package phonopy; pip install 'autune[phonons]', or leave phonons out",
        )


def phonon_frequencies(
    crystal: Crystal, supercell: int = 4, displacement: float = 0.01
) -> dict[str, float]:
    """Calculate harmonic frequencies at high-symmetry points, by name [THz].

    omega^2 are the eigenvalues of the dynamical matrix D(q) (M. Born and K. Huang, Dynamical
    Theory of Crystal Lattices (1954), sec. 24), whose force constants are finite differences of
    the forces in a supercell at the lattice constant of the energy's minimum (K. Parlinski,
    Z. Q. Li and Y. Kawazoe, Phys. Rev. Lett. 78, 4063 (1997); A. Togo and I. Tanaka, Scripta
    Materialia 108, 1 (2015)). Frequencies are omega / 2 pi, negative where omega^2 is; those that
    symmetry makes equal are averaged.

    fcc has X and L, bcc has H and N (T1 moves along [1-10], T2 along [001]), simple cubic X and
    R, diamond Gamma, X and L. The waves of all these points fit into an even supercell, for which
    D(q) has no error of a finite supercell, however far the forces reach.

    Parameters
    ----------
    crystal
        Cubic crystal at rest.
    supercell
        Primitive cells along each of its edges, even.
    displacement
        Displacement of an atom. [Angstrom]

    Raises
    ------
    PropertyFailed
        If a force is not finite.
    """
    phonopy = find_force_constants(crystal, supercell, displacement)
    n_atoms = len(crystal.atoms)
    found: dict[str, list[float]] = {}
    for branches in _OF_CRYSTAL[crystal.structure]:
        matrix = dynamical_matrix(phonopy, branches.wave_vector, crystal)
        directions = np.array(branches.directions, dtype=np.float64)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        motion = np.kron(np.eye(n_atoms), directions)
        squares = np.linalg.eigvalsh(motion @ matrix @ motion.T)
        levels = frequency(squares).reshape(n_atoms, len(directions))
        for name, level in zip(branches.names, levels, strict=True):
            if name is not None:
                found.setdefault(name, []).extend(level)
    return {name: float(np.mean(degenerate)) for name, degenerate in found.items()}


def find_force_constants(crystal: Crystal, supercell: int, displacement: float) -> Phonopy:
    """Calculate the force constants of a crystal from displaced atoms in a supercell.

    The displacements are as few as symmetry allows, and central: one that symmetry does not turn
    into its opposite is taken both ways. The acoustic sum rule is not imposed; it holds as far as
    the calculator's forces sum to zero.

    Parameters
    ----------
    crystal
        Crystal at rest.
    supercell
        Primitive cells along each edge.
    displacement
        Displacement of an atom. [Angstrom]

    Raises
    ------
    PropertyFailed
        If a force is not finite.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = crystal.atoms
    phonopy = Phonopy(
        PhonopyAtoms(
            symbols=cell.get_chemical_symbols(),
            cell=cell.cell.array,
            scaled_positions=cell.get_scaled_positions(),
            masses=cell.get_masses(),
        ),
        supercell_matrix=[supercell] * 3,
        primitive_matrix="P",
        lang="C",  # its threads obey OMP_NUM_THREADS, those of the other one do not
    )
    phonopy.generate_displacements(distance=displacement)
    forces = []
    for displaced in phonopy.supercells_with_displacements or []:
        atoms = Atoms(displaced.symbols, displaced.positions, cell=displaced.cell, pbc=True)
        atoms.calc = cell.calc
        forces.append(finite_forces(atoms))
    phonopy.forces = forces
    # Those of the atoms of one primitive cell are enough.
    phonopy.produce_force_constants(calculate_full_force_constants=False)
    return phonopy


def dynamical_matrix(
    phonopy: Phonopy, wave_vector: tuple[float, float, float], crystal: Crystal
) -> NDArray[np.complex128]:
    """Return D(q), shape (3 n_atoms, 3 n_atoms) [eV/Angstrom^2/u].

    Parameters
    ----------
    phonopy
        Force constants.
    wave_vector
        Cartesian. [2 pi/a]
    crystal
        The crystal that they are of.
    """
    matrix = phonopy.dynamical_matrix
    assert matrix is not None
    # In units of the reciprocal primitive vectors.
    matrix.run(crystal.atoms.cell.array @ np.array(wave_vector) / crystal.lattice_constant)
    return np.asarray(matrix.dynamical_matrix, dtype=np.complex128)


def frequency(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return omega / 2 pi of omega^2 [eV/Angstrom^2/u], negative for imaginary ones [THz]."""
    return np.sign(squares) * np.sqrt(np.abs(squares)) * _IN_THZ
