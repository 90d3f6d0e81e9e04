"""A short measurement of this machine: times, matrix rates, and what to set."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import renzheng
from renzheng._support.cpu import cores as usable
from renzheng.errors import InvalidInput
from renzheng.evaluation.speed import advice, latency, throughput
from renzheng.evaluation.speed.advice import Advice
from renzheng.evaluation.speed.latency import Timing
from renzheng.evaluation.speed.rates import Rate, Rates
from renzheng.evaluation.speed.throughput import Throughput
from renzheng.models.runtime import BACKENDS, chosen, installed

Tell = Callable[[str, int, int], None]  # what, how much is done, how much there is

_SIDES = (512, 1024)  # a round should not be matrices mostly


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes
    ----------
    machine
        Processor, cores, system, Python.
    backends
        The version of each that was measured, by name.
    missing
        Backends that are not installed.
    picture
        What was measured on, in words.
    rates
        Of float32 and of 8-bit integers, by the number of threads.
    timings
        Of one thing at a time.
    throughputs
        Of several processes.
    advice
        What suits the machine.
    """

    machine: Mapping[str, Any]
    backends: Mapping[str, str]
    missing: tuple[str, ...]
    picture: str
    rates: Mapping[int, tuple[Rate, Rate]]
    timings: tuple[Timing, ...]
    throughputs: tuple[Throughput, ...]
    advice: tuple[Advice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "machine": dict(self.machine),
            "backends": dict(self.backends),
            "missing": list(self.missing),
            "picture": self.picture,
            "rates": [
                {"threads": threads, **_told("float32", floating), **_told("int8", integer)}
                for threads, (floating, integer) in self.rates.items()
            ],
            "timings": [timing.to_dict() for timing in self.timings],
            "throughputs": [each.to_dict() for each in self.throughputs],
            "advice": [each.to_dict() for each in self.advice],
        }


def run(
    backends: Sequence[str] | None = None,
    *,
    threads: Sequence[int] | None = None,
    workers: int | None = None,
    seconds: float = 40.0,
    tell: Tell | None = None,
) -> Bench:
    """Measure this machine.

    Parameters
    ----------
    backends
        Which; by default all that are installed.
    threads
        Of a network call, each number by itself; by default 1, 4 where there are more, and one a
        core.
    workers
        The most processes; by default one a core, 0 tries none.
    seconds
        How long, about; a little of everything is done in any case.
    tell
        Told what is done.

    Raises
    ------
    InvalidInput
        If a backend is not there, or a number is out of its range.
    """
    cores = usable()
    names = [chosen(name) for name in backends or filter(installed, BACKENDS)]
    many = sorted(set(threads or {1, min(4, cores), cores}))
    most = cores if workers is None else workers
    if many[0] < 1 or most < 0 or not 0 <= seconds < 86_400:
        raise InvalidInput("threads are 1 or more, workers and seconds 0 or more")
    variants = latency.verifiers(names, many)
    rates = {number: Rates(number, _SIDES) for number in many}
    share = 0.5 if most else 1.0
    timings = latency.measure(
        variants, rates, seconds=seconds * share, progress=_named(tell, "one at a time")
    )
    throughputs = []
    if most:
        throughputs = throughput.measure(
            names, most, seconds=seconds * (1 - share), progress=_named(tell, "many at a time")
        )
    found = [advice.for_one(timings, cores)]
    if throughputs:
        found.append(advice.for_many(throughputs, cores))
    return Bench(
        machine={
            "processor": processor(),
            "cores": cores,
            "system": platform.platform(),
            "python": platform.python_version(),
            "renzheng": renzheng.__version__,
        },
        backends={each.backend: each.face_models.backend_version for _, each in variants},
        missing=tuple(name for name in BACKENDS if not installed(name)),
        picture=latency.scenes()[0].what,
        rates={number: (each.floating, each.integer) for number, each in rates.items()},
        timings=tuple(timings),
        throughputs=tuple(throughputs),
        advice=tuple(found),
    )


def processor() -> str:
    """What the machine's processor calls itself."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _named(tell: Tell | None, what: str) -> Callable[[int, int], None] | None:
    if tell is None:
        return None
    return lambda done, whole: tell(what, done, whole)


def _told(kind: str, rate: Rate) -> dict[str, Any]:
    return {f"{kind}_multiply_adds_per_s": rate.multiply_adds, f"{kind}_by": rate.by}
