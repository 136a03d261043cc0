"""Settings of the form of a potential."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from autune.architecture import Activation, CutoffType, ScalingMode
from autune.settings.compact import CompactSettings
from autune.settings.fields import (
    OF_ALL,
    PER_ELEMENT,
    PER_LAYER,
    Count,
    Eta,
    Factor,
    Model,
    NotNegative,
    Shift,
    Units,
)
from autune.settings.functions import FunctionSelectionSettings, RuleSettings
from autune.symmetry_lines import parse_symmetry_function
from autune.units import NAMES, UNIT_SYSTEMS, convert

WIDE_AND_WEIGHTED = "no weighted function is wide (type 9); set {} to narrow, or leave weighted out"
LAST_BEFORE_CUTOFF = 0.5
"""Where the grid of a rule ends before the cutoff radius, Angstrom (Gastegger et al. 2018)."""


def _check_line(line: str) -> str:
    """Refuse a line that is no symmetry function, or another one in n2p2."""
    try:
        _, function = parse_symmetry_function(line.split())
        if function.ignores_shift:
            raise ValueError(
                f"expected rs of 0 or more, found {function.r_shift:g}; n2p2 and LAMMPS take 0 for "
                "a negative rs of types 3 and 9"
            )
    except ValueError as error:
        message = str(error)
        if repr(line) not in message:
            message += f", in the line {line!r}"
        raise PydanticCustomError("symmetry_function", "{words}", {"words": message}) from None
    return line


def _form(value: Any) -> str:
    return PER_ELEMENT if isinstance(value, dict) else OF_ALL


def _form_of_activation(value: Any) -> str:
    return PER_LAYER if isinstance(value, list | tuple) else OF_ALL


Layers = Annotated[tuple[Count, ...], Field(min_length=1)]


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
    explicit: tuple[Annotated[str, AfterValidator(_check_line)], ...] = Field(
        (),
        description="Symmetry functions one by one, in place of basis, radial and angular: lines "
        "as after symfunction_short in an input.nn, such as 'Au 2 Au 0.1 0.0 6.0'; each has its "
        "own cutoff radius. [Angstrom]",
    )
    rule: RuleSettings | None = Field(
        None, description="Grids of functions, in place of basis, radial and angular."
    )
    selection: FunctionSelectionSettings = Field(
        FunctionSelectionSettings(), description="Which of the functions are kept."
    )

    compact: CompactSettings | None = Field(
        None,
        description="Functions with compact support (types 20 to 22), in place of basis, radial "
        "and angular; {} for the defaults.",
    )
    weighted: bool = Field(
        False,
        description="One function over the neighbours of all elements, weighted by nuclear charge "
        "(types 12 and 13, compact 23 to 25), in place of one for each element or pair.",
    )

    @model_validator(mode="after")
    def _functions_listed(self) -> SymmetryFunctionSettings:
        if self.explicit:
            self._refuse_beside("explicit", "compact", "rule", "weighted")
            return self
        if self.compact is not None:
            self._refuse_beside("compact", "rule")
            return self
        if self.rule is not None:
            self._refuse_beside("rule")
            if self.weighted and self.rule.angular in ("wide", "both"):
                raise ValueError(WIDE_AND_WEIGHTED.format("rule.angular"))
            return self
        named = self.basis is not None
        radial = named if self.radial.eta is None else len(self.radial.eta) > 0
        angular = named if self.angular.functions is None else len(self.angular.functions) > 0
        if not radial and not angular:
            raise ValueError("there are no functions; list radial.eta or angular.functions")
        if self.weighted and angular and self.angular.kind == "wide":
            raise ValueError(WIDE_AND_WEIGHTED.format("angular.kind"))
        return self

    def _refuse_beside(self, chosen: str, *others: str) -> None:
        """Refuse what has no part in the functions that are chosen, unless it has its default."""
        fields = type(self).model_fields
        for name in ("every", "r_shift", "radial", "angular", *others):
            if getattr(self, name) != fields[name].default:
                raise ValueError(
                    f"{chosen} makes all functions, and {name} changes none of them; leave one of "
                    "them out"
                )


class PotentialSettings(Model):
    """The form of the potential: everything but its weights."""

    elements: tuple[str, ...] = Field(min_length=1, description="Chemical symbols.")
    units: Units = Field(
        "ev-angstrom",
        description="Units of all lengths and energies given in this section, and of the "
        "potential's files; hartree-bohr keeps the digits of an imported potential, and needs a "
        "cutoff_radius. Defaults are in Angstrom and converted. Inside all is eV and Angstrom.",
    )
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
    hidden_layers: Annotated[
        Annotated[Layers, Tag(OF_ALL)] | Annotated[dict[str, Layers], Tag(PER_ELEMENT)],
        Discriminator(_form),
    ] = Field(
        (25, 25),
        description="Neurons per hidden layer, of all elements or per element ({Au: [25, 25], Cu: "
        "[15, 15]}, as many layers each; n2p2 2.3.0 and LAMMPS read it, n2p2's development version "
        "does not).",
    )
    activation: Annotated[
        Annotated[Activation, Tag(OF_ALL)] | Annotated[tuple[Activation, ...], Tag(PER_LAYER)],
        Discriminator(_form_of_activation),
    ] = Field("tanh", description="Activation of the hidden layers, of all or a list of each.")
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
    atom_energies: Annotated[
        Annotated[Literal["fit"], Tag(OF_ALL)] | Annotated[dict[str, float], Tag(PER_ELEMENT)],
        Discriminator(_form),
    ] = Field(
        {},
        description="Energy of the free atom per element, subtracted before training; fit: by "
        "least squares of the energies per atom of the training structures over their "
        "composition, with one element their mean. [eV]",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_lengths_in_these_units(cls, given: Any) -> Any:
        """Convert the defaults of r_first, so that settings written out have what was meant."""
        units = NAMES.get(str(given.get("units"))) if isinstance(given, dict) else None
        if units is None or units == "ev-angstrom":
            return given
        functions = given.get("symmetry_functions")
        if not isinstance(functions, dict):
            return given
        sections: dict[str, type[Model]] = {"rule": RuleSettings, "compact": CompactSettings}
        filled = {}
        for name, model in sections.items():
            section = functions.get(name)
            if isinstance(section, dict) and "r_first" not in section:
                default = model.model_fields["r_first"].default
                r_first = convert(default, 1.0, UNIT_SYSTEMS[units].length)
                filled[name] = {**section, "r_first": r_first}
        return {**given, "symmetry_functions": {**functions, **filled}}

    @field_validator("atom_energies")
    @classmethod
    def _of_these_elements(cls, energies: Any, info: ValidationInfo) -> Any:
        elements = info.data.get("elements", ())
        others = [e for e in energies if e not in elements] if isinstance(energies, dict) else []
        if others and elements:
            raise ValueError(
                f"expected energies of {', '.join(elements)}, found one of {', '.join(others)}; "
                "leave it out"
            )
        return energies

    @field_validator("hidden_layers", mode="before")
    @classmethod
    def _same_elements(cls, layers: Any, info: ValidationInfo) -> Any:
        elements = info.data.get("elements", ())
        if isinstance(layers, dict) and elements and set(layers) != set(elements):
            raise ValueError(
                f"expected sizes of each of {', '.join(elements)}, found them of "
                f"{', '.join(map(str, layers)) or 'none'}"
            )
        return layers

    @field_validator("hidden_layers")
    @classmethod
    def _same_depth(
        cls, layers: tuple[int, ...] | dict[str, tuple[int, ...]]
    ) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
        if isinstance(layers, dict) and len({len(sizes) for sizes in layers.values()}) > 1:
            found = ", ".join(f"{len(sizes)} of {symbol}" for symbol, sizes in layers.items())
            raise ValueError(f"expected as many layers of each element, found {found}")
        return layers

    @model_validator(mode="after")
    def _activations_of_all_layers(self) -> PotentialSettings:
        if isinstance(self.activation, tuple) and len(self.activation) != self.n_hidden_layers:
            raise ValueError(
                f"activation lists {len(self.activation)} layers, hidden_layers has "
                f"{self.n_hidden_layers}; give one for each, or one word for all"
            )
        return self

    @model_validator(mode="after")
    def _cutoff_in_these_units(self) -> PotentialSettings:
        given = "cutoff_radius" in self.model_fields_set or self.symmetry_functions.explicit
        if self.units != "ev-angstrom" and not given:
            raise ValueError(
                f"cutoff_radius must be given with units {self.units}; the default of "
                f"{self.cutoff_radius:g} is meant in Angstrom"
            )
        return self

    @model_validator(mode="after")
    def _range_not_empty(self) -> PotentialSettings:
        if self.scale_max <= self.scale_min:
            raise ValueError(
                f"scale_max ({self.scale_max:g}) must be larger than scale_min ({self.scale_min:g})"
            )
        rule = self.symmetry_functions.rule
        if rule is not None and rule.spacing == "linear":
            before = LAST_BEFORE_CUTOFF / UNIT_SYSTEMS[self.units].length
            last = rule.r_last or self.cutoff_radius - before
            if not rule.r_first < last <= self.cutoff_radius:
                unit = "Bohr" if self.units == "hartree-bohr" else "Angstrom"
                raise ValueError(
                    f"the grid of symmetry_functions.rule goes from {rule.r_first:g} to {last:g} "
                    f"{unit} and must grow and end at {self.cutoff_radius:g} or before; change "
                    "r_first, r_last or cutoff_radius"
                )
        if len(set(self.elements)) != len(self.elements):
            raise ValueError(f"elements are listed twice: {', '.join(self.elements)}")
        compact = self.symmetry_functions.compact
        if compact is not None and compact.r_first >= self.cutoff_radius:
            raise ValueError(
                f"symmetry_functions.compact.r_first ({compact.r_first:g}) must be smaller than "
                f"cutoff_radius ({self.cutoff_radius:g})"
            )
        return self

    @property
    def n_hidden_layers(self) -> int:
        """Number of hidden layers of every element."""
        layers = self.hidden_layers
        return len(next(iter(layers.values())) if isinstance(layers, dict) else layers)
