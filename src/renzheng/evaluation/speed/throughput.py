"""The comparisons per second of several processes with one thread each, as in `serve`."""

from __future__ import annotations

import multiprocessing
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import cv2

from renzheng._support import processes
from renzheng.errors import RenzhengError
from renzheng.evaluation.speed import latency
from renzheng.evaluation.speed.latency import Progress
from renzheng.models.defaults import DEFAULT_DETECTOR
from renzheng.models.runtime import batch_size, shared

_PATIENCE_S = 120.0  # for a start or one comparison, on a busy machine


@dataclass(frozen=True)
class Throughput:
    """The comparisons per second of some processes.

    Attributes
    ----------
    backend
        The library that computed the networks.
    workers
        The number of processes, with one thread per network call.
    per_second
        Comparisons of two pictures per second, the median of the rounds.
    """

    backend: str
    workers: int
    per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "backend": self.backend,
            "workers": self.workers,
            "comparisons_per_s": self.per_second,
        }


def counts(max_workers: int) -> tuple[int, ...]:
    """Return the numbers of processes to measure: one, half of the largest, and the largest."""
    return tuple(sorted({1, max(1, max_workers // 2), max_workers}))


def measure(
    backends: Sequence[str],
    max_workers: int,
    *,
    seconds: float,
    detector: str = DEFAULT_DETECTOR,
    rounds: int = 3,
    progress: Progress | None = None,
) -> list[Throughput]:
    """Measure processes that compare `latency.pair`, backends and numbers in turn.

    Parameters
    ----------
    backends
        The libraries that compute the networks.
    max_workers
        The largest number of processes.
    seconds
        About how long all turns take together; each is at least one comparison long.
    detector
        The name or folder of the detection pack.
    rounds
        The number of turns of each.
    progress
        Called with the number of turns done.

    Raises
    ------
    RenzhengError
        If a process dies or does not start.
    """
    turns = [(backend, workers) for backend in backends for workers in counts(max_workers)]
    rates: dict[tuple[str, int], list[float]] = {turn: [] for turn in turns}
    done, lasting = 0, seconds / (rounds * len(turns))
    accelerated = next((each for each in backends if batch_size(each) is not None), backends[0])
    with shared.networks(accelerated), _started(backends, max_workers, detector) as pipes:
        for _ in range(rounds):
            for backend, workers in turns:
                for pipe in pipes[:workers]:
                    with suppress(OSError):  # it is dead, and `_answer` says so
                        pipe.send((backend, lasting))
                answers = [_answer(pipe, lasting) for pipe in pipes[:workers]]
                rates[backend, workers].append(sum(answers))
                done += 1
                if progress:
                    progress(done, rounds * len(turns))
    return [Throughput(*turn, statistics.median(found)) for turn, found in rates.items()]


@contextmanager
def _started(backends: Sequence[str], workers: int, detector: str) -> Iterator[list[Connection]]:
    # spawn: a forked copy of the runtime's threads would hang.
    context = multiprocessing.get_context("spawn")
    pipes, running = [], []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            given = theirs, tuple(backends), detector
            process = context.Process(target=_work, args=given, daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            running.append(process)
        for pipe in pipes:
            _answer(pipe)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in running:
            process.terminate()
            process.join()


def _answer(pipe: Connection, seconds: float = 0.0) -> float:
    try:
        if pipe.poll(seconds + _PATIENCE_S):
            return float(pipe.recv())
    except (EOFError, OSError):
        pass
    raise RenzhengError(
        "a process that compares died or hangs", remedy="perhaps memory ran out: --workers 1"
    )


def _work(pipe: Connection, backends: Sequence[str], detector: str) -> None:
    processes.end_with_parent()
    # Ctrl-C reaches every process of a terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    verifiers = {each.backend: each for _, each in latency.verifiers(backends, (1,), detector)}
    pair = latency.pair()
    for verifier in verifiers.values():
        verifier.verify(*pair)
    pipe.send(0.0)
    while True:
        try:
            backend, seconds = pipe.recv()
        except EOFError:
            return
        verify = verifiers[backend].verify
        start, many = time.perf_counter(), 0
        while many == 0 or time.perf_counter() - start < seconds:
            verify(*pair)
            many += 1
        pipe.send(many / (time.perf_counter() - start))
