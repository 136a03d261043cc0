"""Settings of a search: sampler, pruner, resources, tracking."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from autune.log import mask_address
from autune.settings.fields import Count, Model, Positive


def check_password(key: str, address: str) -> None:
    """Refuse an address with characters in its user or password that no address has.

    In a line of text nobody could tell where such a password ends, to mask it.

    Raises
    ------
    ValueError
        If a character of them must be percent-encoded and is not.
    """
    before, at, _ = address.partition("://")[2].partition("?")[0].rpartition("@")
    odd = re.search(r"[^\w\-.~!$&*+=%:@/#^|]", before)
    if at and odd:
        raise ValueError(
            f"{key} has {odd[0]!r} in the user or password of {mask_address(address)}; write it "
            f"as {quote(odd[0], safe='')}"
        )


def quote_user(address: str) -> str:
    """Percent-encode every @ in the user and password of an address.

    SQLAlchemy takes what follows the first one for the host, which the driver names when it
    cannot find it.
    """
    scheme, colon, rest = address.partition("://")
    place, question, query = rest.partition("?")
    user, at, host = place.rpartition("@")
    return f"{scheme}{colon}{user.replace('@', '%40')}{at}{host}{question}{query}"


class SearchSettings(Model):
    """The search over settings."""

    trials: Count = Field(20, description="Number of trials.")
    sampler: Literal["tpe", "nsga2", "nsga3", "cmaes", "qmc", "random", "grid"] = Field(
        "tpe",
        description="Optuna's sampler; cmaes: one objective; grid: every combination, for "
        "choices, integers and uniform with a step.",
    )
    objectives: tuple[str, ...] = Field(
        ("energy_rmse", "force_rmse", "property_error"),
        min_length=1,
        max_length=3,
        description="One to three logged metrics to minimise.",
    )
    constraints: dict[str, float] = Field(
        {},
        description="Largest allowed value of logged metrics, as {property_error.C11: 10}; trials "
        "beyond them rank behind all others and are not in the Pareto front.",
    )
    pruner: Literal["asha", "hyperband", "median", "none"] = Field(
        "asha", description="Early stop of bad trials, by the epochs of the first seed."
    )
    grace_epochs: Count = Field(3, description="Epochs before a trial can be stopped.")
    reduction_factor: Annotated[int, Field(ge=2)] = Field(
        3, description="One of so many trials goes on at each rung (asha, hyperband)."
    )
    racing: bool = Field(
        True,
        description="Skip the seeds that are left when those done make it unlikely that a trial "
        "is among the best.",
    )
    start_from: tuple[str, ...] = Field(
        (),
        description="Points tried first: defaults, a settings file, or the name or folder of "
        "another search, whose best are taken.",
    )
    startup_trials: Count = Field(10, description="Random trials before a model is used (tpe).")
    population: Annotated[int, Field(ge=2)] = Field(
        20, description="Trials of one generation (nsga2, nsga3)."
    )
    time_limit: Positive | None = Field(
        None, description="Wall time after which no trial starts, resumes included. [h]"
    )
    patience: Count | None = Field(
        None, description="End after so many trials without a better score; null: never."
    )
    storage: str = Field(
        "journal",
        description="Where the study is: journal, a file in the search's folder; or "
        "postgresql://USER@HOST/DATABASE.",
    )
    seed: int = Field(1, ge=0, lt=2**32, description="Seed of the sampler.")

    @model_validator(mode="after")
    def _objectives_differ(self) -> SearchSettings:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("every objective may appear once")
        return self

    @model_validator(mode="after")
    def _sampler_fits(self) -> SearchSettings:
        if self.sampler == "cmaes" and len(self.objectives) > 1:
            raise ValueError(
                f"sampler cmaes minimises one objective, found {', '.join(self.objectives)}; name "
                "one in objectives, for example score, or use another sampler"
            )
        return self

    @model_validator(mode="after")
    def _storage_is_known(self) -> SearchSettings:
        # At the whole section, since the message of a field would show the password in it.
        if self.storage != "journal" and not re.fullmatch(
            r"postgresql://[^\s/?]*/[^\s/?]+(\?\S*)?", self.storage
        ):
            raise ValueError(
                "storage must be journal or postgresql://USER@HOST/DATABASE, found "
                f"{mask_address(self.storage)}"
            )
        check_password("storage", self.storage)
        return self


class ConfirmSettings(Model):
    """Train the best settings of a search again, with seeds that it has not seen."""

    best: Annotated[int, Field(ge=1)] = Field(5, description="Number of settings.")
    seeds: Annotated[int, Field(ge=2)] = Field(10, description="Trainings of each.")
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = Field(
        0.95, description="Confidence of intervals and comparisons."
    )


class ResourceSettings(Model):
    """What a trial may use."""

    cpus_per_trial: Count = Field(1, description="Cores of a trial.")
    concurrent_trials: Count | None = Field(
        None,
        description="Trials at a time; null: all that fit. Only 1 gives the same search again.",
    )
    mpi_ranks: Count = Field(
        1, description="MPI ranks of a trial; it then takes at least as many cores."
    )

    @property
    def cores(self) -> int:
        """Cores that a trial takes."""
        return max(self.cpus_per_trial, self.mpi_ranks)


class TrackingSettings(Model):
    """Where results are shown."""

    mlflow: str | None = Field(
        "default", description="MLflow tracking URI; default: a database in the search's folder; "
        "null: no MLflow.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _address_is_known(self) -> TrackingSettings:
        schemes = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
        if self.mlflow not in (None, "default") and not re.match(
            rf"({'|'.join(schemes)})(\+\w+)?://", self.mlflow or ""
        ):
            raise ValueError(
                f"mlflow must be default, null, or an address that begins with one of "
                f"{', '.join(schemes)} and ://, found {mask_address(str(self.mlflow))}"
            )
        if self.mlflow is not None and not self.mlflow.startswith("sqlite"):
            check_password("mlflow", self.mlflow)
        return self
