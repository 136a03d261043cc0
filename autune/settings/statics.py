"""Settings of properties at rest: vacancy, stacking fault, energy curves, nanoparticles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from autune.settings.fields import Model

CRYSTALS = Literal["fcc", "bcc", "sc", "diamond"]
SHAPES = Literal["icosahedron", "decahedron", "truncated_octahedron"]


class VacancySettings(Model):
    """Formation energy of a vacancy."""

    size: Annotated[int, Field(ge=2, le=10)] = Field(
        3, description="Conventional cells along each edge of the cubic supercell."
    )
    relax: bool = Field(True, description="Relax the ions around the vacancy.")


class StackingFaultSettings(Model):
    """Energy of the intrinsic stacking fault of fcc."""

    layers: Annotated[int, Field(ge=6, le=60, multiple_of=3)] = Field(
        12, description="(111) layers between a fault and its periodic image, a multiple of 3."
    )


class CurveSettings(Model):
    """Energy against volume of several crystals."""

    crystals: tuple[CRYSTALS, ...] = Field(
        ("fcc", "bcc"), description="Crystals, each once; the stable one is always drawn."
    )
    strain: Annotated[float, Field(gt=0.0, le=0.2)] = Field(
        0.06, description="Largest linear strain."
    )
    points: Annotated[int, Field(ge=3, le=1000)] = Field(
        25, description="Volumes of a curve, besides those of the reference."
    )

    @field_validator("crystals")
    @classmethod
    def _crystals_differ(cls, value: tuple[CRYSTALS, ...]) -> tuple[CRYSTALS, ...]:
        if len(set(value)) < len(value):
            raise ValueError("every crystal may appear once")
        return value


class NanoparticleSettings(Model):
    """Energies of relaxed nanoparticles over their number of atoms."""

    shapes: tuple[SHAPES, ...] = Field(
        ("icosahedron", "decahedron", "truncated_octahedron"),
        min_length=1,
        description="Shapes, each once; decahedra are Marks'.",
    )
    max_atoms: Annotated[int, Field(ge=75, le=3000)] = Field(
        320, description="Atoms of the largest particle."
    )

    @field_validator("shapes")
    @classmethod
    def _shapes_differ(cls, value: tuple[SHAPES, ...]) -> tuple[SHAPES, ...]:
        if len(set(value)) < len(value):
            raise ValueError("every shape may appear once")
        return value
