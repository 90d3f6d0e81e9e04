"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from made_up import paint
from renzheng.models import packs

# Tests judge answers, not speed: a busy machine must not fail them.
hypothesis.settings.register_profile("renzheng", deadline=None, derandomize=True)
hypothesis.settings.load_profile("renzheng")

ROOT = Path(__file__).resolve().parent.parent

# A shell that starts a job in the background has it ignore Ctrl-C, and so would every process that
# a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real faces and reference weights, which is not part of the repository."""
    folder = Path(os.environ.get("RENZHENG_ASSETS") or ROOT.parent / "shared" / "assets")
    if not folder.is_dir():
        pytest.skip(f"needs real faces: no folder {folder}; set RENZHENG_ASSETS")
    return folder


@pytest.fixture(scope="session")
def cases(assets: Path) -> Path:
    """The folder of pictures that once failed, which lies beside the assets."""
    folder = assets.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"needs pictures that once failed: no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def mtcnn_pack() -> packs.Pack:
    return packs.load("mtcnn")


@pytest.fixture(scope="session")
def embedding_pack() -> packs.Pack:
    return packs.load(packs.DEFAULT_EMBEDDER)


@pytest.fixture(scope="session")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 people with 3 crops each."""
    folder = tmp_path_factory.mktemp("crops")
    paint(folder, 40, 3)
    return folder


@pytest.fixture
def few_crops(tmp_path: Path) -> Path:
    """3 people with 2 crops each, to be spoilt."""
    paint(tmp_path / "few", 3, 2)
    return tmp_path / "few"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as a CSV and gives its path."""

    def write(*rows: str, name: str = "pairs.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train``: 10 people with 6 crops of 48 px; ``validation``: 5 others with 4."""
    folder = tmp_path_factory.mktemp("people")
    paint(folder / "train", 10, 6, 48)
    paint(folder / "validation", 5, 4, 48)
    return folder
