"""``bench``: measure the speed of this machine, and advise on settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.evaluation.speed.advice import Advice
    from renzheng.evaluation.speed.bench import Bench

_BENCH = """\
Measure this machine in less than a minute: detection, embedding and whole comparisons, alternating
between the installed backends and between one and all threads; and the comparisons per second of
several processes. Beside each time stand the share of it that was spent in the networks, and the
share that their arithmetic would take at the machine's matrix rate, which is measured in between.

The pictures are the same on every machine and none of yours. The time of detection depends on the
picture, so use these times to compare and not to predict. Let the machine do nothing else in the
meantime. More in docs/performance.md.
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    bench = options.add_command(
        commands,
        "bench",
        "measure the speed here, and advise on backend and threads",
        _BENCH,
    )
    bench.add_argument(
        "--seconds",
        type=float,
        default=40,
        metavar="N",
        help="approximate time to measure (default: 40; longer is steadier)",
    )
    bench.add_argument(
        "--backend",
        action="append",
        metavar="NAME",
        help="measure only this backend, repeatable, e.g. openvino or cuda:1 (default: all that "
        "are installed and work)",
    )
    bench.add_argument(
        "--threads",
        metavar="N[,N]",
        help="threads per network call, each number by itself (default: 1, 4 and one per core)",
    )
    options.add_detector(bench)
    options.add_workers(bench, "most processes, 0 for none")
    options.add_json(bench)
    bench.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from renzheng.evaluation.speed import bench

    if arguments.workers:  # 0 means none
        options.workers(arguments)
    with terminal.progress() as tell:
        found = bench.run(
            arguments.backend,
            threads=_threads(arguments.threads),
            workers=arguments.workers,
            seconds=arguments.seconds,
            detector=arguments.detector,
            progress=tell,
        )
    if arguments.json:
        options.print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _threads(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = [0]
    if not all(1 <= number <= options.MAX_THREADS for number in numbers):
        raise InvalidInput(
            f"--threads takes numbers from 1 to {options.MAX_THREADS}, not {text!r}",
            remedy="e.g. --threads 1,2",
        )
    return numbers


def _print(found: Bench) -> None:
    from rich.console import Console
    from rich.table import Table

    from renzheng.models.runtime import batch_size

    console = Console()
    machine = found.machine
    print(f"{machine['processor']}, {machine['cores']} core(s); on {found.picture}")
    for threads, (floating, integer) in found.rates.items():
        print(
            f"matrix rate with {_count(threads, 'thread')}: "
            f"{floating.multiply_adds / 1e9:.0f} G multiply-adds/s in float32 ({floating.by}), "
            f"{integer.multiply_adds / 1e9:.0f} G/s in int8 ({integer.by})"
        )
    print()
    table = Table("task", "backend", "threads", "ms", "in networks", "of the rate")
    table.columns[0].no_wrap = True
    for column in table.columns[2:]:
        column.justify = "right"
    for task in dict.fromkeys(each.task for each in found.timings):
        table.add_section()
        rows = [each for each in found.timings if each.task == task]
        for n, each in enumerate(rows):
            table.add_row(
                "" if n else task,
                each.backend,
                str(each.threads),
                f"{each.ms:.1f}",
                f"{each.in_networks:.0%}",
                # The rate is the processor's.
                "-" if batch_size(each.backend) is not None else f"{each.fraction:.0%}",
            )
    console.print(table)
    if found.throughputs:
        counts = list(dict.fromkeys(each.workers for each in found.throughputs))
        rates = Table(
            "comparisons a second",
            *(_count(workers, "process", "es") for workers in counts),
        )
        for backend in found.backends:
            row_of = [each for each in found.throughputs if each.backend == backend]
            rates.add_row(backend, *(f"{each.per_second:.1f}" for each in row_of))
        console.print(rates)
    for advice in found.advice:
        print(_advice(advice))
    for name in found.missing:
        print(f"not measured: {name} is not installed (pip install 'renzheng[{name}]')")


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}" + (plural if number != 1 else "")


def _advice(advice: Advice) -> str:
    many = advice.workers > 1 or advice.what == "many comparisons"
    how = _count(advice.workers, "process", "es") if many else _count(advice.threads, "thread")
    lead = f"{advice.what}: {advice.backend} with {how}"
    if advice.gain is None:
        lead += " is the fastest of these; the defaults were not measured"
    elif advice.options:
        lead += f" is {advice.gain:.2f} times as fast as the defaults"
    else:
        return f"{lead}: the defaults suit this machine"
    told = filter(None, (advice.options, advice.environment, advice.python))
    return f"{lead}: {'; '.join(told)}".rstrip(": ")
