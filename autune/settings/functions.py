"""Settings of how symmetry functions are made by rule, and of which are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autune.settings.fields import Count, Fraction, Model, Positive

Resolution = Annotated[int, Field(ge=2, le=100)]
Few = Annotated[int, Field(ge=1, le=10)]


class RuleSettings(Model):
    """Grids of symmetry functions, all from one resolution."""

    resolution: Resolution = Field(
        6,
        description="Radial functions of each grid and neighbouring element; of it follow n_zeta "
        "and n_eta.",
    )
    radial: Literal["centred", "shifted", "both", "none"] = Field(
        "both",
        description="centred: Gaussians around the atom, of growing width; shifted: around "
        "distances of a grid, as wide as its steps.",
    )
    spacing: Literal["linear", "geometric"] = Field(
        "linear",
        description="linear: steps of equal length, as Gastegger et al. (2018); geometric: of "
        "equal ratio, finer near the atom, as Imbalzano et al. (2018).",
    )
    r_first: Positive = Field(
        1.0,
        description="First distance of the linear grid; the shortest distance of two atoms is a "
        "good one. [Angstrom]",
    )
    r_last: Positive | None = Field(
        None,
        description="Last distance of the linear grid; default: the cutoff radius less 0.5 "
        "Angstrom. [Angstrom]",
    )
    angular: Literal["narrow", "wide", "both", "none"] = Field(
        "wide", description="narrow: type 3, with r_jk; wide: type 9, without."
    )
    n_radial: Resolution | None = Field(
        None, description="Radial functions of each grid; default: resolution."
    )
    n_zeta: Few | None = Field(
        None,
        description="Angular exponents 1, 2, 4, 8, ..., each with lambda -1 and 1; default: half "
        "the resolution, 3 at most, because 8 and more take several times as long.",
    )
    n_eta: Few | None = Field(
        None, description="Widths of angular functions; default: a quarter of the resolution."
    )

    @model_validator(mode="after")
    def _something_left(self) -> RuleSettings:
        if self.radial == "none" and self.angular == "none":
            raise ValueError("there are no functions; radial or angular must not be none")
        if self.r_last is not None and self.r_last <= self.r_first:
            raise ValueError(
                f"r_last ({self.r_last:g}) must be larger than r_first ({self.r_first:g})"
            )
        return self


class FunctionSelectionSettings(Model):
    """Which of the symmetry functions are kept, by their values in the training set."""

    method: Literal["none", "cur", "correlation", "farthest_point"] = Field(
        "none",
        description="cur: the most important first, by leverage scores; farthest_point: each as "
        "unlike those before as can be; correlation: leaves out one of the two most alike, again "
        "and again.",
    )
    number: Count | None = Field(
        None,
        description="Functions kept of each element at most; cur and farthest_point need it. "
        "Fewer where the others are copies or linear combinations.",
    )
    max_correlation: Fraction = Field(
        0.98,
        description="correlation: no two functions that are kept have a larger absolute "
        "correlation coefficient.",
    )
    atoms: Annotated[int, Field(ge=2)] = Field(
        10000, description="Atoms of each element of the training set that are looked at, at most."
    )

    @model_validator(mode="after")
    def _number_given(self) -> FunctionSelectionSettings:
        if self.method in ("cur", "farthest_point") and self.number is None:
            raise ValueError(f"method {self.method} needs number; say how many functions to keep")
        return self
