"""The distances of a protocol's comparisons, and the people they belong to.

One form serves a list of a thousand pairs and the 87 million pairs of a whole set against itself.
In the latter the farther impostors are counted in a fine histogram, since only the nearest ones
decide low false match rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices, Pairs
from renzheng.evaluation.comparisons.error_rates import ErrorCurve
from renzheng.types import Floats
from renzheng.verification.distance import distances

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
PairIndices = npt.NDArray[np.int32]

CELL = 1e-4  # width of a histogram cell, in distance
CELLS = 20_001  # 0 to 2


@dataclass(frozen=True, eq=False)
class Scores:
    """Distances of genuine and impostor comparisons.

    Attributes
    ----------
    person
        int (pictures,): the number of each picture's person.
    genuine
        float64 (g,): distances, increasing.
    genuine_pairs
        int32 (g, 2): the pictures, reference first.
    impostor
        float64 (k,): distances, increasing; all of them, or the nearest.
    impostor_pairs
        int32 (k, 2): the pictures, reference first.
    genuine_lost, impostor_lost
        Numbers of comparisons without a distance, for lack of an embedding (failure to acquire).
    histogram
        int64 (CELLS,), or None if `impostor` is complete: the number of impostors in each cell;
        cell c reaches from (c - 1) to c times CELL, its upper end included.
    appearances
        int (2, pictures), or None if `impostor` is complete: how often each picture with an
        embedding was a reference and a probe; every reference met every probe.
    symmetric
        With `appearances`: whether each pair of pictures was compared once and not twice.
    """

    person: Indices
    genuine: Array
    genuine_pairs: PairIndices
    impostor: Array
    impostor_pairs: PairIndices
    genuine_lost: int = 0
    impostor_lost: int = 0
    histogram: Counts | None = None
    appearances: Counts | None = None
    symmetric: bool = False

    @classmethod
    def of_pairs(cls, pairs: Pairs, distance: Array) -> Scores:
        """Sort the distances of a list of pairs; failures to acquire may leave a kind empty.

        Parameters
        ----------
        pairs
            The list.
        distance
            float64 (n,): as `pair_distances` returns them.
        """
        acquired = np.isfinite(distance)
        sides = np.stack([pairs.reference, pairs.probe], axis=1).astype(np.int32)
        parts = {}
        for kind in (True, False):
            chosen = np.flatnonzero(acquired & (pairs.same == kind))
            order = chosen[np.argsort(distance[chosen], kind="stable")]
            parts[kind] = distance[order], sides[order]
        return cls(
            person=pairs.person,
            genuine=parts[True][0],
            genuine_pairs=parts[True][1],
            impostor=parts[False][0],
            impostor_pairs=parts[False][1],
            genuine_lost=int((~acquired & pairs.same).sum()),
            impostor_lost=int((~acquired & ~pairs.same).sum()),
        )

    @property
    def impostors(self) -> int:
        """The number of impostor comparisons with a distance."""
        return len(self.impostor) if self.histogram is None else int(self.histogram.sum())

    @property
    def missing_kind(self) -> str | None:
        """The kind, genuine or impostor, without any distance; None if both have some."""
        if not len(self.genuine):
            return "genuine"
        return None if self.impostors else "impostor"

    @property
    def complete_to(self) -> float:
        """The distance up to which `impostor` holds all impostors."""
        return float("inf") if self.histogram is None else float(self.impostor[-1])

    @property
    def people(self) -> int:
        """The number of people in the comparisons."""
        return len(np.unique(self.person))

    def impostors_within(self, threshold: npt.ArrayLike) -> Counts:
        """Count the impostors at these distances or nearer.

        Exact up to `complete_to`; beyond, exact at multiples of CELL and rounded down between.
        """
        threshold = np.asarray(threshold, np.float64)
        near = np.searchsorted(self.impostor, threshold, side="right")
        if self.histogram is None:
            return np.asarray(near, np.int64)
        cell = np.floor(np.clip(threshold, 0, 2) / CELL + 1e-9).astype(np.int64)
        within = np.cumsum(self.histogram)[np.minimum(cell, CELLS - 1)]
        return np.where(threshold <= self.complete_to, near, np.maximum(within, len(self.impostor)))

    def curve(self) -> ErrorCurve:
        """Compute FMR and FNMR of acquired comparisons at all thresholds that make a difference."""
        threshold = np.unique(np.concatenate([self.genuine, self.impostor]))
        if self.histogram is not None:
            cells = np.flatnonzero(self.histogram) * CELL
            threshold = np.concatenate(
                [threshold[threshold <= self.complete_to], cells[cells > self.complete_to]]
            )
            end = np.ceil(np.max([*self.genuine[-1:], threshold[-1]]) / CELL) * CELL
            threshold = np.append(threshold, end) if end > threshold[-1] else threshold
        threshold = np.concatenate([[-np.inf], threshold])
        accepted = np.searchsorted(self.genuine, threshold, side="right")
        return ErrorCurve(
            threshold=threshold,
            fmr=self.impostors_within(threshold) / max(self.impostors, 1),
            fnmr=1 - accepted / max(len(self.genuine), 1),
            genuine=len(self.genuine),
            impostor=self.impostors,
        )

    def nearest_people(self) -> Array:
        """Return the nearest distance of each pair of people in `impostor`: float64, increasing."""
        first, second = (self.person[self.impostor_pairs[:, side]] for side in (0, 1))
        low, high = np.minimum(first, second), np.maximum(first, second)
        # Sorted by distance, so the first of a pair of people is its nearest.
        chosen = np.unique(low.astype(np.int64) * (int(self.person.max()) + 1) + high, True)[1]
        return np.sort(self.impostor[chosen])


def pair_distances(pairs: Pairs, rows: Floats) -> Array:
    """Compute the distance of every comparison of a list.

    Parameters
    ----------
    pairs
        The list.
    rows
        float32 (pictures, d): embeddings; NaN where there is none.

    Returns
    -------
    float64 (n,)
        The distances; inf for a failure to acquire.
    """
    apart = np.empty(len(pairs.same))
    step = 8192  # bounds the memory that the difference of two blocks takes
    for start in range(0, len(apart), step):
        part = slice(start, start + step)
        apart[part] = distances(rows[pairs.reference[part]], rows[pairs.probe[part]])
    return np.where(np.isnan(apart), np.inf, apart)
