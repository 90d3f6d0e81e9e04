"""Groups of pictures that belong together: around the best of each group, never along a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from renzheng.images.duplicates.hash_search import FAR, Bits
from renzheng.images.duplicates.results import Link

MAX_CANDIDATES = 500  # for one picture, the nearest

Near = Callable[[Sequence[int], int], Bits]
Verify = Callable[[int, Sequence[tuple[int, int | None]]], list[Link | None]]
Progress = Callable[[int, int], None]

_AT_A_TIME = 16  # pictures whose hashes are looked up together


def group_around_best(
    count: int, near: Near, verify: Verify, close: int, progress: Progress | None = None
) -> tuple[list[tuple[int, dict[int, Link]]], int]:
    """Group pictures around the best of each group.

    Parameters
    ----------
    count
        Number of pictures; picture 0 is the best one to keep, the last one the worst.
    near
        Returns the distances of some pictures' hashes to those of all pictures from a number on,
        `FAR` for no candidates (`HashIndex.near`).
    verify
        Returns the links of candidates to a picture, None for unrelated ones. Candidates come with
        the distances of their hashes, None if they are near only to another member's hashes.
    close
        The maximum distance at which the candidates of members are candidates as well.
    progress
        Called with the number of pictures done.

    Returns
    -------
    groups
        The best picture of each group, and the links of the others to it.
    int
        Number of candidates that were not verified, since a picture had more than 500.

    Notes
    -----
    The best picture that is in no group yet takes in every candidate that is verified against it.
    Close candidates of its members are candidates, too, but they must also be verified against the
    best: so a picture may find its crop through its copy, and two unrelated pictures are not joined
    because a collage shows both. Each group is a star. A version that agrees with another version
    but not with the best stays outside, and may start a group of its own. A changed member stays
    free: it may be the best of its own versions, or a changed member of another group, too.
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
            links = zip(asked, verify(best, asked), strict=True)
            joined = {k: link for (k, _), link in links if link is not None}
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
    """Return the members' own distances, of which some may be known already."""
    found = [rows[m] for m in members if m in rows]
    unknown = [m for m in members if m not in rows]
    for start in range(0, len(unknown), _AT_A_TIME):
        found += list(near(unknown[start : start + _AT_A_TIME], best + 1))
    return found


def _candidates(
    rows: list[npt.NDArray[np.uint16]], tried: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], int]:
    """Return the nearest untried pictures, nearest first, and the number of further ones."""
    distances = rows[0] if len(rows) == 1 else np.minimum.reduce(rows)
    found = np.flatnonzero((distances != FAR) & ~tried)
    found = found[np.argsort(distances[found], kind="stable")]
    return found[:MAX_CANDIDATES], max(0, len(found) - MAX_CANDIDATES)
