"""A gallery beside brute-force numpy and the bare engine, and a gallery of a million.

    python benchmarks/gallery.py [--entries 50000] [--rounds 7]
    python benchmarks/gallery.py --million [--entries 1000000] [--folder FOLDER]
    python benchmarks/gallery.py --lfw ../shared/assets/lfw

The first prints additions and searches a second, measured in turn in one run. The second adds
synthetic embeddings, makes the index, and searches in a new process with embeddings at the distance
of a false match rate of 1e-4 from their entries: it prints how often the nearest entry of exact
search is found, how long that takes, and how much memory. The third enrols everyone's first
picture of LFW and searches with all the others: the ranks must be those of `renzheng evaluate
identification`.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np

from renzheng import Verifier
from renzheng.datasets import lfw, people
from renzheng.evaluation.acquisition import Extraction, acquire
from renzheng.evaluation.cache import Cache, default_path
from renzheng.gallery import Entry, Gallery
from renzheng.types import Floats

DIMENSION = 128
SEARCHES = 1000


def unit(count: int, seed: int) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def moved(rows: Floats, distance: float, seed: int) -> Floats:
    """Return probes at this distance from rows, in random directions."""
    noise = unit(len(rows), seed)
    noise -= np.sum(noise * rows, axis=1, keepdims=True) * rows
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = 1 - distance**2 / 2
    return (cosine * rows + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most"


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def entries_of(rows: Floats, start: int = 0) -> list[Entry]:
    return [Entry(f"e{start + k}", row, metadata={"k": k % 10}) for k, row in enumerate(rows)]


def beside(folder: Path, count: int, rounds: int) -> None:
    import lancedb
    import pyarrow as pa

    rows = unit(count, 0)
    probes = moved(rows[:64], 0.3, 1)
    gallery = Gallery.create(folder / "gallery", Verifier(threads=1))
    base = lancedb.connect(str(folder / "bare"), read_consistency_interval=timedelta(0))
    schema = pa.schema(
        [("id", pa.string()), ("embedding", pa.list_(pa.float32(), DIMENSION)), ("k", pa.int64())]
    )
    bare = base.create_table("entries", schema=schema)

    def arrow(part: Floats, start: int) -> pa.Table:
        return pa.table(
            {
                "id": [f"e{start + k}" for k in range(len(part))],
                "embedding": pa.FixedSizeListArray.from_arrays(part.ravel(), DIMENSION),
                "k": [k % 10 for k in range(len(part))],
            },
            schema=schema,
        )

    adds: dict[str, list[float]] = {"gallery": [], "bare engine": []}
    for start in range(0, count, 1000):
        part = rows[start : start + 1000]
        adds["gallery"].append(timed(lambda p=part, s=start: gallery.add(entries_of(p, s))))
        adds["bare engine"].append(timed(lambda p=part, s=start: bare.add(arrow(p, s))))
    print(f"{count:,} entries, added by the thousand, whole runs:")
    for name, times in adds.items():
        print(f"  {name:<34}{count / sum(times):>12,.0f} entries a second")
    single = [
        timed(lambda k=k: gallery.add(entries_of(unit(1, k + 9), count + k))) for k in range(64)
    ]
    print(f"  {'gallery, one by one':<34}{1 / np.median(single):>12,.0f} entries a second")
    gallery.optimize()
    bare.optimize()

    def brute(many: Floats) -> None:
        for probe in many:
            similarity = rows @ probe
            nearest = np.argpartition(similarity, -5)[-5:]
            nearest[np.argsort(-similarity[nearest])]

    def brute_batch() -> None:
        similarity = probes @ rows.T
        np.argpartition(similarity, -5, axis=1)[:, -5:]

    def bare_search() -> None:
        for probe in probes:
            bare.search(probe, vector_column_name="embedding").limit(5).to_arrow()

    def gallery_search() -> None:
        for probe in probes:
            gallery.nearest(probe[None], 5)

    ways: dict[str, Callable[[], object]] = {
        "numpy, one by one": lambda: brute(probes),
        "bare engine, one by one": bare_search,
        "gallery, one by one": gallery_search,
        "gallery, one by one, condition": lambda: [
            gallery.nearest(probe[None], 5, where=["k=3"]) for probe in probes
        ],
        "numpy, 64 at once": brute_batch,
        "bare engine, 64 at once": lambda: (
            bare.search(list(probes), vector_column_name="embedding").limit(5).to_arrow()
        ),
        "gallery, 64 at once": lambda: gallery.nearest(probes, 5),
    }
    times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            times[name].append(timed(work))
    print(f"nearest 5 of {count:,}, exact, median of {rounds} interleaved rounds of 64 searches:")
    for name, taken in times.items():
        print(f"  {name:<34}{64 / np.median(taken):>12,.0f} searches a second")
    print(f"  memory: {peak()}")


def build_million(folder: Path, count: int) -> None:
    gallery = Gallery.create(folder, Verifier(threads=1))
    started = time.perf_counter()
    for start in range(0, count, 10_000):
        gallery.add(entries_of(unit(min(10_000, count - start), start), start))
    taken = time.perf_counter() - started
    print(f"added {count:,} in {taken:.0f} s ({count / taken:,.0f} a second); {peak()}", flush=True)
    taken = timed(gallery.optimize)
    stats = gallery.stats()
    print(
        f"optimized in {taken:.0f} s: {stats.indexed:,} partitioned, recall by its own measure "
        f"{stats.recall if stats.recall is None else format(stats.recall, '.4f')}; {peak()}"
    )


def search_million(folder: Path, count: int) -> None:
    gallery = Gallery.open(folder)
    chosen = np.sort(np.random.default_rng(1).choice(count, SEARCHES, replace=False))
    distance = gallery.verifier.calibration.threshold_at(1e-4)
    parts = [
        unit(min(10_000, count - start), start)[
            chosen[(chosen >= start) & (chosen < start + 10_000)] - start
        ]
        for start in range(0, count, 10_000)
    ]
    probes = moved(np.concatenate(parts), distance, 2)
    del parts
    gallery.nearest(probes[:1], 1)
    started = time.perf_counter()
    found = [gallery.nearest(probe[None], 1)[0][0].entry.id for probe in probes]
    approximate = time.perf_counter() - started
    print(f"searched by the index: {SEARCHES / approximate:,.0f} a second, one by one; {peak()}")
    started = time.perf_counter()
    for probe in probes[:20]:
        gallery.nearest(probe[None], 1, exact=True)
    exact = (time.perf_counter() - started) / 20
    print(f"searched exactly: {1 / exact:,.1f} a second; {peak()}", flush=True)
    # The truth without the engine: numpy, over all entries.
    best, truth = np.full(SEARCHES, -2.0, np.float32), np.zeros(SEARCHES, int)
    for start in range(0, count, 10_000):
        similarity = probes @ unit(min(10_000, count - start), start).T
        at = similarity.argmax(axis=1)
        top = similarity[np.arange(SEARCHES), at]
        truth = np.where(top > best, start + at, truth)
        best = np.maximum(best, top)
    hits = np.mean([id == f"e{k}" for id, k in zip(found, truth, strict=True)])
    mated = np.mean(truth == chosen)
    print(
        f"recall@1 against exact: {hits:.4f} of {SEARCHES:,} searches at distance {distance:.3f} "
        f"(exact search finds the mate first in {mated:.4f})"
    )


def of_lfw(folder: Path, data: Path) -> None:
    """Print ranks by the gallery, from the embeddings that `renzheng evaluate` keeps."""
    everyone = people.read(lfw.images(data))
    verifier = Verifier()
    with Cache(default_path()) as cache:
        embedded = acquire(everyone.pictures, Extraction.of(verifier), cache=cache, workers=2)
    usable = np.isfinite(embedded.rows[:, 0])
    _, first = np.unique(everyone.person, return_index=True)
    gallery = Gallery.create(folder, verifier)
    gallery.add(
        Entry(
            everyone.pictures[k].name, embedded.rows[k], person=everyone.names[everyone.person[k]]
        )
        for k in first
        if usable[k]
    )
    probes = np.setdiff1d(np.arange(len(usable)), first)
    ranks = np.full(len(probes), 10**6)
    seen = np.flatnonzero(usable[probes])
    for start in range(0, len(seen), 256):
        part = seen[start : start + 256]
        for k, near in zip(part, gallery.nearest(embedded.rows[probes[part]], 50), strict=True):
            who = everyone.names[everyone.person[probes[k]]]
            at = [rank for rank, each in enumerate(near, 1) if each.entry.person == who]
            ranks[k] = at[0] if at else 10**6
    print(f"{len(gallery):,} entries, {len(probes):,} probes")
    for rank in (1, 5, 10, 50):
        print(f"  rank {rank:<3} {np.mean(ranks <= rank):.4%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--folder", type=Path, help="keeps the gallery of a million for later")
    parser.add_argument("--step", choices=("build", "search"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    count = arguments.entries or (1_000_000 if arguments.million or arguments.step else 50_000)
    if arguments.step == "build":
        return build_million(arguments.folder, count)
    if arguments.step == "search":
        return search_million(arguments.folder, count)
    temporary = Path(tempfile.mkdtemp())
    try:
        if arguments.lfw is not None:
            of_lfw(temporary / "lfw", arguments.lfw)
        elif arguments.million:
            folder = arguments.folder or temporary / "million"
            for step in ("build", "search"):
                if step == "build" and folder.exists():
                    continue
                subprocess.run(
                    [sys.executable, __file__, "--step", step, "--folder", str(folder),
                     "--entries", str(count)],
                    check=True,
                )  # fmt: skip
        else:
            beside(temporary, count, arguments.rounds)
    finally:
        shutil.rmtree(temporary)


if __name__ == "__main__":
    main()
