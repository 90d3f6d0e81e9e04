"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from renzheng import packs

# Tests judge answers, not speed: a busy machine must not fail them.
hypothesis.settings.register_profile("renzheng", deadline=None, derandomize=True)
hypothesis.settings.load_profile("renzheng")

ROOT = Path(__file__).resolve().parent.parent


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
