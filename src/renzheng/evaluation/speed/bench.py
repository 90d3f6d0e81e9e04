"""A short measurement of this machine: times, matrix rates, and the settings that suit it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import renzheng
from renzheng._support import cpu
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.evaluation.speed import advice, latency, throughput
from renzheng.evaluation.speed.advice import Advice
from renzheng.evaluation.speed.latency import Timing
from renzheng.evaluation.speed.rates import Rate, Rates
from renzheng.evaluation.speed.throughput import Throughput
from renzheng.models.defaults import DEFAULT_DETECTOR
from renzheng.models.runtime import (
    BACKENDS,
    PROCESSOR_BACKENDS,
    automatic,
    choose_backend,
    is_installed,
)

Progress = Callable[[str, int, int], None]  # name of the step, done so far, in all

_SIDES = (512, 1024)  # small enough that a round is not spent mostly on matrices


@dataclass(frozen=True)
class Bench:
    """The results of a measurement.

    Attributes
    ----------
    machine
        Processor, cores, system, Python.
    backends
        The version of each backend that was measured, by name, with the provider that computed.
    missing
        The backends of the processor that are not installed.
    picture
        The picture that was measured on, in words.
    rates
        The matrix rates in float32 and in 8-bit integers, by the number of threads.
    timings
        The times of one task at a time.
    throughputs
        The comparisons per second of several processes.
    advice
        The settings that suit the machine.
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
        """Return plain values for JSON."""
        return {
            "machine": dict(self.machine),
            "backends": dict(self.backends),
            "missing": list(self.missing),
            "picture": self.picture,
            "rates": [
                {"threads": threads, **_rate("float32", floating), **_rate("int8", integer)}
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
    detector: str = DEFAULT_DETECTOR,
    progress: Progress | None = None,
) -> Bench:
    """Measure this machine.

    Parameters
    ----------
    backends
        The backends to measure; by default all of the processor that are installed, and each
        accelerator that works.
    threads
        The numbers of threads of a network call, each measured separately; by default 1, 4 if there
        are more cores, and one per core.
    workers
        The largest number of processes; by default one per core, 0 measures none.
    seconds
        About how long to measure; everything is measured at least briefly.
    detector
        The name or folder of the detection pack.
    progress
        Called with the name of a step, the number of rounds done and the number in all.

    Raises
    ------
    InvalidInput
        If a backend is not installed, or a number is out of range.
    """
    cores = cpu.cores()
    names = [choose_backend(name) for name in backends or _working()]
    many = sorted(set(threads or {1, min(4, cores), cores}))
    max_workers = cores if workers is None else workers
    if many[0] < 1 or max_workers < 0 or not 0 <= seconds < 86_400:
        raise InvalidInput("threads are 1 or more, workers and seconds 0 or more")
    variants = latency.verifiers(names, many, detector)
    rates = {number: Rates(number, _SIDES) for number in many}
    share = 0.5 if max_workers else 1.0
    timings = latency.measure(
        variants, rates, seconds=seconds * share, progress=_named(progress, "one at a time")
    )
    throughputs = []
    if max_workers:
        throughputs = throughput.measure(
            names,
            max_workers,
            seconds=seconds * (1 - share),
            detector=detector,
            progress=_named(progress, "many at a time"),
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
        backends={
            each.backend: f"{each.face_models.backend_version}, {each.face_models.provider}"
            for _, each in variants
        },
        missing=tuple(name for name in PROCESSOR_BACKENDS if not is_installed(name)),
        picture=latency.scenes()[0].what,
        rates={number: (each.floating, each.integer) for number, each in rates.items()},
        timings=tuple(timings),
        throughputs=tuple(throughputs),
        advice=tuple(found),
    )


def _working() -> Iterator[str]:
    for name in filter(is_installed, BACKENDS):
        if name not in PROCESSOR_BACKENDS:
            try:
                automatic.attempt(name)
            except RenzhengError:
                continue  # `renzheng doctor` says why
        yield name


def processor() -> str:
    """Return the name of the machine's processor."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _named(progress: Progress | None, step: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, whole: progress(step, done, whole)


def _rate(kind: str, rate: Rate) -> dict[str, Any]:
    return {f"{kind}_multiply_adds_per_s": rate.multiply_adds, f"{kind}_by": rate.by}
