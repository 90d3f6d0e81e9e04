"""What docs/ensembles.md says is what benchmarks/ensembles.json says."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

import benchmark_outputs
from renzheng.models import packs

benchmark_outputs.require("ensembles")


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return benchmark_outputs.script("ensembles", monkeypatch)


@pytest.fixture
def found() -> dict[str, Any]:
    return benchmark_outputs.output("ensembles")


def test_the_document_quotes_the_measurement(benchmark: ModuleType, found: dict[str, Any]) -> None:
    text = benchmark.DOCUMENT.read_text(encoding="utf-8")
    assert benchmark.written(text, found) == text, "run benchmarks/ensembles.py --write-docs"
    changed = json.loads(json.dumps(found))
    changed["tested"]["fnmr"]["together"][0]["value"] += 0.01
    assert benchmark.written(text, changed) != text


def test_it_is_of_these_packs_and_of_people_not_fitted_on(found: dict[str, Any]) -> None:
    for told in found["packs"]:
        definition = packs.definition(told["name"])
        assert told["version"] == definition["version"], "measure it again"
    assert found["tested"]["people"] >= 1500
    assert found["command"].startswith("python benchmarks/ensembles.py --assets")


def test_the_shared_crop_costs_nothing(found: dict[str, Any]) -> None:
    """The first member's distances stay, the second's move by less than they vary."""
    first, second = (found["crops"][name] for name in ("sface", "dlib-resnet"))
    assert first["moved"] < 0.002
    assert first["shared"]["fnmr"] == pytest.approx(first["own"]["fnmr"], abs=0.002)
    assert second["shared"]["genuine"] == pytest.approx(second["own"]["genuine"], rel=0.01)
    assert second["shared"]["fnmr"] == pytest.approx(second["own"]["fnmr"], abs=0.01)
