"""What a study does when its journal cannot be written, and what a kill leaves of it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from study_alone import begin, measure, small_space, work

from autune.errors import SearchError
from autune.search.folder import JOURNAL, SearchFolder
from autune.search.study.storage import mend_journal
from autune.search.study.study import Study


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 256 kB, where this is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, timeout=30)


def goes_on(folder: Path, n_trials: int) -> list[str]:
    """Go on as the next process would, and return the states of the trials that ended."""
    mend_journal(folder)
    study, space = begin(folder, trials=n_trials)
    work(study, space)
    records = Study.open(SearchFolder(folder)).records()
    assert [r.number for r in records] == list(range(n_trials))
    assert len({str(r.params) for r in records}) == n_trials
    return [r.state for r in records]


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5, 6, 7])
def test_a_disk_that_is_full_in_the_middle_of_a_line(tmp_path, monkeypatch, failing):
    study, space = begin(tmp_path, trials=4)
    work(study, space, limit=2)
    whole = JournalFileBackend.append_logs
    calls = []

    def write_half(self, logs):
        calls.append(logs)
        if len(calls) != failing:
            return whole(self, logs)
        with Path(self._file_path).open("ab") as stream:
            stream.write(b'{"op_code":8,"worker_')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JournalFileBackend, "append_logs", write_half)
    with pytest.raises(SearchError, match="cannot be written: no space left on device; make its"):
        work(study, space, limit=2)
    assert (tmp_path / JOURNAL).read_bytes().endswith(b"\n")
    # Nothing more is written, and what this process knows can still be read.
    with pytest.raises(SearchError, match="no space left"):
        study.propose()
    assert len(calls) == failing
    assert [r.state for r in study.records()][:2] == ["complete"] * 2
    monkeypatch.undo()
    assert goes_on(tmp_path, 4) == ["complete"] * 4


def test_a_small_disk(small_disk):
    study, space = begin(small_disk, trials=10**4)
    with pytest.raises(SearchError, match="no space left on device"):
        work(study, space)
    n_trials = len(study.records())
    assert n_trials > 10
    remount(small_disk, "size=2m")
    assert goes_on(small_disk, n_trials + 5) == ["complete"] * (n_trials + 5)


def test_a_folder_that_became_read_only(small_disk):
    study, space = begin(small_disk, trials=4)
    work(study, space, limit=2)
    remount(small_disk, "ro")
    for write in (study.propose, lambda: begin(small_disk, trials=4)):
        with pytest.raises(SearchError, match="cannot be written: read-only file system; make its"):
            write()
    assert len(Study.open(SearchFolder(small_disk)).records()) == 2
    remount(small_disk, "rw")
    (small_disk / f"{JOURNAL}.lock").symlink_to(small_disk / JOURNAL)
    remount(small_disk, "ro")
    with pytest.raises(SearchError, match="cannot be written: read-only file system; make its"):
        mend_journal(small_disk)
    remount(small_disk, "rw")
    assert goes_on(small_disk, 4) == ["complete"] * 4


def test_a_lock_that_cannot_be_given_back(tmp_path, monkeypatch):
    study, space = begin(tmp_path, trials=4)
    work(study, space, limit=2)

    def fail(self):
        try:
            raise OSError(errno.EIO, "Input/output error")
        except OSError:
            raise RuntimeError("Error: did not possess lock")  # noqa: B904, as Optuna does

    monkeypatch.setattr(JournalFileSymlinkLock, "release", fail)
    with pytest.raises(SearchError, match="cannot be written: input/output error"):
        study.propose()
    with pytest.raises(SearchError, match="cannot be written: input/output error"):
        study.propose()
    monkeypatch.undo()
    assert goes_on(tmp_path, 4) == ["complete"] * 4


@pytest.mark.parametrize("line", ["{}", "[]", "7", '{"op_code": 99, "worker_id": "a"}', "null"])
def test_a_file_that_is_no_journal_is_named(tmp_path, line):
    (tmp_path / JOURNAL).write_text(f"{line}\n")
    with pytest.raises(SearchError, match=r"study\.journal cannot be read"):
        Study.open(SearchFolder(tmp_path))
    with pytest.raises(SearchError, match=r"study\.journal cannot be read"):
        begin(tmp_path)


def test_trials_of_the_first_version_can_be_read(tmp_path):
    begin(tmp_path)
    journal = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL)))
    plain = optuna.load_study(storage=journal, study_name="autune")
    trial = plain.ask()
    for key, value in {"state": "diverged", "reason": "NaN", "seconds": 2.0}.items():
        trial.set_user_attr(key, value)
    plain.tell(trial, state=optuna.trial.TrialState.FAIL)
    (record,) = Study.open(SearchFolder(tmp_path)).records()
    assert (record.state, record.reason, record.seconds) == ("diverged", "NaN", 2.0)


CHILD = """
import sys
from pathlib import Path
from study_alone import begin, measure, small_space, work
study, space = begin(Path(sys.argv[1]), small_space(trials=16, sampler=sys.argv[2]))
if study.queued is None:
    study.queue(space.grid()[5:9])
print("ready", flush=True)
work(study, space)
"""


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_killed_at_any_moment_a_study_runs_every_point_once(tmp_path, sampler):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    for delay in (0.004, 0.011, 0.023):
        mend_journal(tmp_path)
        command = [sys.executable, "-c", CHILD, str(tmp_path), sampler]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
    mend_journal(tmp_path)
    study, space = begin(tmp_path, small_space(trials=16, sampler=sampler))
    while (proposal := study.propose()) is not None:
        study.tell(proposal.number, "complete", "", measure(space, proposal.params))
    records = study.records()
    assert [r.number for r in records] == list(range(16))
    assert {r.state for r in records} == {"complete"}
    assert len({str(sorted(r.params.items())) for r in records}) == 16
    first = [dict(r.params) for r in records[:4]]
    assert first == [pytest.approx(point) for point in space.grid()[5:9]]
