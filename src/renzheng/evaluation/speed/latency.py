"""The time of one task, by backend and by the threads of a network call."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from renzheng.evaluation.speed.arithmetic import Count, Step, count
from renzheng.evaluation.speed.inputs import record
from renzheng.evaluation.speed.rates import Rates
from renzheng.evaluation.speed.scenes import Scene, scene
from renzheng.models.defaults import DEFAULT_DETECTOR
from renzheng.models.runtime import Call, watch_calls
from renzheng.types import Image
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier

Progress = Callable[[int, int], None]  # done, wanted

TASKS = ("detect 640x480", "detect 1280x720", "embed 1", "embed 16", "verify")
_MIN_ROUNDS = 3  # the fewest that have a median worth the name


@dataclass(frozen=True)
class Timing:
    """The time of a task.

    Attributes
    ----------
    task
        One of `TASKS`.
    backend, threads
        The library that computed the networks, and the threads of each call.
    ms
        The median of the rounds, in milliseconds.
    fastest_ms
        The fastest of the rounds, in milliseconds.
    in_networks
        The share of the time in which at least one network was computing.
    multiply_adds
        The number of multiply-adds of all network calls.
    fraction
        The share of the time that the machine would need for these at its matrix rate with as many
        threads. ``verify`` works on both pictures at once and so uses twice as many.
    """

    task: str
    backend: str
    threads: int
    ms: float
    fastest_ms: float
    in_networks: float
    multiply_adds: int
    fraction: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self)}


Work = Callable[[], object]


def tasks(
    verifier: Verifier, scenes: Sequence[Image], pair: tuple[bytes, bytes]
) -> dict[str, Work]:
    """Return the work of each of `TASKS`, ready to be done.

    Parameters
    ----------
    verifier
        The verifier that does it.
    scenes
        The images of both detections.
    pair
        The files of a document's portrait and of a live picture.
    """
    size = verifier.face_models.template.size
    crops = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), np.uint8)
    small, large = scenes
    works: list[Work] = [
        lambda: verifier.detect(small),
        lambda: verifier.detect(large),
        lambda: verifier.embed_crops(crops[:1]),
        lambda: verifier.embed_crops(crops),
        lambda: verifier.verify(*pair),
    ]
    return dict(zip(TASKS, works, strict=True))


def scenes() -> tuple[Scene, Scene]:
    """Return the scenes in which faces are looked for."""
    return scene(640, 480), scene(1280, 720)


def pair() -> tuple[bytes, bytes]:
    """Return the portrait of a document and a live picture, as files."""
    portrait, live = scene(480, 600).image, scene(1280, 720).image
    darker = (live[:, ::-1] * 0.8).astype(np.uint8)  # another picture, by another camera
    return _coded(portrait), _coded(darker)


def verifiers(
    backends: Sequence[str], threads: Sequence[int], detector: str = DEFAULT_DETECTOR
) -> list[tuple[int, Verifier]]:
    """Make a verifier for each backend and number of threads; return them with that number."""
    # No picture is refused, so that all steps are taken whatever is found.
    policy = Policy(allow_several_faces=True, allow_same_picture=True)
    return [
        (many, Verifier(detector=detector, backend=backend, threads=many, policy=policy))
        for backend in backends
        for many in threads
    ]


def measure(
    variants: Sequence[tuple[int, Verifier]],
    rates: dict[int, Rates],
    *,
    seconds: float,
    progress: Progress | None = None,
) -> list[Timing]:
    """Time all tasks with all variants, turn by turn, so that a busy moment meets them all.

    Parameters
    ----------
    variants
        As returned by `verifiers`.
    rates
        The matrix rates by the number of threads; measured again in every round.
    seconds
        About how long to measure; at least three rounds are done.
    progress
        Called with the number of rounds done.
    """
    views, files = tuple(each.image for each in scenes()), pair()
    works = [
        (task, threads, verifier, work)
        for threads, verifier in variants
        for task, work in tasks(verifier, views, files).items()
    ]
    costs = [cost(work) for _, _, _, work in works]  # the first call is slower, so it is not timed
    taken: list[list[float]] = [[] for _ in works]
    inside: list[list[float]] = [[] for _ in works]
    begin = time.perf_counter()
    rounds, wanted = 0, _MIN_ROUNDS
    while rounds < wanted:
        for each in rates.values():
            each.measure()
        for times, shares, (_, _, _, work) in zip(taken, inside, works, strict=True):
            calls: list[tuple[float, float]] = []
            with watch_calls(partial(_note, calls)):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            shares.append(covered(calls) / times[-1])
        rounds += 1
        spent = time.perf_counter() - begin
        wanted = max(_MIN_ROUNDS, int(seconds / spent * rounds))
        if progress:
            progress(rounds, max(wanted, rounds))
    return [
        Timing(
            task=task,
            backend=verifier.backend,
            threads=threads,
            ms=statistics.median(times) * 1e3,
            fastest_ms=min(times) * 1e3,
            in_networks=statistics.median(shares),
            multiply_adds=needed.multiply_adds,
            fraction=rates[threads].min_seconds(needed.floating, needed.integer)
            / statistics.median(times),
        )
        for (task, threads, verifier, _), times, shares, needed in zip(
            works, taken, inside, costs, strict=True
        )
    ]


def _note(calls: list[tuple[float, float]], call: Call) -> None:
    now = time.perf_counter()
    calls.append((now - call.seconds, now))


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return the total time that at least one of the spans (start, end) covers."""
    whole, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        whole += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return whole


def cost(work: Work) -> Count:
    """Count the arithmetic of all network calls of some work, which is done once."""
    found: dict[tuple[Path, tuple[int, ...]], Count] = {}
    steps: list[Step] = []
    for call in record(work):
        assert call.network.path is not None  # a verifier's come from packs
        key = call.network.path, call.batch.shape
        if key not in found:
            found[key] = count(*key)
        steps += found[key].steps
    return Count(tuple(steps))


def _coded(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", image[:, :, ::-1])[1])
