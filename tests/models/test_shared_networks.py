"""One process holds an accelerator's networks for all: it joins their calls."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_onnxruntime
from renzheng._support import processes
from renzheng.errors import PackError
from renzheng.models.runtime import Network, automatic, loading, shared
from renzheng.models.runtime.loaded import Loaded
from renzheng.models.runtime.shared import Host, Joined

TIMEOUT = 20


class Slow:
    """A network that waits to be let go on, and notes the rows of its calls."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        self.rows.append(len(batch))
        self.begun.set()
        assert self.go_on.wait(TIMEOUT)
        if (batch == 13).any():
            raise RuntimeError("unlucky")
        return [batch * 2, batch.sum(axis=1)]


def ask(joined: Joined, slow: Slow, batches: list[np.ndarray]) -> list[Any]:
    """Ask for a first batch, for the others while it is computed, and return all answers."""
    with ThreadPoolExecutor(1 + len(batches)) as pool:
        first = pool.submit(joined, np.zeros((1, 2), np.float32))
        assert slow.begun.wait(TIMEOUT)
        rest = []
        for each in batches:
            before = joined._waiting.qsize()
            rest.append(pool.submit(joined, each))
            while joined._waiting.qsize() == before:
                pass  # so that they queue in this order
        slow.go_on.set()
        done = [first, *rest]
        return [each.exception(TIMEOUT) or each.result() for each in done]


def rows(count: int, value: float, width: int = 2) -> np.ndarray:
    return np.full((count, width), value, np.float32)


def test_what_arrives_meanwhile_is_one_batch() -> None:
    slow = Slow()
    joined = Joined(Loaded(slow, "a device"), 8)
    given = [rows(2, 1), rows(3, 2), rows(3, 3), rows(1, 4)]
    answers = ask(joined, slow, given)
    joined.close()
    assert slow.rows == [1, 8, 1]
    for batch, (twice, sums) in zip(given, answers[1:], strict=True):
        np.testing.assert_array_equal(twice, batch * 2)
        np.testing.assert_array_equal(sums, batch.sum(axis=1))


def test_other_shapes_wait_for_their_own_turn() -> None:
    slow = Slow()
    joined = Joined(Loaded(slow, "a device"), 8)
    given = [rows(2, 1), rows(2, 2, width=5), rows(2, 3, width=5)]
    answers = ask(joined, slow, given)
    joined.close()
    assert slow.rows == [1, 2, 4]
    assert [each[0].shape for each in answers[1:]] == [(2, 2), (2, 5), (2, 5)]


def test_a_network_with_a_fixed_batch_is_asked_by_each_alone() -> None:
    slow = Slow()
    joined = Joined(Loaded(slow, "a device", batch=1), 8)
    ask(joined, slow, [rows(1, 1), rows(1, 2)])
    joined.close()
    assert slow.rows == [1, 1, 1]


def test_one_callers_error_is_not_the_others() -> None:
    slow = Slow()
    joined = Joined(Loaded(slow, "a device"), 8)
    _, well, ill, also = ask(joined, slow, [rows(1, 1), rows(1, 13), rows(1, 2)])
    joined.close()
    assert isinstance(ill, RuntimeError)
    np.testing.assert_array_equal(well[0], rows(1, 2))
    np.testing.assert_array_equal(also[0], rows(1, 4))


def test_processes_share_one_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_onnxruntime = pytest.importorskip("renzheng.models.runtime.with_onnxruntime")
    for name, value in fake_onnxruntime.parts(with_onnxruntime.ort).items():
        monkeypatch.setattr(with_onnxruntime.ort, name, value)
    # Other processes take over this one's path, and find the other package on it.
    package = fake_onnxruntime.package(tmp_path / "fake")
    monkeypatch.setattr(sys, "path", [str(package), *sys.path])
    monkeypatch.setenv(fake_onnxruntime.LOG, str(tmp_path / "log"))
    model = tmp_path / "product.onnx"
    model.write_bytes(automatic._product())
    plain = Network(model)
    with shared.networks("cuda"):
        found = dict(
            processes.map_in_order(range(12), fake_onnxruntime.MakeRun(model), load=int, workers=2)
        )
    for number, (answer,) in found.items():
        np.testing.assert_array_equal(
            answer, plain(np.full((1 + number % 3, 3), number, np.float32))[0]
        )
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [line for line in lines if line[1] == "session"] == [[str(os.getpid()), "session"]]
    assert {pid for pid, _ in lines} == {str(os.getpid())}
    assert sum(int(count) for _, count in lines[1:]) == 24
    assert shared._VARIABLE not in os.environ


def test_nobody_without_the_key_is_answered(tmp_path: Path) -> None:
    with Host(8) as host:
        with pytest.raises(Exception, match="digest"):
            Client(host.address, authkey=b"another")
        # It goes on answering those who have it; what it cannot load is said.
        import multiprocessing

        with Client(host.address, authkey=multiprocessing.current_process().authkey) as mine:
            mine.send((str(tmp_path / "missing.onnx"), "onnxruntime"))
            assert isinstance(mine.recv(), PackError)


def test_nothing_is_shared_on_a_processor() -> None:
    with shared.networks("onnxruntime"):
        assert shared._VARIABLE not in os.environ


# The commands


class _EnteredError(Exception):
    pass


def _look(*_: object, **__: object) -> Any:
    raise _EnteredError(os.environ.get(shared._VARIABLE, ""))


def _commands(verifier: Any) -> dict[str, Callable[[], Any]]:
    from renzheng.apps.batch import workers
    from renzheng.evaluation import acquisition
    from renzheng.verification.config import VerifierConfig

    config = VerifierConfig(str(verifier.pack.folder), backend="cuda")
    extraction = acquisition.Extraction(str(verifier.pack.folder), "", "", "", backend="cuda")
    return {
        "batch, embed": lambda: list(workers.map_steps([], config, 2)),
        "evaluate": lambda: list(acquisition._extracted([[0]], [], extraction, 2)),
    }


@pytest.mark.parametrize("command", ["batch, embed", "evaluate", "gallery add", "serve"])
def test_commands_share_them(
    command: str, monkeypatch: pytest.MonkeyPatch, embedding_pack: Any
) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(loading, "is_installed", lambda name: True)
    monkeypatch.setattr(processes, "map_in_order", _look)
    verifier: Any = SimpleNamespace(
        pack=embedding_pack, detector_pack=embedding_pack, min_face_size=40, backend="cuda"
    )
    if command == "gallery add":
        from renzheng.gallery import enrolment
        from renzheng.types import Role

        def work() -> Any:
            return list(enrolment._acquire_all(iter([]), verifier, Role.PHOTO, False, 2))

    elif command == "serve":
        pytest.importorskip("uvicorn", reason="needs renzheng[serve]")
        from renzheng.apps.service import server
        from renzheng.apps.service.settings import Settings

        app = SimpleNamespace(state=SimpleNamespace(service=SimpleNamespace(failure=None)))
        monkeypatch.setattr(server, "create_app", lambda settings: app)
        monkeypatch.setattr(server._Server, "run", _look)

        def work() -> Any:
            return server.serve(Settings(backend="cuda"), port=0)

    else:
        work = _commands(verifier)[command]
    with pytest.raises(_EnteredError) as caught:
        work()
    assert str(caught.value) != ""
    assert shared._VARIABLE not in os.environ
