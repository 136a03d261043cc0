"""Settings given beside the file, as KEY=VALUE."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from autune.errors import ConfigError
from autune.settings import Settings, assign
from autune.space import SearchSpace

RAW: dict[str, Any] = {
    "name": "gold",
    "dataset": {"path": "builtin:gold"},
    "potential": {"elements": ["Au"], "cutoff_type": {"choice": ["cos", "poly2"]}},
    "evaluation": {"properties": None},
}


def test_values_take_the_place_of_the_files() -> None:
    before = copy.deepcopy(RAW)
    changed = assign(
        RAW,
        [
            "dataset.path=copper.extxyz",
            "potential.elements=[Cu]",
            "potential.cutoff_type=cos",
            "training.kalman.kind=fading",
            "evaluation.properties.lattice_constant={}",
            "training.epochs=3",
            "training.epochs = 4",
        ],
    )
    assert before == RAW
    settings = Settings.from_mapping(changed)
    assert (settings.dataset.path, settings.potential.elements) == ("copper.extxyz", ("Cu",))
    assert (settings.training.kalman.kind, settings.training.epochs) == ("fading", 4)
    assert settings.evaluation.properties is not None
    assert settings.evaluation.properties.lattice_constant is not None


def test_distributions_can_be_set_and_changed() -> None:
    changed = assign(
        RAW, ["potential.cutoff_type.choice=[tanhu]", "training.force_ratio={uniform: [0, 1]}"]
    )
    space = SearchSpace.from_mapping(changed)
    keys = {p.key: p.distribution.corners for p in space.parameters}
    assert keys == {"potential.cutoff_type": ("tanhu",), "training.force_ratio": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("assignment", "message"),
    {
        "dataset.path": "expected KEY=VALUE",
        "dataset.path=": "expected KEY=VALUE",
        "=5": "expected KEY=VALUE",
        "dataset..path=a": "expected KEY=VALUE",
        "dataset.path.name=a": r"dataset\.path: is a value",
        "potential.elements.0=Cu": r"potential\.elements: is a value",
        "potential.elements=[Cu": r"potential\.elements: the value given by --set is not YAML",
        "dataset.path=!!python/name:os.system": r"dataset\.path: .* is not known here",
        "dataset.path=2020-01-01": "is read as timestamp",
    }.items(),
)
def test_what_cannot_be_set(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign(RAW, [assignment])


def test_unknown_keys_are_refused_by_the_settings() -> None:
    with pytest.raises(ConfigError, match=r"training\.epoch: unknown key; did you mean epochs"):
        SearchSpace.from_mapping(assign(RAW, ["training.epoch=5", "potential.cutoff_type=cos"]))


def test_passwords_are_masked() -> None:
    with pytest.raises(ConfigError) as error:
        assign(RAW, ["search.storage:postgresql://me:hidden@host/db"])
    assert "hidden" not in str(error.value)
