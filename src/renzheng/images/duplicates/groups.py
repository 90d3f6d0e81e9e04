"""Which pictures belong together: around the best of each group, never along a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from renzheng.images.duplicates.hash_search import FAR, Bits
from renzheng.images.duplicates.results import Link

MAX_CANDIDATES = 500  # of one picture, the nearest

Near = Callable[[Sequence[int], int], Bits]
Verify = Callable[[int, Sequence[tuple[int, int | None]]], list[Link | None]]
Progress = Callable[[int, int], None]

_AT_A_TIME = 16  # pictures whose hashes are looked up together


def group(
    count: int, near: Near, verify: Verify, close: int, progress: Progress | None = None
) -> tuple[list[tuple[int, dict[int, Link]]], int]:
    """Put pictures into groups.

    Parameters
    ----------
    count
        Pictures, numbered from the one that is best kept to the one that is least.
    near
        Distances of some pictures' hashes to those of all pictures from a number on; `FAR` for no
        candidates (`HashIndex.near`).
    verify
        Looks at a picture and its candidates, which come with their distances (None where only
        another member's hashes meet them), and gives their ties, None for strangers.
    close
        The distance up to which the candidates of members count as well.
    progress
        Told how many pictures are done.

    Returns
    -------
    groups
        The best picture of each, and the ties of the others to it.
    int
        Candidates that were not looked at, because there were more than 500 for a picture.

    Notes
    -----
    The best picture that is in no group yet takes in every candidate that is verified against
    itself. Close candidates of those are candidates, too, but they as well must be verified against
    the best: so a picture may find its crop through its copy, and two strangers are not joined
    because a collage shows both. Each group is a star. A version that agrees with another version
    and not with the best stays outside, and may found a group of its own. A member that is changed
    stays free: it may be the best of its own versions, or changed in another group, too.
    """
    taken = np.zeros(count, np.bool_)
    groups: list[tuple[int, dict[int, Link]]] = []
    dropped = 0
    rows: dict[int, npt.NDArray[np.uint16]] = {}
    for best in range(count):
        if progress and best % _AT_A_TIME == 0:
            progress(best, count)
        if taken[best]:
            rows.pop(best, None)
            continue
        if best not in rows:
            free = best + np.flatnonzero(~taken[best : best + 4 * _AT_A_TIME])[:_AT_A_TIME]
            rows = dict(zip(free.tolist(), near(free.tolist(), best), strict=True))
        own = rows.pop(best)
        tried = taken.copy()
        tried[: best + 1] = True
        members: dict[int, Link] = {}
        waiting = [own]
        while waiting:
            chosen, over = _candidates(waiting, tried)
            dropped += over
            tried[chosen] = True
            asked = [(int(k), None if own[k] == FAR else int(own[k])) for k in chosen]
            ties = zip(asked, verify(best, asked), strict=True)
            joined = {k: tie for (k, _), tie in ties if tie is not None}
            members |= joined
            waiting = [
                np.where(row <= close, row, FAR) for row in _rows_of(list(joined), best, rows, near)
            ]
        if members:
            taken[[k for k, link in members.items() if not link.changed]] = True
            groups.append((best, members))
    if progress:
        progress(count, count)
    return groups, dropped


def _rows_of(
    members: list[int], best: int, rows: dict[int, npt.NDArray[np.uint16]], near: Near
) -> list[npt.NDArray[np.uint16]]:
    """The members' own distances, which may be at hand already."""
    found = [rows[m] for m in members if m in rows]
    unknown = [m for m in members if m not in rows]
    for start in range(0, len(unknown), _AT_A_TIME):
        found += list(near(unknown[start : start + _AT_A_TIME], best + 1))
    return found


def _candidates(
    rows: list[npt.NDArray[np.uint16]], tried: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], int]:
    """The nearest untried pictures, nearest first, and how many more there are."""
    least = rows[0] if len(rows) == 1 else np.minimum.reduce(rows)
    found = np.flatnonzero((least != FAR) & ~tried)
    found = found[np.argsort(least[found], kind="stable")]
    return found[:MAX_CANDIDATES], max(0, len(found) - MAX_CANDIDATES)
