"""Settings files: changed texts and trees of the search spaces, and what a user does with them."""

from __future__ import annotations

import contextlib
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fuzz_mutations import mutate_file, mutate_tree

from autune.errors import AutuneError
from autune.potential.basis import build_architecture
from autune.settings import Settings
from autune.space import SearchSpace

ROOT = Path(__file__).parents[2]


def use_settings(path: Path, _: Path) -> None:
    """Read settings and look at points of them; these may be refused too."""
    space = SearchSpace.read(path)
    if space.has_distributions:
        with contextlib.suppress(AutuneError):
            Settings.read(path)
    else:
        Settings.read(path)
    assert space.summary()
    use_point(space.example())
    generator = np.random.default_rng(1)
    for _ in range(3):
        with contextlib.suppress(AutuneError):
            build_architecture(space.apply(space.sample(generator)).potential)
    with contextlib.suppress(AutuneError):
        assert space.grid()


def load(text: str) -> Any:
    """Read YAML, by libyaml where it is there."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def use_point(settings: Settings) -> None:
    """Write settings and read them back, and make the potential that they mean."""
    again = Settings.from_mapping(load(settings.to_yaml()))
    assert again == settings
    assert again.identity == settings.identity
    build_architecture(settings.potential)


def make_settings(rng: random.Random, folder: Path) -> Path:
    """Change one of the search spaces of the repository."""
    text = rng.choice(search_spaces())
    path = folder / "settings.yaml"
    if rng.random() < 0.5:
        data = mutate_file(rng, text.encode())
    else:
        tree = mutate_tree(rng, load(text))
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=rng.random() < 0.5)
        if rng.random() < 0.3:
            text = put_tag(rng, text)
        data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(data)
    return path


TAGS = (
    "!!timestamp x", "!!bool x", "!!int ''", "!!int x", "!!float ''", "!!float x", "!!null x",
    "!!binary x", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]",
    "!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!python/module:os",
    "!x y", "&x [*x]", "*missing", "&x {a: *x}", "{<<: 1}", "{<<: [1]}", "{<<: {a: 1}}",
    "{? [1]: 2}", "{? {a: 1}: 2}", "!!str [a]", "=", "{=: 1}", "2001-99-99", "190:20:30", "0b",
    "0x", "1__0", "+.inf", ".nan", "1.0e+400", "'\\0'", '"\\0"', '"\\ud800"', '"\\U0001F600"',
    "|\n a\n b", "? x", "@x", "`x", "%x", "{a: 1, a: 2}", "[1, 2", "--- 1",
)  # fmt: skip


def put_tag(rng: random.Random, text: str) -> str:
    """Put something that YAML knows in place of a value."""
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon} {rng.choice(TAGS)}"
    return "\n".join(lines) + "\n"


@cache
def search_spaces() -> tuple[str, ...]:
    """Texts of the search spaces of the repository."""
    texts = tuple(path.read_text() for path in sorted((ROOT / "search_spaces").glob("*.yaml")))
    conditional = """\
name: conditional
dataset: {path: builtin:gold, test_fraction: {uniform: [0.1, 0.5], step: 0.1}}
potential:
  elements: [Au]
  cutoff_type: {choice: [cos, poly2]}
  inner_cutoff: {uniform: [0.1, 0.5], when: {potential.cutoff_type: cos}, otherwise: 0.25}
  hidden_layers: [{int: [10, 40], step: 10}, {int: [5, 6]}]
  symmetry_functions: {radial: {eta: [{loguniform: [0.01, 1.0]}, 2.0]}}
training: {streams: {int: [1, 8], when: {training.kalman.kind: [fading]}},
           kalman: {kind: {choice: [standard, fading]}}, group_weights: {fcc: {uniform: [1, 2]}}}
"""
    return (*texts, conditional)
