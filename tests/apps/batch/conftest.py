"""A few pictures, of which some show a face, and tables of them."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng.apps.cli import main

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def _command(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, cwd=cwd, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs the installed command in a process of its own."""
    return _command


@pytest.fixture(scope="session")
def here() -> Command:
    """The same in this process, which takes a second less."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in arguments]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main(words)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return run


def _table(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="session")
def table() -> Callable[[Path, Sequence[Sequence[str]]], Path]:
    """Writes a CSV."""
    return _table


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """shot0.png to shot9.png of one person, blank.png, text.jpg, 人 证.png and a folder."""
    portrait = pytest.importorskip("skimage.data").astronaut()[:300, 80:380]
    folder = tmp_path_factory.mktemp("shots")
    for k in range(10):
        moved = np.roll(portrait, 3 * k, axis=1)
        Pillow.fromarray(moved).resize((200 + 8 * k,) * 2).save(folder / f"shot{k}.png")
    Pillow.fromarray(portrait).save(folder / "人 证.png")
    Pillow.new("RGB", (300, 200), "grey").save(folder / "blank.png")
    (folder / "text.jpg").write_text("no picture")
    (folder / "folder.png").mkdir()
    return folder
