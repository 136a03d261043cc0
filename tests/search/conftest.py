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

    from autune.search.running import cluster

    # Workers cannot import modules of the tests.
    cloudpickle.register_pickle_by_value(fake_trial)
    cluster.start(2)
    yield
    ray.shutdown()


@pytest.fixture
def run_serially():
    """Return what runs the trials of a search one after the other in this process."""
    import json

    from autune.search.running.worker import Task, run_in_worker

    def run_serially(folder, study, settings, epochs, work, dataset, observers, machines):
        while (proposal := study.propose()) is not None:
            told = []
            task = Task(proposal.number, proposal.params, str(proposal.directory))
            run_in_worker(task.to_config(), work, dataset, told.append)
            scores = [pair for message in told for pair in json.loads(message["scores"])]
            record = study.tell(
                proposal.number, told[-1]["state"], **json.loads(told[-1]["outcome"]), scores=scores
            )
            for observer in observers:
                observer.trial_finished(record)
        return True

    return run_serially


@pytest.fixture
def tune_in_this_process(monkeypatch):
    """Stand in for Ray Tune: run one trial after the other here, as Tune would call them."""
    from functools import partial
    from types import SimpleNamespace

    from autune.search.running import cluster, distributed

    tell = []

    def run_trials(trainable, *, search_alg, scheduler, stop, **_):
        for index in range(1000):
            trial_id = f"t{index}"
            config = search_alg.suggest(trial_id)
            if not isinstance(config, dict) or stop.stop_all():
                return
            trial = SimpleNamespace(trial_id=trial_id)
            scheduler.on_trial_add(None, trial)
            last = {}

            def hear(result, trial=trial, trial_id=trial_id, last=last):
                last.clear()
                last.update(result)
                if "state" in result:
                    return
                if scheduler.on_trial_result(None, trial, result) == "STOP":
                    raise SystemExit
                search_alg.on_trial_result(trial_id, result)

            tell[:] = [hear]
            try:
                trainable(config)
            except SystemExit:
                last.pop("state", None)
            search_alg.on_trial_complete(trial_id, last)

    monkeypatch.setattr(cluster, "start", lambda address: None)
    monkeypatch.setattr(distributed, "cores_of_nodes", lambda: [2])
    monkeypatch.setattr(distributed.tune, "with_parameters", partial)
    monkeypatch.setattr(distributed.tune, "with_resources", lambda trainable, _: trainable)

    def report(result):
        tell[-1](result)

    monkeypatch.setattr(distributed.tune, "report", report)
    monkeypatch.setattr(distributed.tune, "run", run_trials)


@pytest.fixture
def without_ray(monkeypatch, run_serially):
    """Let searches run their trials in this process."""
    from autune.search.running import distributed

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
