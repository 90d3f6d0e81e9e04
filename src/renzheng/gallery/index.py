"""Approximate search: entries in partitions, and the number that a search has to look into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from renzheng.gallery.engine import Engine
from renzheng.types import Floats

# Exact search takes a quarter of a second among a million entries of 128 numbers, on two cores.
APPROXIMATE_FROM = 200_000
RECALL = 0.995  # of the nearest entry against exact search, which the index is tuned to
_SEARCHES = 256  # to tune with
_MIN_PARTITIONS = 8
_NOTE = "index"


def partitions(engine: Engine) -> int | None:
    """Return the number of partitions that a search looks into; None for exact search."""
    note = engine.note(_NOTE)
    return None if note is None else int(note["partitions"])


def recall(engine: Engine) -> float | None:
    """Return how often the tuned index found the nearest entry, 0 to 1; None for exact search."""
    note = engine.note(_NOTE)
    return None if note is None else float(note["recall"])


def radius(engine: Engine) -> float | None:
    """Return the radius that the index was tuned with; None where there is no index."""
    note = engine.note(_NOTE)
    return None if note is None else float(note["radius"])


def prepare(engine: Engine, radius: float) -> None:
    """Partition the embeddings of a large gallery, and tune the search.

    Parameters
    ----------
    engine
        The gallery's entries.
    radius
        The Euclidean distance between an entry and the search to tune with.
    """
    entries = engine.count()
    if entries < APPROXIMATE_FROM:
        engine.write_note(_NOTE, None)
        return
    known = engine.note(_NOTE)
    if known is None or not engine.indexed() or entries > 2 * known["entries"]:
        engine.index(round(entries**0.5))
    partitions, recall = _tune(engine, radius, max_partitions=round(entries**0.5))
    note = {"partitions": partitions, "recall": recall, "entries": entries, "radius": radius}
    engine.write_note(_NOTE, note)


def moved(rows: Floats, distance: float, rng: np.random.Generator) -> Floats:
    """Return unit vectors at this Euclidean distance from others, in random directions."""
    cosine = 1 - distance * distance / 2
    noise = rng.standard_normal(rows.shape)
    noise -= np.sum(noise * rows, axis=1, keepdims=True) * rows
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    there = cosine * rows + np.sqrt(1 - cosine**2) * noise
    return np.asarray(there / np.linalg.norm(there, axis=1, keepdims=True), np.float32)


def _tune(engine: Engine, radius: float, max_partitions: int) -> tuple[int, float]:
    """Return the fewest partitions that reach the recall, and the recall reached."""
    rng = np.random.default_rng(0)
    entries = engine.count()
    chosen = np.sort(rng.choice(entries, min(_SEARCHES, entries), replace=False))
    probes = moved(np.concatenate(list(_embeddings(engine, chosen))), radius, rng)
    nearest = _nearest(engine, probes)
    partitions = min(_MIN_PARTITIONS, max_partitions)
    while True:
        found = [engine.nearest(probe[None], 1, partitions=partitions)[0] for probe in probes]
        # By distance and not by id: one embedding may be there under two.
        hits = [bool(f) and f[0].distance <= n + 1e-4 for f, n in zip(found, nearest, strict=True)]
        recall = float(np.mean(hits))
        if recall >= RECALL or partitions >= max_partitions:
            return partitions, recall
        partitions = min(2 * partitions, max_partitions)


def _nearest(engine: Engine, probes: Floats) -> list[float]:
    """Return the distance of the entry nearest to each probe, by exact search."""
    best = np.full(len(probes), -1.0)
    for block in engine.scan_embeddings():
        best = np.maximum(best, (probes @ block.embeddings.T).max(axis=1))
    distances: list[float] = np.sqrt(np.maximum(2 - 2 * best, 0)).tolist()
    return distances


def _embeddings(engine: Engine, chosen: Any) -> Iterator[Floats]:
    start = 0
    for block in engine.scan_embeddings():
        here = chosen[(chosen >= start) & (chosen < start + len(block.ids))] - start
        yield block.embeddings[here]
        start += len(block.ids)
