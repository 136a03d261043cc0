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


@pytest.fixture
def run_serially():
    """Return what runs the trials of a search one after the other in this process."""
    import json

    from autune.search.worker import run_in_worker

    def run_serially(folder, study, settings, epochs, work, dataset, observers):
        while (proposal := study.propose()) is not None:
            told = []
            config = {
                "directory": str(proposal.directory),
                "params": json.dumps(proposal.params),
            }
            run_in_worker(config, work, dataset, told.append)
            scores = [(r["epoch"], r["score"]) for r in told[:-1] if r["seed"] == 0]
            record = study.tell(
                proposal.number, told[-1]["state"], **json.loads(told[-1]["outcome"]), scores=scores
            )
            for observer in observers:
                observer.trial_finished(record)
        return True

    return run_serially


@pytest.fixture
def without_ray(monkeypatch, run_serially):
    """Let searches run their trials in this process."""
    from autune.search import distributed

    monkeypatch.setattr(distributed, "run", run_serially)


@pytest.fixture
def run(tmp_path, tiny_dataset):
    """Search with the fake trial."""
    import fake_trial

    from autune.search import search

    def run_search(raw=None, trial=fake_trial.run_fake, **options):
        options = {"dataset": tiny_dataset, "results": tmp_path, "quiet": True, **options}
        return search(raw or fake_trial.settings(), trial=trial, **options)

    return run_search
