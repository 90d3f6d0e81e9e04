"""Fixtures of the tests of galleries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from renzheng import Verifier
from renzheng.gallery import Entry, Gallery
from renzheng.types import Floats

pytest.importorskip("lancedb")


@pytest.fixture(scope="session")
def verifier() -> Verifier:
    return Verifier(threads=1)


@pytest.fixture
def gallery(tmp_path: Path, verifier: Verifier) -> Gallery:
    return Gallery.create(tmp_path / "gallery", verifier)


@pytest.fixture
def unit() -> Callable[..., Floats]:
    """Unit vectors of the default pack's dimension, drawn with a seed: float32 (n, 128)."""

    def draw(count: int, seed: int = 0) -> Floats:
        rows = np.random.default_rng(seed).standard_normal((count, 128))
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    return draw


@pytest.fixture
def people(unit: Callable[..., Floats]) -> Callable[..., list[Entry]]:
    """Entries p0, p1 ... with embeddings of their own."""

    def make(count: int, seed: int = 0) -> list[Entry]:
        return [Entry(f"p{k}", row) for k, row in enumerate(unit(count, seed))]

    return make
