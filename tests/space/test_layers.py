"""Settings of several files: what one says takes the place of what another says."""

from __future__ import annotations

from pathlib import Path

import pytest

from autune.errors import ConfigError
from autune.space.layers import overlaid, read_layers

GOLD = """
dataset: {path: gold.extxyz, test_structures: [a, b]}
potential: {elements: [Au], cutoff_type: {choice: [cos, poly2]}}
training: {epochs: 40, kalman: {kind: fading, q0: 0.0}}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_mappings_are_joined_and_all_else_is_replaced(write) -> None:
    gold = write("gold.yaml", GOLD)
    copper = write(
        "copper.yaml",
        "dataset: {path: copper.extxyz, test_structures: []}\n"
        "potential: {elements: [Cu]}\n"
        "training: {kalman: {decoupling: none}}\n"
        "evaluation: {seeds: 3}\n",
    )
    assert read_layers(gold, [copper]) == {
        "dataset": {"path": "copper.extxyz", "test_structures": []},
        "potential": {"elements": ["Cu"], "cutoff_type": {"choice": ["cos", "poly2"]}},
        "training": {
            "epochs": 40,
            "kalman": {"kind": "fading", "q0": 0.0, "decoupling": "none"},
        },
        "evaluation": {"seeds": 3},
    }


def test_the_last_file_counts_and_single_values_after_it(write) -> None:
    files = [write(f"{n}.yaml", f"training: {{epochs: {n}, streams: {n}}}") for n in (1, 2)]
    raw = read_layers(write("gold.yaml", GOLD), files, ["training.streams=8"])
    assert (raw["training"]["epochs"], raw["training"]["streams"]) == (2, 8)


@pytest.mark.parametrize(
    ("below", "above"),
    [
        ({"choice": ["cos", "poly2"]}, {"choice": ["hard"]}),
        ({"uniform": [0.0, 1.0], "step": 0.5}, {"choice": [0.3]}),
        ({"choice": [{"basis": "gold_study"}]}, {"basis": "gold_study"}),
        ({"basis": "gold_study"}, {"choice": [{"basis": "gold_study"}]}),
        ({"kind": "fading"}, None),
        ([1, 2], [3]),
    ],
)
def test_distributions_and_lists_are_taken_as_a_whole(below, above) -> None:
    before = {"potential": {"a": below, "b": 1}}
    assert overlaid(before, {"potential": {"a": above}}) == {"potential": {"a": above, "b": 1}}
    assert before == {"potential": {"a": below, "b": 1}}


def test_a_file_that_cannot_be_read_is_named(write) -> None:
    gold = write("gold.yaml", GOLD)
    with pytest.raises(ConfigError, match=r"nowhere\.yaml cannot be read"):
        read_layers(gold, ["nowhere.yaml"])
    with pytest.raises(ConfigError, match=r"broken\.yaml, line 1"):
        read_layers(gold, [write("broken.yaml", "a: [1")])
