"""Measure how fast pairs are verified, and check that a killed run ends as any other.

    python benchmarks/batch.py FOLDER [--pictures 1200] [--rounds 3] [--kills 0]

FOLDER holds pictures in folders of people, as LFW does. The pairs are neighbours in the order of
names: every picture comes twice, once as a reference and once as a probe of the role `photo`, so
that it is processed once.

Without --kills the time of a whole command is taken, start and output included, in turn for
`--workers 1`, `--workers 2` and a loop of `Verifier.verify` over the first tenth of the pairs, with
one thread and with the runtime's choice of threads.

With --kills a run with two workers over all pictures is killed (-9) that often after a random time,
continued, and compared byte for byte with one that was not.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_pairs(folder: Path, max_pictures: int | None, table: Path) -> int:
    """Write pairs of neighbours, the last with the first; return their number."""
    pictures = sorted(folder.glob("*/*.jpg"))[:max_pictures]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["reference", "probe"])
        for one, other in zip(pictures, [*pictures[1:], pictures[0]], strict=True):
            writer.writerow([one.absolute(), other.absolute()])
    return len(pictures)


def command(table: Path, output: Path, workers: int, *more: str) -> list[str]:
    roles = ("--roles", "photo,photo", "--workers", str(workers))
    words = ("batch", str(table), "-o", str(output), *roles, *more)
    return [sys.executable, "-m", "renzheng", *words]


def run(table: Path, output: Path, workers: int) -> float:
    """Return the seconds of a whole run."""
    start = time.perf_counter()
    done = subprocess.run(
        command(table, output, workers, "--restart"), check=False, capture_output=True
    )
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - start


_NAIVE = """
import csv, sys, time
import cv2
from renzheng import Verifier
threads = int(sys.argv[2]) or None
if threads:
    cv2.setNumThreads(threads)
verifier = Verifier(roles=("photo", "photo"), threads=threads)
rows = list(csv.DictReader(open(sys.argv[1])))
rows = rows[:max(len(rows) // 10, 20)]
start = time.perf_counter()
for row in rows:
    verifier.verify(row["reference"], row["probe"])
print((time.perf_counter() - start) / len(rows))
"""


def naive(table: Path, threads: int) -> float:
    """Return seconds per pair of a loop of verify; 0 threads is the runtime's choice."""
    words = [sys.executable, "-c", _NAIVE, str(table), str(threads)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def throughput(table: Path, pairs: int, rounds: int, folder: Path) -> None:
    found: dict[str, list[float]] = {}

    def add(name: str, rate: float) -> None:
        found.setdefault(name, []).append(rate)
        print(f"  {name}: {rate:.1f} pairs/s", flush=True)

    for _ in range(rounds):
        outputs = {}
        for workers in (1, 2):
            outputs[workers] = folder / f"{workers}.csv"
            add(f"{workers} worker(s)", pairs / run(table, outputs[workers], workers))
        if outputs[1].read_bytes() != outputs[2].read_bytes():
            raise SystemExit("one worker and two disagree")
        for threads in (1, 0):
            words = "one thread" if threads else "all cores"
            add(f"loop of verify, {words}", 1 / naive(table, threads))
    middle = {name: statistics.median(rates) for name, rates in found.items()}
    print(f"{pairs} pairs of {pairs} pictures, median of {rounds}:")
    for name, rate in middle.items():
        rates = found[name]
        print(f"  {name:<28}{rate:7.1f} pairs/s  ({min(rates):.1f} to {max(rates):.1f})")
    ratios = [
        two / one for one, two in zip(found["1 worker(s)"], found["2 worker(s)"], strict=True)
    ]
    print(f"  two workers over one: {statistics.median(ratios):.2f} ({min(ratios):.2f} at least)")


def kill(table: Path, pairs: int, kills: int, seed: int, folder: Path) -> None:
    whole, killed = folder / "whole.csv", folder / "killed.csv"
    seconds = run(table, whole, 2)
    print(f"uninterrupted: {pairs} pairs in {seconds:.0f} s, {pairs / seconds:.1f} pairs/s")
    rng = random.Random(seed)
    for number in range(1, kills + 1):
        process = subprocess.Popen(
            command(table, killed, 2, "--resume"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.1, 1.6) * seconds / (kills + 2))
        process.kill()
        ended = process.wait()
        partial = killed.with_name("killed.csv.partial")
        rows = partial.read_bytes().count(b"\n") - 1 if partial.exists() else 0
        print(f"kill {number}: exit {ended}, {rows} rows kept", flush=True)
        if killed.exists():
            raise SystemExit("it was over before it was killed")
    start = time.perf_counter()
    done = subprocess.run(command(table, killed, 2, "--resume"), check=False, capture_output=True)
    print(f"continued to the end in {time.perf_counter() - start:.0f} s, exit {done.returncode}")
    same = killed.read_bytes() == whole.read_bytes()
    left = [path.name for path in folder.glob("killed.csv.*")]
    print(f"identical: {same}; left behind: {left or 'nothing'}")
    print(done.stdout.decode())
    if not same or left:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "pairs.csv"
        pairs = write_pairs(arguments.folder, arguments.pictures, table)
        if arguments.kills:
            kill(table, pairs, arguments.kills, arguments.seed, folder)
        else:
            throughput(table, pairs, arguments.rounds, folder)


if __name__ == "__main__":
    main()
