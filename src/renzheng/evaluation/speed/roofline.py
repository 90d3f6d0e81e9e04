"""What fraction of the machine's matrix rate the networks reach.

The roofline model (Williams, Waterman and Patterson 2009) without its slope: a network that did
nothing but multiply, as fast as this machine has been seen to multiply, would take so long. It
takes longer where it moves data, waits for memory, or has layers too small to fill the units.
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
        Which; from a file.
    what
        What it is given, in words.
    batches
        One a call.
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
    """What a case reaches.

    Attributes
    ----------
    network
        The name of its file.
    what
        What it was given, in words.
    calls
        How many.
    multiply_adds, integer
        All of them, and those of them of 8-bit integers.
    seconds
        The fastest round.
    fraction
        Of the time, how much would do at the machine's matrix rate, 0 to 1.
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
        """Multiply-adds a second."""
        return self.multiply_adds / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "network": self.network,
            "input": self.what,
            "calls": self.calls,
            "multiply_adds": self.multiply_adds,
            "of_integers": self.integer,
            "ms": self.seconds * 1e3,
            "multiply_adds_per_s": self.rate,
            "fraction": self.fraction,
        }


def cases(
    verifier: Verifier, pictures: Sequence[Image], batches: Sequence[int] = (1, 16)
) -> list[Case]:
    """What a verifier's networks are given.

    Parameters
    ----------
    verifier
        Whose networks.
    pictures
        uint8 (H, W, 3) RGB, one of them with a face: the networks of the cascade are given what
        detection gives them there. The first one, which sees the whole picture at many sizes, gets
        all of a picture's; those after it get batches of their first window.
    batches
        How many windows or crops at a time.
    """
    found: list[Case] = []
    samples: dict[str, tuple[Network, Batch]] = {}
    for picture in pictures:
        height, width = picture.shape[:2]
        # The cascade begins with the network that sees all of the picture, at every size.
        first, *rest = by_network(record(partial(verifier.detect, picture))).values()
        what = f"{width} x {height} px, {len(first)} call(s)"
        found.append(Case(first[0].network, what, tuple(call.batch for call in first)))
        samples |= {calls[0].name: (calls[0].network, calls[0].batch) for calls in rest}
    size = verifier.face_models.template.size
    crop = np.random.default_rng(0).standard_normal((1, 3, size, size), np.float32)
    embedding = verifier.face_models.embedder.network
    samples[str(embedding.path)] = embedding, crop
    for network, sample in samples.values():
        for many in batches:
            batch = np.resize(sample, (many, *sample.shape[1:]))
            shape = " x ".join(map(str, batch.shape))
            found.append(Case(network, shape, (batch,)))
    return found


def measure(
    cases: Sequence[Case], rates: Rates, *, rounds: int = 15, progress: Progress | None = None
) -> list[Reached]:
    """Time cases and the machine's rates turn by turn.

    The fastest round counts, of the one as of the other: whatever else the machine does makes
    both slower and neither faster.

    Parameters
    ----------
    cases
        As many as wanted, their networks with as many threads as `rates`.
    rates
        The yardstick.
    rounds
        At least one.
    progress
        Told how many are done.
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
        rates.look()
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
                rates.least_seconds(floating, integer) / seconds,
            )
        )
    return reached
