"""Settings of the form of a potential."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autune.architecture import Activation, CutoffType, ScalingMode
from autune.settings.fields import Count, Eta, Factor, Model, NotNegative, Shift
from autune.settings.functions import FunctionSelectionSettings, RuleSettings

LAST_BEFORE_CUTOFF = 0.5
"""Angstrom: where the grid of a rule ends before the cutoff radius (Gastegger et al. 2018)."""


class RadialSettings(Model):
    """Radial symmetry functions (type 2), for every pair of elements."""

    eta: tuple[Eta, ...] | None = Field(
        None, description="Inverse square widths; default: those of the basis. [1/Angstrom^2]"
    )
    r_shift: Shift | None = Field(
        None, description="Centre of the Gaussians; default: symmetry_functions.r_shift. [Angstrom]"
    )
    eta_factor: Factor = Field(1.0, description="Multiplies every eta.")


class AngularSettings(Model):
    """Angular symmetry functions (type 3 or 9), for every triple of elements."""

    kind: Literal["narrow", "wide"] = Field(
        "wide", description="narrow: type 3, with r_jk; wide: type 9, without."
    )
    functions: (
        tuple[tuple[Eta, Literal[-1, 1], Annotated[float, Field(ge=1.0, le=1000.0)]], ...] | None
    ) = Field(None, description="[eta, lambda, zeta] of each; default: those of the basis.")
    r_shift: Annotated[float, Field(ge=0.0, le=100.0)] | None = Field(
        None,
        description="Centre of the Gaussians, not negative; default: symmetry_functions.r_shift, "
        "or 0 where that is negative. [Angstrom]",
    )
    eta_factor: Factor = Field(1.0, description="Multiplies every eta.")


class SymmetryFunctionSettings(Model):
    """The symmetry functions as a few rule parameters."""

    basis: Literal["gold_study", "gold_study_printed"] | None = Field(
        "gold_study",
        description="Named set of etas, lambdas, zetas (8 radial, 18 angular functions a "
        "combination of elements); null: only what radial and angular list.",
    )
    every: Count = Field(
        1,
        description="Use the first of every so many listed functions of each kind: 2 leaves half "
        "of them, 4 half of these.",
    )
    r_shift: Shift = Field(
        0.0,
        description="Common centre of the Gaussians (r_s) of both kinds; where it is negative, "
        "that of angular functions is 0, as n2p2 and LAMMPS have it. [Angstrom]",
    )
    radial: RadialSettings = Field(RadialSettings(), description="Radial functions.")
    angular: AngularSettings = Field(AngularSettings(), description="Angular functions.")
    rule: RuleSettings | None = Field(
        None, description="Grids of functions in place of basis, every, r_shift, radial, angular."
    )
    selection: FunctionSelectionSettings = Field(
        FunctionSelectionSettings(), description="Which of the functions are kept."
    )

    @model_validator(mode="after")
    def _one_source(self) -> SymmetryFunctionSettings:
        if self.rule is not None:
            for name in ("every", "r_shift", "radial", "angular"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"rule makes all functions, {name} would change none; take one of the two "
                        "out"
                    )
        return self

    @model_validator(mode="after")
    def _functions_listed(self) -> SymmetryFunctionSettings:
        named = self.basis is not None
        radial = named if self.radial.eta is None else len(self.radial.eta) > 0
        angular = named if self.angular.functions is None else len(self.angular.functions) > 0
        if not radial and not angular:
            raise ValueError("there are no functions; list radial.eta or angular.functions")
        return self


class PotentialSettings(Model):
    """The form of the potential: everything but its weights."""

    elements: tuple[str, ...] = Field(min_length=1, description="Chemical symbols.")
    cutoff_type: CutoffType = Field("poly2", description="Cutoff function.")
    cutoff_radius: Annotated[float, Field(gt=0.0, le=50.0)] = Field(
        6.0, description="Cutoff radius. [Angstrom]"
    )
    inner_cutoff: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="alpha: the cutoff function is 1 up to alpha times the cutoff radius."
    )
    symmetry_functions: SymmetryFunctionSettings = Field(
        SymmetryFunctionSettings(), description="Symmetry functions."
    )
    hidden_layers: tuple[Count, ...] = Field(
        (25, 25), min_length=1, description="Neurons per hidden layer."
    )
    activation: Activation = Field("tanh", description="Activation of the hidden layers.")
    output_activation: Activation = Field("identity", description="Activation of the output.")
    normalize_nodes: bool = Field(False, description="Divide arguments of neurons by their fan-in.")
    scaling: ScalingMode = Field("scale_center", description="From symmetry functions to inputs.")
    scale_min: Annotated[float, Field(ge=-1e6, le=1e6)] = Field(
        0.0, description="Lower end of scaled inputs."
    )
    scale_max: Annotated[float, Field(ge=-1e6, le=1e6)] = Field(
        1.0, description="Upper end of scaled inputs."
    )
    minimum_spread: NotNegative = Field(
        1e-8,
        description="Functions whose range over the training set is not larger are dropped.",
    )
    atom_energies: dict[str, float] = Field(
        {}, description="Energy of the free atom, subtracted before training. [eV]"
    )

    @model_validator(mode="after")
    def _range_not_empty(self) -> PotentialSettings:
        if self.scale_max <= self.scale_min:
            raise ValueError(
                f"scale_max ({self.scale_max:g}) must be larger than scale_min ({self.scale_min:g})"
            )
        rule = self.symmetry_functions.rule
        if rule is not None and rule.spacing == "linear":
            last = rule.r_last or self.cutoff_radius - LAST_BEFORE_CUTOFF
            if not rule.r_first < last <= self.cutoff_radius:
                raise ValueError(
                    f"the grid of symmetry_functions.rule goes from {rule.r_first:g} to {last:g} "
                    f"Angstrom and must grow and end at {self.cutoff_radius:g} or before; change "
                    "r_first, r_last or cutoff_radius"
                )
        if len(set(self.elements)) != len(self.elements):
            raise ValueError(f"elements are listed twice: {', '.join(self.elements)}")
        return self
