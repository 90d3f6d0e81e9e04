"""What suits the machine, of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from renzheng.performance.latency import Timing
from renzheng.performance.throughput import Throughput
from renzheng.runtime import BACKENDS, VARIABLE

_WORTH_IT = 1.05  # times faster than the defaults; less is chance, or will be with the next release


@dataclass(frozen=True)
class Advice:
    """How to run something.

    Attributes
    ----------
    what
        ``one comparison`` or ``many comparisons``.
    backend, threads, workers
        What suits it; threads of a network call, or processes, is None where it is not about these.
    options, environment, python
        The same to be typed; empty where the defaults are what suits it.
    gain
        How many times as fast as with the defaults, 1 for these.
    """

    what: str
    backend: str
    threads: int | None
    workers: int | None
    options: str
    environment: str
    python: str
    gain: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self)}


def for_one(timings: Sequence[Timing], cores: int) -> Advice:
    """For the shortest time of one comparison; by default all cores work on each network call."""
    found = [timing for timing in timings if timing.task == "verify"]
    best = min(found, key=lambda timing: timing.ms)
    usual = next((t for t in found if t.backend == BACKENDS[0] and t.threads == cores), found[0])
    if usual.ms / best.ms < _WORTH_IT:
        best = usual
    other = best.backend != BACKENDS[0]
    fewer = best.threads != cores
    said = [f"backend={best.backend!r}"] * other + [f"threads={best.threads}"] * fewer
    return Advice(
        "one comparison",
        best.backend,
        best.threads,
        None,
        " ".join([f"--backend {best.backend}"] * other + [f"--threads {best.threads}"] * fewer),
        f"{VARIABLE}={best.backend}" if other else "",
        f"Verifier({', '.join(said)})" if said else "",
        usual.ms / best.ms,
    )


def for_many(throughputs: Sequence[Throughput], cores: int) -> Advice:
    """For as many comparisons a second as can be; by default there is a process a core."""
    best = max(throughputs, key=lambda each: each.per_second)
    usual = next(
        (t for t in throughputs if t.backend == BACKENDS[0] and t.workers == cores), throughputs[0]
    )
    if best.per_second / usual.per_second < _WORTH_IT:
        best = usual
    other = best.backend != BACKENDS[0]
    fewer = best.workers != cores
    return Advice(
        "many comparisons",
        best.backend,
        1,
        best.workers,
        " ".join([f"--backend {best.backend}"] * other + [f"--workers {best.workers}"] * fewer),
        f"{VARIABLE}={best.backend}" if other else "",
        "",
        best.per_second / usual.per_second,
    )
