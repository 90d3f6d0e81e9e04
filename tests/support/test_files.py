"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from renzheng import RenzhengError
from renzheng._support import files


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out"
    files.write(path, b"before")

    def interrupted() -> None:
        with files.new(path) as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"before"
    assert path.stat().st_mode & 0o077 == 0
    files.write(path, b"after")
    assert path.read_bytes() == b"after"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (pipe, folder):
        with pytest.raises(RenzhengError, match="not a regular file"):
            files.write(path, b"x")
    assert pipe.is_fifo()
    for path in (tmp_path / "none" / "out", tmp_path / ("x" * 300)):
        with pytest.raises(RenzhengError, match="cannot be written"):
            files.write(path, b"x")
