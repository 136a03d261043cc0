"""Settings drawn from the models that declare them: as they may be, and changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz_contract import answer
from fuzz_mutations import mutate_tree
from fuzz_settings import settings_trees
from fuzz_yaml import use_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

QUICK, SLOW = 120, 3000


def fuzz(folder: Path, n_examples: int) -> int:
    """Try settings as the models allow them, and with up to three changes; count those taken."""
    path = folder / "settings.yaml"
    taken = 0

    @settings(
        max_examples=n_examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(tree=settings_trees(), seed=st.integers(0, 2**32), changed=st.booleans())
    def one(tree: dict[str, Any], seed: int, changed: bool) -> None:
        nonlocal taken
        tree = mutate_tree(random.Random(seed), tree) if changed else tree
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        taken += answer(lambda: use_settings(path, folder), folder) is None

    one()
    return taken


def test_settings_of_the_models_are_taken_or_refused(tmp_path: Path) -> None:
    assert fuzz(tmp_path, QUICK) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_settings_of_the_models(tmp_path: Path) -> None:
    assert fuzz(tmp_path, SLOW) > SLOW / 20
