from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from autune.errors import ConfigError, FormatError
from autune.formats.files import (
    is_file,
    make_folder,
    open_text,
    replacing,
    write_bytes,
    write_text,
)


def test_text_and_bytes_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "Ångström\n")
    write_bytes(tmp_path / "b", b"\x00\x01")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "Ångström\n"
    assert (tmp_path / "b").read_bytes() == b"\x00\x01"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_new_files_have_the_mode_of_other_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_text(path, "old")

    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        _ = temporary.write_text("half") / 0
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: no space left"):
        write_text(tmp_path / "a", "text")
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing/a cannot be written: no such file"):
        write_text(tmp_path / "missing" / "a", "text")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written: not a directory"):
        write_text(tmp_path / "file" / "a", "text")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read: no such file"), open_text("missing"):
        pass
    write_bytes(tmp_path / "binary", b"\xff\xfe\xfa")
    with (
        pytest.raises(FormatError, match="expected text in UTF-8"),
        open_text(tmp_path / "binary") as stream,
    ):
        stream.read()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "a" * 300])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    assert not is_file(tmp_path / name)
    with pytest.raises(FormatError, match="cannot be read"), open_text(tmp_path / name):
        pass
    with pytest.raises(ConfigError, match="cannot be"):
        write_text(tmp_path / name, "")
    with pytest.raises(ConfigError, match="cannot be"):
        make_folder(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"\xef\xbb\xbfbegin")
    with open_text(tmp_path / "a") as stream:
        assert stream.read() == "begin"
