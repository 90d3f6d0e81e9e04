"""The division of a table into blocks: each picture is processed once, and few templates travel.

Tables of documents and live pictures mostly name each picture once, or a few times in rows about
one person. Rows that have a picture in common, directly or through other rows, form a group; groups
are packed into blocks. The process that works on a block reads its pictures, compares them and
forgets them: no template leaves it. Only where a group is larger than a block (everybody against
everybody) are shared pictures processed first, and their templates kept for the blocks that need
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

PICTURES = 32  # of a block: some seconds of work, lost if a process dies
# In a large group, pictures of several rows are mostly shared and only fetched: a block may hold
# this many times more of them.
_SHARED = 8
ROWS = 512  # of a block: a second of work if only comparisons are left


@dataclass(frozen=True, eq=False)
class Plan:
    """The blocks of a table.

    Attributes
    ----------
    blocks
        int64 (n,) each, the rows of a block, ascending; every row is in one block.
    shared
        int64 (m,), the pictures that several blocks need, in the order of their first use.
    """

    blocks: tuple[Numbers, ...]
    shared: Numbers


def plan(pairs: Numbers, pictures: int = PICTURES, rows: int = ROWS) -> Plan:
    """Divide a table into blocks.

    Parameters
    ----------
    pairs
        int64 (n, 2), the numbers of the two pictures of each row, from 0 on.
    pictures
        The most pictures of a block; in a larger group, pictures of several rows count an eighth.
    rows
        The most rows of a block.
    """
    groups = _groups(pairs)
    # Groups in the order of their first rows, rows within them in the table's order: results come
    # nearly in order where groups are near each other in the table.
    first = np.full(int(groups.max(initial=-1)) + 1, len(pairs), np.int64)
    np.minimum.at(first, groups, np.arange(len(pairs)))
    order = np.lexsort((np.arange(len(pairs)), first[groups]))
    blocks = [
        np.sort(order[start:end]) for start, end in _cuts(pairs, groups, order, pictures, rows)
    ]
    return Plan(tuple(blocks), _shared(pairs, blocks))


def _groups(pairs: Numbers) -> Numbers:
    """Return the number of each row's group; rows with a picture in common have one group."""
    parent = list(range(int(pairs.max(initial=-1)) + 1))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for reference, probe in pairs.tolist():
        a, b = root(reference), root(probe)
        # The lower number becomes the root; path halving keeps paths short.
        parent[max(a, b)] = min(a, b)
    return np.array([root(reference) for reference, _ in pairs.tolist()], np.int64)


def _cuts(
    pairs: Numbers, groups: Numbers, order: Numbers, pictures: int, rows: int
) -> list[tuple[int, int]]:
    """Return the start and end of each block in the order; only groups above its size are cut."""
    cuts, start = [], 0
    weight = np.where(np.bincount(pairs.ravel()) > 1, 1, _SHARED).tolist()
    held: set[int] = set()
    for begin, end in _runs(groups[order]):
        whole = {int(each) for each in pairs[order[begin:end]].ravel()}
        fits = len(whole) <= pictures and end - begin <= rows
        if begin > start and (not fits or len(held) + len(whole) > pictures or end - start > rows):
            cuts.append((start, begin))
            start, held = begin, set()
        if fits:
            held |= whole
            continue
        load = 0
        for k in range(begin, end):
            sides = {int(each) for each in pairs[order[k]]}
            new = sum(weight[each] for each in sides - held)
            if k > start and (load + new > _SHARED * pictures or k - start >= rows):
                cuts.append((start, k))
                start, held, load = k, set(), 0
                new = sum(weight[each] for each in sides)
            held |= sides
            load += new
        # The rest of a large group is a block by itself.
        cuts.append((start, end))
        start, held = end, set()
    if start < len(order):
        cuts.append((start, len(order)))
    return cuts


def _runs(values: Numbers) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _shared(pairs: Numbers, blocks: Sequence[Numbers]) -> Numbers:
    """Return the pictures of more than one block."""
    if not blocks:
        return np.empty(0, np.int64)
    named = [np.unique(pairs[block]) for block in blocks]
    every = np.concatenate(named)
    count = np.bincount(every)
    _, places = np.unique(every, return_index=True)
    order = every[np.sort(places)]
    return np.asarray(order[count[order] > 1], np.int64)
