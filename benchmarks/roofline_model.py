"""The fraction of the machine's matrix rate that networks reach.

The roofline model (Williams, Waterman and Patterson 2009) without its slope: the least time of a
network is that of its multiply-adds at the matrix rate. It takes longer where it moves data, waits
for memory, or has layers too small to fill the units.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.evaluation.speed.arithmetic import count
from renzheng.evaluation.speed.inputs import by_network, name, record
from renzheng.evaluation.speed.rates import Rates
from renzheng.models.runtime import Network
from renzheng.types import Image
from renzheng.verification.verifier import Verifier

Batch = npt.NDArray[Any]
Progress = Callable[[int, int], None]  # rounds done, rounds wanted


@dataclass(frozen=True, eq=False)
class Case:
    """Calls of one network that are timed as one.

    Attributes
    ----------
    network
        The network, from a file.
    what
        Its input in words.
    batches
        The input of each call.
    """

    network: Network
    what: str
    batches: tuple[Batch, ...]

    def run(self) -> None:
        """Make the calls."""
        for batch in self.batches:
            self.network(batch)


@dataclass(frozen=True)
class Reached:
    """The rate of a case.

    Attributes
    ----------
    network
        The name of its file.
    what
        Its input in words.
    calls
        The number of calls.
    multiply_adds, integer
        The number of all multiply-adds, and of those of 8-bit integers.
    seconds
        The fastest round.
    fraction
        The time that the machine would need at its matrix rate over `seconds`, 0 to 1.
    """

    network: str
    what: str
    calls: int
    multiply_adds: int
    integer: int
    seconds: float
    fraction: float

    @property
    def rate(self) -> float:
        """Multiply-adds per second."""
        return self.multiply_adds / self.seconds


def cases(
    verifier: Verifier, views: Sequence[Image], batches: Sequence[int] = (1, 16)
) -> list[Case]:
    """Return the calls of a verifier's networks that are timed.

    Parameters
    ----------
    verifier
        The verifier with the networks.
    views
        uint8 (H, W, 3) RGB, one of them with a face: the networks of the cascade get the inputs
        that detection gives them there. The first network, which sees the whole image at many
        sizes, gets all of an image's inputs; those after it get batches of their first window.
    batches
        The numbers of windows or crops at a time.
    """
    found: list[Case] = []
    samples: dict[str, tuple[Network, Batch]] = {}
    for image in views:
        height, width = image.shape[:2]
        # The cascade begins with the network that sees the whole image, at every size.
        first, *rest = by_network(record(partial(verifier.detect, image))).values()
        what = f"{width} x {height} px, {len(first)} call(s)"
        found.append(Case(first[0].network, what, tuple(call.batch for call in first)))
        samples |= {calls[0].name: (calls[0].network, calls[0].batch) for calls in rest}
    size = verifier.face_models.template.size
    crop = np.random.default_rng(0).standard_normal((1, 3, size, size), np.float32)
    embedding = verifier.face_models.embedder.network
    samples[str(embedding.path)] = embedding, crop
    for network, sample in samples.values():
        for number in batches:
            batch = np.resize(sample, (number, *sample.shape[1:]))
            shape = " x ".join(map(str, batch.shape))
            found.append(Case(network, shape, (batch,)))
    return found


def measure(
    cases: Sequence[Case], rates: Rates, *, rounds: int = 15, progress: Progress | None = None
) -> list[Reached]:
    """Time cases and the machine's rates in turn.

    The fastest round counts for both: whatever else the machine does makes both slower and neither
    faster.

    Parameters
    ----------
    cases
        The cases; their networks use as many threads as `rates`.
    rates
        The yardstick.
    rounds
        The number of rounds, at least one.
    progress
        Called with the number of rounds done.
    """
    counts = [
        [count(case.network.path, batch.shape) for batch in case.batches]
        for case in cases
        if case.network.path is not None
    ]
    best = [float("inf")] * len(cases)
    for case in cases:
        case.run()
    for done in range(rounds):
        rates.measure()
        for k, case in enumerate(cases):
            start = time.perf_counter()
            case.run()
            best[k] = min(best[k], time.perf_counter() - start)
        if progress:
            progress(done + 1, rounds)
    reached = []
    for case, each, seconds in zip(cases, counts, best, strict=True):
        floating, integer = (
            sum(getattr(c, kind) for c in each) for kind in ("floating", "integer")
        )
        reached.append(
            Reached(
                name(case.network),
                case.what,
                len(case.batches),
                floating + integer,
                integer,
                seconds,
                rates.min_seconds(floating, integer) / seconds,
            )
        )
    return reached
