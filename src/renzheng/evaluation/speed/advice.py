"""The settings that suit a machine, chosen from measured times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from renzheng.evaluation.speed.latency import Timing
from renzheng.evaluation.speed.throughput import Throughput
from renzheng.models.runtime import BACKENDS, VARIABLE

_MIN_GAIN = 1.05  # over the defaults; less is chance, or will change with the next release


@dataclass(frozen=True)
class Advice:
    """The settings for one kind of work.

    Attributes
    ----------
    what
        ``one comparison`` or ``many comparisons``.
    backend, threads, workers
        The best backend, threads of a network call, and processes.
    options, environment, python
        The same as command-line options, environment variable and Python call; empty where the
        defaults are best.
    gain
        The speed over that of the defaults, 1 for these; None where they were not measured.
    """

    what: str
    backend: str
    threads: int
    workers: int
    options: str
    environment: str
    python: str
    gain: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self)}


def for_one(timings: Sequence[Timing], cores: int) -> Advice:
    """Advise on the shortest time of one comparison.

    By default all cores work on each network call.
    """
    rates = {(t.backend, t.threads): 1e3 / t.ms for t in timings if t.task == "verify"}
    (backend, threads), gain = _best(rates, (BACKENDS[0], cores))
    changes = {} if backend == BACKENDS[0] else {"backend": repr(backend)}
    if threads != cores:
        changes["threads"] = str(threads)
    return Advice(
        "one comparison",
        backend,
        threads,
        1,
        _options(backend, "threads", threads, cores),
        _environment(backend),
        f"Verifier({', '.join(f'{k}={v}' for k, v in changes.items())})" if changes else "",
        gain,
    )


def for_many(throughputs: Sequence[Throughput], cores: int) -> Advice:
    """Advise on the largest number of comparisons per second.

    By default there is one process per core.
    """
    rates = {(t.backend, t.workers): t.per_second for t in throughputs}
    (backend, workers), gain = _best(rates, (BACKENDS[0], cores))
    return Advice(
        "many comparisons",
        backend,
        1,
        workers,
        _options(backend, "workers", workers, cores),
        _environment(backend),
        "",
        gain,
    )


_Setting = tuple[str, int]


def _best(rates: Mapping[_Setting, float], usual: _Setting) -> tuple[_Setting, float | None]:
    """Return the fastest setting, or the usual one if that is as good, and its gain."""
    best = max(rates, key=lambda setting: rates[setting])
    if usual not in rates:
        return best, None
    gain = rates[best] / rates[usual]
    return (best, gain) if gain >= _MIN_GAIN else (usual, 1.0)


def _options(backend: str, name: str, number: int, cores: int) -> str:
    said = [] if backend == BACKENDS[0] else [f"--backend {backend}"]
    return " ".join([*said, f"--{name} {number}"] if number != cores else said)


def _environment(backend: str) -> str:
    return "" if backend == BACKENDS[0] else f"{VARIABLE}={backend}"
