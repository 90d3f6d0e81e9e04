"""Search for near hashes by counting bits, in blocks that stay in the processor's cache.

For 50,000 pictures of 20 views and 256 bits numpy takes two minutes of one core, faiss's flat index
half a minute, and reading the pictures ten minutes (docs/duplicates.md), so another dependency is
not justified. faiss's hashed indices lose pairs, or take longer, at the radii that are needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint16]

FAR = np.uint16(0xFFFF)  # a distance beyond the radius of the search
_QUERIES, _BLOCK = 16, 4096  # words of a block: 512 KiB, a second-level cache


@dataclass(frozen=True, eq=False)
class _Table:
    """The hashes of all pictures, those of one picture next to each other."""

    rows: Words  # (n, w)
    columns: Words  # (w, n), contiguous
    owner: npt.NDArray[np.intp]  # (n,), rising
    start: npt.NDArray[np.intp]  # (pictures + 1,)

    @classmethod
    def of(cls, hashes: Sequence[Words]) -> _Table:
        counts = [len(one) for one in hashes]
        rows = np.concatenate(hashes) if hashes else np.empty((0, 1), np.uint64)
        return cls(
            rows,
            np.ascontiguousarray(rows.T),
            np.repeat(np.arange(len(hashes)), counts),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.intp),
        )


class HashIndex:
    """An index that finds the later pictures near a picture.

    Parameters
    ----------
    whole
        For each picture, uint64 (k, w): the hashes by which it is stored.
    views
        For each picture, uint64 (m, w): the hashes by which it is looked up. A picture without
        hashes is near to nothing.
    threads
        Number of threads that count.
    """

    def __init__(self, whole: Sequence[Words], views: Sequence[Words], threads: int = 1):
        self._whole, self._views = _Table.of(whole), _Table.of(views)
        self._count = len(whole)
        self._threads = threads

    def near(self, pictures: Sequence[int], after: int, bits: int) -> Bits:
        """Return the minimum distances of some pictures to all those from `after` on.

        Parameters
        ----------
        pictures
            Indices of the pictures to look up.
        after
            Index of the first picture to compare with.
        bits
            The radius of the search.

        Returns
        -------
        uint16 (len(pictures), all)
            The minimum Hamming distances of the views of one picture to the stored hashes of the
            other, whichever is which; `FAR` if it is larger than `bits`, or if the other picture
            comes before `after`.
        """
        best = np.full((len(pictures), self._count), FAR, np.uint16)
        for asked, stored in ((self._views, self._whole), (self._whole, self._views)):
            spans = [slice(asked.start[p], asked.start[p + 1]) for p in pictures]
            rows = np.concatenate([asked.rows[span] for span in spans])
            who = np.repeat(np.arange(len(pictures)), [s.stop - s.start for s in spans])
            if not len(rows) or stored.start[after] == len(stored.rows):
                continue
            # Cut between pictures, so that no two threads write to the same place.
            edges = stored.start[np.linspace(after, self._count, self._threads + 1).astype(int)]
            tasks = [partial(_minimise, rows, who, stored, int(first), int(last), bits, best)
                     for first, last in pairwise(edges)]  # fmt: skip
            if self._threads == 1:
                tasks[0]()
            else:
                with ThreadPoolExecutor(self._threads) as pool:
                    for done in [pool.submit(task) for task in tasks]:
                        done.result()
        return best


def count_ones(words: Words, out: npt.NDArray[np.uint8]) -> None:
    """Count the bits that are set in each word."""
    if hasattr(np, "bitwise_count"):
        np.bitwise_count(words, out=out)
        return
    # numpy before 2.0: sums of neighbouring bits, pairs and nibbles (Warren, "Hacker's Delight")
    two, four, eight = (np.uint64(0x5555555555555555), np.uint64(0x3333333333333333),
                        np.uint64(0x0F0F0F0F0F0F0F0F))  # fmt: skip
    sums = words - ((words >> np.uint64(1)) & two)
    sums = (sums & four) + ((sums >> np.uint64(2)) & four)
    sums = (sums + (sums >> np.uint64(4))) & eight
    out[...] = (sums * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _minimise(
    rows: Words,
    who: npt.NDArray[np.intp],
    stored: _Table,
    first: int,
    last: int,
    bits: int,
    best: Bits,
) -> None:
    """Lower `best` to the distances of the rows to the stored hashes from `first` to `last`."""
    words = rows.shape[1]
    shape = _QUERIES, _BLOCK
    mixed, count = np.empty(shape, np.uint64), np.empty(shape, np.uint8)
    total, hit = np.empty(shape, np.uint16), np.empty(shape, np.bool_)
    for at in range(first, last, _BLOCK):
        block = stored.columns[:, at : min(at + _BLOCK, last)]
        for begin in range(0, len(rows), _QUERIES):
            part = rows[begin : begin + _QUERIES]
            here = slice(len(part)), slice(block.shape[1])
            x, c, t, h = mixed[here], count[here], total[here], hit[here]
            np.bitwise_xor(part[:, 0, None], block[0], out=x)
            count_ones(x, c)
            if words == 1:
                np.less_equal(c, bits, out=h)
                sums: npt.NDArray[np.uint8] | Bits = c
            else:
                t[:] = c
                for word in range(1, words):
                    np.bitwise_xor(part[:, word, None], block[word], out=x)
                    count_ones(x, c)
                    np.add(t, c, out=t)
                np.less_equal(t, bits, out=h)
                sums = t
            if h.any():
                row, column = np.nonzero(h)
                place = who[begin + row], stored.owner[at + column]
                np.minimum.at(best, place, sums[row, column].astype(np.uint16))
