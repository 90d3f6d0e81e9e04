"""The best of several versions of a picture, which is the one to keep."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from renzheng.images.duplicates.results import Item

Rank = tuple[int, int, bool, int, int, bytes]


def order(item: Item) -> Rank:
    """Return a sort key, best version first: most pixels, most bytes, oldest, shortest path."""
    path = os.fsencode(item.path)
    return (
        -item.width * item.height,
        -item.size,
        item.link,
        item.modified,
        len(path),
        path,
    )


def copies(items: Iterable[Item]) -> dict[bytes, list[Item]]:
    """Group files by the digest of their bytes, the best one to keep first."""
    found: dict[bytes, list[Item]] = {}
    for item in sorted(items, key=order):
        found.setdefault(item.digest, []).append(item)
    return found


def why(keep: Item, others: Sequence[Item]) -> str:
    """Explain why a picture is the best one to keep."""
    pixels = max(other.width * other.height for other in others)
    if keep.width * keep.height > pixels:
        return f"the largest, {keep.width} x {keep.height} px"
    rivals = [other for other in others if other.width * other.height == pixels]
    heaviest = max(other.size for other in rivals)
    if keep.size > heaviest:
        return f"the least compressed of the largest, {keep.size:,} bytes"
    rivals = [other for other in rivals if other.size == heaviest]
    if not keep.link and all(other.link for other in rivals):
        return "the file itself, not a link"
    rivals = [other for other in rivals if other.link == keep.link]
    oldest = min(other.modified for other in rivals)
    if keep.modified < oldest:
        return "the oldest of equally good files"
    rivals = [other for other in rivals if other.modified == oldest]
    if len(os.fsencode(keep.path)) < min(len(os.fsencode(other.path)) for other in rivals):
        return "the shortest path of equally good and old files"
    return "the first by name of equally good and old files"
