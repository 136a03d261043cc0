"""One process at a time works in the folder of a trial."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autune.errors import SearchError
from autune.search.running.lock import LOCK, RANKS_LOCK, release, sweep, take, working_in

HOLDER = """
import sys, time
from pathlib import Path
from autune.search.running.lock import working_in
with working_in(Path(sys.argv[1])):
    print("has it", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that works in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "trial")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_lock_is_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "0000"
    with working_in(folder):
        assert [path.name for path in folder.iterdir()] == [LOCK]
    assert list(folder.iterdir()) == []


def test_another_process_is_waited_for_and_then_named(tmp_path: Path, holder) -> None:
    with (
        pytest.raises(SearchError, match=r"another process works in .*trial"),
        working_in(tmp_path / "trial", patience=0.3),
    ):
        pytest.fail("two at once")


def test_a_killed_process_has_no_lock(tmp_path: Path, holder) -> None:
    threading.Timer(0.3, holder.kill).start()
    began = time.monotonic()
    with working_in(tmp_path / "trial"):
        assert time.monotonic() - began > 0.2
    assert not (tmp_path / "trial" / LOCK).exists()


def test_no_two_of_many_have_it_at_once(tmp_path: Path) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            while (lock := take(tmp_path)) is None:
                time.sleep(0.001)
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()
            release(lock, tmp_path)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80
    assert max(most) == 1


def test_a_child_holds_the_lock_for_its_parent(tmp_path: Path) -> None:
    with working_in(tmp_path, RANKS_LOCK) as lock:
        sleeper = subprocess.Popen(["sleep", "60"], pass_fds=[lock])
        twin = (tmp_path / RANKS_LOCK).stat().st_ino
        # As if this process died: the file stays, the descriptor of the child holds it.
        (tmp_path / RANKS_LOCK).rename(tmp_path / "kept")
    (tmp_path / "kept").rename(tmp_path / RANKS_LOCK)
    assert (tmp_path / RANKS_LOCK).stat().st_ino == twin
    assert take(tmp_path, RANKS_LOCK) is None
    sleeper.kill()
    sleeper.wait()
    again = take(tmp_path, RANKS_LOCK)
    assert again is not None
    release(again, tmp_path, RANKS_LOCK)


def test_half_written_files_are_swept(tmp_path: Path) -> None:
    (tmp_path / "seed-0").mkdir()
    for name in (".checkpoint.npz.ab12", "seed-0/.x", LOCK, RANKS_LOCK, "history.csv"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([LOCK, RANKS_LOCK, "history.csv", "seed-0"])
    assert list((tmp_path / "seed-0").iterdir()) == []
