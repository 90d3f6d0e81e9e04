"""Measure the steps of a batch, and the cost of Ray beside processes of one machine.

    python benchmarks/batch_ray.py --data LFW --pairs 1000
    python benchmarks/batch_ray.py --data LFW --steps      processor time of the steps

Pairs are of LFW's people, two pictures of one person each and every picture in one pair, so 1,000
pairs are 2,000 pictures. The answers must be the same. A second table compares few pictures with
each other, many times, so that templates travel.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from PIL import Image as Pillow

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.apps import batch
from renzheng.apps.batch import Begin, records, verify_pairs
from renzheng.apps.batch.cluster import Engine, read_pairs, require
from renzheng.apps.batch.run import run


def once(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Return pairs of one person's pictures; no picture is in two."""
    pairs = []
    for person in sorted(folder.iterdir()):
        pictures = sorted(person.glob("*.jpg"))
        pairs += list(zip(pictures[::2], pictures[1::2], strict=False))
        if len(pairs) >= count:
            break
    return pairs[:count]


def crossed(folder: Path, people: int) -> list[tuple[Path, Path]]:
    """Return everybody's first picture with everybody's second."""
    both = [p for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) > 1][:people]
    first, second = ([sorted(p.glob("*.jpg"))[k] for p in both] for k in (0, 1))
    return list(itertools.product(first, second))


def sized(path: Path, side: int | None) -> bytes:
    """Return a picture's bytes, scaled if asked: larger ones take longer to read and search."""
    if side is None:
        return path.read_bytes()
    buffer = io.BytesIO()
    with Pillow.open(path) as picture:
        picture.resize((side, side)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def steps(folder: Path, count: int, side: int | None) -> None:
    """Print processor time of each step, one thread, and the bytes of a template."""
    cv2.setNumThreads(1)
    print("| roles | reference, ms | probe, ms | comparison, ms | a template, KB |")
    print("|---|---|---|---|---|")
    pairs = once(folder, count)
    for roles in (("document", "live"), ("photo", "photo")):
        verifier = Verifier(roles=roles, threads=1)
        spent, sides = [], []
        for k, role in enumerate(roles):
            contents = [sized(pair[k], side) for pair in pairs]
            batch.extract(verifier, contents[0], "", role)
            start = time.process_time()
            sides.append([batch.extract(verifier, each, "", role) for each in contents])
            spent.append((time.process_time() - start) / count)
        compared = [
            (one, other)
            for one, other in itertools.product(sides[0][:40], sides[1][:40])
            if one.embedding is not None and other.embedding is not None
        ]
        start = time.process_time()
        for one, other in compared:
            batch.compare(verifier, one, other)
        spent.append((time.process_time() - start) / len(compared))
        size = sum(len(pickle.dumps(records.to_row(each))) for each in sides[0]) / count
        figures = " | ".join(f"{1e3 * each:.2f}" for each in spent)
        print(f"| {','.join(roles)} | {figures} | {size / 1e3:.1f} |", flush=True)


def measure(name: str, table: Path, verifier: Verifier, engine: Callable[..., Any], n: int) -> Any:
    out = table.with_name(f"{name}.csv".replace(" ", "-"))
    start = time.perf_counter()
    found = verify_pairs(
        read_pairs(str(table)), out, verifier, workers=n, engine=engine, begin=Begin.RESTART
    )
    seconds = time.perf_counter() - start
    print(
        f"| {name} | {found.pictures:,} | {found.rows:,} | {seconds:.1f} | "
        f"{found.pictures / seconds:.1f} | {found.rows / seconds:.0f} |",
        flush=True,
    )
    return out.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="LFW")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--people", type=int, default=100, help="of the second table")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--steps", action="store_true", help="the steps alone")
    parser.add_argument("--side", type=int, metavar="PX", help="scale pictures to it for --steps")
    options = parser.parse_args()
    folder = options.data / "lfw-deepfunneled"
    if options.steps:
        steps(folder, options.pairs, options.side)
        return
    verifier, workers = Verifier(threads=1), options.workers
    ray = require()
    print(
        "| engine | pictures | pairs | seconds | pictures/s | pairs/s |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as place:
        tables = {
            "once": once(folder, options.pairs),
            "crossed": crossed(folder, options.people),
        }
        for name, pairs in tables.items():
            table = Path(place) / f"{name}-pairs.csv"
            with table.open("w", newline="") as file:
                csv.writer(file).writerows([("reference", "probe"), *pairs])
            answers = {
                measure(f"{name} local {n}", table, verifier, run, n) for n in sorted({1, workers})
            }
            engine = Engine(workers=workers)
            # With the start of a cluster of this machine's own, then on one that is there.
            answers.add(measure(f"{name} ray {workers} started", table, verifier, engine.run, 1))
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
            answers.add(measure(f"{name} ray {workers}", table, verifier, engine.run, 1))
            ray.shutdown()
            assert len(answers) == 1, "the engines answer differently"


if __name__ == "__main__":
    main()
