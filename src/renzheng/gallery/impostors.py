"""Impostors in a gallery: entries of different people that lie near each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.types import Floats

Progress = Callable[[int, int], None]  # searches done, searches in all
Indices = npt.NDArray[np.intp]
LimitsOf = Callable[[Indices, Indices], npt.NDArray[np.float64]]

_BLOCK = 512  # searches at a time: their similarities to a million entries would be 2 GB
_SPAN = 65536  # entries at a time
_SLACK = 1e-6  # error of a similarity in single precision


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of entries of different people, nearest first.

    Attributes
    ----------
    one, other
        int (n,), the numbers of the entries; `one` is the smaller.
    distance
        float64 (n,), Euclidean, 0 to 2.
    left_out
        The number of further pairs.
    without_limit
        The number of pairs as near for which no distance is near enough.
    """

    one: Indices
    other: Indices
    distance: npt.NDArray[np.float64]
    left_out: int
    without_limit: int = 0


def nearest_impostors(
    rows: Floats,
    person: Indices,
    searches: Indices,
    progress: Progress | None = None,
) -> npt.NDArray[np.float64]:
    """Return the distance of the nearest entry of another person, for each search.

    Parameters
    ----------
    rows
        float32 (n, d), unit length.
    person
        int (n,), the number of each entry's person.
    searches
        int (k,), the numbers of the entries that are searched with.
    progress
        Called after each block with the searches done and all searches.

    Returns
    -------
    float64 (k,), Euclidean; infinite where there is nobody else
    """
    best = np.full(len(searches), -np.inf, np.float32)
    place = np.zeros(len(searches), np.intp)
    for start, chosen, span, similarity in _blocks(rows, searches, progress):
        similarity[person[chosen][:, None] == person[None, span]] = -np.inf
        at = similarity.argmax(axis=1)
        top = similarity[np.arange(len(chosen)), at]
        here = slice(start, start + len(chosen))
        better = top > best[here]
        place[here] = np.where(better, at + span.start, place[here])
        best[here] = np.maximum(best[here], top)
    distance = _distances(rows, searches, place)
    distance[np.isinf(best)] = np.inf
    return distance


def near_pairs(
    rows: Floats,
    person: Indices,
    limit: float,
    *,
    limits_of: LimitsOf | None = None,
    max_pairs: int = 100_000,
    progress: Progress | None = None,
) -> Pairs:
    """Return the pairs of entries of different people at this distance or nearer.

    Parameters
    ----------
    rows, person, progress
        As in `nearest_impostors`.
    limit
        The largest distance, Euclidean.
    limits_of
        Returns the largest distance of each pair, up to `limit` and below 0 where none is near
        enough, for the numbers of its two entries; by default `limit`.
    max_pairs
        The most pairs to return, the nearest.
    """
    min_similarity = 1 - limit * limit / 2 - _SLACK
    kept = np.zeros((0, 2), np.intp), np.zeros(0)
    left_out = without_limit = 0
    everyone = np.arange(len(rows))
    for start, _, span, similarity in _blocks(rows, everyone, progress, each_pair_once=True):
        a, b = np.nonzero(similarity >= min_similarity)
        a, b = a + start, b + span.start
        wanted = (a < b) & (person[a] != person[b])
        a, b = a[wanted], b[wanted]
        distance = _distances(rows, a, b)
        near = distance <= limit
        if limits_of is not None:
            a, b, distance = a[near], b[near], distance[near]
            limits = limits_of(a, b)
            without_limit += int((limits < 0).sum())
            near = distance <= limits
        pairs = np.concatenate([kept[0], np.stack([a[near], b[near]], axis=1)])
        distances = np.concatenate([kept[1], distance[near]])
        order = np.argsort(distances, kind="stable")[:max_pairs]
        left_out += len(distances) - len(order)
        kept = pairs[order], distances[order]
    return Pairs(kept[0][:, 0], kept[0][:, 1], kept[1], left_out, without_limit)


def _blocks(
    rows: Floats, searches: Indices, progress: Progress | None, *, each_pair_once: bool = False
) -> Iterator[tuple[int, Indices, slice, Floats]]:
    """Yield (first search, searches, span of entries, their similarities) in bounded memory.

    With `each_pair_once`, where every entry is searched with, entries before the searches are
    skipped.
    """
    for start in range(0, len(searches), _BLOCK):
        chosen = searches[start : start + _BLOCK]
        for first in range(start if each_pair_once else 0, len(rows), _SPAN):
            span = slice(first, min(first + _SPAN, len(rows)))
            yield start, chosen, span, rows[chosen] @ rows[span].T
        if progress:
            progress(start + len(chosen), len(searches))


def _distances(rows: Floats, one: Indices, other: Indices) -> npt.NDArray[np.float64]:
    """Return Euclidean distances in double precision; similarities lose what lies near 0."""
    distances = np.empty(len(one))
    for start in range(0, len(one), _SPAN):
        part = slice(start, start + _SPAN)
        difference = rows[one[part]].astype(np.float64) - rows[other[part]].astype(np.float64)
        distances[part] = np.linalg.norm(difference, axis=1)
    return distances
