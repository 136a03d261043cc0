"""Settings of a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autune.settings.fields import Count, Fraction, Model, NotNegative, Positive


def count_updates(n_updates: int, force_ratio: float, stress_ratio: float) -> tuple[int, int]:
    """Return how many of the updates of an epoch are of forces and of stresses."""
    n_forces = round(n_updates * force_ratio)
    return n_forces, min(round(n_updates * stress_ratio), n_updates - n_forces)


class KalmanSettings(Model):
    """Extended Kalman filter, as n2p2 has it; n2p2 knows neither decoupling nor precision."""

    kind: Literal["standard", "fading"] = Field(
        "standard", description="Standard or fading memory."
    )
    per_element: bool = Field(False, description="One filter per element in place of one for all.")
    decoupling: Literal["none", "layer", "neuron"] = Field(
        "none",
        description="layer, neuron: no covariance between weights of different layers, neurons, "
        "in 0.6, 0.2 of the time; neuron for small sets.",
    )
    precision: Literal["double", "single"] = Field(
        "double",
        description="Precision of the covariance (of that of neurons always double); single is "
        "faster, but breaks down where information accumulates fast, as with fading memory.",
    )
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


class AdamSettings(Model):
    """Adam, as n2p2 has it: gradient descent, to compare the filter with."""

    eta: Positive = Field(0.001, description="Learning rate.")
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.9, description="Decay of the mean of the gradient."
    )
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.999, description="Decay of the mean of its square."
    )
    epsilon: Positive = Field(1e-8, description="Added to the root of the mean square.")


class SelectionSettings(Model):
    """How candidates are chosen for updates (idea: Blank and Brown, J. Chemom. 8, 391 (1994))."""

    mode: Literal["random", "sorted", "threshold"] = Field(
        "threshold",
        description="random; sorted: largest errors first; threshold: the next whose error "
        "exceeds threshold times the RMSE of the last epoch.",
    )
    energy_threshold: NotNegative = Field(0.0, description="Threshold of energies.")
    force_threshold: NotNegative = Field(1.0, description="Threshold of force components.")
    stress_threshold: NotNegative = Field(0.0, description="Threshold of stress components.")
    trials: Count = Field(3, description="Candidates tried; then the worst of them is used.")


class InitializationSettings(Model):
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


class StopEarlySettings(Model):
    """An end before the last epoch, by the score of the test set."""

    patience: Count = Field(description="Epochs without a better score, after which it ends.")
    improvement: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="Part by which a score must be lower than the best one to be better."
    )


class TrainingSettings(Model):
    """The training of one potential."""

    epochs: Count = Field(100, description="Number of epochs.")
    updates_per_epoch: Count = Field(1000, description="Updates of the weights per epoch.")
    force_ratio: Fraction = Field(0.9, description="Force updates / all updates of an epoch.")
    stress_ratio: Fraction = Field(
        0.0,
        description="Stress updates / all updates of an epoch; what forces and stresses leave is "
        "of energies.",
    )
    streams: Count = Field(
        1, description="Candidates of one update (multistream; the batch of adam)."
    )
    multistream: Literal["full", "task", "sum"] = Field(
        "full",
        description="full: every candidate is an observation; task: candidates of a rank are added "
        "up; sum: all candidates are added up, errors and derivatives each.",
    )
    energy_weight: Positive = Field(1.0, description="Weight of energy errors.")
    force_weight: Positive = Field(1.0, description="Weight of force errors.")
    stress_weight: Positive = Field(
        1.0,
        description="Weight of stress errors, which are compared as stress times volume: an "
        "energy of the whole structure.",
    )
    group_weights: dict[str, Positive] = Field(
        {}, description="Weight of the structures of a group; default 1."
    )
    selection: SelectionSettings = Field(SelectionSettings(), description="Choice of candidates.")
    optimizer: Literal["kalman", "adam"] = Field(
        "kalman", description="What changes the weights; the section of the other one is not used."
    )
    kalman: KalmanSettings = Field(KalmanSettings(), description="Extended Kalman filter.")
    adam: AdamSettings = Field(AdamSettings(), description="Adam.")
    derivatives: Literal["double", "single"] = Field(
        "double",
        description="Precision in which derivatives of symmetry functions are kept; single takes "
        "half the memory.",
    )
    normalization: Literal["none", "ref", "force"] = Field(
        "force", description="Internal units: by reference data (ref) or initial forces (force)."
    )
    initialization: InitializationSettings = Field(
        InitializationSettings(), description="Initial weights."
    )
    start_from: str | None = Field(
        None,
        description="Folder of a potential, or of a training, whose weights are the initial ones, "
        "of all seeds; its scaling, internal units and dropped functions are kept. In a search "
        "all machines must see it; autune submit sends it.",
    )
    keep: Literal["best", "last"] = Field(
        "best", description="Which epoch's weights to keep; best: lowest score on the test set."
    )
    stop_early: StopEarlySettings | None = Field(
        None, description="End when the score of the test set has ceased to fall; null: never."
    )
    seed: int = Field(1, ge=0, description="Seed of weights and candidates (of the first seed).")

    @model_validator(mode="after")
    def _ratios_leave_no_less_than_nothing(self) -> TrainingSettings:
        if self.force_ratio + self.stress_ratio > 1.0 + 1e-12:
            raise ValueError(
                f"force_ratio and stress_ratio together must be at most 1, found "
                f"{self.force_ratio:g} + {self.stress_ratio:g}; lower one of them"
            )
        return self

    @property
    def per_element(self) -> bool:
        """Whether every element has a filter of its own."""
        return self.optimizer == "kalman" and self.kalman.per_element

    @property
    def trains_energies(self) -> bool:
        """Whether an epoch has energy updates; derivatives alone leave a constant per atom open."""
        return self.n_force_updates + self.n_stress_updates < self.updates_per_epoch

    @property
    def n_force_updates(self) -> int:
        """Force updates of an epoch."""
        return count_updates(self.updates_per_epoch, self.force_ratio, self.stress_ratio)[0]

    @property
    def n_stress_updates(self) -> int:
        """Stress updates of an epoch."""
        return count_updates(self.updates_per_epoch, self.force_ratio, self.stress_ratio)[1]
