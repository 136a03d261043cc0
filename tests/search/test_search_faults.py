"""What a search does when workers die, disks are full or the study is away."""

from __future__ import annotations

import errno
import os
from collections import Counter

import fake_trial
import pytest
from fake_trial import DiesAtEveryEpoch, Stateful, epochs_of, settings

from autune.errors import SearchError
from autune.search import open_search
from autune.search.study.study import Study

with_ray = pytest.mark.usefixtures("ray_on_two_cores")
without_workers = pytest.mark.usefixtures("tune_in_this_process")


@pytest.mark.ray
@pytest.mark.deaths
@with_ray
def test_a_trial_goes_on_after_deaths_that_count_only_without_progress(run, tmp_path):
    trial = DiesAtEveryEpoch(tmp_path)
    raw = settings(trials=1, pruner="median")
    raw["evaluation"]["seeds"] = 1
    result = run(raw, trial)
    assert result.counts == {"complete": 1}
    assert epochs_of(tmp_path, 0) == [(0, n) for n in (1, 2, 3, 4)]
    assert [n for n, _ in result.records[0].scores] == [1, 2, 3, 4]
    lines = (tmp_path / "0000.txt").read_text().splitlines()
    assert len({line.split()[2] for line in lines}) == 4  # three deaths, each after an epoch


@without_workers
def test_a_full_disk_of_a_worker_ends_the_search_and_no_trial(run, tmp_path):
    with pytest.raises(SearchError, match=r"cannot write its files.*no space left.*--resume"):
        run(settings(trials=30, sampler="random"), fake_trial.run_on_full_disk)
    states = Counter(record.state for record in open_search("fake", tmp_path).records())
    assert states["running"] == 1
    assert "failed" not in states
    again = run(settings(trials=8, sampler="random"), resume=True)
    assert again.counts == {"complete": 8}


@pytest.mark.parametrize("method", ["propose", "tell"])
@pytest.mark.parametrize(
    "error",
    [SearchError("the database is away"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/j")],
)
@without_workers
def test_a_study_that_is_away_ends_the_search(run, tmp_path, monkeypatch, method, error):
    fail_after(monkeypatch, method, 3, error)
    with pytest.raises(SearchError, match=r"the database is away|/j: no space left on device"):
        run()
    monkeypatch.undo()
    records = open_search("fake", tmp_path).records()
    assert [record.state for record in records[:2]] == ["complete", "complete"]


@pytest.mark.ray
@with_ray
def test_running_trials_go_on_after_the_study_was_away(run, tmp_path, monkeypatch, capfd, request):
    trial = Stateful(tmp_path, pause=0.05)
    raw = settings(trials=5, concurrent=2)
    with monkeypatch.context() as patch:
        fail_after(patch, "tell", 3, SearchError("the database is away"))
        with pytest.raises(SearchError, match=r"^the database is away$"):
            run(raw, trial)
    assert "Traceback" not in "".join(capfd.readouterr())
    records = open_search("fake", tmp_path).records()
    assert {record.state for record in records} == {"complete", "running"}
    request.getfixturevalue("without_ray")
    assert run(raw, trial, resume=True).counts == {"complete": 5}
    for number in range(5):
        counts = Counter(epochs_of(tmp_path, number))
        assert sorted(counts) == [(s, n) for s in (0, 1) for n in (1, 2, 3, 4)]
        assert max(counts.values()) == 1


@without_workers
def test_a_bug_in_an_observer_keeps_its_traceback(run):
    from autune.search.progress import PlainLines

    class Wrong(PlainLines):
        def trial_finished(self, record):
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(progress=Wrong())


def fail_after(patch, method, n, error):
    """Let a method of the study fail at its n-th call and ever after."""
    original, calls = getattr(Study, method), []

    def failing(self, *args, **kwargs):
        calls.append(1)
        if len(calls) >= n:
            raise error
        return original(self, *args, **kwargs)

    patch.setattr(Study, method, failing)
