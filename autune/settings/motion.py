"""Settings of properties of moving atoms: phonons and molecular dynamics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from autune.settings.fields import Model, Positive

PHONON_NAMES = {
    "fcc": ("phonon_X_T", "phonon_X_L", "phonon_L_T", "phonon_L_L"),
    "bcc": ("phonon_H", "phonon_N_T1", "phonon_N_T2", "phonon_N_L"),
    "sc": ("phonon_X_T", "phonon_X_L", "phonon_R"),
    "diamond": (
        *("phonon_Gamma_O", "phonon_X_TA", "phonon_X_L", "phonon_X_TO"),
        *("phonon_L_TA", "phonon_L_LA", "phonon_L_LO", "phonon_L_TO"),
    ),
}
"""Frequencies of each crystal by point and branch: T transverse, L longitudinal, A acoustic,
O optical; one name for branches that symmetry makes equal."""

DYNAMICS_NAMES = (
    *("nvt_stable", "nvt_temperature", "nvt_extrapolating"),
    *("nve_drift", "nve_fluctuation"),
)
"""Results of molecular dynamics."""


class PhononSettings(Model):
    """Phonon frequencies at high-symmetry points, by phonopy (extra: phonons)."""

    supercell: Annotated[int, Field(ge=2, le=12, multiple_of=2)] = Field(
        4,
        description="Primitive cells along each edge of the supercell, even, so that it holds the "
        "waves of the points, for which a larger one changes nothing; 4: 11.8 Angstrom in gold.",
    )
    displacement: Annotated[float, Field(gt=0.0, le=0.2)] = Field(
        0.01, description="Displacement of the finite differences. [Angstrom]"
    )


class DynamicsSettings(Model):
    """Molecular dynamics: a run at constant temperature, then one at constant energy."""

    temperature: Annotated[float, Field(gt=0.0, le=10_000.0)] = Field(
        300.0, description="Temperature. [K]"
    )
    timestep: Annotated[float, Field(gt=0.0, le=100.0)] = Field(2.0, description="Timestep. [fs]")
    steps: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        1000, description="Steps of each of the two runs; a drift shows after many vibrations."
    )
    supercell: Annotated[int, Field(ge=2, le=20)] = Field(
        3, description="Cubic cells along each edge of the supercell; 3: 108 atoms in fcc."
    )
    coupling_time: Positive = Field(
        100.0, description="Time in which the thermostat corrects the temperature. [fs]"
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        1, description="Seed of the velocities and of the thermostat."
    )
