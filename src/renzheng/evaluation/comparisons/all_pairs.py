"""Comparison of everyone with everyone, in blocks: exact counts in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.scores import CELL, CELLS, Array, PairIndices, Scores
from renzheng.types import Floats

Progress = Callable[[int, int], None]  # blocks done, blocks in all

_BLOCK = 256  # references at a time: 256 x 13,000 distances are 27 MB
_MAX_GENUINE = 5_000_000  # all are stored, and weighted again in every replicate


def compare_all(
    rows: Floats,
    person: Indices,
    *,
    references: Indices | None = None,
    probes: Indices | None = None,
    keep: int = 2_000_000,
    progress: Progress | None = None,
) -> Scores:
    """Compare every picture with every other, or every reference with every probe.

    There are two passes: the first counts every impostor in a fine histogram, the second keeps the
    nearest ones with their pictures. Memory holds one block and the comparisons that are kept.

    Parameters
    ----------
    rows
        float32 (pictures, d), unit length; NaN for a failure to acquire.
    person
        int (pictures,): the number of each picture's person.
    references, probes
        int (r,), int (p,): the pictures on either side; by default all, each pair once. A picture
        is never compared with itself.
    keep
        The number of nearest impostors to keep at least.
    progress
        Called after each block.

    Raises
    ------
    InvalidInput
        If there is no impostor comparison, or there are too many genuine ones.
    """
    symmetric = references is None and probes is None
    everyone = np.arange(len(rows))
    every_reference = everyone if references is None else references
    every_probe = everyone if probes is None else probes
    acquired = np.isfinite(rows[:, 0])
    left, right = (side[acquired[side]] for side in (every_reference, every_probe))
    genuine_all, impostor_all = _count(person, every_reference, every_probe, symmetric)
    genuine_count, impostor_count = _count(person, left, right, symmetric)
    if not impostor_count:
        raise InvalidInput("no two people are left whose pictures show a face")
    if genuine_count > _MAX_GENUINE:
        raise InvalidInput(
            f"{genuine_count} genuine comparisons are more than {_MAX_GENUINE}",
            remedy="take fewer pictures of each person",
        )
    table = rows.astype(np.float64)
    steps = 2 * -(-len(left) // _BLOCK)
    done = 0

    def blocks() -> Iterator[_Block]:
        nonlocal done
        for block in _blocks(table, person, left, right, symmetric):
            yield block
            done += 1
            if progress:
                progress(done, steps)

    histogram = np.zeros(CELLS, np.int64)
    genuine = []
    for block in blocks():
        cell = np.ceil(block.distance[block.impostor] / CELL - 1e-9).astype(np.int64)
        histogram += np.bincount(np.minimum(cell, CELLS - 1), minlength=CELLS)
        genuine.append(block.take(block.genuine))
    wanted = np.searchsorted(np.cumsum(histogram), min(keep, impostor_count))
    cut = (float(wanted) + 2e-9) * CELL  # a cell includes its upper end, rounding considered
    impostor = [block.take(block.impostor & (block.distance <= cut)) for block in blocks()]
    near, near_pairs = _sorted(impostor)
    apart, pairs = _sorted(genuine)
    whole = len(near) == impostor_count
    appearances = np.stack([np.bincount(side, minlength=len(rows)) for side in (left, right)])
    return Scores(
        person=person,
        genuine=apart,
        genuine_pairs=pairs,
        impostor=near,
        impostor_pairs=near_pairs,
        genuine_lost=genuine_all - genuine_count,
        impostor_lost=impostor_all - impostor_count,
        histogram=None if whole else histogram,
        appearances=None if whole else appearances,
        symmetric=symmetric,
    )


def _count(
    person: Indices, references: Indices, probes: Indices, symmetric: bool
) -> tuple[int, int]:
    """Count the genuine and the impostor comparisons."""
    size = int(person.max()) + 1
    left, right = (np.bincount(person[side], minlength=size) for side in (references, probes))
    itself = len(np.intersect1d(references, probes))
    genuine = int(left @ right) - itself
    every = len(references) * len(probes) - itself
    times = 2 if symmetric else 1
    return genuine // times, (every - genuine) // times


@dataclass(frozen=True, eq=False)
class _Block:
    """Some references against the probes: float64 (r, p) and bool (r, p)."""

    references: Indices
    probes: Indices
    distance: Array
    genuine: npt.NDArray[np.bool_]
    impostor: npt.NDArray[np.bool_]

    def take(self, chosen: npt.NDArray[np.bool_]) -> tuple[Array, PairIndices]:
        a, b = np.nonzero(chosen)
        pairs = np.stack([self.references[a], self.probes[b]], axis=1).astype(np.int32)
        return self.distance[chosen], pairs


def _blocks(
    table: Array, person: Indices, references: Indices, probes: Indices, symmetric: bool
) -> Iterator[_Block]:
    squares = np.einsum("ij,ij->i", table, table)
    for start in range(0, len(references), _BLOCK):
        left = references[start : start + _BLOCK]
        right = probes[start:] if symmetric else probes
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab in float64: exact to 1e-16, which is 1e-8 at distance 0
        distance = table[left] @ table[right].T
        distance *= -2
        distance += squares[left][:, None]
        distance += squares[right][None, :]
        np.sqrt(np.maximum(distance, 0, out=distance), out=distance)
        same = person[left][:, None] == person[right][None, :]
        other = left[:, None] < right[None, :] if symmetric else left[:, None] != right[None, :]
        yield _Block(left, right, distance, same & other, ~same & other)


def _sorted(parts: list[tuple[Array, PairIndices]]) -> tuple[Array, PairIndices]:
    distance = np.concatenate([part[0] for part in parts])
    order = np.argsort(distance, kind="stable")
    return distance[order], np.concatenate([part[1] for part in parts])[order]
