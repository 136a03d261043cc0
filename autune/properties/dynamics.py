"""What a potential does in molecular dynamics: stability, extrapolation, drift of the energy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase import units
from ase.build import bulk
from ase.constraints import FixCom
from ase.md.bussi import Bussi
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from autune.errors import PropertyFailed
from autune.properties.lattice import Crystal
from autune.properties.trajectory import Limits, Trajectory, follow
from autune.settings import DynamicsSettings
from autune.units import MEV


@dataclass(frozen=True)
class Dynamics:
    """A run at constant temperature and the run at constant energy that follows it.

    Attributes
    ----------
    nvt
        Run at constant temperature, from the crystal at rest.
    nve
        Run at constant energy, from its end; None if that run was stopped.
    temperature
        That of the thermostat. [K]
    """

    nvt: Trajectory
    nve: Trajectory | None
    temperature: float

    @property
    def survived(self) -> float:
        """Time for which the crystal lasts at constant temperature, at most the run [ps]."""
        return float(self.nvt.times[-1])

    @property
    def mean_temperature(self) -> float:
        """Mean over the second half of the run at constant temperature [K].

        Raises
        ------
        PropertyFailed
            If that run was stopped.
        """
        self._need_nvt()
        return float(self.nvt.temperatures[len(self.nvt.temperatures) // 2 :].mean())

    @property
    def extrapolating(self) -> float:
        """Share of atoms and steps with a symmetry function outside its training range [%].

        Of the run at constant temperature, as far as it went.

        Raises
        ------
        PropertyFailed
            If the calculator does not know its training range.
        """
        if self.nvt.extrapolating is None:
            raise PropertyFailed("the calculator does not know its training range")
        return 100.0 * float(self.nvt.extrapolating.mean())

    @property
    def drift(self) -> float:
        """Size of the slope of the total energy over time [meV/atom/ps].

        That of the straight line of least squares, at constant energy.

        Raises
        ------
        PropertyFailed
            If a run was stopped.
        """
        slope, _ = self._line()
        return abs(slope) / MEV

    @property
    def fluctuation(self) -> float:
        """Standard deviation of the total energy from that line [meV/atom].

        Raises
        ------
        PropertyFailed
            If a run was stopped.
        """
        _, deviation = self._line()
        return deviation / MEV

    def _need_nvt(self) -> None:
        if self.nvt.stopped:
            raise PropertyFailed(
                f"the run at {self.temperature:g} K ends after {self.survived:.3g} ps: "
                f"{self.nvt.stopped}"
            )

    def _line(self) -> tuple[float, float]:
        """Return slope and standard deviation of the energy's straight line [eV/atom, ps]."""
        self._need_nvt()
        assert self.nve is not None
        if self.nve.stopped:
            raise PropertyFailed(
                f"the run at constant energy ends after {self.nve.times[-1]:.3g} ps: "
                f"{self.nve.stopped}"
            )
        slope, start = np.polyfit(self.nve.times, self.nve.energies, 1)
        left = self.nve.energies - (start + slope * self.nve.times)
        return float(slope), float(left.std())


def run_dynamics(crystal: Crystal, settings: DynamicsSettings) -> Dynamics:
    """Run molecular dynamics of a crystal at the lattice constant of the energy's minimum.

    Atoms start on their sites with velocities of twice the temperature, half of which becomes
    potential energy. The run at constant temperature uses the thermostat of G. Bussi, D. Donadio
    and M. Parrinello, J. Chem. Phys. 126, 014101 (2007): it samples the canonical ensemble by one
    factor on all velocities, so that it neither slows an atom that runs away, as the friction of
    Langevin dynamics does, nor moves the centre of mass. It also brings the crystal to
    equilibrium for the run at constant energy, by velocity Verlet (W. C. Swope et al., J. Chem.
    Phys. 76, 637 (1982)), whose total energy fluctuates with the square of the timestep, and
    drifts if the timestep is too long or the forces are not the gradient of the energy.

    Parameters
    ----------
    crystal
        Cubic crystal at rest.
    settings
        Temperature, timestep, steps, supercell, thermostat and seed.

    Raises
    ------
    Exception
        Whatever the calculator raises before the first step.
    """
    cube = bulk(crystal.element, crystal.structure, a=crystal.lattice_constant, cubic=True)
    atoms = cube.repeat(settings.supercell)
    atoms.calc = crystal.atoms.calc
    limits = Limits(
        energy=crystal.energy,
        distance=float(np.sort(atoms.get_distances(0, range(1, len(atoms)), mic=True))[0]),
        temperature=settings.temperature,
    )
    generator = np.random.default_rng(settings.seed)
    # Without it the thermostat would count the motion of the whole crystal as heat.
    atoms.set_constraint(FixCom())
    thermalize_momenta(atoms, 2.0 * settings.temperature, exact_temperature=True, rng=generator)
    timestep = settings.timestep * units.fs
    coupling_time = settings.coupling_time * units.fs
    thermostat = Bussi(atoms, timestep, settings.temperature, coupling_time, rng=generator)
    nvt = follow(thermostat, settings.steps, limits)
    if nvt.stopped:
        return Dynamics(nvt, None, settings.temperature)
    # A force that does not sum to zero shows in the energy.
    atoms.set_constraint()
    nve = follow(VelocityVerlet(atoms, timestep), settings.steps, limits)
    return Dynamics(nvt, nve, settings.temperature)


def dynamics_calculations(
    crystal: Callable[[], Crystal], settings: DynamicsSettings
) -> Iterator[tuple[tuple[str, ...], Callable[[], tuple[float, ...]]]]:
    """List the properties of molecular dynamics, each with a function that returns its value.

    The runs are done once, by the first function that needs them.

    Parameters
    ----------
    crystal
        Returns the crystal at rest, or raises.
    settings
        What to run.
    """
    done: list[Dynamics | Exception] = []

    def dynamics() -> Dynamics:
        if not done:
            try:
                done.append(run_dynamics(crystal(), settings))
            except Exception as error:  # noqa: BLE001, kept for all that need the runs
                done.append(error)
        if isinstance(done[0], Exception):
            raise done[0]
        return done[0]

    yield ("nvt_stable",), lambda: (dynamics().survived,)
    yield ("nvt_temperature",), lambda: (dynamics().mean_temperature,)
    yield ("nvt_extrapolating",), lambda: (dynamics().extrapolating,)
    yield ("nve_drift",), lambda: (dynamics().drift,)
    yield ("nve_fluctuation",), lambda: (dynamics().fluctuation,)
