"""Made-up people and tables for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from made_up import paint


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
