"""Approximate search: entries in partitions, and how many of them a search has to look into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from renzheng.gallery.engine import Engine
from renzheng.types import Floats

# Exact search takes a quarter of a second among a million entries of 128 numbers, on two cores.
APPROXIMATE_FROM = 200_000
RECALL = 0.995  # that is tuned to: of the nearest entry, against exact search
_SEARCHES = 256  # that are tuned with
_FEWEST = 8  # partitions
_NOTE = "index"


def partitions(engine: Engine) -> int | None:
    """How many partitions a search looks into; None for exact search."""
    note = engine.note(_NOTE)
    return None if note is None else int(note["partitions"])


def recall(engine: Engine) -> float | None:
    """How often the nearest entry was found when the index was tuned; None for exact search."""
    note = engine.note(_NOTE)
    return None if note is None else float(note["recall"])


def radius(engine: Engine) -> float | None:
    """The radius that the index was tuned with; None where there is none."""
    note = engine.note(_NOTE)
    return None if note is None else float(note["radius"])


def prepare(engine: Engine, radius: float) -> None:
    """Partition the embeddings of a large gallery, and tune the search.

    Parameters
    ----------
    engine
        The gallery's.
    radius
        How far from its entry a search lies that is tuned with: Euclidean.
    """
    entries = engine.count()
    if entries < APPROXIMATE_FROM:
        engine.write_note(_NOTE, None)
        return
    known = engine.note(_NOTE)
    if known is None or not engine.indexed() or entries > 2 * known["entries"]:
        engine.index(round(entries**0.5))
    looked, found = _tuned(engine, radius, most=round(entries**0.5))
    told = {"partitions": looked, "recall": found, "entries": entries, "radius": radius}
    engine.write_note(_NOTE, told)


def moved(rows: Floats, distance: float, rng: np.random.Generator) -> Floats:
    """Unit vectors at this Euclidean distance from others, in directions drawn by chance."""
    cosine = 1 - distance * distance / 2
    noise = rng.standard_normal(rows.shape)
    noise -= np.sum(noise * rows, axis=1, keepdims=True) * rows
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    there = cosine * rows + np.sqrt(1 - cosine**2) * noise
    return np.asarray(there / np.linalg.norm(there, axis=1, keepdims=True), np.float32)


def _tuned(engine: Engine, radius: float, most: int) -> tuple[int, float]:
    """Look into more partitions until enough is found; how many, and how often it was."""
    rng = np.random.default_rng(0)
    entries = engine.count()
    chosen = np.sort(rng.choice(entries, min(_SEARCHES, entries), replace=False))
    probes = moved(np.concatenate(list(_taken(engine, chosen))), radius, rng)
    nearest = _nearest(engine, probes)
    looked = min(_FEWEST, most)
    while True:
        found = [engine.nearest(probe[None], 1, partitions=looked)[0] for probe in probes]
        # By distance and not by name: one embedding may be there under two.
        hits = [bool(f) and f[0].distance <= n + 1e-4 for f, n in zip(found, nearest, strict=True)]
        share = float(np.mean(hits))
        if share >= RECALL or looked >= most:
            return looked, share
        looked = min(2 * looked, most)


def _nearest(engine: Engine, probes: Floats) -> list[float]:
    """The distance of the entry nearest to each probe, by looking at all of them."""
    best = np.full(len(probes), -1.0)
    for _, _, embeddings in engine.scan_embeddings():
        best = np.maximum(best, (probes @ embeddings.T).max(axis=1))
    distances: list[float] = np.sqrt(np.maximum(2 - 2 * best, 0)).tolist()
    return distances


def _taken(engine: Engine, chosen: Any) -> Iterator[Floats]:
    start = 0
    for _, _, embeddings in engine.scan_embeddings():
        here = chosen[(chosen >= start) & (chosen < start + len(embeddings))] - start
        yield embeddings[here]
        start += len(embeddings)
