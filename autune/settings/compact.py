"""Settings of symmetry functions with compact support that are made by rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autune.architecture import Core
from autune.settings.fields import Model

Windows = Annotated[int, Field(ge=1, le=100)]


class CompactSettings(Model):
    """Grids of ranges of distance and angle, each of which overlaps the next by half."""

    core: Core = Field("p2", description="Shape: polynomials of order 3, 5, 7, 9, or exponential.")
    asymmetric: bool = Field(
        False, description="Whether radial parts fall off faster from the middle of their range."
    )
    r_first: Annotated[float, Field(ge=0.0, le=50.0)] = Field(
        1.0,
        description="Inner end of the first range; the last ends at the cutoff radius. [Angstrom]",
    )
    n_radial: Annotated[int, Field(ge=0, le=100)] = Field(
        8, description="Radial functions, one for each range of distances."
    )
    angular: Literal["narrow", "wide"] = Field(
        "wide", description="narrow: type 21, with r_jk; wide: type 22, without."
    )
    n_angles: Annotated[int, Field(ge=0, le=100)] = Field(
        7, description="Ranges of the angle, the first around 0 and the last around 180 degrees."
    )
    n_distances: Windows = Field(
        2, description="Ranges of the distance, each with all angles, of angular functions."
    )

    @model_validator(mode="after")
    def _something_left(self) -> CompactSettings:
        if self.n_angles == 1:
            raise ValueError("n_angles must be 0 (no angular functions) or 2 or more; found 1")
        if self.n_radial == 0 and self.n_angles == 0:
            raise ValueError("there are no functions; n_radial or n_angles must be above 0")
        return self
