from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autune.dataset import Dataset
from autune.structures import Structure


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    """Four gold crystals, one of them for the test."""
    structures = [
        Structure(
            numbers=np.array([79]),
            positions=np.zeros((1, 3)),
            cell=np.array([[0.0, a, a], [a, 0.0, a], [a, a, 0.0]]),
            energy=-3.2 + (a - 2.05) ** 2,
            forces=np.zeros((1, 3)),
        )
        for a in (2.0, 2.05, 2.1, 2.15)
    ]
    dataset = Dataset.from_structures(structures, "tiny")
    return replace(dataset, train=np.array([0, 1, 2]), test=np.array([3]))


@pytest.fixture(scope="session")
def ray_on_two_cores():
    """Start Ray once for all tests; a search uses what is there."""
    import fake_trial
    import ray
    from ray import cloudpickle

    from autune.search import distributed

    # Workers cannot import modules of the tests.
    cloudpickle.register_pickle_by_value(fake_trial)
    distributed.start(2)
    yield
    ray.shutdown()
