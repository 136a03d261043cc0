"""Every knob of autune, declared once: name, type, default, bounds, unit, one line of words.

The same file serves `train` (every leaf a value) and `search` (leaves may be distributions, see
`autune.space`).  Models are frozen and refuse unknown keys.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autune.architecture import Activation, CutoffType, ScalingMode
from autune.errors import ConfigError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatasetSettings(_Model):
    """Which structures, and which of them are for the test."""

    path: str = Field(description="File or folder of structures, or builtin:gold.")
    split: Literal["random", "groups", "file"] = Field(
        "random",
        description="random: test_fraction by split_seed; groups: test_groups are the test; "
        "file: the file says train or test.",
    )
    test_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.1, description="Share of every group that becomes test structures (split: random)."
    )
    split_seed: int = Field(1, ge=0, description="Seed of the random split.")
    test_groups: tuple[str, ...] = Field(
        (), description="Groups kept for the test (split: groups)."
    )
    test_structures: tuple[str, ...] = Field(
        (), description="Names of the test structures; takes the place of the split."
    )
    leave_out_groups: tuple[str, ...] = Field(
        (), description="Groups used neither for training nor for the test."
    )
    units: Literal["eV,Angstrom", "Hartree,Bohr"] = Field(
        "eV,Angstrom", description="Units of an input.data file (others carry their own)."
    )


class RadialSettings(_Model):
    """Radial symmetry functions (type 2), for every pair of elements."""

    eta: tuple[NotNegative, ...] | None = Field(
        None, description="Inverse square widths; default: those of the basis. [1/Angstrom^2]"
    )
    r_shift: float | None = Field(
        None, description="Centre of the Gaussians; default: symmetry_functions.r_shift. [Angstrom]"
    )
    eta_factor: Positive = Field(1.0, description="Multiplies every eta.")


class AngularSettings(_Model):
    """Angular symmetry functions (type 3 or 9), for every triple of elements."""

    kind: Literal["narrow", "wide"] = Field(
        "wide", description="narrow: type 3, with r_jk; wide: type 9, without."
    )
    functions: (
        tuple[tuple[NotNegative, Literal[-1, 1], Annotated[float, Field(ge=1.0)]], ...] | None
    ) = Field(None, description="[eta, lambda, zeta] of each; default: those of the basis.")
    r_shift: NotNegative | None = Field(
        None,
        description="Centre of the Gaussians, not negative; default: symmetry_functions.r_shift. "
        "[Angstrom]",
    )
    eta_factor: Positive = Field(1.0, description="Multiplies every eta.")


class SymmetryFunctionSettings(_Model):
    """The symmetry functions as a few rule parameters."""

    basis: Literal["gold_study", "gold_study_printed"] | None = Field(
        "gold_study",
        description="Named set of etas, lambdas, zetas (8 radial, 18 angular functions a "
        "combination of elements); null: only what radial and angular list.",
    )
    r_shift: float = Field(
        0.0, description="Common centre of the Gaussians (r_s) of both kinds. [Angstrom]"
    )
    radial: RadialSettings = Field(RadialSettings(), description="Radial functions.")
    angular: AngularSettings = Field(AngularSettings(), description="Angular functions.")

    @model_validator(mode="after")
    def _shift_that_lammps_runs(self) -> SymmetryFunctionSettings:
        shift = self.r_shift if self.angular.r_shift is None else self.angular.r_shift
        if shift < 0.0:
            raise ValueError(
                f"a negative r_shift ({shift:g} Angstrom) of angular functions is ignored by n2p2 "
                "and LAMMPS, which would run another potential than the one trained; set "
                "symmetry_functions.angular.r_shift to 0 or more (radial.r_shift may be negative)"
            )
        return self

    @model_validator(mode="after")
    def _functions_listed(self) -> SymmetryFunctionSettings:
        if self.basis is None and self.radial.eta is None and self.angular.functions is None:
            raise ValueError("without a basis, list radial.eta or angular.functions")
        return self


class PotentialSettings(_Model):
    """The form of the potential: everything but its weights."""

    elements: tuple[str, ...] = Field(min_length=1, description="Chemical symbols.")
    cutoff_type: CutoffType = Field("poly2", description="Cutoff function.")
    cutoff_radius: Positive = Field(6.0, description="Cutoff radius. [Angstrom]")
    inner_cutoff: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="alpha: the cutoff function is 1 up to alpha times the cutoff radius."
    )
    symmetry_functions: SymmetryFunctionSettings = Field(
        SymmetryFunctionSettings(), description="Symmetry functions."
    )
    hidden_layers: tuple[Count, ...] = Field((25, 25), description="Neurons per hidden layer.")
    activation: Activation = Field("tanh", description="Activation of the hidden layers.")
    output_activation: Activation = Field("identity", description="Activation of the output.")
    normalize_nodes: bool = Field(False, description="Divide arguments of neurons by their fan-in.")
    scaling: ScalingMode = Field("scale_center", description="From symmetry functions to inputs.")
    scale_min: float = Field(0.0, description="Lower end of scaled inputs.")
    scale_max: float = Field(1.0, description="Upper end of scaled inputs.")
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
        if len(set(self.elements)) != len(self.elements):
            raise ValueError(f"elements are listed twice: {', '.join(self.elements)}")
        return self


class KalmanSettings(_Model):
    """Extended Kalman filter, as n2p2 has it."""

    kind: Literal["standard", "fading"] = Field(
        "standard", description="Standard or fading memory."
    )
    per_element: bool = Field(False, description="One filter per element in place of one for all.")
    epsilon: Positive = Field(0.01, description="P(0) = 1/epsilon.")
    q0: NotNegative = Field(0.01, description="Process noise at the start.")
    qtau: NotNegative = Field(2.302, description="Decay of the process noise per epoch.")
    qmin: NotNegative = Field(1e-6, description="Process noise at the end.")
    eta: Positive = Field(0.01, description="Learning rate at the start (standard).")
    etatau: NotNegative = Field(2.302, description="Growth of the learning rate per epoch.")
    etamax: Positive = Field(1.0, description="Learning rate at the end.")
    lambda_: Annotated[float, Field(gt=0.0, le=1.0, alias="lambda")] = Field(
        0.98, alias="lambda", description="Forgetting factor at the start (fading)."
    )
    nue: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.9987, description="Approach of the forgetting factor to 1 (fading)."
    )


class SelectionSettings(_Model):
    """How candidates are chosen for updates (idea: Blank and Brown, J. Chemom. 8, 391 (1994))."""

    mode: Literal["random", "sorted", "threshold"] = Field(
        "threshold",
        description="random; sorted: largest errors first; threshold: the next whose error "
        "exceeds threshold times the RMSE of the last epoch.",
    )
    energy_threshold: NotNegative = Field(0.0, description="Threshold of energies.")
    force_threshold: NotNegative = Field(1.0, description="Threshold of force components.")
    trials: Count = Field(3, description="Candidates tried; then the worst of them is used.")


class InitializationSettings(_Model):
    """Initial weights."""

    method: Literal["uniform", "glorot", "nguyen_widrow"] = Field(
        "glorot", description="Method, as in n2p2."
    )
    weights_min: float = Field(-1.0, description="Lower end of the uniform distribution.")
    weights_max: float = Field(1.0, description="Upper end of the uniform distribution.")

    @model_validator(mode="after")
    def _range_not_empty(self) -> InitializationSettings:
        if self.weights_max <= self.weights_min:
            raise ValueError("weights_max must be larger than weights_min")
        return self


class TrainingSettings(_Model):
    """The training of one potential."""

    epochs: Count = Field(100, description="Number of epochs.")
    updates_per_epoch: Count = Field(1000, description="Filter updates per epoch.")
    force_ratio: Fraction = Field(0.9, description="Force updates / all updates of an epoch.")
    streams: Count = Field(1, description="Candidates of one update (multistream).")
    multistream: Literal["full", "task", "sum"] = Field(
        "full",
        description="full: every candidate is an observation; task: candidates of a rank are added "
        "up; sum: all candidates are added up.",
    )
    force_weight: Positive = Field(1.0, description="Weight of force errors.")
    group_weights: dict[str, Positive] = Field(
        {}, description="Weight of the structures of a group; default 1."
    )
    selection: SelectionSettings = Field(SelectionSettings(), description="Choice of candidates.")
    kalman: KalmanSettings = Field(KalmanSettings(), description="Extended Kalman filter.")
    normalization: Literal["none", "ref", "force"] = Field(
        "force", description="Internal units: by reference data (ref) or initial forces (force)."
    )
    initialization: InitializationSettings = Field(
        InitializationSettings(), description="Initial weights."
    )
    keep: Literal["best", "last"] = Field(
        "best", description="Which epoch's weights to keep; best: lowest score on the test set."
    )
    seed: int = Field(1, ge=0, description="Seed of weights and candidates (of the first seed).")


class LatticeSettings(_Model):
    """Lattice constant of the relaxed crystal."""


class EquationOfStateSettings(_Model):
    """Birch-Murnaghan fit of energies over volumes."""

    strain: Annotated[float, Field(gt=0.0, le=0.1)] = Field(
        0.03, description="Largest linear strain."
    )
    points: Annotated[int, Field(ge=5)] = Field(7, description="Number of volumes.")


class ElasticSettings(_Model):
    """Elastic constants from stress and strain, ions relaxed."""

    strain: Annotated[float, Field(gt=0.0, le=0.05)] = Field(
        0.006, description="Strain of the central differences."
    )


class SurfaceSettings(_Model):
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


class PhaseSettings(_Model):
    """Energy of another relaxed crystal above the stable one."""

    crystal: Literal["fcc", "bcc", "hcp", "sc", "diamond"] = Field(
        "bcc", description="The other crystal."
    )


class PropertiesSettings(_Model):
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
    failure_penalty: Positive = Field(
        100.0, description="Error counted for a property that cannot be calculated. [%]"
    )
    weights: dict[str, NotNegative] = Field(
        {}, description="Weight of a property in property_error; default 1."
    )

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
        return self

    @model_validator(mode="after")
    def _weights_name_properties(self) -> PropertiesSettings:
        crystals = get_args(PhaseSettings.model_fields["crystal"].annotation)
        known = [
            *("lattice_constant", "C11", "C12", "C44", "bulk_modulus", "bulk_modulus_eos"),
            *(f"surface_energy_{facet}" for facet in ("100", "110", "111")),
            *(f"{other}_{self.crystal}_energy_difference" for other in crystals),
        ]
        for name in self.weights:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                raise ValueError(f"weights: no property is called {name}; {hint}")
        return self


class Target(_Model):
    """A term of the score."""

    scale: Positive = Field(description="Error that counts as 1.")
    weight: NotNegative = Field(1.0, description="Weight of the term.")


class ScoreSettings(_Model):
    """One number from all errors: the weighted mean of errors over their scales."""

    energy_rmse: Target = Field(
        Target(scale=0.003), description="Energy RMSE of the test set. [eV/atom]"
    )
    force_rmse: Target = Field(
        Target(scale=0.025), description="Force RMSE of the test set. [eV/Angstrom]"
    )
    property_error: Target = Field(Target(scale=3.0), description="Property error. [%]")

    @model_validator(mode="after")
    def _some_weight(self) -> ScoreSettings:
        if self.energy_rmse.weight + self.force_rmse.weight + self.property_error.weight == 0.0:
            raise ValueError("one weight of the score at least must be larger than 0")
        return self


class EvaluationSettings(_Model):
    """How a potential is judged."""

    seeds: Count = Field(1, description="Trainings with different seeds.")
    properties: PropertiesSettings | None = Field(None, description="Physical properties.")
    score: ScoreSettings = Field(ScoreSettings(), description="Scalar score.")


class SearchSettings(_Model):
    """The search over settings."""

    trials: Count = Field(20, description="Number of trials.")
    sampler: Literal["tpe", "nsga2", "nsga3", "qmc", "random", "grid"] = Field(
        "tpe",
        description="Optuna's sampler; grid: every combination, for choices, integers and "
        "uniform with a step.",
    )
    objectives: tuple[str, ...] = Field(
        ("energy_rmse", "force_rmse", "property_error"),
        min_length=1,
        max_length=3,
        description="One to three logged metrics to minimise.",
    )
    pruner: Literal["asha", "none"] = Field("asha", description="Early stop of bad trials.")
    grace_epochs: Count = Field(3, description="Epochs before a trial can be stopped.")
    reduction_factor: Annotated[int, Field(ge=2)] = Field(
        3, description="One of so many trials goes on at each rung (asha)."
    )
    startup_trials: Count = Field(10, description="Random trials before a model is used (tpe).")
    population: Annotated[int, Field(ge=2)] = Field(
        20, description="Trials of one generation (nsga2, nsga3)."
    )
    seed: int = Field(1, ge=0, lt=2**32, description="Seed of the sampler.")

    @model_validator(mode="after")
    def _objectives_differ(self) -> SearchSettings:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("every objective may appear once")
        return self


class ResourceSettings(_Model):
    """What a trial may use."""

    cpus_per_trial: Count = Field(1, description="Cores of a trial.")
    concurrent_trials: Count | None = Field(
        None,
        description="Trials at a time; null: all that fit. Only 1 gives the same search again.",
    )
    mpi_ranks: Literal[1] = Field(1, description="MPI ranks of a trial.")


class TrackingSettings(_Model):
    """Where results are shown."""

    mlflow: str | None = Field(
        "default", description="MLflow tracking URI; default: a database in the search's folder; "
        "null: no MLflow.",
    )  # fmt: skip


class Settings(_Model):
    """All settings: what `autune train` and `autune search` read."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80, description="Name of the search."
    )
    dataset: DatasetSettings = Field(description="Structures and split.")
    potential: PotentialSettings = Field(description="Form of the potential.")
    training: TrainingSettings = Field(TrainingSettings(), description="Training.")
    evaluation: EvaluationSettings = Field(EvaluationSettings(), description="Evaluation.")
    search: SearchSettings = Field(SearchSettings(), description="Search.")
    resources: ResourceSettings = Field(ResourceSettings(), description="Resources.")
    tracking: TrackingSettings = Field(TrackingSettings(), description="Tracking.")

    @property
    def identity(self) -> str:
        """Hash of what decides a trial's result: data, potential, training, evaluation."""
        decisive = self.model_dump(
            mode="json", include={"dataset", "potential", "training", "evaluation"}
        )
        text = json.dumps(decisive, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        """Write the settings as YAML that `from_mapping` reads back."""
        return yaml.safe_dump(self.model_dump(mode="json", by_alias=True), sort_keys=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Settings:
        """Check and complete settings.

        Raises
        ------
        ConfigError
            With the dotted key of the first setting that is wrong.
        """
        try:
            return cls.model_validate(mapping)
        except ValidationError as error:
            raise _first_mistake(error) from None

    @classmethod
    def read(cls, path: str | Path) -> Settings:
        """Read a YAML file whose leaves are all values."""
        return cls.from_mapping(read_yaml(path))


LARGEST_FILE = 1_000_000
"""Bytes; a settings file is a page of text."""

MOST_NODES = 100_000
"""Keys and values with every alias written out; guards against aliases that multiply."""


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping with the safe loader.

    Raises
    ------
    ConfigError
        If the file is missing, too large, is not YAML, has a key twice, or is no mapping.
    """
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(LARGEST_FILE + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError("", f"settings file {path} cannot be read: {reason}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigError(
            "", f"settings file {path} is larger than 1 MB; give the file with the settings"
        )
    try:
        content = _parse_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError("", f"settings file {path}{where}: {problem}; mend the YAML") from None
    except RecursionError:
        raise ConfigError("", f"settings file {path}: is nested too deeply; flatten it") from None
    if not isinstance(content, dict):
        raise ConfigError("", f"settings file {path}: expected keys and values, found none")
    return content


def _parse_yaml(text: str) -> Any:
    """Load YAML after looking at its nodes, before aliases are written out."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _count_nodes(root, {}) > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem="its aliases stand for too many values", problem_mark=root.start_mark
            )
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _count_nodes(node: yaml.Node, counts: dict[int, int]) -> int:
    """Count a node and everything below it, as often as aliases repeat it."""
    if id(node) in counts:
        if counts[id(node)] == 0:
            raise yaml.MarkedYAMLError(
                problem="an alias contains itself", problem_mark=node.start_mark
            )
        return counts[id(node)]
    counts[id(node)] = 0
    total = 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value} appears twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
            total += _count_nodes(key, counts) + _count_nodes(value, counts)
    elif isinstance(node, yaml.SequenceNode):
        total += sum(_count_nodes(item, counts) for item in node.value)
    counts[id(node)] = total
    return total


def _first_mistake(error: ValidationError) -> ConfigError:
    """Turn pydantic's first error into one line with the dotted key and a remedy."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"][:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return ConfigError(key, f"unknown key; {hint}")
    if first["type"] == "missing":
        return ConfigError(key, "is required and missing")
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = first["input"]
    if isinstance(value, dict | BaseModel):
        return ConfigError(key, message)
    return ConfigError(key, f"{message}; found {value!r}")


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings model of a field's type, also inside ``Model | None``."""
    options = get_args(annotation) if _is_union(annotation) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def describe(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """List every leaf: dotted key, default, one line of words (with unit and bounds)."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _model_in(field.annotation)
        if inner is not None:
            if inner.model_fields:
                yield from describe(inner, f"{key}.")
            else:
                yield key, "{}", field.description or ""
            continue
        default = "required" if field.is_required() else json.dumps(field.default)
        yield key, default, field.description or ""
