"""How long one thing takes, by backend and by the threads of a network call."""

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

from renzheng.evaluation.speed import pictures
from renzheng.evaluation.speed.arithmetic import Count, Step, count
from renzheng.evaluation.speed.inputs import record
from renzheng.evaluation.speed.rates import Rates
from renzheng.models.runtime import Call, watched
from renzheng.types import Image
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier

Progress = Callable[[int, int], None]  # done, wanted

TASKS = ("detect 640x480", "detect 1280x720", "embed 1", "embed 16", "verify")
_FEWEST = 3  # rounds; a median of fewer is none


@dataclass(frozen=True)
class Timing:
    """How long a task takes.

    Attributes
    ----------
    task
        One of `TASKS`.
    backend, threads
        What computed the networks, and with how many threads a call.
    ms
        The median of the rounds, in milliseconds.
    fastest_ms
        Of the rounds.
    in_networks
        In what share of the time a network was at work, one or several.
    multiply_adds
        Of the networks on the way.
    fraction
        Of the time, how much would do for these at the machine's matrix rate with as many threads.
        ``verify`` works on both pictures at once and so has twice as many.
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
        """Plain values for JSON."""
        return {**vars(self)}


Work = Callable[[], object]


def tasks(
    verifier: Verifier, scenes: Sequence[Image], pair: tuple[bytes, bytes]
) -> dict[str, Work]:
    """What is timed: each of `TASKS`, ready to be done.

    Parameters
    ----------
    verifier
        That does it.
    scenes
        The pictures of both detections.
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


def scenes() -> tuple[pictures.Scene, pictures.Scene]:
    """The pictures that faces are looked for in."""
    return pictures.scene(640, 480), pictures.scene(1280, 720)


def pair() -> tuple[bytes, bytes]:
    """The portrait of a document and a live picture, as files."""
    portrait, live = pictures.scene(480, 600).image, pictures.scene(1280, 720).image
    darker = (live[:, ::-1] * 0.8).astype(np.uint8)  # another picture, by another camera
    return _coded(portrait), _coded(darker)


def verifiers(backends: Sequence[str], threads: Sequence[int]) -> list[tuple[int, Verifier]]:
    """One for each backend and number of threads, with that number."""
    # What is found is not the question: no picture is refused, so that all steps are taken.
    policy = Policy(allow_several_faces=True, allow_same_picture=True)
    return [
        (many, Verifier(backend=backend, threads=many, policy=policy))
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
        As of `verifiers`.
    rates
        By the number of threads; looked at in every round.
    seconds
        How long to go on, about; three rounds are done in any case.
    progress
        Told how far it is.
    """
    looked, files = tuple(scene.image for scene in scenes()), pair()
    works = [
        (task, threads, verifier, work)
        for threads, verifier in variants
        for task, work in tasks(verifier, looked, files).items()
    ]
    costs = [cost(work) for _, _, _, work in works]  # the first time is slower: this is it
    taken: list[list[float]] = [[] for _ in works]
    inside: list[list[float]] = [[] for _ in works]
    begin = time.perf_counter()
    rounds, wanted = 0, _FEWEST
    while rounds < wanted:
        for each in rates.values():
            each.look()
        for times, shares, (_, _, _, work) in zip(taken, inside, works, strict=True):
            calls: list[tuple[float, float]] = []
            with watched(partial(_note, calls)):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            shares.append(covered(calls) / times[-1])
        rounds += 1
        spent = time.perf_counter() - begin
        wanted = max(_FEWEST, int(seconds / spent * rounds))
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
            fraction=rates[threads].least_seconds(needed.floating, needed.integer)
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
    """How long at least one of some spans of time (start, end) lasts."""
    whole, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        whole += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return whole


def cost(work: Work) -> Count:
    """The arithmetic of all network calls of some work, which is done once."""
    found: dict[tuple[Path, tuple[int, ...]], Count] = {}
    steps: list[Step] = []
    for call in record(work):
        assert call.network.path is not None  # a verifier's come from packs
        key = call.network.path, call.batch.shape
        if key not in found:
            found[key] = count(*key)
        steps += found[key].steps
    return Count(tuple(steps))


def _coded(picture: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[:, :, ::-1])[1])
