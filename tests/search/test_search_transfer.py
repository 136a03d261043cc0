"""Files of a trial between the search and a node that does not see its folder."""

from __future__ import annotations

import errno
import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from autune.errors import DataError, SearchError
from autune.formats.files import write_text
from autune.search.running import transfer
from autune.search.running.lock import LOCK, release, take
from autune.search.running.transfer import (
    APART,
    Copy,
    TrialFolders,
    copy_of,
    disk_failure,
    folder_apart,
    sees,
)


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    """Folder of the trials, with one that was interrupted."""
    seed = tmp_path / "trials" / "0003" / "seed-0"
    seed.mkdir(parents=True)
    (seed / "checkpoint.npz").write_bytes(b"\x00state")
    (seed.parent / "settings.yaml").write_text("a: 1\n")
    (seed.parent / ".checkpoint.npz.ab12cd34").write_text("half")
    return tmp_path / "trials"


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """Folder of the trial elsewhere, where a killed worker left something."""
    folder = tmp_path / "apart" / "0003"
    (folder / "seed-9").mkdir(parents=True)
    (folder / "seed-9" / "old").touch()
    return folder


@pytest.fixture
def everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like /tmp."""
    folder = tmp_path / "everybody"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_folder_elsewhere_is_for_its_user_alone(everybodys: Path) -> None:
    folder = folder_apart("a1b2", "0003")
    assert folder.parent.parent == everybodys
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    folder.parent.chmod(0o777)
    assert folder_apart("a1b2", "0003") == folder
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_what_somebody_has_put_there_before_is_not_used(
    everybodys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = folder_apart("a1b2", "0003").parent.name
    (everybodys / name).rmdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (everybodys / name).symlink_to(precious)
    with pytest.raises(SearchError, match="is not a folder of this user; remove it"):
        folder_apart("a1b2", "0003")
    user = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: user + 1)
    (everybodys / f"autune-{user + 1}-a1b2").mkdir()
    with pytest.raises(SearchError, match="is not a folder of this user; remove it"):
        folder_apart("a1b2", "0003")


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_trial_goes_on_elsewhere_and_its_files_come_back(trials: Path, apart: Path) -> None:
    with copy_of(TrialFolders(trials), "0003", apart) as copy:
        assert content(apart) == {
            "seed-0/checkpoint.npz": b"\x00state", "settings.yaml": b"a: 1\n",
        }  # fmt: skip
        assert (trials / "0003" / LOCK).exists()
        (apart / "seed-1").mkdir()
        (apart / "seed-1" / "checkpoint.npz").write_bytes(b"1")
        (apart / ".half").touch()
        copy.send()
        assert content(trials / "0003")["seed-1/checkpoint.npz"] == b"1"
        (apart / "seed-0" / "checkpoint.npz").unlink()
        (apart / "seed-1" / "checkpoint.npz").write_bytes(b"22")
        write_text(apart / "result.json", "{}")
    assert content(trials / "0003") == {
        "seed-1/checkpoint.npz": b"22", "settings.yaml": b"a: 1\n", "result.json": b"{}",
    }  # fmt: skip
    assert not apart.exists()


def test_only_what_changed_is_sent_and_not_all_the_time(
    trials: Path, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(TrialFolders):
        sent: list[str] = []  # noqa: RUF012

        def write(self, trial: str, name: str, content: bytes) -> None:
            self.sent.append(name)
            super().write(trial, name, content)

    files = Counting(trials)
    now = [0.0]
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now[0])
    with copy_of(files, "0003", apart) as copy:
        state = apart / "seed-0" / "checkpoint.npz"
        for second in range(1, 13):
            now[0] = float(second)
            state.write_bytes(b"x" * second)
            copy.send_if_due()
        assert files.sent == ["seed-0/checkpoint.npz"] * 2
    assert files.sent == ["seed-0/checkpoint.npz"] * 2


def test_sending_takes_a_small_part_of_the_time(
    trials: Path, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now[0])

    class Slow(TrialFolders):
        def write(self, trial: str, name: str, content: bytes) -> None:
            now[0] += 10.0

    with copy_of(Slow(trials), "0003", apart) as copy:
        began = []
        for second in range(0, 2000, 5):
            now[0] = max(now[0], float(second))
            before = now[0]
            (apart / "seed-0" / "checkpoint.npz").write_bytes(b"x" * second)
            copy.send_if_due()
            if now[0] > before:
                began.append(before)
    assert len(began) == 4
    assert all(b - a >= 10.0 / 0.02 for a, b in pairwise(began))


def test_files_are_sent_back_where_the_trial_fails(trials: Path, apart: Path) -> None:
    def fail() -> None:
        (apart / "error.txt").write_text("why")
        raise RuntimeError("in the trial")

    with (
        pytest.raises(RuntimeError, match="in the trial"),
        copy_of(TrialFolders(trials), "0003", apart),
    ):
        fail()
    assert content(trials / "0003")["error.txt"] == b"why"
    assert not (trials / "0003" / LOCK).exists()


def test_a_trial_that_another_process_works_on_is_waited_for(
    trials: Path, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = take(trials / "0003")
    assert other is not None
    monkeypatch.setattr(transfer, "PATIENCE", 0.2)
    with (
        pytest.raises(SearchError, match="another process works on trial 0003"),
        copy_of(TrialFolders(trials), "0003", apart),
    ):
        pytest.fail("two at once")
    monkeypatch.setattr(transfer, "PATIENCE", 30.0)
    threading.Timer(0.3, release, (other, trials / "0003")).start()
    with copy_of(TrialFolders(trials), "0003", apart):
        assert (apart / "settings.yaml").exists()


def test_a_trial_is_taken_back_from_a_worker_that_died(trials: Path) -> None:
    files = TrialFolders(trials)
    assert files.begin("0003") is not None
    assert files.begin("0003") is not None  # its next worker
    others = TrialFolders(trials)
    assert others.begin("0003") is None
    files.end("0003")
    files.end("0003")
    assert others.begin("0003") is not None
    others.end("0003")


BAD = [
    "", ".", "..", "../0004/x", "/etc/passwd", "a/../../x", "seed-0/../../../x", ".lock",
    "seed-0/.hidden", "link/x", "link",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_no_name_leads_out_of_the_folder(name: str, trials: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("mine")
    (trials / "0003" / "link").symlink_to(tmp_path / "outside")
    (trials / "link").symlink_to(tmp_path / "outside")
    files = TrialFolders(trials)
    for call in (
        lambda: files.read("0003", name),
        lambda: files.write("0003", name, b""),
        lambda: files.remove("0003", name),
        lambda: files.begin(name),
    ):
        with pytest.raises(DataError, match="is no name of a file"):
            call()
    assert files.begin("0003") == ["seed-0/checkpoint.npz", "settings.yaml"]
    files.end("0003")


def test_names_of_the_search_are_not_trusted_either(trials: Path, apart: Path) -> None:
    class Lying(TrialFolders):
        def begin(self, trial: str) -> list[str]:
            return ["../../x"]

    with pytest.raises(DataError, match="is no name of a file"):
        Copy(Lying(trials), "0003", apart).fetch()


def test_a_node_sees_the_folder_by_the_file_of_this_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    assert sees(None)
    assert not sees(token)
    token.touch()
    assert sees(token)
    monkeypatch.setenv(APART, "1")
    assert not sees(token)


def test_a_full_disk_is_known_by_its_words(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x")
    assert disk_failure(full)
    assert disk_failure(OSError(errno.EROFS, os.strerror(errno.EROFS)))
    assert disk_failure(SearchError("a rank failed: error: no space left on device; see x"))
    assert not disk_failure(OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert not disk_failure(None)
    with pytest.raises(SearchError) as caught:
        raise_instead(full)
    assert disk_failure(caught.value)


def raise_instead(error: OSError) -> None:
    try:
        raise error
    except OSError:
        raise SearchError("something else") from None
