"""The potential: architecture, scaling and weights together; predict, load, save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase.data import atomic_numbers

from autune.architecture import Architecture
from autune.errors import DataError, FormatError
from autune.formats.atoms import from_atoms
from autune.formats.files import is_file, is_folder, make_folder, write_text
from autune.formats.input_nn import input_nn_text, read_input_nn
from autune.formats.keywords import read_units, units_line
from autune.formats.tables import (
    Scaling,
    read_scaling,
    read_weights,
    write_scaling,
    write_weights,
)
from autune.kernels.network import Networks
from autune.kernels.prediction import InputScaling, predict_structure
from autune.kernels.symmetry_table import SymmetryTable
from autune.potential.descriptors import element_indices
from autune.potential.extrapolation import Extrapolation, OutsideAtoms
from autune.potential.layout import (
    build_networks,
    join_weights,
    padded_factors,
    padded_range,
)
from autune.potential.member_folders import member_folders
from autune.potential.neighbours import neighbour_list
from autune.potential.symmetry_tables import symmetry_tables
from autune.structures import FloatArray, IntArray, Structure
from autune.units import GivenUnits, UnitSystem, unit_name, unit_system

if TYPE_CHECKING:
    from ase import Atoms

    from autune.potential.calculator import HDNNPCalculator


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a potential says about a structure.

    Parameters
    ----------
    energy
        Total energy in eV.
    forces
        In eV/Angstrom, shape (n_atoms, 3).
    virial
        Derivative of the energy with respect to strain in eV, shape (3, 3).
    stress
        virial / volume in eV/Angstrom^3, positive under tension; None for a cluster.
    atomic_energies
        In eV, shape (n_atoms,), their sum is the energy.
    extrapolations
        Symmetry functions of each atom outside the range of the training set, shape (n_atoms,).
    excess
        How far the furthest of them is outside, over the width of its range, shape (n_atoms,);
        0 for atoms inside.
    outside
        Symmetry functions of the atoms outside, for `list_extrapolations`.
    potential
        Which predicts.
    """

    energy: float
    forces: FloatArray
    virial: FloatArray
    stress: FloatArray | None
    atomic_energies: FloatArray
    extrapolations: IntArray
    excess: FloatArray
    outside: OutsideAtoms
    potential: Potential

    def list_extrapolations(self) -> list[Extrapolation]:
        """List the symmetry functions outside the range of the training set.

        By atom, then by function: as many of each atom as `extrapolations` says.
        """
        return self.outside.compare(self.potential.scaling, self.potential.architecture)


