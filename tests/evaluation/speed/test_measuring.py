"""What is measured is what is said to be; how long it takes is not tested."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from renzheng import InvalidInput, Verifier
from renzheng.apps.cli import main
from renzheng.errors import RenzhengError
from renzheng.evaluation.speed import (
    advice,
    bench,
    latency,
    rates,
    scenes,
    throughput,
)
from renzheng.evaluation.speed.arithmetic import count
from renzheng.evaluation.speed.inputs import by_network, record
from renzheng.evaluation.speed.latency import Timing
from renzheng.evaluation.speed.throughput import Throughput, counts
from renzheng.models.runtime import (
    BACKENDS,
    PROCESSOR_BACKENDS,
    VARIABLE,
    is_installed,
    watch_calls,
)


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1, backend="onnxruntime")


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where scikit-image is not installed."""
    monkeypatch.setattr("renzheng.datasets.demo.find_spec", lambda name: None)


def test_the_pictures_hold_a_face_with_and_without_scikit_image(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renzheng.datasets.demo.find_spec", lambda name: None)
    for width, height in ((640, 480), (1280, 720), (480, 600)):
        scene = scenes.scene(width, height)
        assert "painted" in scene.what
        assert scene.image.shape == (height, width, 3)
        np.testing.assert_array_equal(scene.image, scenes.scene(width, height).image)
        assert len(verifier.detect(scene.image)) == 1
    result = latency.verifiers(["onnxruntime"], [1])[0][1].verify(*latency.pair())
    assert result.comparison is not None  # all steps are taken


def test_every_call_of_a_network_is_recorded_and_then_no_more(verifier: Verifier) -> None:
    image = scenes.painted(256)
    calls = record(lambda: verifier.detect(image))
    found = by_network(calls)
    assert list(found) == ["pnet", "rnet", "onet"]
    assert all(call.batch.dtype == np.float32 and call.seconds > 0 for call in calls)
    again = record(lambda: verifier.detect(image))
    assert [call.batch.shape for call in again] == [call.batch.shape for call in calls]
    seen: list[object] = []
    with watch_calls(seen.append):
        verifier.detect(image)
    assert len(seen) == len(calls)
    verifier.detect(image)
    assert len(seen) == len(calls)


def test_rates_only_get_better_and_name_who_was_fastest() -> None:
    found = rates.Rates(1, sides=(64,))
    found.measure()
    first = found.floating.multiply_adds, found.integer.multiply_adds
    for _ in range(3):
        found.measure()
    assert found.floating.multiply_adds >= first[0] > 0
    assert found.integer.multiply_adds >= first[1] > 0
    assert found.floating.by in BACKENDS
    assert found.integer.by.startswith("onnxruntime, ")
    seconds = found.min_seconds(10**9, 10**8)
    assert seconds == pytest.approx(
        1e9 / found.floating.multiply_adds + 1e8 / found.integer.multiply_adds
    )
    rates_of_all = rates.Rates(None, sides=(32,))
    rates_of_all.measure()
    assert rates_of_all.floating.by in (*BACKENDS, "numpy")


def test_the_products_are_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    for operator, given in (
        ("MatMul", rng.standard_normal((8, 8), np.float32)),
        ("MatMulInteger", rng.integers(0, 256, (8, 8), np.uint8)),
        ("QLinearMatMul", rng.integers(0, 256, (8, 8), np.uint8)),
    ):
        kind = np.float32 if operator == "MatMul" else np.int8
        weights = rng.integers(-64, 64, (8, 8)).astype(kind)
        model = rates._model(operator, weights)
        assert count(model, (8, 8)).multiply_adds == 8**3
        assert (count(model, (8, 8)).integer > 0) is (operator != "MatMul")
        (found,) = rates.Network(model, 1, backend="onnxruntime")(given)
        if operator != "QLinearMatMul":
            np.testing.assert_allclose(found, given.astype(np.float64) @ weights, rtol=1e-5)


def test_what_overlaps_is_one_time() -> None:
    assert latency.covered([]) == 0
    assert latency.covered([(0, 1), (2, 4)]) == 3
    assert latency.covered([(3, 5), (0, 4), (1, 2)]) == 5


# Advice


def timing(backend: str, threads: int, ms: float, task: str = "verify") -> Timing:
    return Timing(task, backend, threads, ms, ms, 0.9, 10**9, 0.5)


def test_one_comparison_is_judged_by_the_whole_of_it() -> None:
    timings = [
        timing("onnxruntime", 1, 100),
        timing("onnxruntime", 8, 90),
        timing("openvino", 1, 60),
        timing("openvino", 8, 80),
        timing("onnxruntime", 1, 1, "embed 1"),
    ]
    found = advice.for_one(timings, cores=8)
    assert (found.backend, found.threads) == ("openvino", 1)
    assert found.options == "--backend openvino --threads 1"
    assert found.environment == f"{VARIABLE}=openvino"
    assert found.python == "Verifier(backend='openvino', threads=1)"
    assert found.gain == pytest.approx(1.5)
    fewer = advice.for_one([timing("onnxruntime", 1, 60), timing("onnxruntime", 8, 90)], cores=8)
    assert (fewer.options, fewer.environment) == ("--threads 1", "")


def test_what_is_hardly_better_than_the_defaults_is_not_advised() -> None:
    found = advice.for_one([timing("onnxruntime", 2, 100), timing("openvino", 2, 97)], cores=2)
    assert (found.backend, found.options, found.python, found.gain) == ("onnxruntime", "", "", 1)
    close = [Throughput("onnxruntime", 2, 10), Throughput("openvino", 2, 10.3)]
    assert advice.for_many(close, cores=2).options == ""


def test_many_comparisons_are_advised_in_processes() -> None:
    rates = {
        ("onnxruntime", 1): 5,
        ("onnxruntime", 4): 15,
        ("openvino", 2): 12,
        ("openvino", 4): 25,
    }
    found = advice.for_many([Throughput(*key, rate) for key, rate in rates.items()], cores=4)
    assert (found.backend, found.workers, found.threads) == ("openvino", 4, 1)
    assert found.options == "--backend openvino"
    half = advice.for_many([Throughput("openvino", 2, 12)], cores=4)
    assert half.gain is None
    assert half.options == "--backend openvino --workers 2"
    assert counts(1) == (1,)
    assert counts(2) == (1, 2)
    assert counts(9) == (1, 4, 9)


def test_a_process_that_died_is_said_to_have() -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.send(2.5)
    assert throughput._answer(ours) == 2.5
    theirs.close()
    with pytest.raises(RenzhengError, match="died or hangs"):
        throughput._answer(ours)


# The command


def test_the_command_end_to_end(capsys: pytest.CaptureFixture[str], painted: None) -> None:
    command = ["bench", "--seconds", "0", "--backend", "onnxruntime", "--threads", "1"]
    assert main([*command, "--workers", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "machine", "backends", "missing", "picture", "rates", "timings", "throughputs", "advice",
    }  # fmt: skip
    assert list(told["backends"]) == ["onnxruntime"]
    assert told["missing"] == [name for name in PROCESSOR_BACKENDS if not is_installed(name)]
    assert "painted" in told["picture"]
    assert [row["task"] for row in told["timings"]] == list(latency.TASKS)
    for row in told["timings"]:
        assert 0 < row["fastest_ms"] <= row["ms"]
        assert row["multiply_adds"] > 0
        assert row["fraction"] > 0
        assert 0 < row["in_networks"] < 1
    embed = {row["task"]: row["multiply_adds"] for row in told["timings"]}
    assert embed["embed 16"] == 16 * embed["embed 1"]
    (many,) = told["throughputs"]
    assert (many["backend"], many["workers"]) == ("onnxruntime", 1)
    assert many["comparisons_per_s"] > 0
    assert [row["threads"] for row in told["rates"]] == [1]
    assert told["rates"][0]["int8_multiply_adds_per_s"] > 0
    assert [row["what"] for row in told["advice"]] == ["one comparison", "many comparisons"]


def test_the_table_for_people(capsys: pytest.CaptureFixture[str], verifier: Verifier) -> None:
    from renzheng.apps.cli import bench as command

    rate = rates.Rate(1.2e11, "onnxruntime"), rates.Rate(4e11, "onnxruntime, MatMulInteger")
    timings = tuple(
        timing(backend, threads, 100, task)
        for backend in BACKENDS
        for threads in (1, 2)
        for task in latency.TASKS
    )
    throughputs = tuple(Throughput(name, n, 5.0 * n) for name in BACKENDS for n in (1, 2))
    command._print(
        bench.Bench(
            machine={"processor": "A processor", "cores": 2},
            backends=dict.fromkeys(BACKENDS, "1.0"),
            missing=("openvino",),
            picture="a picture",
            rates={1: rate, 2: rate},
            timings=timings,
            throughputs=throughputs,
            advice=(advice.for_one(timings, 2), advice.for_many(throughputs, 2)),
        )
    )
    out = capsys.readouterr().out
    for word in (
        "A processor, 2 core(s); on a picture",
        "matrix rate with 1 thread: 120 G multiply-adds/s in float32",
        "detect 640x480",
        "2 processes",
        "one comparison: onnxruntime with 2 threads: the defaults suit this machine",
        "many comparisons: onnxruntime with 2 processes: the defaults suit this machine",
        "not measured: openvino is not installed (pip install 'renzheng[openvino]')",
    ):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--threads", "0"], "--threads takes numbers"),
        (["--threads", "1,x"], "--threads takes numbers"),
        (["--workers", "-1"], "--workers"),
        (["--seconds", "nan"], "seconds"),
        (["--backend", "abacus"], "abacus"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"seconds": -1.0}, {"workers": -1}, {"threads": [0]}):
        with pytest.raises(InvalidInput, match="or more"):
            bench.run(["onnxruntime"], **wrong)  # type: ignore[arg-type]


def test_the_processor_has_a_name() -> None:
    assert bench.processor()
    assert Path("/proc/cpuinfo").is_file() or bench.processor()


def test_doctor_points_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("renzheng bench")
