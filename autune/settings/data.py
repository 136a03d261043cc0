"""Settings of the structures and their split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autune.settings.fields import Model, Units


class DatasetSettings(Model):
    """Which structures, and which of them are for the test."""

    path: str = Field(description="File or folder of structures, or builtin:gold.")
    elements: tuple[str, ...] = Field(
        (),
        description="Use only structures of these elements, each with one of them or several; "
        "default: all structures.",
    )
    groups: Literal["file", "composition"] = Field(
        "file",
        description="What is a group: what the file says, or all structures of one composition, "
        "called as Ag3Au.",
    )
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
    holdout_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0,
        description="Share of every group that no trial sees; the confirmed winner is measured on "
        "it once. Drawn by split_seed.",
    )
    leave_out_groups: tuple[str, ...] = Field(
        (), description="Groups used neither for training nor for the test."
    )
    train_without_groups: tuple[str, ...] = Field(
        (),
        description="Groups not used for training; their test structures stay in the test, which "
        "shows how well a potential transfers to them.",
    )
    units: Units = Field(
        "ev-angstrom", description="Units of an input.data file (others carry their own)."
    )
    energy: Literal["free", "e0"] = Field(
        "free",
        description="Of files with two energies (VASP, GPAW, FHI-aims with smearing) the free "
        "energy, whose derivatives the forces are, or e0, extrapolated to no smearing; other "
        "files have one.",
    )

    @model_validator(mode="after")
    def _groups_are_used(self) -> DatasetSettings:
        if self.test_groups and self.split != "groups":
            raise ValueError(
                f"test_groups are not used with split: {self.split}; write split: groups, or "
                "remove test_groups"
            )
        return self

    @model_validator(mode="after")
    def _left_out_once(self) -> DatasetSettings:
        for group in self.train_without_groups:
            if group in self.leave_out_groups:
                raise ValueError(
                    f"train_without_groups: {group} is in leave_out_groups too, so that it is not "
                    "in the test either; remove it from one of them"
                )
        return self
