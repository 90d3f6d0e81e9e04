"""How much work a comparison is, in things that can be counted: times depend on the machine.

The ceilings lie a fifth or so above what is counted, so that a change that makes more work of the
same pictures is seen; whoever lowers the work lowers them.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from renzheng import Verifier
from renzheng.evaluation.speed import latency, scenes
from renzheng.evaluation.speed.inputs import by_network, record


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """The default but for its threads: their number must not change what is counted."""
    return Verifier(threads=1, backend="onnxruntime")


@dataclass(frozen=True)
class Work:
    """What a piece of work hands to the networks, and what Python allocates meanwhile.

    By network: calls and rows (candidates, crops). ``handed`` and ``peak`` are megabytes: of all
    arrays that networks were given, and of the most that was allocated at a time.
    """

    calls: dict[str, int]
    rows: dict[str, int]
    handed: float
    peak: float


def counted(work: Callable[[], object]) -> Work:
    work()  # tables that are made once are made here
    found = by_network(record(work))
    tracemalloc.start()
    try:
        work()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return Work(
        {name: len(calls) for name, calls in found.items()},
        {name: sum(len(call.batch) for call in calls) for name, calls in found.items()},
        sum(call.batch.nbytes for calls in found.values() for call in calls) / 1e6,
        peak / 1e6,
    )


def check(found: Work, most: Work) -> None:
    assert set(found.calls) == set(most.calls)
    for name in most.calls:
        assert 0 < found.calls[name] <= most.calls[name], (name, found)
        assert 0 < found.rows[name] <= most.rows[name], (name, found)
    assert 0 < found.handed <= most.handed, found
    assert 0 < found.peak <= most.peak, found


@pytest.fixture(autouse=True)
def _portrait() -> None:
    pytest.importorskip("skimage", reason="needs scikit-image's public-domain portrait")


MOST = {
    (640, 480): Work(
        calls={"pnet": 9, "rnet": 2, "onet": 2},
        rows={"pnet": 9, "rnet": 62, "onet": 8},
        handed=1.45,
        peak=1.5,
    ),
    (1280, 720): Work(
        calls={"pnet": 11, "rnet": 5, "onet": 2},
        rows={"pnet": 11, "rnet": 145, "onet": 10},
        handed=3.7,
        peak=4.3,
    ),
}


@pytest.mark.parametrize("size", MOST)
def test_a_detection(verifier: Verifier, size: tuple[int, int]) -> None:
    image = scenes.scene(*size).image
    check(counted(lambda: verifier.detect(image)), MOST[size])


def test_a_comparison(verifier: Verifier) -> None:
    pair = latency.pair()
    # The document is looked at in four quarter turns and once more, the live picture once.
    most = Work(
        calls={"pnet": 50, "rnet": 16, "onet": 6, "embedder": 2},
        rows={"pnet": 50, "rnet": 410, "onet": 32, "embedder": 4},
        handed=9.6,
        peak=19,  # with the picture at half its size
    )
    check(counted(lambda: verifier.verify(*pair)), most)


def test_twice_the_same_is_the_same_work(verifier: Verifier) -> None:
    image = scenes.scene(640, 480).image
    one, other = (counted(lambda: verifier.detect(image)) for _ in range(2))
    assert (one.calls, one.rows, one.handed) == (other.calls, other.rows, other.handed)


def test_a_comparison_loads_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys\n"
        "from renzheng import Verifier\n"
        "from renzheng.evaluation.speed import latency\n"
        "pair = latency.pair()\n"
        "Verifier(threads=1, backend='onnxruntime').verify(*pair)\n"
        "heavy = {'torch', 'openvino', 'rich', 'onnx', 'matplotlib', 'scipy', 'skimage'}\n"
        "assert 'cv2' in sys.modules\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