@dataclass(frozen=True, eq=False)
class Potential:
    """A high-dimensional neural network potential (Behler, Parrinello, PRL 98, 146401 (2007)).

    Parameters
    ----------
    architecture
        Elements, symmetry functions, networks, units.
    scaling
        Statistics of the symmetry functions per element.
    weights
        Weights and biases per element, in n2p2's order.
    keywords
        Other keywords of its input.nn, for training further with n2p2.
    """

    architecture: Architecture
    scaling: dict[str, Scaling]
    weights: dict[str, FloatArray]
    keywords: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols in order of atomic number."""
        return self.architecture.elements

    @property
    def r_cutoff(self) -> float:
        """Largest cutoff radius in Angstrom."""
        return self.architecture.reach

    def predict(self, atoms: Structure | Atoms) -> Prediction:
        """Predict energy, forces and stress.

        Parameters
        ----------
        atoms
            A structure, or ASE's Atoms.

        Raises
        ------
        DataError
            If the structure has an element that the potential does not know, or the prediction is
            not finite.
        """
        structure = atoms if isinstance(atoms, Structure) else from_atoms(atoms)
        return predict_alike((self,), self._arrays, structure)[0]

    def calculator(self) -> HDNNPCalculator:
        """Return an ASE calculator."""
        from autune.potential.calculator import HDNNPCalculator

        return HDNNPCalculator(self)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        units: GivenUnits | None = None,
    ) -> Potential:
        """Read a directory of n2p2: input.nn, scaling.data, weights.ZZZ.data.

        Parameters
        ----------
        directory
            Any directory that n2p2 or LAMMPS could use.
        units
            Units of the files; None: what autune wrote says which, of other files it is eV and
            Angstrom.

        Raises
        ------
        FormatError
            If a file is missing or wrong, or says other units than those given.
        """
        directory = Path(directory)
        if not is_file(directory / "input.nn"):
            raise FormatError(
                directory,
                None,
                "expected a potential (input.nn, scaling.data, weights.*.data)" + _hint(directory),
            )
        system = _units_of(directory / "input.nn", units)
        architecture, keywords = read_input_nn(directory / "input.nn", *system)
        scaling = read_scaling(directory / "scaling.data", architecture)
        weights = {
            element: read_weights(
                directory / f"weights.{atomic_numbers[element]:03d}.data",
                architecture.n_weights(element),
                architecture.layer_sizes(element),
            )
            for element in architecture.elements
        }
        return cls(architecture, scaling, weights, keywords)

    def save(self, directory: str | Path) -> None:
        """Write input.nn, scaling.data and weights.ZZZ.data, in the units the potential has."""
        directory = Path(directory)
        make_folder(directory)
        architecture, scaling, weights = self._in_order()
        write_scaling(directory / "scaling.data", architecture, scaling)
        for element in self.elements:
            write_weights(
                directory / f"weights.{atomic_numbers[element]:03d}.data",
                weights[element],
                self.architecture.layer_sizes(element),
            )
        name = unit_name(self.architecture.units)
        text = input_nn_text(
            architecture,
            {keyword: " ".join(words) for keyword, words in self.keywords.items()},
            "High-dimensional neural network potential, written by autune\n"
            + (units_line(name) if name else "In units of its source"),
        )
        write_text(directory / "input.nn", text)

    def _in_order(self) -> tuple[Architecture, dict[str, Scaling], dict[str, FloatArray]]:
        """Return the same potential with its functions in the order in which files are read.

        They are not where a file had a negative r_shift of several angular functions: n2p2 sorts
        by it and then takes 0, which is what is written.
        """
        functions, scaling, weights = {}, {}, {}
        for element, before in self.architecture.symmetry_functions.items():
            order = sorted(range(len(before)), key=lambda place: before[place].sort_key)
            s, w = self.scaling[element], self.weights[element].copy()
            n, n_hidden = self.architecture.layer_sizes(element)[:2]
            w[: n * n_hidden] = w[: n * n_hidden].reshape(n, n_hidden)[order].ravel()
            functions[element] = tuple(before[place] for place in order)
            scaling[element] = Scaling(
                s.minimum[order], s.maximum[order], s.mean[order], s.sigma[order]
            )
            weights[element] = w
        return replace(self.architecture, symmetry_functions=functions), scaling, weights

    @cached_property
    def _arrays(self) -> KernelArrays:
        return stack((self,))


class KernelArrays(NamedTuple):
    """What the kernel takes of potentials that are alike."""

    table: SymmetryTable
    scaling: InputScaling
    networks: Networks
    weights: FloatArray


def stack(members: Sequence[Potential]) -> KernelArrays:
    """Lay out potentials that have the same symmetry functions and networks."""
    architecture = members[0].architecture
    numbers = [
        (*padded_factors(m.scaling, m.architecture), *padded_range(m.scaling, m.architecture))
        for m in members
    ]
    return KernelArrays(
        symmetry_tables(architecture),
        InputScaling(*(np.stack(arrays) for arrays in zip(*numbers, strict=True))),
        build_networks(architecture),
        np.stack([join_weights(m.weights, m.architecture) for m in members]),
    )


def predict_alike(
    members: Sequence[Potential], arrays: KernelArrays, structure: Structure
) -> list[Prediction]:
    """Predict with potentials that are alike: neighbours and symmetry functions only once.

    Parameters
    ----------
    members
        Of the same symmetry functions and networks.
    arrays
        What `stack` made of them.
    structure
        Of elements that they know.

    Raises
    ------
    DataError
        If the structure has an element that they do not know, or a prediction is not finite.
    """
    elements = element_indices(structure, members[0].architecture)
    neighbours = neighbour_list(structure, members[0].r_cutoff)
    *of_members, G = predict_structure(
        *arrays,
        elements,
        neighbours.first,
        neighbours.index,
        neighbours.vectors,
        neighbours.distances,
    )
    outside = OutsideAtoms.of(of_members[3], elements, G)
    predictions = []
    for member, E, F, W, extrapolations, excess in zip(members, *of_members, strict=True):
        a = member.architecture
        # Back from internal units, N2P2 6: E = E*/cE + N mean + atom energies.
        to_eV = a.energy_unit / a.conv_energy
        offsets = np.array([a.atom_energies.get(symbol, 0.0) for symbol in a.elements])
        with np.errstate(over="ignore", invalid="ignore"):
            atomic = E * to_eV + (a.mean_energy + offsets[elements]) * a.energy_unit
            virial = 0.5 * (W + W.T) * to_eV
            energy, forces = float(atomic.sum()), F * to_eV
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise DataError(
                f"{structure.label}: the potential predicts energies or forces that are not "
                "finite; its files are damaged, or it knows nothing of such structures"
            )
        predictions.append(
            Prediction(
                energy=energy,
                forces=forces,
                virial=virial,
                stress=None if structure.cell is None else virial / structure.volume,
                atomic_energies=atomic,
                extrapolations=extrapolations,
                excess=excess,
                outside=outside,
                potential=member,
            )
        )
    return predictions


def _units_of(path: Path, given: GivenUnits | None) -> UnitSystem:
    """Return the units of an input.nn; refuse given ones that its comments contradict."""
    said = read_units(path)
    if given is None:
        return unit_system(said or "ev-angstrom")
    if said is not None and unit_system(given) != unit_system(said):
        raise FormatError(path, None, f"is in {said}, not in {given}; leave the units out")
    return unit_system(given)


def _hint(directory: Path) -> str:
    """Say what lies in a folder that is no potential."""
    inside = [directory / name for name in ("potential", "best") if is_folder(directory / name)]
    members = member_folders(directory)
    if inside or len(members) == 1:
        return f"; there is one in {(inside or members)[0]}"
    if members:
        return (
            f", found a committee of {len(members)}: load it with Committee.load, or one of them "
            f"from {members[0]}"
        )
    return ""
