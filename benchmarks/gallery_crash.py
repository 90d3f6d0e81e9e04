"""Kill (-9) a writer to a gallery at random, and check that every acknowledged entry is kept.

    python benchmarks/gallery_crash.py [--entries 100000] [--seed 0] [--folder FOLDER]

A process adds entries in transactions of 1 to 500, removes some, and sometimes purges and
optimizes; it prints "begin" before and "done" after each step. It is killed after a random time,
again and again, and a new one continues with the remaining steps. After every kill the gallery is
compared with what was acknowledged: every acknowledged entry must be there bit for bit, nothing
else may be, and the interrupted transaction must be there in whole or not at all.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from renzheng import Verifier
from renzheng.gallery import Entry, Gallery

_SIZES = (1, 1, 2, 10, 100, 500)
_SHORTEST, _LONGEST = 0.005, 0.5  # seconds from a writer's start of work to its end


def entry(k: int) -> Entry:
    """Return the k-th entry, the same in every process."""
    row = np.random.default_rng(k).standard_normal(128)
    return Entry(
        f"e{k}",
        (row / np.linalg.norm(row)).astype(np.float32),
        person=f"人 {k}",
        metadata={"k": k, "even": k % 2 == 0, "text": "x" * (k % 50)},
    )


def plan(entries: int, seed: int) -> Iterator[tuple[str, range]]:
    """Yield the steps of the writers: additions, removals of a part of them, and maintenance."""
    rng = np.random.default_rng(seed)
    start = 0
    while start < entries:
        size = min(int(rng.choice(_SIZES)), entries - start)
        added = range(start, start + size)
        start += size
        yield "add", added
        draw = rng.random()
        if draw < 0.05:
            yield "remove", range(added.start, added.start + (size + 3) // 4)
        elif draw < 0.07:
            yield "purge", range(0)
        elif draw < 0.09:
            yield "optimize", range(0)


def write(folder: str, entries: int, seed: int, first: int) -> None:
    """Do the plan from one of its steps on."""
    gallery = Gallery.open(folder)
    print("ready", flush=True)
    for step, (action, numbers) in enumerate(plan(entries, seed)):
        if step < first:
            continue
        print(f"begin {step}", flush=True)
        if action == "add":
            gallery.add(entry(k) for k in numbers)
        elif action == "remove":
            gallery.remove([f"e{k}" for k in numbers], purge=False)
        elif action == "purge":
            gallery.purge()
        else:
            gallery.optimize()
        print(f"done {step}", flush=True)


def apply(step: tuple[str, range], kept: set[int]) -> set[int]:
    """Return what is kept after a step."""
    action, numbers = step
    if action == "add":
        return kept | set(numbers)
    return kept - set(numbers) if action == "remove" else kept


def examine(folder: str, allowed: list[set[int]]) -> int:
    """Compare the gallery with what it may hold; return the number of its entries."""
    found: set[int] = set()
    for each in Gallery.open(folder):
        k = int(each.id[1:])
        whole = entry(k)
        if k in found:
            raise SystemExit(f"{each.id} is there twice")
        if each.embedding.tobytes() != whole.embedding.tobytes():
            raise SystemExit(f"{each.id} has another embedding")
        if (each.person, each.metadata) != (whole.person, whole.metadata):
            raise SystemExit(f"{each.id} has other metadata: {each.to_dict()}")
        found.add(k)
    if found not in allowed:
        lost = min((allowed[0] - found, allowed[-1] - found), key=len)
        more = min((found - allowed[0], found - allowed[-1]), key=len)
        raise SystemExit(f"acknowledged but not there: {sorted(lost)[:9]}, {sorted(more)[:9]} more")
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where the gallery goes (default: a temporary one)")
    parser.add_argument("--write-from", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write_from is not None:
        write(arguments.folder, arguments.entries, arguments.seed, arguments.write_from)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or str(Path(temporary) / "gallery")
        Gallery.create(folder, Verifier(threads=1))
        supervise(folder, arguments.entries, arguments.seed)


def supervise(folder: str, entries: int, seed: int) -> None:
    steps = list(plan(entries, seed))
    rng = np.random.default_rng(seed + 1)
    kept: set[int] = set()
    next_step, begun, kills, in_transaction, started = 0, -1, 0, 0, time.monotonic()
    by_action = dict.fromkeys(("add", "remove", "purge", "optimize"), 0)
    while next_step < len(steps):
        writer = subprocess.Popen(
            [sys.executable, __file__, "--folder", folder, "--entries", str(entries),
             "--seed", str(seed), "--write-from", str(next_step)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout is not None
        if writer.stdout.readline().strip() != "ready":
            raise SystemExit("a writer could not open the gallery")
        time.sleep(float(np.exp(rng.uniform(np.log(_SHORTEST), np.log(_LONGEST)))))
        writer.send_signal(signal.SIGKILL)
        said, _ = writer.communicate()
        under_way = None
        for line in said.split("\n")[:-1]:  # what has no end of line was not said whole
            word, number = line.split()
            under_way = int(number) if word == "begin" else None
            if word == "done":
                kept = apply(steps[next_step], kept)
                next_step += 1
        if writer.returncode == -signal.SIGKILL:
            kills += 1
        elif writer.returncode:
            raise SystemExit(f"a writer ended with {writer.returncode}")
        if under_way is not None:
            in_transaction += 1
            by_action[steps[under_way][0]] += 1
            begun = under_way
        # The next writer may have been killed before it came to the step that the last one began.
        allowed = [kept, *([apply(steps[begun], kept)] if begun == next_step else [])]
        count = examine(folder, allowed)
        print(f"kill {kills}: {next_step} of {len(steps)} steps, {count:,} entries", flush=True)
    taken = time.monotonic() - started
    print(
        f"{entries:,} entries added in {len(steps):,} steps, {len(kept):,} left after removals; "
        f"{kills} kills, {in_transaction} of them within a step ("
        + ", ".join(f"{name} {n}" for name, n in by_action.items())
        + f"); every acknowledged entry was there whole, and nothing else; {taken:.0f} s"
    )


if __name__ == "__main__":
    main()
