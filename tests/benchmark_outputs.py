"""Scripts of benchmarks/ and what they have measured, for the tests that hold documents to them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def require(name: str) -> None:
    """Skip the module that calls it where a benchmark has no output."""
    if not (BENCHMARKS / f"{name}.json").is_file():
        pytest.skip(f"there is no benchmarks/{name}.json", allow_module_level=True)


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def output(name: str) -> dict[str, Any]:
    text = (BENCHMARKS / f"{name}.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read
