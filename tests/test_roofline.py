"""The roofline benchmark counts what it times, and its operators do all the arithmetic."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from renzheng import Verifier
from renzheng.evaluation.speed.arithmetic import count
from renzheng.evaluation.speed.rates import Rates
from renzheng.evaluation.speed.scenes import painted
from renzheng.models.packs import Pack

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
if not (BENCHMARKS / "roofline_model.py").is_file():
    pytest.skip("an sdist has no benchmarks", allow_module_level=True)


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_roofline_has_a_row_for_each_network() -> None:
    roofline = importlib.import_module("roofline_model")
    verifier = Verifier(threads=1, backend="onnxruntime")
    cases = roofline.cases(verifier, [painted(128), painted(96)], batches=(1, 2))
    yardstick = Rates(1, sides=(64,))
    told: list[tuple[int, int]] = []
    rows = roofline.measure(cases, yardstick, rounds=2, progress=lambda *a: told.append(a))
    assert told == [(1, 2), (2, 2)]
    names = [row.network for row in rows]
    # The embedding network's file is the pack's to name.
    assert names[:6] == ["pnet", "pnet", "rnet", "rnet", "onet", "onet"]
    assert len(names) == 8
    assert names[6] == names[7] not in names[:6]
    for row, case in zip(rows, cases, strict=True):
        assert case.network.path is not None
        shapes = [batch.shape for batch in case.batches]
        wanted = sum(count(case.network.path, shape).multiply_adds for shape in shapes)
        assert row.multiply_adds == wanted
        assert row.calls == len(shapes)
        assert row.rate == pytest.approx(wanted / row.seconds)
        bound = yardstick.min_seconds(wanted)
        assert row.fraction == pytest.approx(bound / row.seconds, rel=1e-6)
    by_size = {row.what: row for row in rows if row.network == "rnet"}
    assert by_size["2 x 3 x 24 x 24"].multiply_adds == 2 * by_size["1 x 3 x 24 x 24"].multiply_adds


def test_the_operators_do_all_the_arithmetic(mtcnn_pack: Pack) -> None:
    operators = importlib.import_module("operators")
    batches = [np.zeros((n, 3, 48, 48), np.float32) for n in (1, 2)]
    found = operators.profile(mtcnn_pack.file("onet.onnx"), batches, threads=1, repeats=2)
    assert [each.seconds for each in found] == sorted((e.seconds for e in found), reverse=True)
    kinds = {each.kind for each in found}
    assert any(kind.startswith("Conv ") for kind in kinds)
    assert all(each.nodes > 0 for each in found)
    graph = count(mtcnn_pack.file("onet.onnx"), (3, 3, 48, 48)).multiply_adds
    # The runtime pads channels to blocks and folds what it can.
    assert 0.9 * graph < sum(each.multiply_adds for each in found) < 1.2 * graph
