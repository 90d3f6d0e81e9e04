"""The service under load, beside the library called directly: comparisons a second on one machine.

    python benchmarks/service.py --data LFW

Turn by turn, each for some seconds: the library in a loop, the library in one process a core (the
most that it gives here), and the service asked by several client processes on the same cores. Every
reply is held against the library's own answer. Then: memory over many requests, and clients beyond
the limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "apps" / "service"))

from running_service import Running, running

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.apps.service import Client, ServiceError

Pair = tuple[bytes, bytes]
Answer = tuple[str, float | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures of people")
    parser.add_argument("--pairs", type=int, default=60, help="different ones (default: 60)")
    parser.add_argument("--seconds", type=float, default=8, help="a turn (default: 8)")
    parser.add_argument("--rounds", type=int, default=5, help="turns each (default: 5)")
    parser.add_argument("--clients", type=int, default=4, help="processes (default: 4)")
    parser.add_argument("--requests", type=int, default=10_000, help="for memory (default: 10,000)")
    options = parser.parse_args()
    processors = cores()
    pairs = read(options.data, options.pairs)
    with ProcessPoolExecutor(processors, multiprocessing.get_context("spawn"), begin, (1,)) as pool:
        expected = list(pool.map(compare, pairs))
        print(f"{processors} cores, {len(pairs)} pairs, {options.clients} client processes")
        with running("--workers", processors) as service:
            throughput(pairs, expected, options, pool, service, processors)
            memory(pairs, expected, options, service)
    overload(pairs, expected)


def throughput(
    pairs: list[Pair],
    expected: list[Answer],
    options: argparse.Namespace,
    pool: ProcessPoolExecutor,
    service: Running,
    cores: int,
) -> None:
    begin(None)
    rates: dict[str, list[float]] = {"loop": [], "processes": [], "service": []}
    replies, wrong = 0, 0
    for _ in range(options.rounds):
        rates["loop"].append(loop(pairs, options.seconds))
        done = list(pool.map(loop, [pairs] * cores, [options.seconds] * cores))
        rates["processes"].append(sum(done))
        counts, bad, _ = load(service.url, pairs, expected, options.clients, options.seconds)
        replies, wrong = replies + sum(counts.values()), wrong + bad
        assert set(counts) <= {200}, counts
        rates["service"].append(counts[200] / options.seconds)
    best = statistics.median(rates["processes"])
    print("\n| | pairs a second, median (least to most) | of the library in processes |")
    print("|---|---|---|")
    for name, words in (
        ("loop", "library, a loop, threads by default"),
        ("processes", f"library, {cores} processes of one thread"),
        ("service", f"service, {cores} workers, asked by {options.clients} processes"),
    ):
        middle = statistics.median(rates[name])
        spread = f"{min(rates[name]):.1f} to {max(rates[name]):.1f}"
        print(f"| {words} | {middle:.1f} ({spread}) | {100 * middle / best:.1f} % |")
    print(f"\n{replies} replies, {wrong} of them other than the library's answer")


def memory(
    pairs: list[Pair], expected: list[Answer], options: argparse.Namespace, service: Running
) -> None:
    print(f"\nmemory of all processes over {options.requests} requests, MiB:")
    done, wrong, marks = 0, 0, []
    while done < options.requests:
        counts, bad, _ = load(service.url, pairs, expected, options.clients, 20)
        done, wrong = done + sum(counts.values()), wrong + bad
        marks.append((done, resident(service)))
    step = max(1, len(marks) // 10)
    print("  " + ", ".join(f"{size:.0f} at {count}" for count, size in marks[::step]))
    first, last = marks[len(marks) // 10][1], marks[-1][1]
    print(f"  from a tenth of them to the end: {last - first:+.1f} MiB; {wrong} wrong replies")


def overload(pairs: list[Pair], expected: list[Answer]) -> None:
    with running("--workers", 2, "--queue", 8) as service:
        start = time.perf_counter()
        counts, wrong, longest = load(service.url, pairs, expected, 40, 15, patience=0)
        seconds = time.perf_counter() - start
    print(
        f"\n40 clients without patience, 2 workers, 8 may wait, {seconds:.0f} s: "
        + ", ".join(f"{count} x {status}" for status, count in sorted(counts.items()))
        + f"; {wrong} wrong; the longest reply took {longest:.2f} s"
    )


def load(
    url: str,
    pairs: list[Pair],
    expected: list[Answer],
    clients: int,
    seconds: float,
    patience: float = 60,
) -> tuple[Counter[int], int, float]:
    """Replies by status, how many were wrong, and the longest in seconds, of several clients."""
    context = multiprocessing.get_context("spawn")
    counts: Counter[int] = Counter()
    wrong, longest = 0, 0.0
    with ExitStack() as stack:
        barrier = context.Barrier(clients)
        queue = context.SimpleQueue()
        processes = [
            context.Process(
                target=client, args=(url, pairs, expected, seconds, patience, k, barrier, queue)
            )
            for k in range(clients)
        ]
        for each in processes:
            each.start()
            stack.callback(each.join)
        for _ in processes:
            some, bad, took = queue.get()
            counts.update(some)
            wrong += bad
            longest = max(longest, took)
    return counts, wrong, longest


def client(
    url: str,
    pairs: list[Pair],
    expected: list[Answer],
    seconds: float,
    patience: float,
    offset: int,
    barrier: object,
    queue: object,
) -> None:
    counts: Counter[int] = Counter()
    wrong, longest, k = 0, 0.0, offset * 7
    with Client(url, patience=patience, timeout=60) as asking:
        asking.ready()
        barrier.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            k = (k + 1) % len(pairs)
            try:
                told = asking.verify(*pairs[k])
                counts[200] += 1
                wrong += (str(told.decision), told.distance) != expected[k]
            except ServiceError as error:
                counts[error.status or 0] += 1
                time.sleep(0.05)
            longest = max(longest, time.perf_counter() - start)
    queue.put((counts, wrong, longest))


def begin(threads: int | None) -> None:
    global _verifier
    _verifier = Verifier(threads=threads)


def compare(pair: Pair) -> Answer:
    return answer(_verifier.verify(*pair).to_dict())


def loop(pairs: list[Pair], seconds: float) -> float:
    """Pairs a second."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        compare(pairs[done % len(pairs)])
        done += 1
    return done / (time.perf_counter() - start)


def answer(told: dict) -> Answer:
    return told["decision"], told["distance"]


def read(folder: Path, count: int) -> list[Pair]:
    """Half of one person where there are two pictures of one, half of different people."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    draw = random.Random(0)
    pairs: list[Pair] = []
    while len(pairs) < count:
        k = draw.randrange(len(paths) - 1)
        other = paths[k + 1] if len(pairs) % 2 else draw.choice(paths)
        pairs.append((paths[k].read_bytes(), other.read_bytes()))
    return pairs


def resident(service: Running) -> float:
    """MiB of all its processes, shared pages counted once each (Linux)."""
    total = 0
    for process in service.tree():
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


if __name__ == "__main__":
    main()
